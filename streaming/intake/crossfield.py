"""Checks that need more than one field, the same for every format.

They also fill the calendar dates that follow from an instant, so that a record which
states only the instant has its date, and turn blank text into a missing value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final
from zoneinfo import available_timezones

import polars as pl

from domain.claim import CHARGES, CHILDREN, ORDERS, PROCEDURES, STAYS
from domain.schema import Field, Kind, Table
from streaming.intake.columns import AT, REC, VISIBLE
from streaming.intake.draft import Draft
from streaming.intake.refusals import Reasons, refuse

Label = Callable[[Field], str]

DATED: Final = (
    (STAYS, "admission_date", "admission_time", True),
    (STAYS, "discharge_date", "discharge_time", True),
    (STAYS, "death_date", "death_time", True),
    (CHARGES, "charge_date", "charge_time", True),
    # The list's procedure date may be the day that the surgeon names: a check judges it.
    (PROCEDURES, "procedure_date", "start_time", False),
)
"""Table, date, instant that it follows from, and whether a contradiction is refused."""

DERIVABLE: Final = frozenset(f"{t.name}.{d}" for t, d, _, _ in DATED)
"""The date fields that may be left out where the instant is given."""

_INSTANT_OF: Final = {(t.name, d): i for t, d, i, _ in DATED}

_REVERSIBLE: Final = (
    "quantity",
    "unit_price",
    "amount_fen",
    "in_scope_fen",
    "self_pay_first_fen",
    "over_limit_fen",
    "self_pay_fen",
)
_NEVER_NEGATIVE: Final = ((STAYS, ("blood_amount",)), (ORDERS, ("dose", "quantity")))


def check(draft: Draft, label: Label | None = None) -> None:
    """Add the reasons of all checks across fields to the draft and fill derived dates."""
    draft.stays = _blank_to_null(draft.stays, STAYS)
    for table in CHILDREN:
        draft.children[table.name] = _blank_to_null(draft.children[table.name], table)
    _check_dates(draft)
    _check_required(draft.stays, STAYS, draft.reasons, label)
    for table in CHILDREN:
        frame = draft.children[table.name]
        if frame.height:
            _check_required(frame, table, draft.reasons, label)
            _check_unique(frame, table, draft.reasons)
    _check_negative(draft)


def check_reference(frame: pl.DataFrame, table: Table, reasons: Reasons) -> pl.DataFrame:
    """The frame of a reference table with blanks as missing; absent required fields are reasons."""
    frame = _blank_to_null(frame, table)
    _check_required(frame, table, reasons, None)
    return frame


def _blank_to_null(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    texts = [
        f.name
        for f in table.fields
        if f.kind in {Kind.TEXT, Kind.CODE} and f.codes is None and f.name in frame.columns
    ]
    if not frame.height or not texts:
        return frame
    blanks = frame.select((~pl.col(t).str.contains(VISIBLE)).any() for t in texts).row(0)
    found = [t for t, blank in zip(texts, blanks, strict=True) if blank]
    if not found:
        return frame
    return frame.with_columns(
        pl.when(pl.col(t).str.contains(VISIBLE)).then(pl.col(t)).alias(t) for t in found
    )


@cache
def _known_zones() -> frozenset[str]:
    return frozenset(z for z in available_timezones() if _polars_knows(z))


def _polars_knows(zone: str) -> bool:
    try:
        pl.Series([0], dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    except pl.exceptions.PolarsError:
        return False
    return True


def is_zone(name: str) -> bool:
    """Whether the name is an IANA time zone that both Python and Polars know."""
    return name in _known_zones() if name not in _COMMON else True


_COMMON: Final = frozenset({"Asia/Shanghai", "America/New_York", "UTC"})


def _check_dates(draft: Draft) -> None:
    zones = [z for z in draft.stays["time_zone"].unique().to_list() if z is not None]
    unknown = [z for z in zones if not is_zone(z)]
    field = STAYS["time_zone"]
    for record, zone in (
        draft.stays.filter(pl.col("time_zone").is_in(unknown)).select(REC, "time_zone").iter_rows()
    ):
        draft.reasons.add(record, refuse("unknown-zone", "time_zone", zone, field))
    known = [z for z in zones if z not in unknown]
    if not known:
        return
    for table, date, instant, exclusive in DATED:
        frame = draft.stays if table is STAYS else draft.children[table.name]
        if frame[instant].null_count() == frame.height:
            continue
        frame = _fill_date(frame, (table, date, instant), draft, known, report=exclusive)
        if table is STAYS:
            draft.stays = frame
        else:
            draft.children[table.name] = frame


def _fill_date(
    frame: pl.DataFrame,
    pair: tuple[Table, str, str],
    draft: Draft,
    zones: list[str],
    *,
    report: bool,
) -> pl.DataFrame:
    table, date, instant = pair
    if (
        len(zones) == 1
        and draft.stays["time_zone"].null_count() == 0
        and draft.stays["time_zone"].n_unique() == 1
    ):
        day = pl.col(instant).dt.convert_time_zone(zones[0]).dt.date()
        work = frame.with_columns(day.alias("_day"))
    else:
        work = (
            frame
            if table is STAYS
            else frame.join(
                draft.stays.select(REC, "time_zone"), on=REC, how="left", maintain_order="left"
            )
        )
        work = work.with_columns(
            pl.coalesce(
                pl.when(pl.col("time_zone") == z).then(
                    pl.col(instant).dt.convert_time_zone(z).dt.date()
                )
                for z in zones
            ).alias("_day")
        )
    if report:
        for row in work.filter(pl.col(date) != pl.col("_day")).iter_rows(named=True):
            path = date if table is STAYS else f"{table.name}[{row[AT]}].{date}"
            cure = f"{date} and {instant} name different days in the claim's time_zone (the instant falls on {row['_day']}): correct the one that is wrong."
            draft.reasons.add(row[REC], refuse("mismatch", path, row[date], table[date], cure))
    filled = work.with_columns(pl.coalesce(date, "_day").alias(date))
    return filled.select(frame.columns)


def _check_required(
    frame: pl.DataFrame, table: Table, reasons: Reasons, label: Label | None
) -> None:
    fields = [f for f in table.fields if f.required and f.name in frame.columns]
    nulls = frame.select(pl.col(f.name).null_count() for f in fields).row(0) if frame.height else ()
    for field, count in zip(fields, nulls, strict=False):
        if not count:
            continue
        name = label(field) if label else field.name
        missing = frame.filter(pl.col(field.name).is_null())
        instant = _INSTANT_OF.get((table.name, field.name))
        if instant is not None:
            # With an instant given, the time zone is at fault and has its reason.
            missing = missing.filter(pl.col(instant).is_null())
        for record, path in _paths(missing, table, name):
            faulty = instant is not None and reasons.covers(record, path.replace(name, instant))
            if not faulty and not reasons.covers(record, path):
                reasons.add(record, refuse("required", path, None, field))


def _paths(frame: pl.DataFrame, table: Table, name: str) -> Iterable[tuple[int, str]]:
    if AT not in frame.columns:
        return [(r, name) for r in frame[REC].to_list()]
    return [(r, f"{table.name}[{a}].{name}") for r, a in frame.select(REC, AT).iter_rows()]


def _check_unique(frame: pl.DataFrame, table: Table, reasons: Reasons) -> None:
    key = table.key[1]
    field = table[key]
    known = frame.filter(pl.col(key).is_not_null()).select(REC, AT, key)
    twice = known.filter(pl.struct(REC, key).is_duplicated())
    if twice.is_empty():
        return
    first: dict[tuple[int, object], int] = {}
    for record, at, value in twice.sort(REC, AT).iter_rows():
        before = first.setdefault((record, value), at)
        if before != at:
            cure = f"{table.name}[{before}] has this {key} already: give each row of a claim its own {key}."
            reasons.add(
                record, refuse("duplicate-id", f"{table.name}[{at}].{key}", value, field, cure)
            )


def _check_negative(draft: Draft) -> None:
    for table, names in _NEVER_NEGATIVE:
        frame = draft.stays if table is STAYS else draft.children[table.name]
        for name in names:
            _note_negative(frame.filter(pl.col(name) < 0), table, name, draft.reasons)
    charges = draft.children[CHARGES.name]
    negative = charges.filter(pl.any_horizontal(pl.col(n) < 0 for n in _REVERSIBLE))
    if negative.is_empty():
        return
    lines = charges.select(
        REC, pl.col("line_id").alias("reverses_line_id"), _other=pl.lit(value=True)
    ).unique()
    # A claim with an unreadable line_id may hold the line that is taken back.
    unsure = (
        charges.filter(pl.col("line_id").is_null()).select(REC, _unsure=pl.lit(value=True)).unique()
    )
    reversal = (pl.col("_other") & (pl.col("reverses_line_id") != pl.col("line_id"))) | (
        pl.col("_unsure") & pl.col("reverses_line_id").is_not_null()
    )
    wrong = (
        negative.join(lines, on=[REC, "reverses_line_id"], how="left", maintain_order="left")
        .join(unsure, on=REC, how="left", maintain_order="left")
        .filter(~reversal.fill_null(value=False))
    )
    for name in _REVERSIBLE:
        _note_negative(wrong.filter(pl.col(name) < 0), CHARGES, name, draft.reasons)


def _note_negative(frame: pl.DataFrame, table: Table, name: str, reasons: Reasons) -> None:
    if frame.is_empty():
        return
    for (record, path), value in zip(
        _paths(frame, table, name), frame[name].to_list(), strict=True
    ):
        reasons.add(record, refuse("negative-amount", path, value, table[name]))
