"""How the graph is laid down in Neo4j: labels, types, constraints and indexes.

A node has the label of its kind and ``key`` (site and domain key), ``site``, ``node`` (the domain
key, ``patient:p_…``), ``id`` and ``build``; a stay has its facts too. An edge has its stay, role,
days, amount, and ``known_at`` of its stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from domain.graph import EdgeKind, NodeKind

LABELS: Final = {kind: "".join(p.title() for p in kind.split("_")) for kind in NodeKind}
"""Kind of node -> label, such as BankAccount."""

TYPES: Final = {kind: kind.upper() for kind in EdgeKind}
"""Kind of edge -> type, such as GAVE_PHONE."""


def statements() -> Iterator[str]:
    """What makes the constraints and indexes where they are missing."""
    yield (
        "CREATE CONSTRAINT sentinel_site IF NOT EXISTS FOR (n:GraphSite) REQUIRE n.site IS UNIQUE"
    )
    for label in LABELS.values():
        name = label.lower()
        yield (
            f"CREATE CONSTRAINT sentinel_{name}_key IF NOT EXISTS "
            f"FOR (n:{label}) REQUIRE n.key IS UNIQUE"
        )
        yield f"CREATE INDEX sentinel_{name}_site IF NOT EXISTS FOR (n:{label}) ON (n.site)"
    for name in ("cell", "bill"):
        yield f"CREATE INDEX sentinel_stay_{name} IF NOT EXISTS FOR (n:Stay) ON (n.site, n.{name})"
