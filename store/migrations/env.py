"""Alembic's entry: runs the migrations on the connection that ``store.open`` hands over."""

from __future__ import annotations

from alembic import context

from store import (  # noqa: F401 (their tables belong to METADATA)
    access_tables,
    card_tables,
    case_tables,
    measure_tables,
    model_tables,
    open_tables,
    proposal_tables,
    queue_tables,
    review_tables,
    run_tables,
    state_tables,
    webhook_tables,
)
from store.graph import tables as graph_tables  # noqa: F401
from store.tables import METADATA

_connection = context.config.attributes.get("connection")
if _connection is None:
    raise RuntimeError("migrations run through store.open(url), which hands a connection over")

context.configure(
    connection=_connection,
    target_metadata=METADATA,
    # SQLite can roll back DDL, but Alembic does not assume so: a killed migration must leave nothing.
    transactional_ddl=True,
    render_as_batch=_connection.dialect.name == "sqlite",
    compare_server_default=True,
)
context.run_migrations()
