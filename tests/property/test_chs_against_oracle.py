"""The engine answers as a plain reading of the tables does, on any scheme and any stays."""

from __future__ import annotations

from random import Random
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from drg import chs, grouping
from drg.schemes import Scheme
from tests import chs_schemes
from tests.chs_oracle import Oracle

STEP = ("owner", "code", "alternative", "outcome")
SEEDS = st.integers(0, 2**32 - 1)


def expected(oracle: Oracle, stays: list[dict[str, Any]]) -> grouping.Grouping:
    rows: dict[str, list[dict[str, Any]]] = {"stays": [], "diagnoses": [], "steps": []}
    for stay in stays:
        answer = oracle.group(stay)
        mine = {"stay_id": stay["stay_id"], "scheme_code": "random"}
        rows["stays"].append(mine | {k: answer.get(k, mine.get(k)) for k in grouping.STAYS})
        rows["stays"][-1] |= mine
        rows["diagnoses"] += [mine | row for row in answer["diagnoses"]]
        rows["steps"] += [
            mine | dict(zip(STEP, step, strict=True)) | {"step": number}
            for number, step in enumerate(answer["steps"], 1)
        ]
    frames = [
        pl.DataFrame([{n: row.get(n) for n in schema} for row in rows[name]], schema=schema)
        for name, schema in (
            ("stays", grouping.STAYS),
            ("diagnoses", grouping.DIAGNOSES),
            ("steps", grouping.STEPS),
        )
    ]
    return grouping.Grouping(*frames, grouping.empty(grouping.EDITS))


def case(seed: int, count: int = 40) -> tuple[Random, Scheme, list[dict[str, Any]]]:
    rng = Random(seed)
    return rng, chs_schemes.scheme(rng), chs_schemes.stays(rng, count)


@given(SEEDS)
@settings(max_examples=150)
def test_groups_trace_and_steps_are_those_of_the_plain_reading(seed: int) -> None:
    _, scheme, stays = case(seed)
    found = chs.group(chs_schemes.claim(stays), scheme)
    wanted = expected(Oracle(scheme), stays)
    assert_frame_equal(found.stays, wanted.stays)
    assert_frame_equal(found.diagnoses, wanted.diagnoses)
    assert_frame_equal(found.steps, wanted.steps)
    assert_frame_equal(found.edits, wanted.edits)


def test_the_random_schemes_reach_every_status_and_reason() -> None:
    # Otherwise the comparison above would prove less than it seems to.
    seen: set[tuple[str, str | None]] = set()
    endings: set[str] = set()
    for seed in range(150):
        _, scheme, stays = case(seed)
        answer = chs.group(chs_schemes.claim(stays), scheme)
        seen |= set(answer.stays.select("status", "reason").iter_rows())
        endings |= set(answer.steps.select("owner", "outcome").unique().iter_rows())
    reasons = set(grouping.REASONS) - {"no_scheme"}
    assert {reason for _, reason in seen if reason} == reasons
    assert {status for status, _ in seen} == set(grouping.Status)
    assert endings == {
        *(("mdc", outcome) for outcome in ("left", "entered", "taken")),
        ("adrg", "left"), ("adrg", "taken"), ("group", "taken"),
    }  # fmt: skip


@given(SEEDS)
@settings(max_examples=60)
def test_alternatives_are_what_the_plain_reading_gives_for_the_changed_stay(seed: int) -> None:
    _, scheme, stays = case(seed, 25)
    oracle = Oracle(scheme)
    claims = chs_schemes.claim(stays)
    variants = chs.Variants(chs.walked(claims, scheme))
    found, leading = chs.alternatives(variants), chs.by_diagnosis(variants)
    wanted, wanted_leading = [], []
    for stay in stays:
        own = oracle.group(stay)
        if own["status"] != "grouped":
            continue
        counting = {
            level: {
                row["used_code"]
                for row in own["diagnoses"]
                if row["ordinal"] > 1
                and row["used_code"]
                and oracle.counts(level, row["used_code"], own["principal_diagnosis"])
            }
            for level in ("mcc", "cc")
        }
        deciding = counting.get(own["severity"], set())
        lighter = None
        if len(deciding) == 1:
            kept = [
                (ordinal, code)
                for ordinal, code in stay["diagnoses"]
                if ordinal == 1 or oracle.use("diagnosis", code) not in deciding
            ]
            lighter = oracle.group(stay | {"diagnoses": kept})["group_code"]
        levels, oracle.levels = oracle.levels, {}
        bare = oracle.group(stay)["group_code"]
        oracle.levels = levels
        splits = [r for r in oracle.rows["groups"] if r["adrg"] == own["adrg"]]
        siblings = [
            row["group_code"]
            for row in sorted(splits, key=lambda row: row["rank"])
            if row["group_code"] != own["group_code"]
        ]
        wanted.append(
            (
                stay["stay_id"], bare, lighter, len(counting["mcc"]), len(counting["cc"]),
                "|".join(siblings),
            )
        )  # fmt: skip
        for row in own["diagnoses"]:
            code = row["used_code"]
            if row["ordinal"] == 1 or code in {None, own["principal_diagnosis"]}:
                continue
            swapped = [(1, code), (row["ordinal"], own["principal_diagnosis"])] + [
                other for other in stay["diagnoses"] if other[0] not in {1, row["ordinal"]}
            ]
            # Codes that are already those of the scheme are not translated again.
            known = {key: value for key, value in oracle.crosswalk.items() if key[1] != code}
            crosswalk, oracle.crosswalk = oracle.crosswalk, known
            other = oracle.group(stay | {"diagnoses": swapped})
            oracle.crosswalk = crosswalk
            wanted_leading.append(
                (
                    stay["stay_id"], row["ordinal"], code, other["group_code"], other["adrg"],
                    other["status"],
                )
            )  # fmt: skip
    assert_frame_equal(found, pl.DataFrame(wanted, schema=chs.ALTERNATIVES, orient="row"))
    assert_frame_equal(leading, pl.DataFrame(wanted_leading, schema=chs.BY_DIAGNOSIS, orient="row"))


@given(SEEDS)
@settings(max_examples=25)
def test_order_of_rows_and_company_do_not_matter(seed: int) -> None:
    rng, scheme, stays = case(seed, 8)
    whole = chs.group(chs_schemes.claim(stays), scheme)
    mixed = chs.group(chs_schemes.claim(stays, rng), scheme)
    for name in ("stays", "diagnoses", "steps"):
        one, other = getattr(whole, name), getattr(mixed, name)
        keys = [key for key in ("stay_id", "ordinal", "step") if key in one.columns]
        assert_frame_equal(one.sort(keys), other.sort(keys))
    alone = [chs.group(chs_schemes.claim([stay]), scheme) for stay in stays]
    for name in ("stays", "diagnoses", "steps"):
        assert_frame_equal(getattr(whole, name), pl.concat([getattr(a, name) for a in alone]))


@given(SEEDS)
@settings(max_examples=60)
def test_order_of_secondary_codes_does_not_matter(seed: int) -> None:
    _, scheme, stays = case(seed)
    if scheme.manifest.retry_other_procedures:
        return  # There the other procedures are tried in their order.
    turned = [
        stay
        | {
            kind: [c for c in stay[kind] if c[0] == 1]
            + [(10 - ordinal, code) for ordinal, code in stay[kind] if ordinal != 1]
            for kind in ("diagnoses", "procedures")
        }
        for stay in stays
    ]
    one, other = (
        chs.group(chs_schemes.claim(each), scheme, trace=False).stays.drop("severity_diagnosis")
        for each in (stays, turned)
    )
    assert_frame_equal(one, other)


@given(SEEDS)
@settings(max_examples=60)
def test_an_excluded_complication_changes_neither_severity_nor_group(seed: int) -> None:
    _, scheme, stays = case(seed)
    # Lists and sites that name the code may of course move the stay: here none does.
    fresh = pl.DataFrame({"code": ["D99"]})
    tables = dict(scheme.tables)
    tables["diagnoses"] = pl.concat([tables["diagnoses"], fresh], how="diagonal")
    level = pl.DataFrame({"code": ["D99"], "level": ["mcc"], "exclusion_table": ["9"]})
    tables["complications"] = pl.concat([tables["complications"], level], how="diagonal")
    excluded = pl.DataFrame({"exclusion_table": "9", "code": chs_schemes.DIAGNOSES})
    tables["exclusions"] = pl.concat([tables["exclusions"], excluded])
    more = Scheme(scheme.manifest, tables, scheme.sha256 + "+", scheme.folder)
    added = [stay | {"diagnoses": [*stay["diagnoses"], (9, "D99")]} for stay in stays]
    before = chs.group(chs_schemes.claim(stays), scheme)
    after = chs.group(chs_schemes.claim(added), more)
    had = pl.Series([any(n == 1 for n, _ in stay["diagnoses"]) for stay in stays])
    assert_frame_equal(before.stays.filter(had), after.stays.filter(had))
    judged = after.diagnoses.filter(pl.col("code") == "D99", pl.col("counted").is_not_null())
    assert judged["excluded_by"].unique().to_list() in ([], ["9"])


@given(SEEDS)
@settings(max_examples=30)
def test_without_a_trace_the_answers_are_the_same(seed: int) -> None:
    _, scheme, stays = case(seed)
    claims = chs_schemes.claim(stays)
    bare = chs.group(claims, scheme, trace=False)
    assert_frame_equal(bare.stays, chs.group(claims, scheme).stays)
    assert bare.diagnoses.is_empty()
    assert bare.steps.is_empty()
