"""The facts table of a unit: one row a stay or line, only the facts asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import polars as pl

from rules.facts import (
    admission_diagnosis,
    aggregate,
    benchmark,
    charge,
    coding,
    cost,
    coverage,
    day_surgery,
    diagnosis,
    episode,
    group,
    indication,
    likeness,
    lookback,
    medication,
    operation,
    order,
    peers,
    prescription,
    procedure,
    procedure_cover,
    quantities,
    regrouping,
    removal,
    settlement_list,
    stay,
    tariff,
    upcoding,
    visits,
    yearly,
)
from rules.facts.fact import AGGREGATE_UNITS, Fact, Kind, facts_of
from rules.facts.place import known_at, placed
from rules.facts.source import ROW, STAY, Source
from rules.spread import over_threads, worth_it

SUBJECT: Final = ":subject_id"
SERVICE_DATE: Final = ":service_date"
REGION: Final = ":region_code"
CURRENCY: Final = ":currency"
TOLD: Final = ":told"
"""Ends the name of the table that holds only the lines known to sparse builders."""
LINES: Final = {
    "diagnosis": "diagnoses", "procedure": "procedures", "charge": "charges", "order": "orders",
}  # fmt: skip
"""Unit of lines -> the table that holds them."""
HAS_ROW: Final = ":has_row"
"""False on the row that stands for a stay without any line of the unit."""


Found = pl.LazyFrame | pl.DataFrame


@dataclass(frozen=True, slots=True)
class Builder:
    """A function that computes a group of facts together.

    A stay's builder returns facts by ``:stay`` (the place of the stay, see ``Source.keyed``)
    or by ``stay_id``; a stay that it leaves out has nulls. A line's builder returns facts by
    ``:row`` (the place of the line), or by ``stay_id`` and ``:subject_id``; the first of a
    unit gives the lines and their identifiers.
    """

    unit: str
    facts: tuple[Fact, ...]
    run: Callable[[Source], Found]
    sparse: bool = False
    """It returns only the lines that it knows: a flag of any other line is false, other facts
    are null."""
    needs: str | None = None
    """The table of the batch without whose rows it finds nothing, so that it need not run."""


BUILDERS: Final = (
    Builder("stay", stay.HEAD, stay.head),
    Builder("stay", stay.REQUIRED, stay.required),
    Builder("stay", day_surgery.OF_STAY, day_surgery.of_stay),
    Builder("stay", group.PAYMENT, group.payment),
    Builder("stay", group.ALTERNATIVES, group.alternatives),
    Builder("stay", group.OTHER_PRINCIPAL, group.other_principal),
    Builder("stay", group.OUTLOOK, group.outlook),
    Builder("stay", upcoding.UNSUPPORTED, upcoding.unsupported),
    Builder("stay", upcoding.ACQUIRED, upcoding.acquired),
    Builder("stay", upcoding.MINOR, upcoding.minor),
    Builder("stay", regrouping.BILLED, regrouping.billed),
    Builder("stay", regrouping.PROCEDURE, regrouping.procedure),
    Builder("stay", regrouping.RESTING, regrouping.resting),
    Builder("stay", regrouping.TRAUMA, regrouping.trauma),
    Builder("stay", regrouping.BETTER, regrouping.better_order),
    Builder("stay", regrouping.IMPLIED, regrouping.implied),
    Builder("stay", diagnosis.OF_STAY, diagnosis.of_stay),
    Builder("stay", coding.OF_STAY, coding.of_stay),
    Builder("stay", admission_diagnosis.OF_STAY, admission_diagnosis.of_stay),
    Builder("stay", coding.PAIRS, coding.pairs),
    Builder("stay", coding.BIRTH, coding.birth),
    Builder("stay", settlement_list.TIMES, settlement_list.times),
    Builder("stay", settlement_list.PROCEDURES, settlement_list.procedures),
    Builder("stay", settlement_list.CARE, settlement_list.care, needs="charges"),
    Builder("stay", procedure.COUNT, procedure.count),
    Builder("stay", procedure.VENTILATED, procedure.ventilated),
    Builder("stay", charge.OF_STAY, charge.of_stay, needs="charges"),
    Builder("stay", charge.BEDS, charge.beds, needs="charges"),
    Builder("stay", charge.NURSING, charge.nursing, needs="charges"),
    Builder("stay", charge.ACTIVITY, charge.activity),
    Builder("stay", cost.SUMS, cost.sums, needs="charges"),
    Builder("stay", cost.PHASES, cost.phases, needs="procedures"),
    Builder("stay", cost.COURSE, cost.course, needs="charges"),
    Builder("stay", cost.INTENSIVE, cost.intensive),
    Builder("stay", cost.DEPARTMENTS, cost.departments, needs="charges"),
    Builder("stay", benchmark.USUAL, benchmark.usual),
    Builder("stay", benchmark.MIX, benchmark.mix),
    Builder("stay", quantities.HOURS, quantities.hours),
    Builder("stay", quantities.SESSIONS, quantities.sessions),
    Builder("stay", quantities.COURSE, quantities.course, needs="charges"),
    Builder("stay", quantities.PANELS, quantities.panels, needs="charges"),
    Builder("stay", order.OF_STAY, order.of_stay, needs="orders"),
    Builder("stay", lookback.PRIOR, lookback.prior),
    Builder("stay", lookback.DISEASE, lookback.disease),
    Builder("stay", lookback.REPEAT, lookback.repeat),
    Builder("stay", lookback.IDENTITY, lookback.identity),
    Builder("stay", lookback.OUTPATIENT, lookback.outpatient),
    Builder("stay", episode.CHAIN, episode.chain),
    Builder("stay", episode.RHYTHM, episode.rhythm),
    Builder("stay", episode.CARE, episode.care),
    Builder("stay", visits.ELSEWHERE, visits.elsewhere),
    Builder("stay", visits.TESTS, visits.tests),
    Builder("stay", visits.AFTER, visits.after),
    Builder("stay", visits.PLACES, visits.places),
    Builder("stay", visits.DRUGS, visits.drugs),
    Builder("stay", indication.OF_STAY, indication.of_stay, needs="charges"),
    Builder("stay", indication.HEAD, indication.head),
    Builder("stay", coverage.INSURED, coverage.insured, needs="coverages"),
    Builder("stay", coverage.SELF_PAID, coverage.self_paid, needs="charges"),
    Builder("stay", coverage.OUTSIDE, coverage.outside, needs="orders"),
    Builder("stay", coverage.INVOICE, coverage.invoice),
    Builder("stay", yearly.YEARLY, yearly.yearly),
    Builder("stay", peers.PEERS, peers.peers),
    Builder("stay", likeness.VECTOR, likeness.vector),
    Builder("stay", prescription.INFECTION, prescription.infection),
    Builder("stay", operation.VENTILATED, operation.ventilated, needs="charges"),
    Builder("stay", operation.LIST, operation.listed, needs="procedures"),
    Builder("diagnosis", diagnosis.LINES, diagnosis.lines),
    Builder("diagnosis", coding.LINES, coding.lines),
    Builder("procedure", procedure.LINES, procedure.lines),
    Builder("procedure", operation.BODY, operation.body),
    Builder("procedure", operation.CHARGED, operation.charged),
    Builder("procedure", operation.TOGETHER, operation.together),
    Builder("procedure", procedure_cover.COVER, procedure_cover.cover),
    Builder("procedure", removal.REMOVED, removal.removed),
    Builder("charge", charge.LINES, charge.lines),
    Builder("charge", tariff.LINES, tariff.lines, sparse=True),
    Builder("order", order.LINES, order.lines),
    Builder("order", medication.LIMITS, medication.limits),
    Builder("order", medication.TIMING, medication.timing),
    Builder("order", medication.DOSE, medication.dose),
    Builder("order", medication.SAME_CLASS, medication.same_class),
    Builder("order", prescription.INDICATIONS, prescription.indications),
    Builder("order", prescription.EVIDENCE, prescription.evidence, sparse=True),
    Builder("order", prescription.IMAGING, prescription.imaging),
    *(Builder(unit, facts, run) for unit, facts, run in aggregate.PARTS),
)
"""Every builder; together they declare every fact."""


def build(source: Source, wanted: Mapping[str, Collection[str]]) -> dict[str, pl.DataFrame]:
    """The facts tables of the units asked for, with their identifying columns.

    Each has ``stay_id``, ``:subject_id``, ``:service_date`` (discharge date, else
    admission date), ``:region_code``, ``:currency``, ``:has_row`` and the facts wanted.
    A stay without lines has one row with ``:has_row`` false, so that what its head
    already decides is decided. An aggregate's table has one row a subject, dated by the
    last day of its period, with its ``:provider_id``, ``:physician_id``,
    ``:period_start`` and ``:claims`` in place of ``stay_id``. Under ``charge:told`` it gives
    only the lines of which a reference table says something (see ``told_flags``).
    """
    units = {name: name.removesuffix(TOLD) for name in wanted}
    needed = {
        fact
        for name, facts in wanted.items()
        for fact in facts
        if facts_of(units[name])[fact].unit == "stay"
    }
    tables: dict[str, pl.DataFrame] = {
        unit: _aggregates(source, unit, facts)
        for unit, facts in wanted.items()
        if unit in AGGREGATE_UNITS
    }
    of_stays = {name: facts for name, facts in wanted.items() if name not in tables}
    if not of_stays:
        return tables
    _prepare(source, [(units[name], facts) for name, facts in of_stays.items()])
    stays = _stays(source, needed)

    def table_of(name: str) -> pl.DataFrame:
        facts = of_stays[name]
        mine = sorted(set(facts) & needed)
        head = stays.select("stay_id", STAY, SERVICE_DATE, REGION, CURRENCY, *mine)
        if name == "stay":
            return head.with_columns(
                pl.col("stay_id").alias(SUBJECT), pl.lit(value=True).alias(HAS_ROW)
            )
        make = _lines if name == units[name] else _told_lines
        return _with_heads(make(source, units[name], set(facts) - needed), head)

    made = over_threads(table_of, of_stays, len(source.batch))
    return tables | dict(zip(of_stays, made, strict=True))


def _prepare(source: Source, wanted: list[tuple[str, Collection[str]]]) -> None:
    """Run the builders that are asked for; what they give waits in ``source``."""
    if not worth_it(len(source.batch)):
        return  # each runs when it is asked
    asked = {
        id(b): b for unit, names in wanted for u in ("stay", unit) for b, _ in _asked(u, names)
    }
    due = [
        builder
        for builder in asked.values()
        if not source.table(builder.needs or LINES.get(builder.unit, "stays")).is_empty()
    ]
    over_threads(lambda builder: _found(source, builder), due, len(source.batch))


def told_flags(unit: str) -> frozenset[str]:
    """The flags that are false on all lines but the few of which a reference table says something.

    A check that passes wherever they are false is judged on the table ``<unit>:told`` of
    those few lines.
    """
    return frozenset(
        f.name
        for b in BUILDERS
        if b.unit == unit and b.sparse
        for f in b.facts
        if f.kind is Kind.FLAG
    )


def _with_heads(lines: pl.DataFrame, head: pl.DataFrame) -> pl.DataFrame:
    """The lines beside what their stay says, and a row of nulls for each stay without lines."""
    at = lines[STAY]
    beside = head.select(pl.all().exclude(STAY).gather(at))
    table = pl.concat([beside, lines], how="horizontal").with_columns(
        pl.lit(value=True).alias(HAS_ROW)
    )
    lone = np.ones(head.height, dtype=bool)
    lone[at.to_numpy()] = False
    if not lone.any():
        return table
    alone = head.filter(pl.Series(lone)).with_columns(
        pl.lit("").alias(SUBJECT), pl.lit(value=False).alias(HAS_ROW)
    )
    return pl.concat([table, alone], how="diagonal", rechunk=False)


def _aggregates(source: Source, unit: str, names: Collection[str]) -> pl.DataFrame:
    found = aggregate.heads(source, unit).select(
        SUBJECT,
        pl.col("period_end").alias(SERVICE_DATE),
        pl.col("region_code").alias(REGION),
        pl.col("currency").alias(CURRENCY),
        pl.lit(value=True).alias(HAS_ROW),
        *[pl.col(c).alias(f":{c}") for c in aggregate.KEPT],
    )
    for builder in BUILDERS:
        mine = [f for f in builder.facts if builder.unit == unit and f.name in names]
        if mine:
            found = found.join(
                builder.run(source).lazy().select(SUBJECT, *[_cast(f) for f in mine]),
                on=SUBJECT,
                how="left",
            )
    return found.sort(SUBJECT).collect()


def _stays(source: Source, names: Collection[str]) -> pl.DataFrame:
    """One row a stay, in the order of the batch: identifying columns and the facts wanted."""
    heads = source.keyed("stays").select(
        "stay_id",
        STAY,
        pl.coalesce("discharge_date", "admission_date").alias(SERVICE_DATE),
        pl.col("region_code").alias(REGION),
        pl.col("currency").alias(CURRENCY),
    )
    columns = heads.get_columns()
    flags = []
    for builder, mine in _asked("stay", names):
        if builder.needs is not None and source.table(builder.needs).is_empty():
            columns += _nothing(mine, heads.height)
        else:
            found = _found(source, builder)
            at = _stay_of(found, source)
            columns += placed(_typed(found, mine), at, heads.height).get_columns()
        flags += [f.name for f in mine if f.kind is Kind.FLAG and f.null_when is None]
    table = pl.DataFrame(columns)
    silent = [name for name in flags if table[name].null_count()]
    return table.with_columns(pl.col(silent).fill_null(value=False)) if silent else table


def _lines(source: Source, unit: str, names: Collection[str]) -> pl.DataFrame:
    """One row a line: ``:stay``, ``:subject_id`` and the facts wanted.

    The first builder of a unit gives the lines; the others' facts are put beside them.
    """
    if source.table(LINES[unit]).is_empty():
        return _no_lines(unit, names)
    base = _base(source, unit)
    columns = [base[STAY], base[SUBJECT]]
    for builder, mine in _asked(unit, names):
        found = _found(source, builder)
        at = _rows_of(source, found, base)
        beside = placed(_typed(found, mine), at, base.height)
        if builder.sparse:
            beside = _false_elsewhere(beside, known_at(at, base.height))
        columns += beside.get_columns()
    return pl.DataFrame(columns)


def _told_lines(source: Source, unit: str, names: Collection[str]) -> pl.DataFrame:
    """As ``_lines``, only the lines that sparse builders know.

    Each other stay that has lines stands there with one line of nulls and false flags.
    """
    if source.table(LINES[unit]).is_empty():
        return _no_lines(unit, names)
    base = _base(source, unit)
    known = [_found(source, b)[ROW] for b in BUILDERS if b.unit == unit and b.sparse]
    rows = pl.concat(known).unique().sort()
    columns = [base[STAY].gather(rows), base[SUBJECT].gather(rows)]
    flags: list[str] = []
    for builder, mine in _asked(unit, names):
        found = _found(source, builder)
        if not builder.sparse:
            beside = placed(_typed(found, mine), _rows_of(source, found, base), base.height)
            columns += beside.select(pl.all().gather(rows)).get_columns()
            continue
        at = pl.Series(np.searchsorted(rows.to_numpy(), found[ROW].to_numpy()).astype(np.uint32))
        beside = placed(_typed(found, mine), at, len(rows))
        columns += _false_elsewhere(beside, known_at(at, len(rows))).get_columns()
        flags += [f.name for f in mine if f.kind is Kind.FLAG]
    told = pl.DataFrame(columns)
    silent = base[STAY].unique()
    silent = silent.filter(~silent.is_in(told[STAY].implode()))
    false = pl.DataFrame([silent]).with_columns(
        pl.lit("").alias(SUBJECT), *(pl.lit(value=False).alias(name) for name in flags)
    )
    return pl.concat([told, false], how="diagonal") if false.height else told


def _base(source: Source, unit: str) -> pl.DataFrame:
    """``:stay`` and ``:subject_id`` of the lines of a unit."""
    first = next(b for b in BUILDERS if b.unit == unit)
    found = _found(source, first)
    if ROW in found.columns:
        found = found.sort(ROW)
    return found.select(_stay_of(found, source), SUBJECT)


def _rows_of(source: Source, found: pl.DataFrame, base: pl.DataFrame) -> pl.Series:
    """The place among the lines of each row that a builder found."""
    if ROW in found.columns:
        return found[ROW]
    keys = [STAY, SUBJECT]
    mine = found.select(_stay_of(found, source), SUBJECT)
    if mine.height == base.height and mine.equals(base.select(keys)):
        return pl.int_range(base.height, dtype=pl.UInt32, eager=True)
    numbered = base.select(keys).with_row_index(ROW)
    return mine.join(numbered, on=keys, how="left", maintain_order="left")[ROW]


def _stay_of(found: pl.DataFrame, source: Source) -> pl.Series:
    """The place of the stay of each row that a builder found."""
    return found[STAY] if STAY in found.columns else source.places(found["stay_id"])


def _asked(unit: str, names: Collection[str]) -> list[tuple[Builder, list[Fact]]]:
    """The builders of a unit that compute some of the facts, and those facts."""
    return _builders_of(unit, frozenset(names))


@cache
def _builders_of(unit: str, names: frozenset[str]) -> list[tuple[Builder, list[Fact]]]:
    of_unit = [b for b in BUILDERS if b.unit == unit]
    found = [(b, [f for f in b.facts if f.name in names]) for b in of_unit]
    return [(builder, mine) for builder, mine in found if mine]


def _found(source: Source, builder: Builder) -> pl.DataFrame:
    key = f"{builder.unit} {builder.facts[0].name}"
    return source.once(key, lambda s: s.collect(builder.run(s)))


def _typed(found: pl.DataFrame, facts: list[Fact]) -> pl.DataFrame:
    columns = [found.get_column(fact.name) for fact in facts]
    return pl.DataFrame(
        [
            values if values.dtype == fact.kind.dtype else values.cast(fact.kind.dtype)
            for fact, values in zip(facts, columns, strict=True)
        ]
    )


def _nothing(facts: list[Fact], height: int) -> list[pl.Series]:
    none = [None] * height
    return [pl.Series(fact.name, none, dtype=fact.kind.dtype) for fact in facts]


def _no_lines(unit: str, names: Collection[str]) -> pl.DataFrame:
    kinds = {f.name: f.kind.dtype for _, mine in _asked(unit, names) for f in mine}
    return pl.DataFrame(schema={STAY: pl.UInt32(), SUBJECT: pl.String(), **kinds})


def _false_elsewhere(facts: pl.DataFrame, known: pl.Series) -> pl.DataFrame:
    """The facts with the flags of unknown lines false."""
    if known.all():
        return facts
    false = pl.repeat(value=False, n=facts.height, eager=True)
    return pl.DataFrame(
        [s.zip_with(known, false) if s.dtype == pl.Boolean else s for s in facts.get_columns()]
    )


def _cast(fact: Fact) -> pl.Expr:
    return _column(fact.name, fact.kind)


@cache
def _column(name: str, kind: Kind) -> pl.Expr:
    return pl.col(name).cast(kind.dtype)
