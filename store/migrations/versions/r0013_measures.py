"""What each stay measured, and the sums behind the cockpit.

Stays decided before have no measures; ``sentinel db measure`` makes them from the stored claims.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_SUMS = (
    "stays", "grouped", "weighted", "weight_e4", "days", "costed", "cost_fen", "charged",
    "charged_cost_fen", "drug_fen", "consumable_fen", "priced", "over_standard", "paid",
    "payment_fen", "balance_fen", "cased", "high_outliers", "low_outliers", "followed",
    "readmitted", "outcomes", "died", "alerts", "exposure_fen", "concluded", "confirmed",
    "recovered_fen",
)  # fmt: skip
_INCLUDED: dict[str, Any] = {
    "postgresql_include": ["stays", "grouped", "days", "costed", "cost_fen", "outcomes", "died"]
}
_PARTS: tuple[tuple[str, list[str], str, dict[str, Any]], ...] = (
    (
        "ix_measure_cells_whole", ["currency", "month", "department"],
        "provider_id = '*' AND group_code = '*'", {},
    ),
    (
        "ix_measure_cells_hospitals", ["currency", "month", "group_code", "provider_id"],
        "department = '*' AND provider_id <> '*' AND group_code <> '*'", _INCLUDED,
    ),
    (
        "ix_measure_cells_departments", ["currency", "month", "group_code", "department"],
        "department <> '*' AND provider_id = '*' AND group_code <> '*'", _INCLUDED,
    ),
)  # fmt: skip


def upgrade() -> None:
    """Create the tables of measures, cells and marks."""
    op.create_table(
        "measures",
        sa.Column("decision_id", sa.Text(), nullable=False),
        sa.Column("stay_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("attending_physician_id", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("admission_date", sa.Date(), nullable=False),
        sa.Column("discharge_date", sa.Date(), nullable=True),
        sa.Column("scheme_code", sa.Text(), nullable=True),
        sa.Column("group_status", sa.Text(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=True),
        sa.Column("grouped", sa.Boolean(), nullable=False),
        sa.Column("weight_e4", sa.Integer(), nullable=True),
        sa.Column("payment_case", sa.Text(), nullable=True),
        sa.Column("payment_standard_fen", sa.BigInteger(), nullable=True),
        sa.Column("payment_fen", sa.BigInteger(), nullable=True),
        sa.Column("balance_fen", sa.BigInteger(), nullable=True),
        sa.Column("total_amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("stay_days", sa.Integer(), nullable=True),
        sa.Column("drug_fen", sa.BigInteger(), nullable=True),
        sa.Column("consumable_fen", sa.BigInteger(), nullable=True),
        sa.Column("over_standard", sa.Boolean(), nullable=True),
        sa.Column("readmitted", sa.Boolean(), nullable=True),
        sa.Column("died", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "group_status IN ('grouped', 'ambiguous', 'ungroupable', 'invalid', 'unknown_code', "
            "'not_grouped')",
            name=op.f("ck_measures_group_status"),
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_measures_decisions")
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_measures")),
    )
    op.create_index(op.f("ix_measures_group_code"), "measures", ["group_code"], unique=False)
    op.create_table(
        "measure_cells",
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("group_code", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("hospitals", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint(
            "currency", "department", "month", "group_code", "provider_id",
            name=op.f("pk_measure_cells"),
        ),
    )  # fmt: skip
    op.create_index(
        op.f("ix_measure_cells_month_provider_id_department"),
        "measure_cells",
        ["month", "provider_id", "department"],
        unique=False,
    )
    for name, columns, where, more in _PARTS:
        op.create_index(
            name, "measure_cells", columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where), **more
        )  # fmt: skip
    op.create_table(
        "measure_marks",
        sa.Column(
            "mark_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("mark_id", name=op.f("pk_measure_marks")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("measure_marks")
    for name, *_ in _PARTS:
        op.drop_index(name, table_name="measure_cells")
    op.drop_index(op.f("ix_measure_cells_month_provider_id_department"), table_name="measure_cells")
    op.drop_table("measure_cells")
    op.drop_index(op.f("ix_measures_group_code"), table_name="measures")
    op.drop_table("measures")
