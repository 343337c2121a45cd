"""What makes alerts a queue of work: expected loss, department, assignee, due time, cluster, views."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

from domain.results import Severity
from domain.work import (
    DUE_HOURS,
    alert_probability,
    check_probability,
    cluster_of,
    due_at,
    expected_loss,
    rule_word,
    words_of,
)

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_COLUMNS: dict[str, tuple[sa.types.TypeEngine[Any], str | None]] = {
    "department": (sa.Text(), None),
    "attending_physician_id": (sa.Text(), None),
    "expected_loss_fen": (sa.BigInteger(), "0"),
    "cluster": (sa.Text(), ""),
    "assignee": (sa.Text(), None),
    "assigned_at": (sa.DateTime(timezone=True), None),
    "due_at": (sa.DateTime(timezone=True), None),
    "closed_at": (sa.DateTime(timezone=True), None),
    "superseded_at": (sa.DateTime(timezone=True), None),
    "version": (sa.Integer(), "1"),
    "words": (sa.Text(), None),
}
_INDEXES = (
    ["expected_loss_fen", "alert_id"],
    ["due_at", "alert_id"],
    ["score", "alert_id"],
    ["provider_id", "expected_loss_fen", "alert_id"],
    ["department", "expected_loss_fen", "alert_id"],
    ["attending_physician_id"],
    ["cluster", "expected_loss_fen", "alert_id"],
)
_OPEN = {
    "ix_alerts_open": ["expected_loss_fen", "alert_id"],
    "ix_alerts_open_status": ["status", "expected_loss_fen", "alert_id"],
    "ix_alerts_open_assignee": ["assignee", "expected_loss_fen", "alert_id"],
    "ix_alerts_open_cluster": ["cluster", "expected_loss_fen", "alert_id"],
}
_IS_OPEN = "closed_at IS NULL AND superseded_at IS NULL"
_BATCH = 2_000
_READ = sa.text(
    "SELECT a.alert_id, a.severity, a.exposure_fen, a.score, a.rule_ids, a.provider_id, a.stay_id, "
    "a.title_zh, a.title_en, a.created_at, d.department, d.attending_physician_id "
    "FROM alerts a JOIN decisions d ON d.decision_id = a.decision_id "
    "WHERE a.alert_id > :after ORDER BY a.alert_id LIMIT :batch"
).columns(created_at=sa.DateTime(timezone=True))


def upgrade() -> None:
    """Add the columns, fill them for the alerts that are there, and index them."""
    for name, (kind, default) in _COLUMNS.items():
        op.add_column(
            "alerts", sa.Column(name, kind, nullable=default is None, server_default=default)
        )
    op.create_table(
        "check_odds",
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.Integer(), nullable=False),
        sa.Column("concluded", sa.Integer(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_check_odds")),
    )
    op.create_table(
        "due_times",
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.CheckConstraint("hours > 0", name=op.f("ck_due_times_hours")),
        sa.PrimaryKeyConstraint("severity", name=op.f("pk_due_times")),
    )
    op.create_table(
        "saved_views",
        sa.Column("view_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_saved_views")),
    )
    op.create_index(
        op.f("ix_saved_views_user_id_name"), "saved_views", ["user_id", "name"], unique=True
    )
    op.create_index(op.f("ix_saved_views_role"), "saved_views", ["role"], unique=False)
    _fill(op.get_bind())
    op.drop_index(op.f("ix_alerts_provider_id"), table_name="alerts")
    for columns in _INDEXES:
        op.create_index(op.f(f"ix_alerts_{'_'.join(columns)}"), "alerts", columns, unique=False)
    for name, columns in _OPEN.items():
        where = sa.text(_IS_OPEN)
        op.create_index(name, "alerts", columns, postgresql_where=where, sqlite_where=where)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE INDEX ix_alerts_words ON alerts USING gin "
            "(array_to_tsvector(string_to_array(words, ' ')))"
        )


def downgrade() -> None:
    """Take it all back: alerts are a list again."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX ix_alerts_words")
    for name in reversed(_OPEN):
        op.drop_index(name, table_name="alerts")
    for columns in reversed(_INDEXES):
        op.drop_index(op.f(f"ix_alerts_{'_'.join(columns)}"), table_name="alerts")
    op.create_index(op.f("ix_alerts_provider_id"), "alerts", ["provider_id"], unique=False)
    op.drop_index(op.f("ix_saved_views_role"), table_name="saved_views")
    op.drop_index(op.f("ix_saved_views_user_id_name"), table_name="saved_views")
    for table in ("saved_views", "due_times", "check_odds"):
        op.drop_table(table)
    for name in reversed(_COLUMNS):
        op.drop_column("alerts", name)


def _fill(connection: sa.Connection) -> None:
    now = datetime.now(UTC)
    due_times = sa.table("due_times", sa.column("severity"), sa.column("hours"))
    connection.execute(
        sa.insert(due_times), [{"severity": str(s), "hours": h} for s, h in DUE_HOURS.items()]
    )
    odds = _odds(connection, now)
    words = connection.dialect.name == "postgresql"
    instant = sa.DateTime(timezone=True)
    fill = sa.text(
        "UPDATE alerts SET department = :department, attending_physician_id = :physician, "
        "expected_loss_fen = :loss, cluster = :cluster, due_at = :due, words = :words "
        "WHERE alert_id = :alert_id"
    ).bindparams(sa.bindparam("due", type_=instant))
    after = ""
    while rows := connection.execute(_READ, {"after": after, "batch": _BATCH}).all():
        connection.execute(fill, [_filled(row, odds, words) for row in rows])
        after = rows[-1].alert_id
    # Their work was done when the last review came, and over when another decision counted.
    connection.execute(
        sa.text(
            "UPDATE alerts SET closed_at = (SELECT max(r.reviewed_at) FROM reviews r "
            "WHERE r.decision_id = alerts.decision_id) WHERE status = 'reviewed'"
        )
    )
    connection.execute(
        sa.text(
            "UPDATE alerts SET superseded_at = :now WHERE NOT EXISTS (SELECT 1 FROM stay_states s "
            "WHERE s.stay_id = alerts.stay_id AND s.decision_id = alerts.decision_id)"
        ).bindparams(sa.bindparam("now", now, type_=instant))
    )


def _odds(connection: sa.Connection, now: datetime) -> dict[str, float]:
    """Each check that ever hit with its prior; reviews count from the first repricing on."""
    worst: dict[str, Severity] = {}
    for rule_id, word in connection.execute(sa.text("SELECT DISTINCT rule_id, severity FROM hits")):
        severity = Severity(word)
        if rule_id not in worst or severity.rank > worst[rule_id].rank:
            worst[rule_id] = severity
    found = {rule_id: check_probability(severity) for rule_id, severity in worst.items()}
    if worst:
        table = sa.table(
            "check_odds", *(sa.column(n) for n in ("rule_id", "severity", "confirmed", "concluded", "probability")),
            sa.column("changed_at", sa.DateTime(timezone=True)),
        )  # fmt: skip
        connection.execute(
            sa.insert(table),
            [
                {
                    "rule_id": rule_id, "severity": str(worst[rule_id]), "confirmed": 0, "concluded": 0,
                    "probability": probability, "changed_at": now,
                }
                for rule_id, probability in found.items()
            ],
        )  # fmt: skip
    return found


def _filled(row: Any, odds: dict[str, float], words: bool) -> dict[str, Any]:
    rule_ids, severity = row.rule_ids.split(), Severity(row.severity)
    prior = check_probability(severity)
    likely = alert_probability({r: odds.get(r, prior) for r in rule_ids}, row.score)
    created = row.created_at
    if created.tzinfo is None:  # SQLite keeps UTC without saying so
        created = created.replace(tzinfo=UTC)
    found = words_of(
        row.title_zh, row.title_en, row.stay_id, row.provider_id, row.rule_ids, row.department,
        row.attending_physician_id,
    ) | {rule_word(rule_id) for rule_id in rule_ids}  # fmt: skip
    return {
        "alert_id": row.alert_id,
        "department": row.department,
        "physician": row.attending_physician_id,
        "loss": expected_loss(row.exposure_fen, likely),
        "cluster": cluster_of(row.provider_id, rule_ids, row.department),
        "due": due_at(created, severity, DUE_HOURS),
        "words": " ".join(sorted(found)) if words else None,
    }
