"""The facts table of a unit: one row a stay or line, only the facts asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from rules.facts import (
    admission_diagnosis,
    aggregate,
    benchmark,
    charge,
    coding,
    cost,
    coverage,
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
from rules.facts.source import Source

SUBJECT: Final = ":subject_id"
SERVICE_DATE: Final = ":service_date"
REGION: Final = ":region_code"
CURRENCY: Final = ":currency"
ROW: Final = charge.ROW
"""The place of a line in its table, by which a sparse builder's facts are joined."""
HAS_ROW: Final = ":has_row"
"""False on the row that stands for a stay without any line of the unit."""


@dataclass(frozen=True, slots=True)
class Builder:
    """A function that computes a group of facts together.

    A stay's builder returns ``stay_id`` and facts; a stay that it leaves out has nulls.
    A line's builder returns also the subject's identifier as ``:subject_id``.
    """

    unit: str
    facts: tuple[Fact, ...]
    run: Callable[[Source], pl.LazyFrame]
    sparse: bool = False
    """It returns ``:row`` instead of stay and subject, and only the lines that it knows: a flag
    of any other line is false, other facts are null."""


BUILDERS: Final = (
    Builder("stay", stay.HEAD, stay.head),
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
    Builder("stay", settlement_list.CARE, settlement_list.care),
    Builder("stay", procedure.OF_STAY, procedure.of_stay),
    Builder("stay", charge.OF_STAY, charge.of_stay),
    Builder("stay", charge.BEDS, charge.beds),
    Builder("stay", charge.NURSING, charge.nursing),
    Builder("stay", charge.ACTIVITY, charge.activity),
    Builder("stay", cost.SUMS, cost.sums),
    Builder("stay", cost.PHASES, cost.phases),
    Builder("stay", cost.COURSE, cost.course),
    Builder("stay", cost.INTENSIVE, cost.intensive),
    Builder("stay", cost.DEPARTMENTS, cost.departments),
    Builder("stay", benchmark.USUAL, benchmark.usual),
    Builder("stay", benchmark.MIX, benchmark.mix),
    Builder("stay", quantities.HOURS, quantities.hours),
    Builder("stay", quantities.SESSIONS, quantities.sessions),
    Builder("stay", quantities.COURSE, quantities.course),
    Builder("stay", quantities.PANELS, quantities.panels),
    Builder("stay", order.OF_STAY, order.of_stay),
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
    Builder("stay", indication.OF_STAY, indication.of_stay),
    Builder("stay", indication.HEAD, indication.head),
    Builder("stay", coverage.INSURED, coverage.insured),
    Builder("stay", coverage.SELF_PAID, coverage.self_paid),
    Builder("stay", coverage.OUTSIDE, coverage.outside),
    Builder("stay", coverage.INVOICE, coverage.invoice),
    Builder("stay", yearly.YEARLY, yearly.yearly),
    Builder("stay", peers.PEERS, peers.peers),
    Builder("stay", likeness.VECTOR, likeness.vector),
    Builder("stay", prescription.INFECTION, prescription.infection),
    Builder("stay", operation.VENTILATED, operation.ventilated),
    Builder("stay", operation.LIST, operation.listed),
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
    Builder("order", prescription.EVIDENCE, prescription.evidence),
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
    ``:period_start`` and ``:claims`` in place of ``stay_id``.
    """
    needed = {
        fact
        for unit, names in wanted.items()
        for fact in names
        if facts_of(unit)[fact].unit == "stay"
    }
    tables: dict[str, pl.DataFrame] = {
        unit: _aggregates(source, unit, names)
        for unit, names in wanted.items()
        if unit in AGGREGATE_UNITS
    }
    of_stays = {unit: names for unit, names in wanted.items() if unit not in tables}
    if not of_stays:
        return tables
    stays = _stays(source, needed).collect()
    for unit, names in of_stays.items():
        mine = sorted(set(names) & needed)
        head = stays.select("stay_id", SERVICE_DATE, REGION, CURRENCY, *mine)
        if unit == "stay":
            tables[unit] = head.with_columns(
                pl.col("stay_id").alias(SUBJECT), pl.lit(value=True).alias(HAS_ROW)
            )
            continue
        own = sorted(set(names) - needed)
        lines = _lines(source, unit, own)
        tables[unit] = (
            head.lazy()
            .join(
                lines.with_columns(pl.lit(value=True).alias(HAS_ROW)),
                on="stay_id",
                how="left",
            )
            .with_columns(pl.col(HAS_ROW).fill_null(value=False), pl.col(SUBJECT).fill_null(""))
            .collect()
        )
    return tables


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
                builder.run(source).select(SUBJECT, *[_cast(f) for f in mine]),
                on=SUBJECT,
                how="left",
            )
    return found.sort(SUBJECT).collect()


def _stays(source: Source, names: Collection[str]) -> pl.LazyFrame:
    base = source.table("stays").lazy()
    found = base.select(
        "stay_id",
        pl.coalesce("discharge_date", "admission_date").alias(SERVICE_DATE),
        pl.col("region_code").alias(REGION),
        pl.col("currency").alias(CURRENCY),
    )
    for builder in BUILDERS:
        mine = [f for f in builder.facts if builder.unit == "stay" and f.name in names]
        if mine:
            found = found.join(
                builder.run(source).select("stay_id", *[_cast(f) for f in mine]),
                on="stay_id",
                how="left",
                maintain_order="left",
            )
    return found.with_columns(
        pl.col(f.name).fill_null(value=False)
        for f in facts_of("stay").values()
        if f.name in names and f.null_when is None and f.kind.value == "flag"
    )


def _lines(source: Source, unit: str, names: Collection[str]) -> pl.LazyFrame:
    """The facts of lines; the first builder of a unit gives its rows, the others join them."""
    first, *others = [b for b in BUILDERS if b.unit == unit]
    keys = ["stay_id", SUBJECT]
    mine = [_cast(f) for f in first.facts if f.name in names]
    place = (
        [ROW] if any(b.sparse and {f.name for f in b.facts} & set(names) for b in others) else []
    )
    found = first.run(source).select(*keys, *place, *mine)
    for builder in others:
        more = [_cast(f) for f in builder.facts if f.name in names]
        if more:
            by = [ROW] if builder.sparse else keys
            marks = [pl.lit(value=True).alias(":known")] if builder.sparse else []
            found = found.join(
                builder.run(source).select(*by, *more, *marks),
                on=by,
                how="left",
                maintain_order="left",
            )
            if builder.sparse:
                flags = [f.name for f in builder.facts if f.name in names and f.kind is Kind.FLAG]
                unknown = pl.col(":known").is_null()
                found = found.with_columns(
                    pl.when(unknown).then(pl.lit(value=False)).otherwise(name).alias(name)
                    for name in flags
                ).drop(":known")
    return found.drop(place)


def _cast(fact: Fact) -> pl.Expr:
    return pl.col(fact.name).cast(fact.kind.dtype)
