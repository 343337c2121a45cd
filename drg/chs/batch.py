"""Reads the stays of a batch into arrays, and says which of them cannot be grouped and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from domain.tables import Tables
from drg.arrays import Bools, Ids, Numbers, integers, mark, numbers
from drg.chs.compiled import LEFT_OUT, UNKNOWN, Codes, Compiled
from drg.chs.facts import Entries, Facts, Words
from drg.grouping import Status

NEWBORN_DAYS = 28
"""Up to this age in days a stay needs a birth weight."""

_LAST = 1 << 20
"""An ordinal above all others, for a row without one."""


@dataclass(frozen=True)
class Listed:
    """All codes of a kind as claimed, in the order of stay and ordinal.

    ``stay`` is the position of the stay in the batch, ``code`` the id in the scheme or
    ``UNKNOWN`` or ``LEFT_OUT``.
    """

    stay: Ids
    ordinal: Ids
    claimed: pl.Series
    code: Ids

    @property
    def first(self) -> Bools:
        """Whether it is the principal diagnosis or the main procedure."""
        first: Bools = self.ordinal == 1
        # Two rows of ordinal 1 break the key of the table; the earlier one leads.
        first[1:] &= (self.stay[1:] != self.stay[:-1]) | (self.ordinal[:-1] != 1)
        return first

    def leading(self, stays: int) -> Ids:
        """The id of the first code of each of so many stays; -1 for none, unknown and left out."""
        out = np.full(stays, -1, dtype=np.intp)
        first = self.first
        out[self.stay[first]] = np.maximum(self.code[first], -1)
        return out


@dataclass(frozen=True)
class Batch:
    """A batch as the engine sees it.

    ``facts`` has a row for each stay of ``rows`` (positions in the batch): those that can
    be grouped. ``reason`` is for all others the position in ``REASONS``, else -1.
    """

    stay_ids: pl.Series
    diagnoses: Listed
    procedures: Listed
    inpatient: Bools
    reason: Ids
    rows: Ids
    facts: Facts


REASONS: tuple[tuple[str, Status], ...] = (
    ("not_inpatient", Status.NOT_GROUPED),
    ("no_principal_diagnosis", Status.INVALID),
    ("outside_subset", Status.UNKNOWN_CODE),
    ("unknown_diagnosis", Status.UNKNOWN_CODE),
    ("unknown_procedure", Status.UNKNOWN_CODE),
    ("sex_missing", Status.INVALID),
    ("age_missing", Status.INVALID),
    ("age_days_missing", Status.INVALID),
    ("birth_weight_missing", Status.INVALID),
)
"""Why a stay is not grouped and the status that goes with it; the first that applies is told."""


def read(tables: Tables, scheme: Compiled, *, subset: bool) -> Batch:
    """Read a batch; ``subset`` says that the scheme knows only part of the codes."""
    stays = {
        name: _whole(tables.stays[name])
        for name in (
            "stay_id", "claim_type", "sex", "age_years", "age_days", "birth_date",
            "admission_date", "discharge_date", "length_of_stay_days",
            "newborn_birth_weight_g", "discharge_way", "discharge_department",
            "admission_department",
        )
    }  # fmt: skip
    diagnoses = _list(tables.diagnoses, stays["stay_id"], scheme.diagnoses)
    procedures = _list(tables.procedures, stays["stay_id"], scheme.procedures)
    measured = _measure(stays)
    if scheme.uses_icu:
        measured["icu_hours"] = _icu_hours(tables.icu_stays, stays["stay_id"])
    sex = _words(stays["sex"])
    inpatient = _truth(pc.equal(stays["claim_type"], "inpatient"))
    known_sex = sex.among(("1", "2"))
    age, days = measured["age_years"], measured["age_days"]
    count = len(age)
    young = (age == 0) & (days <= NEWBORN_DAYS)
    faults = {
        "not_inpatient": ~inpatient,
        "no_principal_diagnosis": ~mark(diagnoses.stay[diagnoses.first], count),
        **_unknown(diagnoses, procedures, count, subset=subset),
        "sex_missing": ~known_sex,
        "age_missing": np.isnan(age),
        "age_days_missing": (age == 0) & np.isnan(days),
        "birth_weight_missing": young & np.isnan(measured["birth_weight_g"]),
    }
    reason = np.full(count, -1, dtype=np.intp)
    for position, (name, _) in reversed(list(enumerate(REASONS))):
        reason[faults[name]] = position
    rows = np.flatnonzero(reason < 0)
    facts = Facts(
        scheme,
        _entries(diagnoses, count),
        _entries(procedures, count),
        measured,
        {
            "sex": sex,
            "discharge_way": _words(stays["discharge_way"]),
            "department": _words(
                pc.coalesce(stays["discharge_department"], stays["admission_department"])
            ),
        },
    )
    if len(rows) < count:
        facts = facts.take(rows)
    stay_ids = pl.Series("stay_id", pl.from_arrow(stays["stay_id"]), dtype=pl.String)
    return Batch(stay_ids, diagnoses, procedures, inpatient, reason, rows, facts)


def _unknown(
    diagnoses: Listed, procedures: Listed, count: int, *, subset: bool
) -> dict[str, Bools]:
    """Which stays have a code that stops them.

    A leading code that the crosswalk leaves out stops the stay, since another one would
    take its place. Where the scheme is a subset, codes that it does not know count as
    nothing unless they lead.
    """
    out = {"outside_subset": np.zeros(count, dtype=np.bool_)}
    for name, listed in (("unknown_diagnosis", diagnoses), ("unknown_procedure", procedures)):
        unknown, first = listed.code == UNKNOWN, listed.first
        if subset:
            out["outside_subset"] |= mark(listed.stay[unknown & first], count)
            unknown = np.zeros_like(unknown)
        left_out = (listed.code == LEFT_OUT) & first
        out[name] = mark(listed.stay[unknown | left_out], count)
    return out


def _entries(listed: Listed, count: int) -> Entries:
    used = listed.code >= 0
    if used.all():
        return Entries.of(listed.stay, listed.code, listed.first, count)
    return Entries.of(listed.stay[used], listed.code[used], listed.first[used], count)


def _list(table: pa.Table, stay_ids: pa.Array, codes: Codes) -> Listed:
    """The codes of a child table in the order of stay and ordinal; codes of no stay drop out."""
    position = pc.index_in(_whole(table["stay_id"]), value_set=stay_ids)
    stay = integers(position, missing=-1)
    ordinal = integers(_whole(table["ordinal"]), missing=_LAST)
    claimed = _whole(table["code"])
    encoded = claimed.dictionary_encode()
    of_code = [codes.ids.get(code, UNKNOWN) for code in encoded.dictionary.to_pylist()]
    ids = np.array([*of_code, UNKNOWN], dtype=np.intp)
    code = ids[integers(encoded.indices, missing=len(of_code))]
    series = pl.Series("code", pl.from_arrow(claimed), dtype=pl.String)
    key = stay * (2 * _LAST) + ordinal
    if len(key) and (position.null_count or (key[1:] < key[:-1]).any()):
        order = np.argsort(key, kind="stable")
        order = order[stay[order] >= 0]
        return Listed(stay[order], ordinal[order], series.gather(order), code[order])
    return Listed(stay, ordinal, series, code)


def _measure(stays: dict[str, pa.Array]) -> dict[str, Numbers]:
    """The numbers that tests look at, each from the field or, where that is empty, from dates."""
    age_years, stated_days = numbers(stays["age_years"]), numbers(stays["age_days"])
    birth, admission = numbers(stays["birth_date"]), numbers(stays["admission_date"])
    age_days = _known(admission - birth)
    if np.isnan(age_years).any():
        age_years = np.where(np.isnan(age_years), _completed_years(stays), age_years)
        # An age in days is stated only for children under one year.
        only_days = np.isnan(age_years) & ~np.isnan(stated_days)
        age_years = np.where(only_days, 0.0, age_years)
    stated = (age_years == 0) & ~np.isnan(stated_days)
    length = numbers(stays["length_of_stay_days"])
    between = _known(numbers(stays["discharge_date"]) - admission)
    weight = numbers(stays["newborn_birth_weight_g"])
    return {
        "age_years": age_years,
        "age_days": np.where(stated, stated_days, age_days),
        "stay_days": np.where(np.isnan(length), between, length),
        "birth_weight_g": np.where(weight > 0, weight, np.nan),
    }


def _known(values: Numbers) -> Numbers:
    """Spans of time; one that ends before it begins is not known."""
    return np.where(values >= 0, values, np.nan)


def _completed_years(stays: dict[str, pa.Array]) -> Numbers:
    birth, admission = stays["birth_date"], stays["admission_date"]

    def parts(dates: pa.Array) -> tuple[Numbers, Numbers]:
        in_year = pc.add(pc.multiply(pc.month(dates), 100), pc.day(dates))
        return numbers(pc.year(dates)), numbers(in_year)

    (born, born_on), (admitted, admitted_on) = parts(birth), parts(admission)
    return _known(admitted - born - (admitted_on < born_on))


def _icu_hours(table: pa.Table, stay_ids: pa.Array) -> Numbers:
    """Hours in intensive care; times that overlap count once. 0 without any, unknown without an end."""
    position = pc.index_in(_whole(table["stay_id"]), value_set=stay_ids)
    times = (
        pl.DataFrame(
            {
                "at": pl.from_arrow(position),
                "start": pl.from_arrow(_whole(table["start_time"])),
                "end": pl.from_arrow(_whole(table["end_time"])),
            }
        )
        .filter(pl.col("at").is_not_null())
        .sort("at", "start")
        .with_columns(before=pl.col("end").cum_max().shift().over("at"))
    )
    counted = pl.max_horizontal("start", "before")
    hours = times.group_by("at").agg(
        known=(pl.col("end") >= pl.col("start")).fill_null(False).all(),
        hours=(pl.col("end") - counted).dt.total_microseconds().clip(lower_bound=0).sum()
        / 3_600_000_000,
    )
    out = np.zeros(len(stay_ids), dtype=np.float64)
    out[hours["at"].to_numpy()] = np.where(
        hours["known"].to_numpy(), hours["hours"].to_numpy(), np.nan
    )
    return out


def _words(array: pa.Array) -> Words:
    encoded = array.dictionary_encode()
    return Words(tuple(encoded.dictionary.to_pylist()), integers(encoded.indices, missing=-1))


def _truth(array: Any) -> Bools:
    return np.asarray(array.fill_null(False).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    joined = column.combine_chunks()
    return pa.concat_arrays(joined.chunks) if isinstance(joined, pa.ChunkedArray) else joined
