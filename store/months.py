"""Sums of hospitals' and physicians' months, moved with every batch, and which months changed.

A month holds the claims that count and that ended in it. The sums move by the difference that
a batch makes, in its transaction, so that they equal a recount at any moment (a test holds them
to it). What the checks of months find is not kept in sums: changed months are judged again from
the stored claims, see docs/decisions/0017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import pyarrow as pa
import sqlalchemy as sa

from store.inserting import columns_of, upsert
from store.state_tables import PHYSICIAN_MONTHS_SQL as PHYSICIANS
from store.state_tables import PROVIDER_MONTHS_SQL as PROVIDERS

Row = Mapping[str, Any]

_READ = {
    "provider_id": pl.String,
    "physician_id": pl.String,
    "currency": pl.String,
    "claim_type": pl.String,
    "admission_date": pl.Date,
    "ended_on": pl.Date,
    "total_amount_fen": pl.Int64,
    "fund_payment_fen": pl.Int64,
}
"""What of a claim moves its months."""
_SUMS = ("claims", "stays", "total_amount_fen", "fund_payment_fen")


@dataclass(frozen=True, slots=True)
class Change:
    """A hospital's month that changed since it was judged, and when it changed last."""

    provider_id: str
    month: date
    currency: str
    claims: int
    changed_from: date
    changed_at: datetime


def move(
    connection: sa.Connection,
    came: pa.Table | None,
    changes: Sequence[tuple[Row | None, Row | None]],
    now: datetime,
) -> None:
    """Add claims that came; take away what counted before and add what counts now.

    None stands for nothing.
    """
    parts = [] if came is None else [pl.DataFrame(came).select(*_READ, sign=1)]
    for sign, place in ((-1, 0), (1, 1)):
        rows = [dict(row) for pair in changes if (row := pair[place]) is not None]
        if rows:
            parts.append(pl.DataFrame(rows, schema=_READ).with_columns(sign=sign))
    if not parts:
        return
    signed = pl.concat([part.cast({"sign": pl.Int32}) for part in parts])
    signed = signed.drop_nulls("ended_on").with_columns(month=pl.col("ended_on").dt.truncate("1mo"))
    _apply(connection, PROVIDERS, "provider_id", signed, now)
    _apply(connection, PHYSICIANS, "physician_id", signed.drop_nulls("physician_id"), now)


def changed(connection: sa.Connection) -> list[Change]:
    """The months that changed since they were judged, oldest first."""
    query = (
        sa.select(
            PROVIDERS.c.provider_id, PROVIDERS.c.month, PROVIDERS.c.currency, PROVIDERS.c.claims,
            PROVIDERS.c.changed_from, PROVIDERS.c.changed_at,
        )
        .where(PROVIDERS.c.changed_from.is_not(None))
        .order_by(PROVIDERS.c.month, PROVIDERS.c.provider_id, PROVIDERS.c.currency)
    )  # fmt: skip
    return [Change(*row) for row in connection.execute(query)]


def mark_judged(
    connection: sa.Connection, judged: Sequence[Change], upto: date, now: datetime
) -> None:
    """Note that months were judged; one that changed again meanwhile stays marked."""
    for change in sorted(judged, key=lambda c: (c.provider_id, c.month, c.currency)):
        connection.execute(
            sa.update(PROVIDERS)
            .where(
                PROVIDERS.c.provider_id == change.provider_id,
                PROVIDERS.c.month == change.month,
                PROVIDERS.c.currency == change.currency,
                PROVIDERS.c.changed_at == change.changed_at,
            )
            .values(changed_from=None, judged_upto=upto, judged_at=now)
        )


def read(connection: sa.Connection, provider_id: str | None = None) -> list[dict[str, Any]]:
    """The sums of hospitals' months, by hospital and month."""
    query = sa.select(PROVIDERS).order_by(
        PROVIDERS.c.provider_id, PROVIDERS.c.month, PROVIDERS.c.currency
    )
    if provider_id is not None:
        query = query.where(PROVIDERS.c.provider_id == provider_id)
    return [dict(row._mapping) for row in connection.execute(query)]


def _apply(
    connection: sa.Connection, table: sa.Table, who: str, signed: pl.DataFrame, now: datetime
) -> None:
    if not signed.height:
        return
    sign = pl.col("sign")
    moved = signed.group_by(who, "month", "currency").agg(
        claims=sign.sum(),
        stays=(sign * (pl.col("claim_type") == "inpatient")).sum(),
        total_amount_fen=(sign * pl.col("total_amount_fen").fill_null(0)).sum(),
        fund_payment_fen=(sign * pl.col("fund_payment_fen").fill_null(0)).sum(),
        changed_from=pl.col("admission_date").min(),
    )
    old = table.name
    changed = {name: f"{old}.{name} + excluded.{name}" for name in _SUMS}
    changed["changed_at"] = "excluded.changed_at"
    if table is PROVIDERS:
        changed["changed_from"] = (
            f"CASE WHEN {old}.changed_from < excluded.changed_from "
            f"THEN {old}.changed_from ELSE excluded.changed_from END"
        )
    else:
        moved = moved.drop("changed_from")
    upsert(connection, table, columns_of(moved.to_arrow(), changed_at=now), changed)
