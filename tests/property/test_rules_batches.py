"""No verdict depends on the order of rows, on how claims are cut into batches, or on the future."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from domain.tables import Tables
from tests.rules_claims import diagnosis, stay, tables

RULES = rules.load()
LOOK_BACK = [i for i in RULES.ids if i[:3] in ("ADM", "IDB", "SHF") or i == "SLQ-027"]
NOT_AS_OF_ADMISSION = {"SHF-002", "ADM-014", "SHF-001", "SHF-016"}
"""Visits during a stay begin after it, and visits before it may stand behind it on the same day;
docs/rules.md says so."""
AS_OF_DAY = {"SHF-001", "SHF-016"}
"""They see the visits of the day of admission, whatever the hour; docs/rules.md says so."""
LOOKING = RULES.only(*LOOK_BACK)
AS_OF = RULES.only(*(i for i in LOOK_BACK if i not in NOT_AS_OF_ADMISSION | AS_OF_DAY))
BY_DAY = RULES.only(*sorted(AS_OF_DAY))

START = date(2024, 1, 1)
claim = st.fixed_dictionaries(
    {
        "patient_id": st.sampled_from(["p_1", "p_2"]),
        "provider_id": st.sampled_from(["H1", "H2"]),
        "claim_type": st.sampled_from(["inpatient", "inpatient", "outpatient"]),
        "begin": st.integers(0, 30),
        "days": st.one_of(st.none(), st.integers(-1, 20)),
        "hour": st.one_of(st.none(), st.integers(0, 3)),
        "sex": st.sampled_from(["1", "2", "9", None]),
        "discharge_way": st.sampled_from(["1", "2", "5", None]),
        "planned_readmission": st.sampled_from([True, None]),
        "codes": st.lists(st.sampled_from(["J18.9", "I10", "K35.8"]), max_size=2),
        "region_code": st.sampled_from(["US", "110100"]),
    }
)


def build(claims: list[dict[str, Any]]) -> Tables:
    stays, diagnoses = [], []
    for n, one in enumerate(claims):
        one = dict(one)
        begin, days, hour = one.pop("begin"), one.pop("days"), one.pop("hour")
        listed = one.pop("codes")
        first = START + timedelta(days=begin)
        made = stay(f"s{n:02d}", first.isoformat(), days, **one)
        if hour is not None:
            made["admission_time"] = datetime.combine(first, time(hour), UTC)
        if one["claim_type"] == "outpatient":
            made["discharge_date"] = first
        made["currency"] = "USD" if one["region_code"] == "US" else "CNY"
        stays.append(made)
        diagnoses.extend(diagnosis(made["stay_id"], i, c) for i, c in enumerate(listed, 1))
    return tables(stays, diagnoses=diagnoses)


def pick(batch: Tables, ids: set[str]) -> Tables:
    return batch.select(pa.array(sorted(ids), pa.string()))


def judged(batch: Tables, history: Tables | None = None) -> dict[str, tuple[int, ...]]:
    found = rules.judge(LOOKING, batch, history=history)
    return {row[0]: row[1:] for row in found.verdicts.rows()}


def hits(batch: Tables, history: Tables | None = None) -> list[tuple[Any, ...]]:
    return rules.judge(LOOKING, batch, history=history).hits.rows()


@settings(max_examples=25)
@given(claims=st.lists(claim, min_size=1, max_size=9), seed=st.integers(0, 99))
def test_batches_and_order_do_not_matter(claims: list[dict[str, Any]], seed: int) -> None:
    whole = build(claims)
    ids = whole.stays["stay_id"].to_pylist()
    at_once = judged(whole)
    lot = random.Random(seed)
    mixed = lot.sample(range(len(ids)), len(ids))
    shuffled = Tables(
        **{
            name: table.take(
                pa.array(mixed if name == "stays" else range(len(table))[::-1], pa.int64())
            )
            for name, table in whole.items()
        }
    )
    assert judged(shuffled) == at_once
    assert hits(shuffled) == hits(whole)
    mine = {i for i in ids if lot.random() < 0.5}
    # The history may be everything, the batch's own stays included.
    for part in (mine, set(ids) - mine):
        alone = pick(whole, part)
        rest = pick(whole, set(ids) - part)
        expected = {i: at_once[i] for i in part}
        assert judged(alone, rest) == expected
        assert judged(alone, whole) == expected


@settings(max_examples=25)
@given(claims=st.lists(claim, min_size=1, max_size=8))
def test_the_future_changes_no_verdict(claims: list[dict[str, Any]]) -> None:
    whole = build(claims)
    everything = rules.judge(AS_OF, whole).verdicts
    order = (
        pl.DataFrame(whole.stays.select(["stay_id", "admission_date", "admission_time"]))
        .sort("admission_date", "admission_time", "stay_id", nulls_last=False)["stay_id"]
        .to_list()
    )
    for n, last in enumerate(order):
        upto = pick(whole, set(order[: n + 1]))
        then = rules.judge(AS_OF, upto).verdicts.filter(stay_id=last)
        assert then.equals(everything.filter(stay_id=last))
    heads = pl.DataFrame(whole.stays.select(["stay_id", "admission_date"]))
    of_days = rules.judge(BY_DAY, whole).verdicts
    for day in heads["admission_date"].unique():
        seen = set(heads.filter(pl.col("admission_date") <= day)["stay_id"])
        today = heads.filter(admission_date=day).select("stay_id")
        then = rules.judge(BY_DAY, pick(whole, seen)).verdicts
        assert (
            then.join(today, on="stay_id", how="semi")
            .sort("stay_id")
            .equals(of_days.join(today, on="stay_id", how="semi").sort("stay_id"))
        )


@settings(max_examples=20)
@given(claims=st.lists(claim, min_size=1, max_size=6))
def test_an_older_version_in_the_history_changes_nothing(claims: list[dict[str, Any]]) -> None:
    whole = build(claims)
    older = Tables(
        **{
            name: table.set_column(
                table.schema.get_field_index("admission_date"),
                table.schema.field("admission_date"),
                pc.add(table["admission_date"].cast("int32"), pa.scalar(-3, pa.int32())).cast(
                    "date32"
                ),
            )
            if name == "stays"
            else table
            for name, table in whole.items()
        }
    )
    assert judged(whole, older) == judged(whole)
