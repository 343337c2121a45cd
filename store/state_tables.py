"""The SQL tables of what counts now: each stay's state, withdrawals, months, and work to do again.

``claims`` and ``decisions`` keep every version for evidence and never change; these tables say
which of them counts. A change here needs a migration: a test compares both.
"""

from __future__ import annotations

import sqlalchemy as sa

from domain.parties import PHYSICIANS, PROVIDERS
from domain.results import SHADOW_DECISIONS, SHADOW_FINDINGS, SHADOW_HITS
from store.tables import METADATA, Instant, created, mirror

STAY_STATES_SQL = sa.Table(
    "stay_states",
    METADATA,
    sa.Column("stay_id", sa.Text(), primary_key=True),
    # The version, content and decision that count. Version 0: only a withdrawal came so far.
    sa.Column("claim_version", sa.Integer(), nullable=False),
    sa.Column("input_sha256", sa.Text()),
    # Empty where the claim is withdrawn: then no decision counts.
    sa.Column("decision_id", sa.Text()),
    # Versions up to this one are withdrawn; 0: none.
    sa.Column("withdrawn_version", sa.Integer(), nullable=False),
    sa.Column("patient_id", sa.Text()),
    sa.Column("provider_id", sa.Text()),
    sa.Column("physician_id", sa.Text()),
    sa.Column("claim_type", sa.Text()),
    sa.Column("currency", sa.Text()),
    sa.Column("admission_date", sa.Date()),
    # The discharge, or the day of a visit; empty while in hospital.
    sa.Column("ended_on", sa.Date()),
    sa.Column("total_amount_fen", sa.BigInteger()),
    sa.Column("fund_payment_fen", sa.BigInteger()),
    sa.Column("code_fingerprint", sa.Text()),
    sa.Column("changed_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"]),
    sa.ForeignKeyConstraint(
        ["stay_id", "claim_version", "input_sha256"],
        ["claims.stay_id", "claims.claim_version", "claims.input_sha256"],
    ),
    sa.Index(None, "patient_id", "admission_date"),
    sa.Index(None, "code_fingerprint", "admission_date"),
    sa.Index(None, "ended_on", "stay_id"),
    sa.Index(None, "provider_id", "ended_on"),
)
WITHDRAWALS_SQL = sa.Table(
    "withdrawals",
    METADATA,
    sa.Column("stay_id", sa.Text(), primary_key=True),
    sa.Column("claim_version", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("withdrawn_time", Instant()),
    created(),
)
STAYS_TO_JUDGE_SQL = sa.Table(
    "stays_to_judge",
    METADATA,
    sa.Column("stay_id", sa.Text(), primary_key=True),
    sa.Column("reason", sa.Text(), nullable=False),
    # The stay whose coming, correction or withdrawal is the reason.
    sa.Column("because_of", sa.Text(), nullable=False),
    sa.Column("since", Instant(), nullable=False),
    sa.Index(None, "since", "stay_id"),
)
PROVIDER_MONTHS_SQL = sa.Table(
    "provider_months",
    METADATA,
    sa.Column("provider_id", sa.Text(), primary_key=True),
    sa.Column("month", sa.Date(), primary_key=True),
    sa.Column("currency", sa.Text(), primary_key=True),
    sa.Column("claims", sa.Integer(), nullable=False),
    sa.Column("stays", sa.Integer(), nullable=False),
    sa.Column("total_amount_fen", sa.BigInteger(), nullable=False),
    sa.Column("fund_payment_fen", sa.BigInteger(), nullable=False),
    # First day of care of what changed since the month was last judged; empty if nothing did.
    sa.Column("changed_from", sa.Date()),
    sa.Column("changed_at", Instant(), nullable=False),
    sa.Column("judged_upto", sa.Date()),
    sa.Column("judged_at", Instant()),
    sa.Index(None, "changed_from"),
)
PHYSICIAN_MONTHS_SQL = sa.Table(
    "physician_months",
    METADATA,
    sa.Column("physician_id", sa.Text(), primary_key=True),
    sa.Column("month", sa.Date(), primary_key=True),
    sa.Column("currency", sa.Text(), primary_key=True),
    sa.Column("claims", sa.Integer(), nullable=False),
    sa.Column("stays", sa.Integer(), nullable=False),
    sa.Column("total_amount_fen", sa.BigInteger(), nullable=False),
    sa.Column("fund_payment_fen", sa.BigInteger(), nullable=False),
    sa.Column("changed_at", Instant(), nullable=False),
)
FINDING_VERSIONS_SQL = sa.Table(
    "finding_versions",
    METADATA,
    sa.Column("finding_id", sa.Text(), primary_key=True),
    sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
    # The row of ``findings`` as it stood until ``ended_at``.
    sa.Column("body", sa.JSON(), nullable=False),
    sa.Column("ended_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["finding_id"], ["findings.finding_id"]),
)
PROVIDERS_SQL = mirror(PROVIDERS, sa.Column("changed_at", Instant(), nullable=False))
PHYSICIANS_SQL = mirror(PHYSICIANS, sa.Column("changed_at", Instant(), nullable=False))

SHADOW_DECISIONS_SQL = mirror(
    SHADOW_DECISIONS,
    sa.ForeignKeyConstraint(["decision_id"], ["decisions.decision_id"]),
    sa.ForeignKeyConstraint(["rules_sha256"], ["rulesets.sha256"]),
    sa.Column("judged_at", Instant(), nullable=False),
    sa.Index(None, "decision_id"),
    sa.Index(None, "stay_id", "judged_at"),
)
SHADOW_HITS_SQL = mirror(
    SHADOW_HITS,
    sa.ForeignKeyConstraint(["shadow_id"], ["shadow_decisions.shadow_id"]),
    sa.Index(None, "rule_id", "shadow_id"),
)
SHADOW_FINDINGS_SQL = mirror(
    SHADOW_FINDINGS,
    sa.ForeignKeyConstraint(["rules_sha256"], ["rulesets.sha256"]),
    sa.Column("severity_rank", sa.SmallInteger(), nullable=False),
    created(),
    sa.Column("closed_at", Instant()),
    sa.Column("closed_because", sa.Text()),
    sa.Index(None, "rule_id", "period_start"),
)
