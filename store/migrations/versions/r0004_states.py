"""What counts now: each stay's state, withdrawals, months to judge, checks on trial, replays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATES = """
INSERT INTO stay_states (
    stay_id, claim_version, input_sha256, decision_id, withdrawn_version, patient_id, provider_id,
    physician_id, claim_type, currency, admission_date, ended_on, total_amount_fen,
    fund_payment_fen, code_fingerprint, changed_at
)
SELECT d.stay_id, d.claim_version, d.input_sha256, d.decision_id, 0, d.patient_id, d.provider_id,
    d.attending_physician_id, d.claim_type, d.currency, d.admission_date,
    COALESCE(d.discharge_date, CASE WHEN d.claim_type <> 'inpatient' THEN d.admission_date END),
    d.total_amount_fen, d.fund_payment_fen, c.code_fingerprint, d.decided_at
FROM (
    SELECT decisions.*, ROW_NUMBER() OVER (
        PARTITION BY stay_id ORDER BY claim_version DESC, decided_at DESC, decision_id DESC
    ) AS place
    FROM decisions
) AS d
JOIN claims AS c ON c.stay_id = d.stay_id AND c.claim_version = d.claim_version
    AND c.input_sha256 = d.input_sha256
WHERE d.place = 1
"""
_PROVIDERS = """
INSERT INTO provider_months (provider_id, month, currency, claims, stays, total_amount_fen,
    fund_payment_fen, changed_from, changed_at)
SELECT provider_id, MONTH, currency, COUNT(*), SUM(CASE WHEN claim_type = 'inpatient' THEN 1 ELSE 0 END),
    COALESCE(SUM(total_amount_fen), 0), COALESCE(SUM(fund_payment_fen), 0), MIN(admission_date),
    MAX(changed_at)
FROM stay_states WHERE ended_on IS NOT NULL GROUP BY provider_id, MONTH, currency
"""
_PHYSICIANS = """
INSERT INTO physician_months (physician_id, month, currency, claims, stays, total_amount_fen,
    fund_payment_fen, changed_at)
SELECT physician_id, MONTH, currency, COUNT(*), SUM(CASE WHEN claim_type = 'inpatient' THEN 1 ELSE 0 END),
    COALESCE(SUM(total_amount_fen), 0), COALESCE(SUM(fund_payment_fen), 0), MAX(changed_at)
FROM stay_states WHERE ended_on IS NOT NULL AND physician_id IS NOT NULL
GROUP BY physician_id, MONTH, currency
"""


def _fill() -> None:
    """Derive the new tables from what is stored; every month counts as changed."""
    month = (
        "CAST(date_trunc('month', ended_on) AS date)"
        if op.get_bind().dialect.name == "postgresql"
        else "strftime('%Y-%m-01', ended_on)"
    )
    op.execute(_STATES)
    for statement in (_PROVIDERS, _PHYSICIANS):
        op.execute(statement.replace("MONTH", month))


def upgrade() -> None:
    """Create the tables and fill them from what is stored."""
    op.create_table(
        "physician_months",
        sa.Column("physician_id", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("stays", sa.Integer(), nullable=False),
        sa.Column("total_amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("fund_payment_fen", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "physician_id", "month", "currency", name=op.f("pk_physician_months")
        ),
    )
    op.create_table(
        "physicians",
        sa.Column("physician_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("specialty", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("physician_id", "provider_id", name=op.f("pk_physicians")),
    )
    op.create_table(
        "provider_months",
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("stays", sa.Integer(), nullable=False),
        sa.Column("total_amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("fund_payment_fen", sa.BigInteger(), nullable=False),
        sa.Column("changed_from", sa.Date(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("judged_upto", sa.Date(), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "provider_id", "month", "currency", name=op.f("pk_provider_months")
        ),
    )
    op.create_index(
        op.f("ix_provider_months_changed_from"), "provider_months", ["changed_from"], unique=False
    )
    op.create_table(
        "providers",
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("provider_type", sa.Text(), nullable=True),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("bed_count", sa.Integer(), nullable=True),
        sa.Column("ownership", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("level IN ('1', '2', '3', '9')", name=op.f("ck_providers_level")),
        sa.CheckConstraint("bed_count BETWEEN 0 AND 100000", name=op.f("ck_providers_bed_count")),
        sa.PrimaryKeyConstraint("provider_id", name=op.f("pk_providers")),
    )
    op.create_table(
        "runs",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("rules_sha256", sa.Text(), nullable=False),
        sa.Column("pack_sha256", sa.Text(), nullable=True),
        sa.Column("model_sha256", sa.Text(), nullable=True),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("run", name=op.f("pk_runs")),
    )
    op.create_table(
        "stays_to_judge",
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("because_of", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stay_id", name=op.f("pk_stays_to_judge")),
    )
    op.create_index(
        op.f("ix_stays_to_judge_since_stay_id"),
        "stays_to_judge",
        ["since", "stay_id"],
        unique=False,
    )
    op.create_table(
        "withdrawals",
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("claim_version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("withdrawn_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stay_id", "claim_version", name=op.f("pk_withdrawals")),
    )
    op.create_table(
        "run_days",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("stays", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name=op.f("fk_run_days_runs")),
        sa.PrimaryKeyConstraint("run", "day", name=op.f("pk_run_days")),
    )
    op.create_table(
        "run_decisions",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("claim_version", sa.Integer(), nullable=False),
        sa.Column("input_sha256", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.Column("hit_count", sa.Integer(), nullable=False),
        sa.Column("unknown_count", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("priority", sa.Double(), nullable=True),
        sa.Column("live_decision_id", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "severity IN ('info', 'low', 'medium', 'high', 'critical')",
            name=op.f("ck_run_decisions_severity"),
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name=op.f("fk_run_decisions_runs")),
        sa.PrimaryKeyConstraint("run", "stay_id", name=op.f("pk_run_decisions")),
    )
    op.create_index(op.f("ix_run_decisions_run_day"), "run_decisions", ["run", "day"], unique=False)
    op.create_table(
        "run_findings",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("finding_id", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("physician_id", sa.Text(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("upto", sa.Date(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stay_count", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rule_sha256", sa.Text(), nullable=False),
        sa.Column("rules_sha256", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=True),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("finding_zh", sa.Text(), nullable=False),
        sa.Column("finding_en", sa.Text(), nullable=False),
        sa.Column("title_zh", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name=op.f("fk_run_findings_runs")),
        sa.PrimaryKeyConstraint("run", "finding_id", name=op.f("pk_run_findings")),
    )
    op.create_index(
        op.f("ix_run_findings_run_rule_id"), "run_findings", ["run", "rule_id"], unique=False
    )
    op.create_table(
        "run_hits",
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rule_sha256", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=True),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("finding_zh", sa.Text(), nullable=False),
        sa.Column("finding_en", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.run"], name=op.f("fk_run_hits_runs")),
        sa.PrimaryKeyConstraint(
            "run", "stay_id", "rule_id", "subject_id", name=op.f("pk_run_hits")
        ),
    )
    op.create_index(op.f("ix_run_hits_run_rule_id"), "run_hits", ["run", "rule_id"], unique=False)
    op.create_table(
        "shadow_findings",
        sa.Column("finding_id", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("physician_id", sa.Text(), nullable=True),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("upto", sa.Date(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stay_count", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rule_sha256", sa.Text(), nullable=False),
        sa.Column("rules_sha256", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=True),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("finding_zh", sa.Text(), nullable=False),
        sa.Column("finding_en", sa.Text(), nullable=False),
        sa.Column("title_zh", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("severity_rank", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "severity IN ('info', 'low', 'medium', 'high', 'critical')",
            name=op.f("ck_shadow_findings_severity"),
        ),
        sa.ForeignKeyConstraint(
            ["rules_sha256"], ["rulesets.sha256"], name=op.f("fk_shadow_findings_rulesets")
        ),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_shadow_findings")),
    )
    op.create_index(
        op.f("ix_shadow_findings_rule_id_period_start"),
        "shadow_findings",
        ["rule_id", "period_start"],
        unique=False,
    )
    op.create_table(
        "finding_versions",
        sa.Column("finding_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["findings.finding_id"], name=op.f("fk_finding_versions_findings")
        ),
        sa.PrimaryKeyConstraint("finding_id", "version", name=op.f("pk_finding_versions")),
    )
    op.create_table(
        "shadow_decisions",
        sa.Column("shadow_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("rules_sha256", sa.Text(), nullable=False),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.Column("hit_count", sa.Integer(), nullable=False),
        sa.Column("unknown_count", sa.Integer(), nullable=False),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_shadow_decisions_decisions")
        ),
        sa.ForeignKeyConstraint(
            ["rules_sha256"], ["rulesets.sha256"], name=op.f("fk_shadow_decisions_rulesets")
        ),
        sa.PrimaryKeyConstraint("shadow_id", name=op.f("pk_shadow_decisions")),
    )
    op.create_index(
        op.f("ix_shadow_decisions_decision_id"), "shadow_decisions", ["decision_id"], unique=False
    )
    op.create_index(
        op.f("ix_shadow_decisions_stay_id_judged_at"),
        "shadow_decisions",
        ["stay_id", "judged_at"],
        unique=False,
    )
    op.create_table(
        "stay_states",
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("claim_version", sa.Integer(), nullable=False),
        sa.Column("input_sha256", sa.Text(), nullable=True),
        sa.Column("decision_id", sa.Text(), nullable=True),
        sa.Column("withdrawn_version", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=True),
        sa.Column("provider_id", sa.Text(), nullable=True),
        sa.Column("physician_id", sa.Text(), nullable=True),
        sa.Column("claim_type", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("admission_date", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("total_amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("fund_payment_fen", sa.BigInteger(), nullable=True),
        sa.Column("code_fingerprint", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_stay_states_decisions")
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "claim_version", "input_sha256"],
            ["claims.stay_id", "claims.claim_version", "claims.input_sha256"],
            name=op.f("fk_stay_states_claims"),
        ),
        sa.PrimaryKeyConstraint("stay_id", name=op.f("pk_stay_states")),
    )
    op.create_index(
        op.f("ix_stay_states_code_fingerprint_admission_date"),
        "stay_states",
        ["code_fingerprint", "admission_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_stay_states_ended_on_stay_id"),
        "stay_states",
        ["ended_on", "stay_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_stay_states_patient_id_admission_date"),
        "stay_states",
        ["patient_id", "admission_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_stay_states_provider_id_ended_on"),
        "stay_states",
        ["provider_id", "ended_on"],
        unique=False,
    )
    op.create_table(
        "shadow_hits",
        sa.Column("shadow_id", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("rule_sha256", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=True),
        sa.Column("thresholds", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("finding_zh", sa.Text(), nullable=False),
        sa.Column("finding_en", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "severity IN ('info', 'low', 'medium', 'high', 'critical')",
            name=op.f("ck_shadow_hits_severity"),
        ),
        sa.ForeignKeyConstraint(
            ["shadow_id"],
            ["shadow_decisions.shadow_id"],
            name=op.f("fk_shadow_hits_shadow_decisions"),
        ),
        sa.PrimaryKeyConstraint("shadow_id", "rule_id", "subject_id", name=op.f("pk_shadow_hits")),
    )
    op.create_index(
        op.f("ix_shadow_hits_rule_id_shadow_id"),
        "shadow_hits",
        ["rule_id", "shadow_id"],
        unique=False,
    )
    op.drop_index(op.f("ix_claims_code_fingerprint_admission_date"), table_name="claims")
    op.drop_index(op.f("ix_claims_patient_id_admission_date"), table_name="claims")
    op.add_column("findings", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("findings", sa.Column("closed_because", sa.Text(), nullable=True))
    _fill()


def downgrade() -> None:
    """Drop what this revision made; withdrawals, versions of findings and runs are lost."""
    op.drop_column("findings", "closed_because")
    op.drop_column("findings", "closed_at")
    for columns in (["patient_id", "admission_date"], ["code_fingerprint", "admission_date"]):
        op.create_index(op.f(f"ix_claims_{'_'.join(columns)}"), "claims", columns, unique=False)
    # Those that refer to others first; their indexes go with them.
    for table in (
        "shadow_hits",
        "stay_states",
        "shadow_decisions",
        "finding_versions",
        "shadow_findings",
        "run_hits",
        "run_findings",
        "run_decisions",
        "run_days",
        "withdrawals",
        "stays_to_judge",
        "runs",
        "providers",
        "provider_months",
        "physicians",
        "physician_months",
    ):
        op.drop_table(table)
