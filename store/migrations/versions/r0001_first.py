"""The first tables: claims, rule sets, models, scores, reasons, decisions, hits, alerts.

A revision that has been released is never edited; a change of ``store.tables`` adds one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "claims",
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("claim_version", sa.Integer(), nullable=False),
        sa.Column("input_sha256", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("claim_type", sa.Text(), nullable=False),
        sa.Column("admission_date", sa.Date(), nullable=False),
        sa.Column("discharge_date", sa.Date(), nullable=True),
        sa.Column("code_fingerprint", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stay_id", "claim_version", "input_sha256", name=op.f("pk_claims")),
    )
    op.create_index(
        op.f("ix_claims_code_fingerprint_admission_date"),
        "claims",
        ["code_fingerprint", "admission_date"],
        unique=False,
    )
    op.create_index(
        op.f("ix_claims_patient_id_admission_date"),
        "claims",
        ["patient_id", "admission_date"],
        unique=False,
    )
    op.create_table(
        "models",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_models")),
    )
    op.create_table(
        "rulesets",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("ids", sa.JSON(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_rulesets")),
    )
    op.create_table(
        "scores",
        sa.Column("score_id", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("upto", sa.Date(), nullable=False),
        sa.Column("model_sha256", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("base_value", sa.Double(), nullable=False),
        sa.Column("contributions", sa.Text(), nullable=False),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_scores_score")),
        sa.ForeignKeyConstraint(["model_sha256"], ["models.sha256"], name=op.f("fk_scores_models")),
        sa.PrimaryKeyConstraint("score_id", name=op.f("pk_scores")),
    )
    op.create_index(
        op.f("ix_scores_level_subject_id_upto"),
        "scores",
        ["level", "subject_id", "upto"],
        unique=False,
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("claim_version", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("attending_physician_id", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("claim_type", sa.Text(), nullable=False),
        sa.Column("region_code", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("admission_date", sa.Date(), nullable=False),
        sa.Column("discharge_date", sa.Date(), nullable=True),
        sa.Column("total_amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("fund_payment_fen", sa.BigInteger(), nullable=True),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.Column("hit_count", sa.Integer(), nullable=False),
        sa.Column("unknown_count", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=False),
        sa.Column("score_id", sa.Text(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("score_absent", sa.Text(), nullable=True),
        sa.Column("input_sha256", sa.Text(), nullable=False),
        sa.Column("rules_sha256", sa.Text(), nullable=False),
        sa.Column("pack_sha256", sa.Text(), nullable=True),
        sa.Column("model_sha256", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "severity IN ('info', 'low', 'medium', 'high', 'critical')",
            name=op.f("ck_decisions_severity"),
        ),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_decisions_score")),
        sa.ForeignKeyConstraint(
            ["model_sha256"], ["models.sha256"], name=op.f("fk_decisions_models")
        ),
        sa.ForeignKeyConstraint(
            ["rules_sha256"], ["rulesets.sha256"], name=op.f("fk_decisions_rulesets")
        ),
        sa.ForeignKeyConstraint(
            ["score_id"], ["scores.score_id"], name=op.f("fk_decisions_scores")
        ),
        sa.ForeignKeyConstraint(
            ["stay_id", "claim_version", "input_sha256"],
            ["claims.stay_id", "claims.claim_version", "claims.input_sha256"],
            name=op.f("fk_decisions_claims"),
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
    )
    op.create_index(
        op.f("ix_decisions_attending_physician_id"),
        "decisions",
        ["attending_physician_id"],
        unique=False,
    )
    op.create_index(op.f("ix_decisions_department"), "decisions", ["department"], unique=False)
    op.create_index(
        op.f("ix_decisions_stay_id_claim_version_input_sha256"),
        "decisions",
        ["stay_id", "claim_version", "input_sha256"],
        unique=False,
    )
    op.create_table(
        "reasons",
        sa.Column("score_id", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("peer_median", sa.Double(), nullable=True),
        sa.Column("peer_percentile", sa.Double(), nullable=True),
        sa.Column("shap", sa.Double(), nullable=False),
        sa.CheckConstraint("rank BETWEEN 1 AND 4", name=op.f("ck_reasons_rank")),
        sa.ForeignKeyConstraint(["score_id"], ["scores.score_id"], name=op.f("fk_reasons_scores")),
        sa.PrimaryKeyConstraint("score_id", "rank", name=op.f("pk_reasons")),
    )
    op.create_table(
        "alerts",
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("priority", sa.Double(), nullable=False),
        sa.Column("exposure_fen", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("rule_ids", sa.Text(), nullable=False),
        sa.Column("admission_date", sa.Date(), nullable=False),
        sa.Column("title_zh", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("severity_rank", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "severity IN ('info', 'low', 'medium', 'high', 'critical')",
            name=op.f("ck_alerts_severity"),
        ),
        sa.CheckConstraint("score BETWEEN 0 AND 1", name=op.f("ck_alerts_score")),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_alerts_decisions")
        ),
        sa.PrimaryKeyConstraint("alert_id", name=op.f("pk_alerts")),
    )
    op.create_index(
        op.f("ix_alerts_admission_date_alert_id"),
        "alerts",
        ["admission_date", "alert_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_alerts_created_at_alert_id"), "alerts", ["created_at", "alert_id"], unique=False
    )
    op.create_index(op.f("ix_alerts_decision_id"), "alerts", ["decision_id"], unique=True)
    op.create_index(
        op.f("ix_alerts_exposure_fen_alert_id"),
        "alerts",
        ["exposure_fen", "alert_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_alerts_priority_alert_id"), "alerts", ["priority", "alert_id"], unique=False
    )
    op.create_index(op.f("ix_alerts_provider_id"), "alerts", ["provider_id"], unique=False)
    op.create_index(op.f("ix_alerts_stay_id"), "alerts", ["stay_id"], unique=False)
    op.create_table(
        "hits",
        sa.Column("decision_id", sa.Text(), nullable=False),
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
            name=op.f("ck_hits_severity"),
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_hits_decisions")
        ),
        sa.PrimaryKeyConstraint("decision_id", "rule_id", "subject_id", name=op.f("pk_hits")),
    )
    op.create_index(
        op.f("ix_hits_rule_id_decision_id"), "hits", ["rule_id", "decision_id"], unique=False
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_index(op.f("ix_hits_rule_id_decision_id"), table_name="hits")
    op.drop_table("hits")
    op.drop_index(op.f("ix_alerts_stay_id"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_provider_id"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_priority_alert_id"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_exposure_fen_alert_id"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_decision_id"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_created_at_alert_id"), table_name="alerts")
    op.drop_index(op.f("ix_alerts_admission_date_alert_id"), table_name="alerts")
    op.drop_table("alerts")
    op.drop_table("reasons")
    op.drop_index(op.f("ix_decisions_stay_id_claim_version_input_sha256"), table_name="decisions")
    op.drop_index(op.f("ix_decisions_department"), table_name="decisions")
    op.drop_index(op.f("ix_decisions_attending_physician_id"), table_name="decisions")
    op.drop_table("decisions")
    op.drop_index(op.f("ix_scores_level_subject_id_upto"), table_name="scores")
    op.drop_table("scores")
    op.drop_table("rulesets")
    op.drop_table("models")
    op.drop_index(op.f("ix_claims_patient_id_admission_date"), table_name="claims")
    op.drop_index(op.f("ix_claims_code_fingerprint_admission_date"), table_name="claims")
    op.drop_table("claims")
