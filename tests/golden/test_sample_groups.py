"""The grouper puts every sample stay into the group that it bills.

Checks on grouping compare the two; only what was planted may differ.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import data_samples
from domain.tables import Tables
from drg import chs, schemes
from drg.schemes import Scheme
from streaming import intake
from streaming.pseudonym import PseudonymKey

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data_samples"
PACK = ROOT / "drg" / "packs" / "chs_sample"

# Patterns whose planted fault changes a code, its order, or a field that grouping needs.
CODED_WRONG = {
    "P-SLQ-001-1": "no sex",
    "P-DXC-003-1": "an external cause stands first",
    "P-DXC-005-1": "a stent stands first",
    "P-DXC-006-1": "a symptom stands first",
    "P-DXC-020-1": "a newborn's disease in a child",
    "P-GRP-001-1": "no birth weight",
    "P-GRP-003-1": "a heavier group is billed",
    "P-GRP-006-1": "an excluded diagnosis is counted",
    "P-PXC-010-2": "an operation that the subset lacks",
    "P-SLQ-006-1": "the sex is not stated",
    "P-SLQ-011-1": "a code of four places",
    "P-SLQ-017-1": "no birth weight",
}


@pytest.fixture(scope="module")
def scheme() -> Scheme:
    return schemes.load(PACK)


def read(path: Path) -> Tables:
    found = intake.read([path], "jsonl", key=PseudonymKey(b"sample-tests" * 3))
    assert found.set_aside == 0
    return found.tables


def group(tables: Tables, scheme: Scheme) -> pl.DataFrame:
    stays = pl.DataFrame(
        tables.stays.select(["stay_id", "claim_type", "billed_group_code", "diagnosis_system"])
    )
    found = chs.group(tables, scheme, trace=False).stays
    return stays.filter(claim_type="inpatient", diagnosis_system="ICD-10-CN").join(
        found, on="stay_id"
    )


def differing(found: pl.DataFrame) -> list[tuple[object, ...]]:
    return (
        found.filter(pl.col("billed_group_code").ne_missing(pl.col("group_code")))
        .select("stay_id", "billed_group_code", "group_code", "reason")
        .rows()
    )


def test_the_committed_month_bills_what_it_codes(scheme: Scheme) -> None:
    found = group(read(SAMPLES / "clean" / "month-small.jsonl"), scheme)
    assert found.height == 34
    assert differing(found) == []


@pytest.mark.parametrize(
    ("preset", "seed"), [("clean", 11), ("clean", 20250301), ("demo", 3), ("demo", 8)]
)
def test_a_generated_month_bills_what_it_codes(
    preset: str, seed: int, scheme: Scheme, tmp_path: Path
) -> None:
    data_samples.produce(tmp_path, preset=preset, stays=500, seed=seed)  # type: ignore[arg-type]
    found = group(read(tmp_path / "stays.jsonl"), scheme)
    assert found.height == 500
    assert differing(found) == []
    assert found["status"].unique().to_list() == ["grouped"]


def test_a_month_shows_many_groups_categories_and_all_severities(
    scheme: Scheme, tmp_path: Path
) -> None:
    data_samples.produce(tmp_path, preset="clean", stays=800, seed=5)
    found = group(read(tmp_path / "stays.jsonl"), scheme)
    assert found["group_code"].n_unique() >= 60
    assert found["mdc"].n_unique() >= 16
    assert {"A", "M", "N", "O", "P", "R", "Z"} <= set(found["mdc"])
    assert found["severity"].value_counts()["count"].min() > 50  # type: ignore[operator]
    # Newborns are split by weight and by what is wrong with them.
    assert found.filter(mdc="P")["adrg"].n_unique() >= 3


def test_only_planted_codes_group_elsewhere(scheme: Scheme) -> None:
    wrong = {}
    for path in sorted((SAMPLES / "patterns").glob("*.jsonl")):
        for stay_id, billed, found, reason in differing(group(read(path), scheme)):
            if billed is not None:  # some patterns bill no group, so that nothing else is wrong
                wrong[stay_id] = (billed, found, reason)
    assert set(wrong) == set(CODED_WRONG), wrong
    assert wrong["P-SLQ-001-1"][2] == "sex_missing"


def test_open_stays_group_on_what_is_known(scheme: Scheme, tmp_path: Path) -> None:
    data_samples.produce(tmp_path, preset="clean", stays=5, seed=2, still_in=60)
    found = group(read(tmp_path / "open.jsonl"), scheme)
    assert found.height == 60
    assert found["status"].unique().to_list() == ["grouped"]
