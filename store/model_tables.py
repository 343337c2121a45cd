"""The SQL tables of the register of models: their files, and who gave them which role."""

from __future__ import annotations

import sqlalchemy as sa

from domain.registry import ROLES
from domain.results import SHADOW_SCORES
from store.tables import METADATA, Instant, mirror

MODEL_FILES_SQL = sa.Table(
    "model_files",
    METADATA,
    sa.Column("model_sha256", sa.Text(), primary_key=True),
    sa.Column("name", sa.Text(), primary_key=True),
    sa.Column("body", sa.LargeBinary(), nullable=False),
    sa.ForeignKeyConstraint(["model_sha256"], ["models.sha256"]),
)
MODEL_ROLES_SQL = sa.Table(
    "model_roles",
    METADATA,
    # In the order of the appointments: the last one of a model counts.
    sa.Column(
        "appointment_id",
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("model_sha256", sa.Text(), nullable=False),
    sa.Column("role", sa.Text(), nullable=False),
    sa.Column("appointed_by", sa.Text(), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("appointed_at", Instant(), nullable=False),
    sa.ForeignKeyConstraint(["model_sha256"], ["models.sha256"]),
    sa.CheckConstraint(sa.column("role").in_(list(ROLES)), name="role"),
    sa.Index(None, "model_sha256", "appointment_id"),
)
SHADOW_SCORES_SQL = mirror(
    SHADOW_SCORES,
    sa.ForeignKeyConstraint(["model_sha256"], ["models.sha256"]),
    sa.Index(None, "model_sha256", "subject_id"),
)
"""What a challenger scored beside the champion: it decides and alerts nothing."""
