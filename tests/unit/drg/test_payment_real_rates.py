"""Published weights, base rates and level coefficients, loaded as a pack and paid to the fen.

The figures are read where they lie and become a pack of this test's own: Harbin's weights of
2022 to 2024 with its two base rates a year, and the rates and coefficients of 33 cities.
The cities publish no weights there; for them the test borrows three of Harbin's.
"""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from drg import payment_terms, schemes
from drg.schemes import Scheme
from tests.payment_packs import sheet
from tests.rules_claims import stay, tables

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "chs_payment"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="../shared is not here"),
]

HARBIN_RATES = {
    ("2023", "310"): "12165.26",
    ("2023", "390"): "12099.85",
    ("2024", "310"): "12252.70",
    ("2024", "390"): "9649.24",
}
BORROWED = ("AG19", "GC25", "RE15")

DIVISIONS = {
    "丹东": "2106", "乐山": "5111", "克州": "6530", "内江": "5110", "南宁": "4501", "南昌": "3601",
    "南通": "3206", "合肥": "3401", "周口": "4116", "嘉兴": "3304", "四川": "5199", "宁波": "3302",
    "安康": "6109", "宜宾": "5115", "开封": "4102", "徐州": "3203", "来宾": "4513", "桂林": "4503",
    "漯河": "4111", "玉林": "4509", "盐城": "3209", "自贡": "5103", "贵港": "4508", "达州": "5117",
    "金华": "3307", "防城港": "4506", "雅安": "5118", "临沂": "3713", "兰州": "6201", "庆阳": "6210",
    "泉州": "3505", "甘肃省直": "6299", "苏州": "3205",
}  # fmt: skip
"""Division codes of the cities (GB/T 2260); provincial funds take the 99 that claims carry."""

NATIONAL = {"一级": "1", "二级": "2", "三级": "3"}
"""Words that mean a level that a claim states; all others stay the city's own."""


def read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def hospital(city: str, word: str) -> str:
    return f"{DIVISIONS[city]}-{word}"


@pytest.fixture(scope="module")
def weights() -> dict[tuple[str, str], Decimal]:
    return {(r["year"], r["drg"]): Decimal(r["weight"]) for r in read("harbin_weights.csv")}


@pytest.fixture(scope="module")
def scheme(
    tmp_path_factory: pytest.TempPathFactory, weights: dict[tuple[str, str], Decimal]
) -> Scheme:
    groups = sorted({group for _, group in weights})
    adrgs = sorted({group[:3] for group in groups})
    mdcs = sorted({group[0] for group in groups})

    def owner(kind: str, codes: list[str]) -> list[str]:
        # Any condition will do: nothing is grouped here, but each group must be reachable.
        return [f"{kind},{code},1,department,is,{code}" for code in codes]

    def ranked(codes: list[str]) -> list[tuple[int, str]]:
        return list(enumerate(codes, 1))

    texts = {
        "mdcs": ["mdc,rank,ambiguity,ambiguity_after,name_zh,name_en",
                 *(f"{mdc},{n},none,,{mdc}," for n, mdc in ranked(mdcs))],
        "adrgs": ["adrg,mdc,rank,kind,when_unsplit,name_zh,name_en",
                  *(f"{adrg},{adrg[0]},{n},medical,stop,{adrg}," for n, adrg in ranked(adrgs))],
        "groups": ["group_code,adrg,rank,name_zh,name_en",
                   *(f"{group},{group[:3]},{n},{group}," for n, group in ranked(groups))],
        "conditions": ["owner,code,alternative,test,op,value", *owner("mdc", mdcs),
                       *owner("adrg", adrgs), *owner("group", groups)],
        "diagnosis_lists": ["list,code"],
        "procedure_lists": ["list,code"],
        "diagnoses": ["code,name_zh,name_en"],
        "procedures": ["code,operating,name_zh,name_en"],
        "complications": ["code,level,exclusion_table"],
    }  # fmt: skip
    published = {"source": "shared/data/chs_payment"}
    harbin = {"region_code": "2301", **published}
    levels = read("city_level_coefficients.csv")
    sheets = {
        "weights": [
            *({**harbin, "group_code": group, "weight": weight,
               "effective_from": f"{year}-01-01", "effective_to": f"{year}-12-31"}
              for (year, group), weight in weights.items()),
            *({"region_code": "", "group_code": group, "weight": weights["2024", group],
               "source": "borrowed from Harbin"} for group in BORROWED),
        ],
        "base_rates": [
            *({**harbin, "insurance_type": insurance, "base_rate_yuan": rate,
               "effective_from": f"{year}-01-01", "effective_to": f"{year}-12-31"}
              for (year, insurance), rate in HARBIN_RATES.items()),
            *({**published, "region_code": DIVISIONS[row["city"]], "base_rate_yuan": row["base_rate_yuan"]}
              for row in read("city_base_rates.csv")),
        ],
        "level_coefficients": [
            {**published, "region_code": DIVISIONS[row["city"]], "coefficient": row["coefficient"],
             "level": NATIONAL.get(row["hospital_level"], row["hospital_level"])}
            for row in levels
        ],
        "hospital_levels": [
            {"provider_id": hospital(row["city"], row["hospital_level"]), "level": row["hospital_level"],
             **published}
            for row in levels if row["hospital_level"] not in NATIONAL
        ],
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("real")
    (folder / "scheme.toml").write_text(
        'code = "real"\nname_zh = "x"\nname_en = "x"\nengine = "chs"\nversion = "1"\n'
        "effective_from = 2022-01-01\n",
        encoding="utf-8",
    )
    for name, lines in texts.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, rows in sheets.items():
        (folder / f"{name}.csv").write_text(sheet(name, *rows), encoding="utf-8")
    return schemes.load(folder)


def pay(scheme: Scheme, asked: list[tuple[str, dict[str, object]]]) -> pl.DataFrame:
    claims = [
        stay(f"S{n}", total_amount_fen=1_000_000, discharge_date=date(2024, 6, 30)) | more
        for n, (_, more) in enumerate(asked)
    ]
    stays = pl.DataFrame({
        "stay_id": [c["stay_id"] for c in claims],
        "group_code": [group for group, _ in asked],
        "adrg": [group[:3] for group, _ in asked],
    })  # fmt: skip
    return payment_terms.pay(stays, tables(claims), scheme)


def in_harbin(year: str, insurance: str) -> dict[str, object]:
    return {
        "region_code": "230102",
        "insurance_type": insurance,
        "provider_level": "1",
        "admission_date": date(int(year), 1, 1),
        "discharge_date": date(int(year), 12, 31),
    }


def test_harbin_pays_what_the_arithmetic_on_paper_says(scheme: Scheme) -> None:
    paid = pay(scheme, [
        ("AG19", in_harbin("2024", "310")),  # 33.289 x 12,252.70 = 407,880.1303
        ("GC25", in_harbin("2024", "390")),  # 2.228 x 9,649.24 = 21,498.50672
        ("RE15", in_harbin("2024", "310")),  # 0.4707 x 12,252.70 = 5,767.34589
        ("RE15", in_harbin("2024", "390")),  # 0.4707 x 9,649.24 = 4,541.897268
        ("AG19", in_harbin("2023", "390")),  # 33.289 x 12,099.85 = 402,791.90665
    ])  # fmt: skip
    assert paid["payment_standard_fen"].to_list() == [
        40_788_013,
        2_149_851,
        576_735,
        454_190,
        40_279_191,
    ]
    assert paid["payment_fen"].equals(paid["payment_standard_fen"])
    assert paid["level_coefficient"].null_count() == 5  # the rates given are those of level I


def test_all_groups_of_harbin_in_every_year_and_insurance(
    scheme: Scheme, weights: dict[tuple[str, str], Decimal]
) -> None:
    asked = [
        (year, insurance, group)
        for year, group in weights
        for insurance in ("310", "390")
    ]  # fmt: skip
    paid = pay(scheme, [(g, in_harbin(year, insurance)) for year, insurance, g in asked])
    expected, absent = [], []
    for year, insurance, group in asked:
        rate = HARBIN_RATES.get((year, insurance))
        absent.append(None if rate else "no_rate")
        expected.append(rate and int(weights[year, group] * Decimal(rate) * 100 + Decimal("0.5")))
    assert paid["payment_standard_fen"].to_list() == expected
    assert paid["absent"].to_list() == absent
    assert sum(reason is None for reason in absent) == 4 * 703
    assert absent.count("no_rate") == 2 * 660


CITIES = [
    ("丹东", "三甲", "GC25", 1_752_322),  # 2.228 x 7,150 x 1.1 = 17,523.22
    ("徐州", "二级", "GC25", 2_279_351),  # 2.228 x 11,700 x 0.8744 = 22,793.50944
    ("克州", "三级", "RE15", 262_745),  # 0.4707 x 5,582.01 = 2,627.4521
    ("雅安", "三乙", "AG19", 19_640_510),  # 33.289 x 5,000 x 1.18 = 196,405.10
    ("防城港", "乡镇", "RE15", 208_021),  # 0.4707 x 7,990.2388 x 0.5531 = 2,080.212088...
    ("防城港", "乡镇中心", "AG19", 15_427_249),  # 33.289 x 7,990.2388 x 0.58 = 154,272.494459...
]


def at_level(city: str, word: str) -> dict[str, object]:
    own = word not in NATIONAL
    return {
        "region_code": DIVISIONS[city] + "00",
        "provider_id": hospital(city, word) if own else "H1",
        "provider_level": "3" if own else NATIONAL[word],
    }


def test_cities_pay_by_their_own_words_for_levels(scheme: Scheme) -> None:
    paid = pay(scheme, [(group, at_level(city, word)) for city, word, group, _ in CITIES])
    assert paid["payment_standard_fen"].to_list() == [fen for *_, fen in CITIES]
    assert paid["hospital_level"].to_list() == [NATIONAL.get(w, w) for _, w, *_ in CITIES]


def test_every_city_and_level_is_exact_or_says_what_is_missing(scheme: Scheme) -> None:
    rates = {row["city"]: Decimal(row["base_rate_yuan"]) for row in read("city_base_rates.csv")}
    levels = read("city_level_coefficients.csv")
    paid = pay(scheme, [("GC25", at_level(r["city"], r["hospital_level"])) for r in levels])
    for row, found in zip(levels, paid.to_dicts(), strict=True):
        rate = rates.get(row["city"])
        if rate is None:
            assert (found["absent"], found["payment_standard_fen"]) == ("no_rate", None)
            continue
        exact = Decimal("2.228") * rate * Decimal(row["coefficient"])
        assert found["payment_standard_fen"] == int(exact * 100 + Decimal("0.5")), row
        assert found["base_rate_fen"] == rate * 100
        assert found["level_coefficient"] == Decimal(row["coefficient"])
    # A third-level hospital that the city does not list is not taken for one of its 三甲.
    unlisted = {**at_level("丹东", "三甲"), "provider_id": "H1"}
    assert pay(scheme, [("GC25", unlisted)])["absent"].to_list() == ["no_coefficient"]
