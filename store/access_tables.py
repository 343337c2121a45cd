"""The SQL tables of: accounts, sessions, tokens, the audit log, identifiers at rest."""

from __future__ import annotations

import sqlalchemy as sa

from domain.access import Role
from store.tables import METADATA, SERIAL, Instant, created

_ROLES = [str(role) for role in Role]

ACCOUNTS_SQL = sa.Table(
    "accounts",
    METADATA,
    sa.Column("user_id", sa.Text(), primary_key=True),
    # In lower case: two spellings are one person.
    sa.Column("login", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("role", sa.Text(), nullable=False),
    # Empty is no limit.
    sa.Column("providers", sa.JSON(none_as_null=True)),
    sa.Column("departments", sa.JSON(none_as_null=True)),
    sa.Column("physician_id", sa.Text()),
    sa.Column("language", sa.Text()),
    sa.Column("active", sa.Boolean(), nullable=False),
    # Argon2id in its own notation; empty where another service signs the person in, and for programs.
    sa.Column("password_hash", sa.Text()),
    sa.Column("must_change_password", sa.Boolean(), nullable=False),
    # Encrypted with the field keys.
    sa.Column("totp_secret", sa.LargeBinary()),
    sa.Column("totp_confirmed", sa.Boolean(), nullable=False),
    # The time step of the last code taken: a code counts once.
    sa.Column("totp_step", sa.BigInteger()),
    sa.Column("recovery_sha256", sa.JSON(), nullable=False),
    sa.Column("failed_attempts", sa.Integer(), nullable=False),
    sa.Column("locked_until", Instant()),
    sa.Column("last_sign_in_at", Instant()),
    # Issuer and subject of whoever an OpenID provider vouches for.
    sa.Column("issuer", sa.Text()),
    sa.Column("subject", sa.Text()),
    sa.Column("version", sa.Integer(), nullable=False),
    created(),
    sa.Column("changed_at", Instant(), nullable=False),
    sa.CheckConstraint(sa.column("role").in_(_ROLES), name="role"),
    sa.Index(None, "login", unique=True),
    sa.Index(None, "issuer", "subject", unique=True),
)
SESSIONS_SQL = sa.Table(
    "sessions",
    METADATA,
    # Of the cookie only its digest is kept: who reads the database cannot sign in with it.
    sa.Column("cookie_sha256", sa.Text(), primary_key=True),
    sa.Column("session_id", sa.Text(), nullable=False),
    sa.Column("user_id", sa.Text(), nullable=False),
    # True between the password and the code: such a session lets in nowhere else.
    sa.Column("pending", sa.Boolean(), nullable=False),
    sa.Column("address", sa.Text()),
    sa.Column("agent", sa.Text()),
    created(),
    sa.Column("seen_at", Instant(), nullable=False),
    sa.Column("ends_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["user_id"], ["accounts.user_id"]),
    sa.Index(None, "user_id"),
    sa.Index(None, "session_id", unique=True),
)
API_TOKENS_SQL = sa.Table(
    "api_tokens",
    METADATA,
    sa.Column("token_id", sa.Text(), primary_key=True),
    sa.Column("token_sha256", sa.Text(), nullable=False),
    sa.Column("user_id", sa.Text(), nullable=False),
    sa.Column("name", sa.Text(), nullable=False),
    sa.Column("permissions", sa.JSON(), nullable=False),
    sa.Column("made_by", sa.Text(), nullable=False),
    created(),
    sa.Column("ends_at", Instant(), nullable=False),
    sa.Column("used_at", Instant()),
    sa.Column("revoked_at", Instant()),
    sa.ForeignKeyConstraint(["user_id"], ["accounts.user_id"]),
    sa.Index(None, "user_id"),
    sa.Index(None, "token_sha256", unique=True),
)
AUDIT_EVENTS_SQL = sa.Table(
    "audit_events",
    METADATA,
    # Triggers (revision 0010) refuse to change or remove a row.
    sa.Column("event_id", SERIAL, primary_key=True),
    sa.Column("recorded_at", Instant(), nullable=False),
    # request, sign-in, sign-out, locked, account, session, token, unmask
    sa.Column("kind", sa.Text(), nullable=False),
    sa.Column("user_id", sa.Text()),
    sa.Column("user_name", sa.Text()),
    sa.Column("role", sa.Text()),
    sa.Column("means", sa.Text()),
    sa.Column("permission", sa.Text()),
    sa.Column("method", sa.Text()),
    sa.Column("route", sa.Text()),
    # What it was about: parameters of the path, and what the route adds.
    sa.Column("subject", sa.JSON(), nullable=False),
    # The ids in ``subject`` between blanks, to be looked for.
    sa.Column("subject_ids", sa.Text(), nullable=False),
    sa.Column("query", sa.JSON(), nullable=False),
    sa.Column("address", sa.Text()),
    sa.Column("allowed", sa.Boolean(), nullable=False),
    # The HTTP status, or what came of it where there was no request.
    sa.Column("outcome", sa.Text(), nullable=False),
    sa.Column("request_id", sa.Text()),
    sa.Index(None, "recorded_at", "event_id"),
    sa.Index(None, "user_id", "event_id"),
)
IDENTITIES_SQL = sa.Table(
    "identities",
    METADATA,
    sa.Column("pseudonym", sa.Text(), primary_key=True),
    sa.Column("kind", sa.Text(), nullable=False),
    # Encrypted with the field keys.
    sa.Column("original", sa.LargeBinary(), nullable=False),
    created(),
)
