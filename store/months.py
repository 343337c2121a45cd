"""Sums of hospitals' and physicians' months, moved with every batch, and which months changed.

A month holds the claims that count and that ended in it. The sums move by the difference that
a batch makes, in its transaction, so that they equal a recount at any moment (a test holds them
to it). What the checks of months find is not kept in sums: changed months are judged again from
the stored claims, see docs/decisions/0017.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from store.inserting import upsert
from store.state_tables import PHYSICIAN_MONTHS_SQL as PHYSICIANS
from store.state_tables import PROVIDER_MONTHS_SQL as PROVIDERS

Row = Mapping[str, Any]
Key = tuple[str, date, str]

_SUMS = ("claims", "stays", "total_amount_fen", "fund_payment_fen")


@dataclass(slots=True)
class _Difference:
    """How a batch moves one month."""

    sums: dict[str, int]
    changed_from: date


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
    connection: sa.Connection, changes: Sequence[tuple[Row | None, Row | None]], now: datetime
) -> None:
    """Take away what counted before and add what counts now; None stands for nothing."""
    providers: dict[Key, _Difference] = {}
    physicians: dict[Key, _Difference] = {}
    for before, after in changes:
        for sign, row in ((-1, before), (1, after)):
            if row is None or row["ended_on"] is None:
                continue
            month = row["ended_on"].replace(day=1)
            _add(providers, (row["provider_id"], month, row["currency"]), row, sign)
            if row["physician_id"] is not None:
                _add(physicians, (row["physician_id"], month, row["currency"]), row, sign)
    _apply(connection, PROVIDERS, "provider_id", providers, now)
    _apply(connection, PHYSICIANS, "physician_id", physicians, now)


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


def _add(found: dict[Key, _Difference], key: Key, row: Row, sign: int) -> None:
    first = row["admission_date"]
    moved = found.setdefault(key, _Difference(defaultdict(int), first))
    moved.sums["claims"] += sign
    moved.sums["stays"] += sign * (row["claim_type"] == "inpatient")
    for name in ("total_amount_fen", "fund_payment_fen"):
        moved.sums[name] += sign * (row[name] or 0)
    moved.changed_from = min(moved.changed_from, first)


def _apply(
    connection: sa.Connection,
    table: sa.Table,
    who: str,
    found: Mapping[Key, _Difference],
    now: datetime,
) -> None:
    if not found:
        return
    columns: dict[str, Sequence[Any]] = {
        who: [key[0] for key in found],
        "month": [key[1] for key in found],
        "currency": [key[2] for key in found],
        **{name: [moved.sums[name] for moved in found.values()] for name in _SUMS},
        "changed_at": [now] * len(found),
    }
    old = table.name
    changed = {name: f"{old}.{name} + excluded.{name}" for name in _SUMS}
    changed["changed_at"] = "excluded.changed_at"
    if table is PROVIDERS:
        columns["changed_from"] = [moved.changed_from for moved in found.values()]
        changed["changed_from"] = (
            f"CASE WHEN {old}.changed_from < excluded.changed_from "
            f"THEN {old}.changed_from ELSE excluded.changed_from END"
        )
    upsert(connection, table, columns, changed)
