"""Field definitions as column checks: any frame becomes typed columns and reasons.

The constraints of ``domain`` (type, code list, bounds, length, pattern, form) are
compiled to Polars expressions and run over whole columns; only a cell that breaks one
costs Python time. A broken cell becomes null in the typed frame and a reason in
``Reasons``, so that later checks do not speak of it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from domain.schema import DECIMAL_DIGITS, Field, Kind, Table
from streaming.intake.limits import DEFAULT, Limits
from streaming.intake.refusals import Reasons, refuse

REC: Final = "_rec"
"""Column with the record's place in the batch, from 0."""
AT: Final = "_at"
"""Column with a child row's place in its list, from 0."""

DATE_FORM: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
INSTANT_FORM: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
"""RFC 3339 date-time; a leap second is refused, since no clock of ours can hold it."""
VISIBLE: Final = r"[^\p{Z}\p{C}\s]"
"""A character that a reader sees; a text without one is blank, and blank is missing."""
_NOT_FINITE: Final = r"^[+-]?(?i:nan|inf|infinity)$"
_NO_NUMBER: Final = r"^([\[{]|true$|false$)"
"""JSON that stands where a decimal belongs and is neither text nor number."""


def polars_type(field: Field) -> pl.DataType:
    """The Polars type of the field's column."""
    match field.kind:
        case Kind.TEXT | Kind.CODE:
            return pl.String()
        case Kind.INTEGER:
            return pl.Int32()
        case Kind.MONEY:
            return pl.Int64()
        case Kind.DECIMAL:
            return pl.Decimal(DECIMAL_DIGITS, field.places)
        case Kind.NUMBER:
            return pl.Float64()
        case Kind.DATE:
            return pl.Date()
        case Kind.INSTANT:
            return pl.Datetime("us", "UTC")
        case Kind.FLAG:
            return pl.Boolean()


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one column becomes typed, and what makes a cell of it bad."""

    typed: pl.Expr
    bad: tuple[tuple[str, pl.Expr], ...]


def convert(
    frame: pl.DataFrame,
    table: Table,
    reasons: Reasons,
    *,
    label: Callable[[Field], str] | None = None,
    limits: Limits = DEFAULT,
    checked: bool = False,
) -> pl.DataFrame:
    """The frame with every field of the table typed; broken cells are null and have reasons.

    ``frame`` has ``_rec`` (and ``_at`` for a child table); absent fields become null,
    other columns are dropped. ``label`` names a field as the sender knows it. With
    ``checked`` the columns that have their type already are taken as they are.
    """
    schema = frame.schema
    keys = [c for c in (REC, AT) if c in schema]
    typed: list[pl.Expr] = [pl.col(c) for c in keys]
    checks: list[pl.Expr] = []
    places: list[tuple[Field, str]] = []
    for field in table.fields:
        if field.name not in schema:
            if table.parent is None or field.name != table.key[0]:
                typed.append(pl.lit(None, dtype=polars_type(field)).alias(field.name))
            continue
        found = schema[field.name]
        if checked and found == polars_type(field):
            typed.append(pl.col(field.name))
            continue
        plan = _plan(field, found, limits)
        ok = plan.typed
        for rule, bad in plan.bad:
            checks.append(bad.fill_null(value=False).alias(f"{len(places)}"))
            places.append((field, rule))
        if plan.bad:
            broken = pl.any_horizontal([bad.fill_null(value=False) for _, bad in plan.bad])
            ok = pl.when(~broken).then(ok)
        typed.append(ok.alias(field.name))
    if checks and frame.height:
        masks = frame.select(checks)
        seen = masks.select(pl.all().any()).row(0)
        for index, any_bad in enumerate(seen):
            if any_bad:
                broken_rows = frame.filter(masks[str(index)])
                _note(broken_rows, *places[index], reasons, table=table, label=label)
    return frame.select(typed)


def _note(
    bad: pl.DataFrame,
    field: Field,
    rule: str,
    reasons: Reasons,
    *,
    table: Table,
    label: Callable[[Field], str] | None,
) -> None:
    name = label(field) if label else field.name
    ats = bad[AT].to_list() if AT in bad.columns else [None] * bad.height
    values = bad[field.name]
    if values.dtype.is_temporal():  # Python has no year 15659
        values = values.cast(pl.String)
    for record, at, value in zip(bad[REC].to_list(), ats, values.to_list(), strict=True):
        path = name if at is None else f"{table.name}[{at}].{name}"
        if not reasons.covers(record, path):
            reasons.add(record, refuse(rule, path, value, field))


def _plan(field: Field, found: pl.DataType, limits: Limits) -> _Plan:
    if found == polars_type(field):
        return _constrain(field, pl.col(field.name), limits)
    return _plan_other(field, found.base_type(), found, limits)


def _wrong_type(field: Field) -> _Plan:
    return _Plan(
        pl.lit(None, dtype=polars_type(field)), (("type", pl.col(field.name).is_not_null()),)
    )


def _plan_other(field: Field, base: Any, found: pl.DataType, limits: Limits) -> _Plan:
    col = pl.col(field.name)
    if base == pl.Null:
        return _Plan(col.cast(polars_type(field)), ())
    match field.kind:
        case Kind.TEXT | Kind.CODE if base in (pl.Categorical, pl.Enum):
            return _constrain(field, col.cast(pl.String), limits)
        case Kind.INTEGER | Kind.MONEY if found.is_integer():
            return _constrain(field, col, limits)
        case Kind.INTEGER | Kind.MONEY if found.is_float():
            return _plan_float(field, col, limits)
        case Kind.DECIMAL if base == pl.String:
            return _plan_decimal_text(field, col)
        case Kind.DECIMAL if base == pl.Decimal or found.is_integer():
            exact = col.cast(polars_type(field), strict=False)
            lost = col.is_not_null() & (exact.is_null() | (exact != col).fill_null(value=True))
            return _Plan(exact, (("format", lost),))
        case Kind.DATE if base == pl.String:
            day = col.str.to_date("%Y-%m-%d", strict=False)
            bad = col.is_not_null() & (~col.str.contains(DATE_FORM) | _outside(day, 1))
            return _Plan(day, (("format", bad),))
        case Kind.INSTANT if base == pl.String:
            at = col.str.to_uppercase().str.to_datetime(
                "%+", time_unit="us", time_zone="UTC", strict=False
            )
            bad = col.is_not_null() & (~col.str.contains(INSTANT_FORM) | _outside(at))
            return _Plan(at, (("format", bad),))
        case Kind.INSTANT if base == pl.Datetime:
            if getattr(found, "time_zone", None) is None:
                return _Plan(
                    pl.lit(None, dtype=polars_type(field)), (("format", col.is_not_null()),)
                )
            at = col.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
            return _Plan(at, (("range", col.is_not_null() & _outside(at)),))
    return _wrong_type(field)


def _plan_float(field: Field, col: pl.Expr, limits: Limits) -> _Plan:
    # pandas writes a whole-number column with gaps as floats, so whole floats are taken.
    finite = col.is_finite()
    whole = pl.when(finite & (col.round() == col)).then(col).cast(pl.Int64, strict=False)
    inner = _constrain(field, whole, limits)
    return _Plan(
        inner.typed,
        (
            ("not-finite", col.is_not_null() & ~finite),
            ("type", finite & whole.is_null()),
            *inner.bad,
        ),
    )


def _plan_decimal_text(field: Field, col: pl.Expr) -> _Plan:
    good = col.str.contains(field.json_schema()["pattern"])
    infinite = col.str.contains(_NOT_FINITE)
    foreign = col.str.contains(_NO_NUMBER)
    # A number that breaks the form must not reach the cast, which would round it.
    kept = pl.when(good).then(col).cast(polars_type(field), strict=False)
    rest = col.is_not_null() & ~infinite & ~foreign & kept.is_null()
    return _Plan(kept, (("not-finite", infinite), ("type", foreign), ("format", rest)))


def _constrain(field: Field, col: pl.Expr, limits: Limits) -> _Plan:
    bad: list[tuple[str, pl.Expr]] = []
    match field.kind:
        case Kind.TEXT | Kind.CODE if field.codes is not None:
            bad.append(("enum", ~col.is_in(list(field.codes))))
        case Kind.TEXT | Kind.CODE:
            bad.append(("too-large", col.str.len_bytes() > limits.string_bytes))
            bad.append(("range", col.str.len_chars() > field.max_length))
            if field.pattern is not None:
                # A blank is told as missing, not as malformed.
                bad.append(("format", col.str.contains(VISIBLE) & ~col.str.contains(field.pattern)))
        case Kind.INTEGER | Kind.MONEY:
            kind = field.json_schema()
            low, high = kind["minimum"], kind["maximum"]
            negative = field.kind is Kind.MONEY and field.minimum == 0
            bad.append(("negative-amount" if negative else "range", col < low))
            bad.append(("range", col > high))
            col = col.cast(polars_type(field), strict=False)
        case Kind.DATE | Kind.INSTANT:
            bad.append(
                ("range", col.is_not_null() & _outside(col, 1 if field.kind is Kind.DATE else 2))
            )
    return _Plan(col, tuple(bad))


def _outside(day: pl.Expr, first: int = 2) -> pl.Expr:
    # Python's and the databases' calendars have the years 1 to 9999; for an instant one year
    # at each end is left for the change to local time.
    return day.is_null() | ~day.dt.year().is_between(first, 10_000 - first)
