"""The SQL tables of a language model's words: what was asked and said, on what it was used, which model is on."""

from __future__ import annotations

import sqlalchemy as sa

from domain.wording import JUDGEMENTS, VERDICTS
from store.tables import METADATA, Instant

WORDINGS_SQL = sa.Table(
    "wordings",
    METADATA,
    sa.Column("wording_id", sa.Text(), primary_key=True),
    # Of what the model was told; the same card is worded once by one source.
    sa.Column("facts_sha256", sa.Text(), nullable=False),
    # Model and host as the settings name them, and the model as the service names itself.
    sa.Column("source", sa.Text(), nullable=False),
    sa.Column("model", sa.Text(), nullable=False),
    sa.Column("lang", sa.Text(), nullable=False),
    # Check and cause: which kind of card it is.
    sa.Column("card_key", sa.Text(), nullable=False),
    sa.Column("prompt_sha256", sa.Text(), nullable=False),
    # With slots in place of identifiers, dates, ages and amounts: nothing of a person.
    sa.Column("facts", sa.JSON(), nullable=False),
    sa.Column("answer", sa.Text(), nullable=False),
    sa.Column("verdict", sa.Text(), nullable=False),
    sa.Column("refused", sa.JSON(), nullable=False),
    sa.Column("latency_ms", sa.Integer(), nullable=False),
    sa.Column("asked_at", Instant(), nullable=False),
    sa.Column("sampled", sa.Boolean(), nullable=False),
    sa.Column("judgement", sa.Text()),
    sa.Column("reason", sa.Text()),
    sa.Column("judged_by", sa.Text()),
    sa.Column("judged_name", sa.Text()),
    sa.Column("judged_at", Instant()),
    sa.CheckConstraint(sa.column("verdict").in_(list(VERDICTS)), name="verdict"),
    sa.CheckConstraint(sa.column("judgement").in_(list(JUDGEMENTS)), name="judgement"),
    sa.CheckConstraint("(judgement IS NULL) = (judged_at IS NULL)", name="judged"),
    sa.Index(None, "facts_sha256", "source", unique=True),
    sa.Index(None, "sampled", "judgement", "asked_at", "wording_id"),
    sa.Index(None, "source", "verdict"),
)
WORDING_USES_SQL = sa.Table(
    "wording_uses",
    METADATA,
    sa.Column("wording_id", sa.Text(), primary_key=True),
    # The decision, finding or suggestion that the words were for.
    sa.Column("subject_id", sa.Text(), primary_key=True),
    sa.Column("used_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["wording_id"], ["wordings.wording_id"]),
    sa.Index(None, "subject_id"),
)
WORDING_MODELS_SQL = sa.Table(
    "wording_models",
    METADATA,
    sa.Column("source", sa.Text(), primary_key=True),
    sa.Column("switched_on", sa.Boolean(), nullable=False),
    sa.Column("because", sa.Text()),
    # Judgements before this count nothing for the switch: each spell is judged by its own.
    sa.Column("changed_at", Instant(), nullable=False),
    sa.Column("changed_by", sa.Text()),
)
