"""Grouping and pricing a batch whose stays belong to several schemes or to none."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

import drg
from drg.nearby import ALTERNATIVES
from drg.settlement import PRICED, Settled
from tests.rules_claims import diagnosis, procedure, stay, tables
from tests.schemes import tiny

CN = {
    "region_code": "110101", "insurance_type": "310", "provider_level": "3", "sex": "1", "age_years": 60,
}  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> drg.Library:
    return drg.load([tiny(tmp_path_factory.mktemp("scheme"))])


@pytest.fixture(scope="module")
def settled(library: drg.Library) -> Settled:
    stays = [
        stay("infarct", **CN, total_amount_fen=900_000, billed_group_code="BR11"),
        stay("visit", days=0, claim_type="outpatient", **CN),
        stay("us", "2026-01-05", 4, region_code="US", currency="USD", sex="2", age_years=70,
             diagnosis_system="ICD-10-CM", procedure_system="ICD-10-PCS"),
        stay("long ago", "2009-01-05", 4, region_code="US", currency="USD",
             diagnosis_system="ICD-9-CM", procedure_system="ICD-9-CM-3", billed_group_code="292"),
        stay("no sex", **{**CN, "sex": None}, billed_group_code="BR25"),
        stay("nothing fits", **CN),
    ]  # fmt: skip
    codes = {
        "infarct": ["I63.900", "E11.900", "I10.x00"],
        "visit": ["I10.x00"],
        "us": ["I50.20", "E11.65"],
        "long ago": ["4280"],
        "no sex": ["I63.900"],
        "nothing fits": ["I10.x00"],
    }
    return drg.settle(
        tables(
            stays,
            diagnoses=[
                diagnosis(stay_id, n, code)
                for stay_id, listed in codes.items()
                for n, code in enumerate(listed, 1)
            ],
            procedures=[procedure("infarct", 1, "88.4100")],
        ),
        library,
        trace=True,
    )


def row(settled: Settled, stay_id: str) -> dict[str, object]:
    found = settled.priced.filter(pl.col("stay_id") == stay_id).to_dicts()
    assert len(found) == 1
    return found[0]


def test_every_stay_has_one_row_in_the_order_of_the_batch(settled: Settled) -> None:
    assert settled.priced["stay_id"].to_list() == [
        "infarct", "visit", "us", "long ago", "no sex", "nothing fits",
    ]  # fmt: skip
    assert settled.grouping.stays["stay_id"].to_list() == settled.priced["stay_id"].to_list()
    assert settled.priced.schema == PRICED


def test_the_grouper_s_group_pays_and_the_billed_one_stands_beside_it(settled: Settled) -> None:
    told = row(settled, "infarct")
    assert (told["scheme_code"], told["group_status"]) == ("tiny", "grouped")
    assert told["grouped_code"] == told["group_code"] == "BR25"
    assert told["group_source"] == "grouper"
    # 0.72 x 11,000 yuan in that district; the billed BR11 weighs 1.6 until the end of 2024.
    assert told["payment_standard_fen"] == 792_000
    assert told["billed_group_weight"] == Decimal("1.6000")
    assert told["billed_payment_standard_fen"] == 1_760_000
    assert told["payment_balance_fen"] == 792_000 - 900_000


def test_the_billed_group_stands_in_where_the_grouper_cannot_answer(settled: Settled) -> None:
    told = row(settled, "no sex")
    assert (told["group_status"], told["group_reason"]) == ("invalid", "sex_missing")
    assert (told["group_code"], told["group_source"]) == ("BR25", "billed")
    assert told["grouped_code"] is None
    assert told["adrg"] is None
    assert told["payment_standard_fen"] == told["billed_payment_standard_fen"] == 792_000


def test_what_has_no_group_has_no_price_and_says_why(settled: Settled) -> None:
    told = row(settled, "nothing fits")
    assert (told["group_status"], told["group_reason"]) == ("ungroupable", "no_mdc")
    assert told["group_code"] == told["grouped_code"] == "0000"
    assert told["payment_standard_fen"] is None
    assert told["price_absent"] == "no_weight"


def test_a_us_stay_is_grouped_by_its_own_scheme(settled: Settled) -> None:
    told = row(settled, "us")
    assert (told["scheme_code"], told["group_status"]) == ("ms_fy2026", "grouped")
    assert told["group_code"] == "293"
    assert told["group_weight"] is not None


def test_a_stay_of_no_scheme_keeps_its_billed_group_without_a_price(settled: Settled) -> None:
    told = row(settled, "long ago")
    assert told["scheme_code"] is None
    assert (told["group_status"], told["group_reason"]) == ("not_grouped", "no_scheme")
    assert (told["group_code"], told["group_source"]) == ("292", "billed")
    assert told["price_absent"] == "no_scheme"


def test_a_visit_is_not_grouped(settled: Settled) -> None:
    told = row(settled, "visit")
    assert (told["group_status"], told["group_reason"]) == ("not_grouped", "not_inpatient")
    assert told["payment_standard_fen"] is None


def test_a_part_of_the_batch_gets_the_same_answer(settled: Settled, library: drg.Library) -> None:
    for stay_id in ("infarct", "us", "long ago"):
        ids = pl.Series([stay_id]).to_arrow()
        alone = drg.settle(settled.tables.select(ids), library)
        assert alone.priced.to_dicts() == [row(settled, stay_id)]


def test_nothing_is_settled_into_nothing(settled: Settled, library: drg.Library) -> None:
    none = drg.settle(settled.tables.select(pl.Series([], dtype=pl.String).to_arrow()), library)
    assert none.priced.schema == PRICED
    assert none.priced.height == none.alternatives.height == none.outlook.height == 0


def test_near_groups_carry_their_weights(settled: Settled) -> None:
    assert settled.alternatives.schema == ALTERNATIVES
    near = settled.alternatives.filter(pl.col("stay_id") == "infarct").to_dicts()[0]
    assert (near["counting_mcc"], near["counting_cc"]) == (0, 1)
    assert near["group_without_complications"] == "BR25"
    assert near["weight_without_complications"] == Decimal("0.7200")
    assert near["sibling_groups"] == "BR21"


def test_the_words_hold_the_numbers(settled: Settled) -> None:
    told = {one["stay_id"]: one for one in drg.tell(settled, trace=True)}
    infarct = told["infarct"]
    assert infarct["group_name"]["zh"] == "脑缺血"
    assert infarct["price"]["weight"] == "0.7200"
    assert "7,920.00" in infarct["formula"]["zh"]
    assert "7,920.00" in infarct["formula"]["en"]
    assert [d["level"] for d in infarct["diagnoses"]] == [None, "cc", None]
    assert infarct["steps"][-1]["code"] == "BR25"
    assert all(step["why"]["zh"] and step["why"]["en"] for step in infarct["steps"])
    assert told["no sex"]["reason"]["code"] == "sex_missing"
    assert told["no sex"]["reason"]["zh"]
    assert told["long ago"]["formula"] is None
    assert told["us"]["group_name"]["en"]
    assert all(one["status_name"]["zh"] for one in told.values())


def test_texts_do_not_need_a_trace(settled: Settled) -> None:
    (first, *_) = drg.tell(settled)
    assert "steps" not in first
    assert first["formula"]["zh"]


def test_every_status_and_reason_has_words(settled: Settled) -> None:
    from drg import medicare
    from drg.grouping import REASONS, Status
    from drg.telling import STATUS_NAMES

    assert set(STATUS_NAMES) == set(Status)
    for zh, en in (*REASONS.values(), *medicare.REASONS.values()):
        assert zh
        assert en


def test_a_folder_of_schemes_without_a_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(drg.schemes.SchemeError, match=r"scheme\.toml"):
        drg.load([tmp_path])
