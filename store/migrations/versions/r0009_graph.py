"""The entity graph: what waits to go into a graph, and the graph kept in SQL."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of graphs, changes, stays and edges."""
    op.create_table(
        "graphs",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("build", sa.Integer(), nullable=False),
        sa.Column("swept", sa.Integer(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_graphs")),
    )
    op.create_table(
        "graph_changes",
        sa.Column("graph", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trouble", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("graph", "stay_id", name=op.f("pk_graph_changes")),
    )
    op.create_table(
        "graph_stays",
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("claim_version", sa.Integer(), nullable=False),
        sa.Column("claim_type", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("admission_date", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_fen", sa.BigInteger(), nullable=True),
        sa.Column("fund_fen", sa.BigInteger(), nullable=True),
        sa.Column("bill", sa.Text(), nullable=True),
        sa.Column("bill_items", sa.Integer(), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("build", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("stay_id", name=op.f("pk_graph_stays")),
    )
    op.create_table(
        "graph_edges",
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("occurrences", sa.Integer(), nullable=False),
        sa.Column("known_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stay_id", "number", name=op.f("pk_graph_edges")),
    )
    for table, *columns in _INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)


def downgrade() -> None:
    """Drop them."""
    for name in ("graph_edges", "graph_stays", "graph_changes", "graphs"):
        op.drop_table(name)


_INDEXES = (
    ("graph_changes", "graph", "since", "stay_id"),
    ("graph_stays", "patient_id", "admission_date"),
    ("graph_stays", "provider_id", "admission_date", "ended_on"),
    ("graph_stays", "bill"),
    ("graph_edges", "source", "known_at"),
    ("graph_edges", "target", "known_at"),
    ("graph_edges", "kind", "target", "stay_id"),
)
