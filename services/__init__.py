"""Real servers on this machine without Docker: Kafka, PostgreSQL and Neo4j on loopback.

``python -m services start`` (``make services``) starts all three, ``start kafka`` one. Each keeps
its data, log and process id in its own folder under ``.services/``. Tests start further ones of
their own, on free ports, to stop and kill them. Not part of the product: a site has its own.
"""

from __future__ import annotations

from services.broker import Kafka
from services.database import PostgreSQL
from services.graph import Neo4j
from services.server import Server, ServiceError

KINDS: dict[str, type[Server]] = {"kafka": Kafka, "postgres": PostgreSQL, "neo4j": Neo4j}
"""The servers by the name that the command and the test markers give them."""

__all__ = ["KINDS", "Kafka", "Neo4j", "PostgreSQL", "Server", "ServiceError"]
