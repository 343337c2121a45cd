"""Accounts, sessions, tokens, the audit log, identifiers at rest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_INDEXES = (
    ("accounts", True, "login"),
    ("accounts", True, "issuer", "subject"),
    ("sessions", False, "user_id"),
    ("sessions", True, "session_id"),
    ("api_tokens", False, "user_id"),
    ("api_tokens", True, "token_sha256"),
    ("audit_events", False, "recorded_at", "event_id"),
    ("audit_events", False, "user_id", "event_id"),
)
_REFUSAL = "the audit log is only ever added to"


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def upgrade() -> None:
    """Create the tables, and triggers that keep the audit log as it was written."""
    op.create_table(
        "accounts",
        _text("user_id"),
        _text("login"),
        _text("name"),
        _text("role"),
        sa.Column("providers", sa.JSON(), nullable=True),
        sa.Column("departments", sa.JSON(), nullable=True),
        _text("physician_id", nullable=True),
        _text("language", nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        _text("password_hash", nullable=True),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_confirmed", sa.Boolean(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), nullable=True),
        sa.Column("recovery_sha256", sa.JSON(), nullable=False),
        sa.Column("failed_attempts", sa.Integer(), nullable=False),
        _instant("locked_until", nullable=True),
        _instant("last_sign_in_at", nullable=True),
        _text("issuer", nullable=True),
        _text("subject", nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        _instant("created_at"),
        _instant("changed_at"),
        sa.CheckConstraint(
            "role IN ('officer', 'senior', 'auditor', 'physician', 'analyst', 'administrator', 'service')",
            name=op.f("ck_accounts_role"),
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_accounts")),
    )
    op.create_table(
        "sessions",
        _text("cookie_sha256"),
        _text("session_id"),
        _text("user_id"),
        sa.Column("pending", sa.Boolean(), nullable=False),
        _text("address", nullable=True),
        _text("agent", nullable=True),
        _instant("created_at"),
        _instant("seen_at"),
        _instant("ends_at"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.user_id"], name=op.f("fk_sessions_accounts")
        ),
        sa.PrimaryKeyConstraint("cookie_sha256", name=op.f("pk_sessions")),
    )
    op.create_table(
        "api_tokens",
        _text("token_id"),
        _text("token_sha256"),
        _text("user_id"),
        _text("name"),
        sa.Column("permissions", sa.JSON(), nullable=False),
        _text("made_by"),
        _instant("created_at"),
        _instant("ends_at"),
        _instant("used_at", nullable=True),
        _instant("revoked_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["accounts.user_id"], name=op.f("fk_api_tokens_accounts")
        ),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_api_tokens")),
    )
    op.create_table(
        "audit_events",
        sa.Column("event_id", _SERIAL, nullable=False),
        _instant("recorded_at"),
        _text("kind"),
        _text("user_id", nullable=True),
        _text("user_name", nullable=True),
        _text("role", nullable=True),
        _text("means", nullable=True),
        _text("permission", nullable=True),
        _text("method", nullable=True),
        _text("route", nullable=True),
        sa.Column("subject", sa.JSON(), nullable=False),
        _text("subject_ids"),
        sa.Column("query", sa.JSON(), nullable=False),
        _text("address", nullable=True),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        _text("outcome"),
        _text("request_id", nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_audit_events")),
    )
    op.create_table(
        "identities",
        _text("pseudonym"),
        _text("kind"),
        sa.Column("original", sa.LargeBinary(), nullable=False),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("pseudonym", name=op.f("pk_identities")),
    )
    for table, unique, *columns in _INDEXES:
        op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=unique)
    _protect()


def downgrade() -> None:
    """Drop them."""
    for name in ("identities", "audit_events", "api_tokens", "sessions", "accounts"):
        op.drop_table(name)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_events_stay()")


def _protect() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_events_stay() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_events_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_events_stay()"
        )
        return
    for what in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_events_no_{what.lower()} BEFORE {what} ON audit_events "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
    # INSERT OR REPLACE would remove a row without the trigger on DELETE.
    op.execute(
        "CREATE TRIGGER audit_events_no_replace BEFORE INSERT ON audit_events "  # noqa: S608
        "WHEN EXISTS (SELECT 1 FROM audit_events WHERE event_id = NEW.event_id) "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )
