"""What the Kafka worker keeps: its offsets, what it still has to publish, dead letters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the three tables."""
    op.create_table(
        "stream_offsets",
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "topic", "partition", name=op.f("pk_stream_offsets")),
    )
    op.create_table(
        "outbox",
        sa.Column(
            "outbox_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("source_topic", sa.Text(), nullable=False),
        sa.Column("source_partition", sa.Integer(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("outbox_id", name=op.f("pk_outbox")),
    )
    op.create_index(
        op.f("ix_outbox_group_id_source_topic_source_partition_outbox_id"),
        "outbox",
        ["group_id", "source_topic", "source_partition", "outbox_id"],
        unique=False,
    )
    op.create_table(
        "dead_letters",
        sa.Column("dead_letter_id", sa.Text(), nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("message_offset", sa.BigInteger(), nullable=False),
        sa.Column("message_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replayed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replays", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("dead_letter_id", name=op.f("pk_dead_letters")),
    )
    for columns in (
        ["created_at", "dead_letter_id"],
        ["topic", "partition", "message_offset"],
    ):
        op.create_index(
            op.f(f"ix_dead_letters_{'_'.join(columns)}"), "dead_letters", columns, unique=False
        )


def downgrade() -> None:
    """Drop the three tables."""
    for columns in (
        ["topic", "partition", "message_offset"],
        ["created_at", "dead_letter_id"],
    ):
        op.drop_index(op.f(f"ix_dead_letters_{'_'.join(columns)}"), table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_index(
        op.f("ix_outbox_group_id_source_topic_source_partition_outbox_id"), table_name="outbox"
    )
    op.drop_table("outbox")
    op.drop_table("stream_offsets")
