"""What a group pays, against hand-computed Decimal amounts."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import drg
from domain.tables import Tables
from drg.pack import PackError

GROUPS = "group_code,name_zh,name_en,weight,mean_stay_days,source\nES25,肺炎,Pneumonia,{weight},7.5,test\n"
REGION = (
    "region_code,insurance_type,base_rate_yuan,level,level_coefficient,effective_from,source\n"
    "330100,310,{rate},3,{coefficient},2023-01-01,test\n"
    "330100,310,9999.99,3,1,2025-01-01,test\n"
)


def write_pack(
    folder: Path, weight: str = "1.2345", rate: str = "12165.26", coefficient: str = "1.0500"
) -> Path:
    (folder / "groups.csv").write_text(GROUPS.format(weight=weight), "utf-8")
    (folder / "region.csv").write_text(REGION.format(rate=rate, coefficient=coefficient), "utf-8")
    return folder


def stay(**changes: object) -> Tables:
    row = {
        "stay_id": "s1",
        "claim_version": 1,
        "claim_type": "inpatient",
        "region_code": "330100",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "provider_id": "H1",
        "provider_level": "3",
        "patient_id": "p_1",
        "insurance_type": "310",
        "admission_date": date(2024, 3, 1),
        "discharge_date": date(2024, 3, 8),
        "diagnosis_system": "ICD-10-CN",
        "procedure_system": "ICD-9-CM-3-CN",
        "billed_group_code": "ES25",
    } | changes
    return Tables.of({"stays": pa.Table.from_pylist([row])})


def test_price_is_weight_times_rate_times_coefficient(tmp_path: Path) -> None:
    pack = drg.load(write_pack(tmp_path))
    (row,) = drg.price(stay(), pack).to_dicts()
    exact = Decimal("1.2345") * Decimal("12165.26") * Decimal("1.05") * 100
    assert row["payment_standard_fen"] == int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    assert row["group_weight"] == Decimal("1.2345")
    assert row["mean_stay_days"] == 7.5


@given(
    weight=st.decimals("0.0001", "99.9999", places=4),
    rate=st.decimals("0.01", "99999.99", places=2),
    coefficient=st.decimals("0.0001", "9.9999", places=4),
)
def test_money_is_exact_to_the_fen_for_every_rate(
    tmp_path_factory: pytest.TempPathFactory, weight: Decimal, rate: Decimal, coefficient: Decimal
) -> None:
    folder = write_pack(
        tmp_path_factory.mktemp("pack"), f"{weight:f}", f"{rate:f}", f"{coefficient:f}"
    )
    (row,) = drg.price(stay(), drg.load(folder)).to_dicts()
    exact = (weight * rate * coefficient * 100).quantize(Decimal(1), ROUND_HALF_UP)
    assert row["payment_standard_fen"] == int(exact)


def test_the_rate_in_force_at_discharge_counts(tmp_path: Path) -> None:
    pack = drg.load(write_pack(tmp_path))
    later = stay(admission_date=date(2024, 12, 30), discharge_date=date(2025, 1, 1))
    assert drg.price(later, pack)["payment_standard_fen"][0] == 1_234_499  # 1.2345 x 9,999.99


@pytest.mark.parametrize(
    "changes",
    [
        {"billed_group_code": "ZZ99"},
        {"billed_group_code": None},
        {"region_code": "US"},
        {"insurance_type": None},
        {"provider_level": "1"},
        {"claim_type": "outpatient"},
        {"admission_date": date(2020, 1, 1), "discharge_date": date(2020, 1, 5)},
    ],
)
def test_what_the_pack_does_not_know_is_null_and_the_stay_is_kept(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    priced = drg.price(stay(**changes), drg.load(write_pack(tmp_path)))
    assert priced.height == 1
    assert priced["payment_standard_fen"].to_list() == [None]
    assert priced["group_weight"].to_list() == [None]


@pytest.mark.parametrize(
    ("weight", "message"),
    [("0", "weight"), ("1.23456", "weight"), ("1e3", "weight"), ("-1", "weight"), ("", "weight")],
)
def test_a_bad_weight_is_refused_with_file_row_and_cure(
    tmp_path: Path, weight: str, message: str
) -> None:
    with pytest.raises(PackError, match=message) as refused:
        drg.load(write_pack(tmp_path, weight=weight))
    assert refused.value.where.endswith("groups.csv:2")
    assert refused.value.cure


def test_a_group_named_twice_is_refused(tmp_path: Path) -> None:
    write_pack(tmp_path)
    path = tmp_path / "groups.csv"
    path.write_text(path.read_text("utf-8") + "ES25,肺炎,Pneumonia,2,7,test\n", "utf-8")
    with pytest.raises(PackError, match="same group_code"):
        drg.load(tmp_path)


def test_the_shipped_sample_pack_loads() -> None:
    pack = drg.load()
    assert pack.groups.height >= 20
    assert pack.rates.filter(pl.col("region_code") == "330100").height >= 2
