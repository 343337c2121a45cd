"""The SQL tables: those of ``domain.results`` with their keys, and the store's own.

Everything here runs unchanged on SQLite and PostgreSQL. Amounts are BIGINT in the
hundredth of the row's currency; instants carry a zone (SQLite keeps UTC text and
gives it back as UTC). A change here needs a migration: a test compares both.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.results import ALERTS, DECISIONS, FINDINGS, HITS, REASONS, SCORES, Severity
from domain.schema import Field, Kind, Table

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables of the store, named so that migrations can refer to every constraint."""


class Instant(sa.types.TypeDecorator[datetime]):
    """An instant with a zone; stored as UTC, and given back as UTC on every database."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse a naive instant, whose zone nobody knows; ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a zone; write datetime.now(UTC)")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The instant in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_TYPES: dict[Kind, Any] = {
    Kind.TEXT: sa.Text,
    Kind.CODE: sa.Text,
    Kind.INTEGER: sa.Integer,
    Kind.MONEY: sa.BigInteger,
    Kind.NUMBER: sa.Double,
    Kind.DATE: sa.Date,
    Kind.INSTANT: Instant,
    Kind.FLAG: sa.Boolean,
}


def column_of(field: Field, key: tuple[str, ...]) -> sa.Column[Any]:
    """The SQL column of a field, in a table with that key."""
    return sa.Column(
        field.name,
        _TYPES[field.kind](),
        primary_key=field.name in key,
        nullable=not field.required and field.name not in key,
    )


def _limits(table: Table) -> list[sa.CheckConstraint]:
    """The value limits of the domain as CHECK constraints: the last fence against a bug."""
    checks = []
    for field in table.columns:
        name: sa.ColumnClause[Any] = sa.column(field.name)
        if field.codes is not None:
            checks.append(sa.CheckConstraint(name.in_(list(field.codes)), name=field.name))
        elif field.minimum is not None and field.maximum is not None:
            checks.append(
                sa.CheckConstraint(name.between(field.minimum, field.maximum), name=field.name)
            )
    return checks


def mirror(table: Table, *more: sa.schema.SchemaItem) -> sa.Table:
    """The SQL table of a table of ``domain``, with its limits and what the store adds."""
    columns = [column_of(field, table.key) for field in table.columns]
    return sa.Table(table.name, METADATA, *columns, *_limits(table), *more)


def created() -> sa.Column[datetime]:
    """When the row came in."""
    return sa.Column("created_at", Instant(), nullable=False)


RULESETS_SQL = sa.Table(
    "rulesets",
    METADATA,
    sa.Column("sha256", sa.Text(), primary_key=True),
    sa.Column("ids", sa.JSON(), nullable=False),
    sa.Column("manifest", sa.JSON(), nullable=False),
    created(),
)
MODELS_SQL = sa.Table(
    "models",
    METADATA,
    sa.Column("sha256", sa.Text(), primary_key=True),
    sa.Column("manifest", sa.JSON(), nullable=False),
    created(),
)
CLAIMS_SQL = sa.Table(
    "claims",
    METADATA,
    sa.Column("stay_id", sa.Text(), primary_key=True),
    sa.Column("claim_version", sa.Integer(), primary_key=True),
    sa.Column("input_sha256", sa.Text(), primary_key=True),
    sa.Column("patient_id", sa.Text(), nullable=False),
    sa.Column("provider_id", sa.Text(), nullable=False),
    sa.Column("claim_type", sa.Text(), nullable=False),
    sa.Column("admission_date", sa.Date(), nullable=False),
    sa.Column("discharge_date", sa.Date()),
    sa.Column("code_fingerprint", sa.Text()),
    sa.Column("body", sa.LargeBinary(), nullable=False),
    created(),
)
SCORES_SQL = mirror(
    SCORES,
    sa.ForeignKeyConstraint(["model_sha256"], ["models.sha256"]),
    sa.Index(None, "level", "subject_id", "upto"),
)
REASONS_SQL = mirror(REASONS, sa.ForeignKeyConstraint(["score_id"], ["scores.score_id"]))
DECISIONS_SQL = mirror(
    DECISIONS,
    sa.ForeignKeyConstraint(
        ["stay_id", "claim_version", "input_sha256"],
        ["claims.stay_id", "claims.claim_version", "claims.input_sha256"],
    ),
    sa.ForeignKeyConstraint(["rules_sha256"], ["rulesets.sha256"]),
    sa.ForeignKeyConstraint(["model_sha256"], ["models.sha256"]),
    sa.ForeignKeyConstraint(["score_id"], ["scores.score_id"]),
    sa.Column("decided_at", Instant(), nullable=False),
    sa.Index(None, "stay_id", "claim_version", "input_sha256"),
    sa.Index(None, "department"),
    sa.Index(None, "attending_physician_id"),
)
HITS_SQL = mirror(
    HITS,
    sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"]),
    sa.Index(None, "rule_id", "decision_id"),
)
_OPEN: Final[dict[str, Any]] = {
    "postgresql_where": sa.text("closed_at IS NULL AND superseded_at IS NULL"),
    "sqlite_where": sa.text("closed_at IS NULL AND superseded_at IS NULL"),
}
"""Which alerts are still to be worked on: the rest does not weigh on the queue."""

ALERTS_SQL = mirror(
    ALERTS,
    sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"]),
    sa.Column("severity_rank", sa.SmallInteger(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    created(),
    # Whose it is, as in its decision: limits of rows and filters need no join.
    sa.Column("department", sa.Text()),
    sa.Column("attending_physician_id", sa.Text()),
    sa.Column("expected_loss_fen", sa.BigInteger(), nullable=False, server_default="0"),
    # What similar alerts share (domain.work.cluster_of).
    sa.Column("cluster", sa.Text(), nullable=False, server_default=""),
    sa.Column("assignee", sa.Text()),
    sa.Column("assigned_at", Instant()),
    sa.Column("due_at", Instant()),
    # When the work on it was done; empty while its status is an open one.
    sa.Column("closed_at", Instant()),
    # When another decision took the place of its own, or its claim was withdrawn.
    sa.Column("superseded_at", Instant()),
    # Counts the changes to the work on it: who changes an older one is told so.
    sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
    # The words by which it is found, on PostgreSQL; SQLite looks through the texts themselves.
    sa.Column("words", sa.Text()),
    sa.Index(None, "decision_id", unique=True),
    sa.Index(None, "expected_loss_fen", "alert_id"),
    sa.Index(None, "priority", "alert_id"),
    sa.Index(None, "exposure_fen", "alert_id"),
    sa.Index(None, "admission_date", "alert_id"),
    sa.Index(None, "created_at", "alert_id"),
    sa.Index(None, "due_at", "alert_id"),
    sa.Index(None, "score", "alert_id"),
    sa.Index(None, "provider_id", "expected_loss_fen", "alert_id"),
    sa.Index(None, "department", "expected_loss_fen", "alert_id"),
    sa.Index(None, "attending_physician_id"),
    sa.Index(None, "cluster", "expected_loss_fen", "alert_id"),
    sa.Index(None, "stay_id"),
    sa.Index("ix_alerts_open", "expected_loss_fen", "alert_id", **_OPEN),
    sa.Index("ix_alerts_open_status", "status", "expected_loss_fen", "alert_id", **_OPEN),
    sa.Index("ix_alerts_open_assignee", "assignee", "expected_loss_fen", "alert_id", **_OPEN),
    sa.Index("ix_alerts_open_cluster", "cluster", "expected_loss_fen", "alert_id", **_OPEN),
    sa.Index(
        "ix_alerts_words",
        sa.text("array_to_tsvector(string_to_array(words, ' '))"),
        postgresql_using="gin",
    ).ddl_if(dialect="postgresql"),
)
FINDINGS_SQL = mirror(
    FINDINGS,
    sa.ForeignKeyConstraint(["rules_sha256"], ["rulesets.sha256"]),
    sa.Column("severity_rank", sa.SmallInteger(), nullable=False),
    created(),
    # Empty while the finding stands; a finding that no longer holds is closed, not deleted.
    sa.Column("closed_at", Instant()),
    sa.Column("closed_because", sa.Text()),
    sa.Index(None, "provider_id", "period_start"),
    sa.Index(None, "rule_id", "period_start"),
    sa.Index(None, "severity_rank", "finding_id"),
)

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A number that the database counts up; SQLite does so only for its own INTEGER."""

STREAM_OFFSETS_SQL = sa.Table(
    "stream_offsets",
    METADATA,
    sa.Column("group_id", sa.Text(), primary_key=True),
    sa.Column("topic", sa.Text(), primary_key=True),
    sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("next_offset", sa.BigInteger(), nullable=False),
    sa.Column("owner", sa.Text(), nullable=False),
    sa.Column("epoch", sa.BigInteger(), nullable=False),
    sa.Column("updated_at", Instant(), nullable=False),
)
OUTBOX_SQL = sa.Table(
    "outbox",
    METADATA,
    sa.Column("outbox_id", SERIAL, primary_key=True),
    sa.Column("group_id", sa.Text(), nullable=False),
    sa.Column("source_topic", sa.Text(), nullable=False),
    sa.Column("source_partition", sa.Integer(), nullable=False),
    sa.Column("messages", sa.Integer(), nullable=False),
    # The messages in their order, packed together (store/outbox.py).
    sa.Column("body", sa.LargeBinary(), nullable=False),
    created(),
    sa.Index(None, "group_id", "source_topic", "source_partition", "outbox_id"),
)
DEAD_LETTERS_SQL = sa.Table(
    "dead_letters",
    METADATA,
    sa.Column("dead_letter_id", sa.Text(), primary_key=True),
    sa.Column("group_id", sa.Text(), nullable=False),
    sa.Column("topic", sa.Text(), nullable=False),
    sa.Column("partition", sa.Integer(), nullable=False),
    sa.Column("message_offset", sa.BigInteger(), nullable=False),
    sa.Column("message_time", Instant()),
    sa.Column("key", sa.LargeBinary()),
    sa.Column("value", sa.LargeBinary()),
    sa.Column("headers", sa.JSON(), nullable=False),
    sa.Column("trace_id", sa.Text()),
    sa.Column("reasons", sa.JSON(), nullable=False),
    created(),
    sa.Column("replayed_at", Instant()),
    sa.Column("replays", sa.Integer(), nullable=False),
    sa.Index(None, "created_at", "dead_letter_id"),
    sa.Index(None, "topic", "partition", "message_offset"),
)

SEVERITY_RANK = {str(s): s.rank for s in Severity}
"""Severity -> rank, as stored in ``alerts.severity_rank``."""
