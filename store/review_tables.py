"""The SQL table of reviews: what people concluded about findings. Rows are added and never changed."""

from __future__ import annotations

import sqlalchemy as sa

from domain.review import OUTCOMES, REASONS
from store.tables import METADATA, Instant

REVIEWS_SQL = sa.Table(
    "reviews",
    METADATA,
    sa.Column("review_id", sa.Text(), primary_key=True),
    # Of a stay's finding its decision, of a month's or day's the finding.
    sa.Column("decision_id", sa.Text()),
    sa.Column("stay_id", sa.Text()),
    sa.Column("finding_id", sa.Text()),
    sa.Column("rule_id", sa.Text(), nullable=False),
    sa.Column("outcome", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("recovered_fen", sa.BigInteger()),
    sa.Column("currency", sa.Text()),
    sa.Column("note", sa.Text()),
    sa.Column("reviewer", sa.Text(), nullable=False),
    sa.Column("reviewed_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"]),
    sa.ForeignKeyConstraint(["finding_id"], ["findings.finding_id"]),
    sa.CheckConstraint(sa.column("outcome").in_(list(OUTCOMES)), name="outcome"),
    sa.CheckConstraint(sa.column("reason").in_(list(REASONS)), name="reason"),
    sa.CheckConstraint("(decision_id IS NULL) <> (finding_id IS NULL)", name="subject"),
    sa.CheckConstraint("(decision_id IS NULL) = (stay_id IS NULL)", name="stay"),
    sa.CheckConstraint("(recovered_fen IS NULL) = (currency IS NULL)", name="recovered"),
    sa.CheckConstraint("recovered_fen >= 0", name="recovered_fen"),
    sa.Index(None, "decision_id"),
    sa.Index(None, "finding_id"),
    sa.Index(None, "stay_id", "rule_id"),
    sa.Index(None, "rule_id", "reviewed_at"),
)
