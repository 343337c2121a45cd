"""The outbox holds parcels: many messages of one source partition in a row, packed together."""

from __future__ import annotations

from typing import Any

import lz4.frame
import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_PARTS = ("topic", "message_id", "key", "value", "headers")


def upgrade() -> None:
    """Each message that waits becomes a parcel of its own."""
    with op.batch_alter_table("outbox") as table:
        table.add_column(sa.Column("messages", sa.Integer(), nullable=True))
        table.add_column(sa.Column("body", sa.LargeBinary(), nullable=True))
    connection, outbox = op.get_bind(), _outbox()
    for row in connection.execute(sa.select(outbox)).mappings().all():
        message = [row[name] for name in _PARTS]
        connection.execute(
            sa.update(outbox)
            .where(outbox.c.outbox_id == row["outbox_id"])
            .values(messages=1, body=lz4.frame.compress(msgspec.msgpack.encode([message])))
        )
    with op.batch_alter_table("outbox") as table:
        table.alter_column("messages", existing_type=sa.Integer(), nullable=False)
        table.alter_column("body", existing_type=sa.LargeBinary(), nullable=False)
        for name in _PARTS:
            table.drop_column(name)
    _store_as("EXTERNAL", "claims", "outbox")


def downgrade() -> None:
    """Each message of a parcel becomes a row of its own, in their order."""
    with op.batch_alter_table("outbox") as table:
        for name, kind in (
            ("topic", sa.Text()),
            ("message_id", sa.Text()),
            ("key", sa.LargeBinary()),
            ("value", sa.LargeBinary()),
            ("headers", sa.JSON()),
        ):
            table.add_column(sa.Column(name, kind, nullable=True))
        for name, was in (("messages", sa.Integer()), ("body", sa.LargeBinary())):
            table.alter_column(name, existing_type=was, nullable=True)
    connection, outbox = op.get_bind(), _outbox()
    parcels = connection.execute(sa.select(outbox).order_by(outbox.c.outbox_id)).mappings().all()
    connection.execute(sa.delete(outbox))
    last = max((row["outbox_id"] for row in parcels), default=0)
    for row in parcels:
        same = {n: row[n] for n in ("group_id", "source_topic", "source_partition", "created_at")}
        for message in msgspec.msgpack.decode(lz4.frame.decompress(row["body"])):
            last += 1
            values: dict[str, Any] = dict(zip(_PARTS, message, strict=True))
            connection.execute(sa.insert(outbox).values(**same, **values, outbox_id=last))
    if last and connection.dialect.name == "postgresql":
        connection.execute(
            sa.text("SELECT setval(pg_get_serial_sequence('outbox', 'outbox_id'), :last)"),
            {"last": last},
        )
    with op.batch_alter_table("outbox") as table:
        for name, kind in (("topic", sa.Text()), ("message_id", sa.Text()), ("headers", sa.JSON())):
            table.alter_column(name, existing_type=kind, nullable=False)
        table.drop_column("messages")
        table.drop_column("body")
    _store_as("EXTENDED", "claims")


def _store_as(way: str, *tables: str) -> None:
    """Whether PostgreSQL tries to pack bodies, which are packed already, once more."""
    if op.get_bind().dialect.name == "postgresql":
        for table in tables:
            op.execute(sa.text(f"ALTER TABLE {table} ALTER COLUMN body SET STORAGE {way}"))


def _outbox() -> sa.Table:
    """The table with the columns of before and after."""
    return sa.Table(
        "outbox",
        sa.MetaData(),
        sa.Column(
            "outbox_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True
        ),
        sa.Column("group_id", sa.Text()),
        sa.Column("source_topic", sa.Text()),
        sa.Column("source_partition", sa.Integer()),
        sa.Column("topic", sa.Text()),
        sa.Column("message_id", sa.Text()),
        sa.Column("key", sa.LargeBinary()),
        sa.Column("value", sa.LargeBinary()),
        sa.Column("headers", sa.JSON()),
        sa.Column("messages", sa.Integer()),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("created_at", sa.DateTime(timezone=True)),
    )
