"""The SQL tables of the entity graph: what waits to go into a graph, and the graph kept in SQL.

A change here needs a migration: a test compares both.
"""

from __future__ import annotations

import sqlalchemy as sa

from store.tables import METADATA, Instant, created

GRAPHS_SQL = sa.Table(
    "graphs",
    METADATA,
    # sql, or neo4j/<site>.
    sa.Column("name", sa.Text(), primary_key=True),
    # Raised by a rebuild: what the graph holds of an earlier build is stale.
    sa.Column("build", sa.Integer(), nullable=False),
    # The build whose remains of earlier ones were swept out.
    sa.Column("swept", sa.Integer(), nullable=False),
    # When every stay was last listed; empty until the first time.
    sa.Column("listed_at", Instant()),
    # Who brings changes in, and when it was last heard of.
    sa.Column("owner", sa.Text()),
    sa.Column("seen_at", Instant()),
    # Rises with each writer of the graph kept in SQL; an older one changes nothing any more.
    sa.Column("epoch", sa.BigInteger(), nullable=False),
    created(),
)
GRAPH_CHANGES_SQL = sa.Table(
    "graph_changes",
    METADATA,
    sa.Column("graph", sa.Text(), primary_key=True),
    sa.Column("stay_id", sa.Text(), primary_key=True),
    # Another value with each change: who brought one in forgets that one and no later one.
    sa.Column("mark", sa.Text(), nullable=False),
    sa.Column("since", Instant(), nullable=False),
    # The kind of error for which the stay could not be brought in; it waits for its next change.
    sa.Column("trouble", sa.Text()),
    # No foreign key to graphs: a batch of claims must not fail because a graph was just dropped.
    sa.Index(None, "graph", "since", "stay_id"),
)
GRAPH_STAYS_SQL = sa.Table(
    "graph_stays",
    METADATA,
    sa.Column("stay_id", sa.Text(), primary_key=True),
    sa.Column("claim_version", sa.Integer(), nullable=False),
    sa.Column("claim_type", sa.Text(), nullable=False),
    sa.Column("patient_id", sa.Text(), nullable=False),
    sa.Column("provider_id", sa.Text(), nullable=False),
    sa.Column("admission_date", sa.Date(), nullable=False),
    sa.Column("ended_on", sa.Date()),
    sa.Column("known_at", Instant(), nullable=False),
    sa.Column("currency", sa.Text(), nullable=False),
    sa.Column("total_fen", sa.BigInteger()),
    sa.Column("fund_fen", sa.BigInteger()),
    sa.Column("bill", sa.Text()),
    sa.Column("bill_items", sa.Integer()),
    sa.Column("content", sa.Text(), nullable=False),
    sa.Column("build", sa.Integer(), nullable=False),
    sa.Index(None, "patient_id", "admission_date"),
    sa.Index(None, "provider_id", "admission_date", "ended_on"),
    sa.Index(None, "bill"),
)
GRAPH_EDGES_SQL = sa.Table(
    "graph_edges",
    METADATA,
    sa.Column("stay_id", sa.Text(), primary_key=True),
    # Place among the edges of its stay.
    sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("source", sa.Text(), nullable=False),
    sa.Column("target", sa.Text(), nullable=False),
    sa.Column("role", sa.Text(), nullable=False),
    sa.Column("first_day", sa.Date()),
    sa.Column("last_day", sa.Date()),
    sa.Column("amount_fen", sa.BigInteger()),
    sa.Column("currency", sa.Text()),
    sa.Column("occurrences", sa.Integer(), nullable=False),
    # That of the stay, so that edges of a node are found newest first without it.
    sa.Column("known_at", Instant(), nullable=False),
    sa.Index(None, "source", "known_at"),
    sa.Index(None, "target", "known_at"),
    sa.Index(None, "kind", "target", "stay_id"),
)
