"""The SQL tables of cases: alerts gathered, what happened, comments, attachments.

``case_events`` is the truth and is only added to; ``cases`` is what the events lead to, for lists.
"""

from __future__ import annotations

import sqlalchemy as sa

from domain.casework import INTERNAL, SHARED, Status
from store.tables import METADATA, SERIAL, Instant

_SEEN = (INTERNAL, SHARED)

CASES_SQL = sa.Table(
    "cases",
    METADATA,
    sa.Column("case_id", sa.Text(), primary_key=True),
    sa.Column("number", sa.Text(), nullable=False),
    sa.Column("title", sa.Text(), nullable=False),
    sa.Column("provider_id", sa.Text(), nullable=False),
    # Where all of its stays have the same one.
    sa.Column("department", sa.Text()),
    sa.Column("physician_id", sa.Text()),
    sa.Column("currency", sa.Text(), nullable=False),
    sa.Column("exposure_fen", sa.BigInteger(), nullable=False),
    # Empty until it is closed.
    sa.Column("recovered_fen", sa.BigInteger()),
    sa.Column("alert_count", sa.Integer(), nullable=False),
    sa.Column("status", sa.Text(), nullable=False),
    sa.Column("assignee", sa.Text()),
    sa.Column("assignee_name", sa.Text()),
    sa.Column("due_at", Instant(), nullable=False),
    # When the clock that runs now ends; empty once nobody has to act.
    sa.Column("clock_at", Instant()),
    sa.Column("opened_at", Instant(), nullable=False),
    sa.Column("opened_by", sa.Text(), nullable=False),
    sa.Column("closed_at", Instant()),
    sa.Column("changed_at", Instant(), nullable=False),
    sa.Column("version", sa.Integer(), nullable=False),
    sa.CheckConstraint(sa.column("status").in_([str(s) for s in Status]), name="status"),
    sa.CheckConstraint("exposure_fen >= 0", name="exposure_fen"),
    sa.CheckConstraint("recovered_fen >= 0", name="recovered_fen"),
    sa.Index(None, "number", unique=True),
    sa.Index(None, "exposure_fen", "case_id"),
    sa.Index(None, "opened_at", "case_id"),
    sa.Index(None, "clock_at", "case_id"),
    sa.Index(None, "provider_id"),
    sa.Index(None, "assignee"),
    sa.Index(None, "physician_id"),
)
CASE_NUMBERS_SQL = sa.Table(
    "case_numbers",
    METADATA,
    sa.Column("year", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("last", sa.Integer(), nullable=False),
)
CASE_ALERTS_SQL = sa.Table(
    "case_alerts",
    METADATA,
    sa.Column("case_id", sa.Text(), primary_key=True),
    sa.Column("alert_id", sa.Text(), primary_key=True),
    # The alert while its case is not closed: unique, so that it is in one such case at most.
    sa.Column("held_alert_id", sa.Text()),
    sa.Column("decision_id", sa.Text(), nullable=False),
    sa.Column("stay_id", sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"]),
    sa.ForeignKeyConstraint(["alert_id"], ["alerts.alert_id"]),
    sa.Index(None, "held_alert_id", unique=True),
    sa.Index(None, "alert_id"),
    sa.Index(None, "decision_id"),
    sa.Index(None, "stay_id"),
)
CASE_EVENTS_SQL = sa.Table(
    "case_events",
    METADATA,
    sa.Column("event_id", SERIAL, primary_key=True),
    sa.Column("case_id", sa.Text(), nullable=False),
    # The version of the case that the event led to.
    sa.Column("version", sa.Integer(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("actor", sa.Text(), nullable=False),
    sa.Column("actor_name", sa.Text(), nullable=False),
    sa.Column("visibility", sa.Text(), nullable=False),
    sa.Column("data", sa.JSON(), nullable=False),
    # What the request was marked with, so that the same one again does nothing again.
    sa.Column("request_key", sa.Text()),
    sa.Column("happened_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"]),
    sa.CheckConstraint(sa.column("visibility").in_(_SEEN), name="visibility"),
    sa.Index(None, "case_id", "event_id"),
    sa.Index(None, "case_id", "request_key", unique=True),
)
CASE_COMMENTS_SQL = sa.Table(
    "case_comments",
    METADATA,
    sa.Column("comment_id", sa.Text(), primary_key=True),
    sa.Column("case_id", sa.Text(), nullable=False),
    sa.Column("author", sa.Text(), nullable=False),
    sa.Column("author_name", sa.Text(), nullable=False),
    sa.Column("visibility", sa.Text(), nullable=False),
    sa.Column("text", sa.Text(), nullable=False),
    sa.Column("created_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"]),
    sa.CheckConstraint(sa.column("visibility").in_(_SEEN), name="visibility"),
    sa.Index(None, "case_id", "created_at"),
)
CASE_ATTACHMENTS_SQL = sa.Table(
    "case_attachments",
    METADATA,
    sa.Column("attachment_id", sa.Text(), primary_key=True),
    sa.Column("case_id", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("size", sa.Integer(), nullable=False),
    sa.Column("sha256", sa.Text(), nullable=False),
    sa.Column("author", sa.Text(), nullable=False),
    sa.Column("author_name", sa.Text(), nullable=False),
    sa.Column("visibility", sa.Text(), nullable=False),
    sa.Column("created_at", Instant(), nullable=False),
    sa.Column("body", sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"]),
    sa.CheckConstraint(sa.column("visibility").in_(_SEEN), name="visibility"),
    sa.Index(None, "case_id", "created_at"),
)
