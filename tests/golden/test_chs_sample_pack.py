"""Our own compact pack: what it covers, and stays that a coder would group by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from data_samples import catalogue, grouping
from domain.tables import Tables
from drg import chs, schemes
from drg.schemes import Scheme
from drg.schemes.layout import OPERATING

PACK = Path(__file__).resolve().parents[2] / "drg" / "packs" / "chs_sample"
NEWBORN = {"age_years": 0, "age_days": 5, "newborn_birth_weight_g": 3000}


@pytest.fixture(scope="module")
def scheme() -> Scheme:
    return schemes.load(PACK)


def stays(made: list[dict[str, Any]]) -> Tables:
    """A batch of stays: ``dx`` and ``px`` are the codes in their order, the rest fields."""
    heads: list[dict[str, Any]] = []
    diagnoses: list[dict[str, Any]] = []
    procedures: list[dict[str, Any]] = []
    for number, given in enumerate(made):
        stay_id = str(number)
        fields = {k: v for k, v in given.items() if k not in ("dx", "px")}
        heads.append(
            {
                "stay_id": stay_id,
                "claim_version": 1,
                "claim_type": "inpatient",
                "region_code": "330100",
                "time_zone": "Asia/Shanghai",
                "currency": "CNY",
                "provider_id": "H1",
                "patient_id": f"P{number}",
                "sex": "1",
                "age_years": 50,
                "age_days": None,
                "newborn_birth_weight_g": None,
                "admission_date": date(2025, 3, 1),
                "discharge_date": date(2025, 3, 7),
                "length_of_stay_days": 6,
                "diagnosis_system": "ICD-10-CN",
                "procedure_system": "ICD-9-CM-3-CN",
            }
            | fields
        )
        for name, rows in (("dx", diagnoses), ("px", procedures)):
            rows.extend(
                {"stay_id": stay_id, "ordinal": ordinal, "code": code}
                for ordinal, code in enumerate(given.get(name, ()), start=1)
            )
    return Tables.of(
        {
            "stays": pa.Table.from_pylist(heads),
            "diagnoses": pa.Table.from_pylist(diagnoses),
            "procedures": pa.Table.from_pylist(
                procedures,
                schema=pa.schema(
                    [("stay_id", pa.string()), ("ordinal", pa.int32()), ("code", pa.string())]
                ),
            ),
        }
    )


def group(scheme: Scheme, *made: dict[str, Any]) -> list[str | None]:
    found = chs.group(stays(list(made)), scheme, trace=False).stays
    return found["group_code"].to_list()


def test_the_pack_is_sound(scheme: Scheme) -> None:
    errors, warnings = schemes.review(PACK)
    assert [str(e) for e in errors] == [] == [str(w) for w in warnings]


def test_the_pack_is_wide_and_says_that_it_is_a_subset(scheme: Scheme) -> None:
    assert scheme.manifest.subset
    assert "子集" in scheme.manifest.name_zh
    assert "scheme import opendrg" in scheme.manifest.source
    assert scheme.tables["adrgs"].height >= 60
    assert scheme.tables["mdcs"].height >= 18
    assert 500 <= scheme.tables["diagnoses"].height <= 900
    assert 300 <= scheme.tables["procedures"].height <= 500


@pytest.mark.parametrize("name", ["mdcs", "adrgs", "groups", "diagnoses", "procedures"])
def test_everything_has_a_name_in_both_languages(scheme: Scheme, name: str) -> None:
    frame = scheme.tables[name]
    assert frame["name_en"].null_count() == 0
    assert frame["name_zh"].str.contains(r"\p{Han}|HIV").all()
    assert frame["name_en"].str.contains(r"^[A-Z0-9]").all()
    assert not frame["name_en"].str.contains(r"\p{Han}").any()


def test_every_code_is_of_use(scheme: Scheme) -> None:
    """A diagnosis leads somewhere, raises the severity, or is one that the samples carry."""
    tables = scheme.tables
    led = set(tables["diagnosis_lists"]["code"]) | set(tables["complications"]["code"])
    idle = set(tables["diagnoses"]["code"]) - led
    assert len(idle) < 0.1 * tables["diagnoses"].height


def test_every_group_has_a_weight_and_the_worse_weigh_more(scheme: Scheme) -> None:
    everywhere = scheme.tables["weights"].filter(pl.col("region_code").is_null())
    weights = dict(everywhere.select("group_code", "weight").rows())
    assert set(weights) == set(scheme.tables["groups"]["group_code"])
    for _, listed in itertools.groupby(sorted(weights), key=lambda code: code[:3]):
        falling = [weights[code] for code in listed]
        assert falling == sorted(falling, reverse=True)
        assert len(set(falling)) == len(falling)


def test_the_sample_region_keeps_its_rates(scheme: Scheme) -> None:
    here = {"region_code": "330100"}
    rates = (
        scheme.tables["base_rates"].filter(**here).select("insurance_type", "base_rate_yuan").rows()
    )
    assert {kind: float(rate) for kind, rate in rates} == {"310": 8000, "390": 7400}
    factors = (
        scheme.tables["level_coefficients"].filter(**here).select("level", "coefficient").rows()
    )
    assert {level: float(factor) for level, factor in factors} == {"1": 0.82, "2": 0.93, "3": 1.06}


def test_what_the_samples_use_is_in_the_pack(scheme: Scheme) -> None:
    known = catalogue.load()
    used = {c.code for c in known.comorbidities}
    for template in known.templates.values():
        used |= {template.code, *template.first, *(c.code for c in template.secondary)}
        assert {o.code for o in template.operations} <= set(scheme.tables["procedures"]["code"])
        assert template.adrg in grouping.read().splits
    assert used <= set(scheme.tables["diagnoses"]["code"])


def test_every_group_can_be_reached(scheme: Scheme) -> None:
    made = list(_candidates(scheme))
    found = chs.group(stays(made), scheme, trace=False).stays
    reached = set(found["group_code"].drop_nulls())
    assert set(scheme.tables["groups"]["group_code"]) - reached == set()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        # The pre-MDC comes before what the diagnosis says; shorter ventilation does not count.
        ({"dx": ["J96.000"], "px": ["96.7201"]}, "AH15"),
        ({"dx": ["J96.000", "A41.900"], "px": ["96.7201"]}, "AH11"),
        ({"dx": ["I21.900"], "px": ["96.7201"]}, "AH15"),
        # Newborns: by weight, at its limits; a week older than 28 days is another group.
        ({"dx": ["P07.300x021"], **NEWBORN, "newborn_birth_weight_g": 1499}, "PS15"),
        ({"dx": ["P07.300x021"], **NEWBORN, "newborn_birth_weight_g": 1500}, "PS25"),
        ({"dx": ["P07.300x021"], **NEWBORN, "newborn_birth_weight_g": 1999}, "PS25"),
        ({"dx": ["P07.300x021"], **NEWBORN, "newborn_birth_weight_g": 2000}, "PS39"),
        ({"dx": ["P07.300x021"], **NEWBORN, "newborn_birth_weight_g": 2499}, "PS39"),
        ({"dx": ["P07.300x021"], **NEWBORN, "newborn_birth_weight_g": 2500}, "PS45"),
        ({"dx": ["P59.901", "P07.300x021"], **NEWBORN, "newborn_birth_weight_g": 2100}, "PS39"),
        ({"dx": ["P59.901"], **NEWBORN, "age_days": 28}, "PU15"),
        ({"dx": ["P59.901"], **NEWBORN, "age_days": 29}, "PV15"),
        ({"dx": ["P22.101"], **NEWBORN}, "PR15"),
        ({"dx": ["P22.101"], "px": ["96.7101"], **NEWBORN}, "PK15"),
        # HIV comes before the organ; with an operation it is another group.
        ({"dx": ["B20.003"]}, "YR15"),
        ({"dx": ["B20.003"], "px": ["32.4100"]}, "YC15"),
        ({"dx": ["Z21.x00x001"]}, "YR29"),
        # Multiple trauma needs two sites; the second may stand anywhere.
        ({"dx": ["S22.400", "S82.201"]}, "ZZ15"),
        ({"dx": ["S22.400", "I10.x00x002", "S36.102"], "px": ["54.1100"]}, "ZD19"),
        ({"dx": ["S27.301", "S22.400"]}, "EU19"),
        ({"dx": ["S72.000", "S42.300"], "px": ["81.5201"]}, "ZC15"),
        ({"dx": ["S72.000"], "px": ["81.5201"]}, "IC29"),
        # Sex decides which category looks at the codes.
        ({"dx": ["N40.x00"], "px": ["60.2902"], "sex": "1"}, "MB19"),
        ({"dx": ["D25.900"], "px": ["68.4100"], "sex": "2"}, "NC19"),
        ({"dx": ["D25.900"], "px": ["68.2901"], "sex": "2"}, "NE19"),
        ({"dx": ["D25.900"], "px": ["68.2901"], "sex": "1"}, "0000"),
        # Obstetrics.
        ({"dx": ["O34.201"], "px": ["74.1x01"], "sex": "2"}, "OB19"),
        ({"dx": ["O70.000"], "px": ["73.5900x002"], "sex": "2"}, "OC19"),
        # Chemotherapy needs the procedure.
        ({"dx": ["Z51.103", "C18.700"], "px": ["99.2503"]}, "RE13"),
        ({"dx": ["Z51.103", "C18.700"]}, "RU13"),
        # Two procedures of two lists, in either order; one alone is another group.
        ({"dx": ["I25.103"], "px": ["35.2201", "36.1500"]}, "FB19"),
        ({"dx": ["I25.103"], "px": ["36.1500", "88.5500", "35.2201"]}, "FB19"),
        ({"dx": ["I25.103"], "px": ["35.2201"]}, "FB25"),
        ({"dx": ["C50.900"], "px": ["85.4301", "85.7100x001"]}, "JA19"),
        ({"dx": ["C50.900"], "px": ["85.4301"]}, "JA29"),
        ({"dx": ["C50.900"], "px": ["85.2200", "40.2300"]}, "JA29"),
        # One operation, two groups: the diagnosis decides first.
        ({"dx": ["K35.300"], "px": ["47.0100"]}, "GD15"),
        ({"dx": ["K35.800x001"], "px": ["47.0100"]}, "GD25"),
        # Splits.
        ({"dx": ["J18.900"]}, "ES35"),
        ({"dx": ["J18.900", "E87.600"]}, "ES33"),
        ({"dx": ["J18.900", "E87.600", "I50.900"]}, "ES31"),
        # A complication that belongs to the principal diagnosis does not count.
        ({"dx": ["I63.900", "I61.004"]}, "BR25"),
        ({"dx": ["J18.900", "I61.004"]}, "ES31"),
        ({"dx": ["E11.103", "E11.300"]}, "KS15"),
        # An operation that has nothing to do with the principal diagnosis.
        ({"dx": ["J18.900"], "px": ["51.2300"]}, "EQY"),
        ({"dx": ["I10.x05"], "px": ["47.0100"]}, "FQY"),
        ({"dx": ["J18.900"], "px": ["38.9302"]}, "ES35"),
        # A heading is no principal diagnosis; other editions are translated.
        ({"dx": ["I10.x00"]}, "0000"),
        ({"dx": ["I10.x00x031"]}, "FV25"),
        ({"dx": ["N18.001"], "px": ["39.9500"]}, "LL15"),
    ],
)  # fmt: skip
def test_a_stay_is_grouped_as_by_hand(made: dict[str, Any], expected: str, scheme: Scheme) -> None:
    assert group(scheme, made) == [expected]


def _candidates(scheme: Scheme) -> Iterator[dict[str, Any]]:
    """Stays that meet the conditions of each ADRG, each plain, with a CC and with an MCC."""
    tables = scheme.tables
    lists = {
        name: dict(tables[name].group_by("list", maintain_order=True).agg("code").rows())
        for name in ("diagnosis_lists", "procedure_lists")
    }
    operating = tables["procedures"].filter("operating")["code"].to_list()
    rules: dict[str, dict[int, list[tuple[str, str, str]]]] = {}
    for row in tables["conditions"].filter(owner="adrg").iter_rows(named=True):
        rules.setdefault(row["code"], {}).setdefault(row["alternative"], []).append(
            (row["test"], row["op"], row["value"])
        )
    excluded = set(tables["exclusions"].select("exclusion_table", "code").rows())
    worse = {
        level: tables["complications"].filter(level=level).select("code", "exclusion_table").rows()
        for level in ("cc", "mcc")
    }
    for adrg, mdc in tables["adrgs"].select("adrg", "mdc").rows():
        for needs in rules.get(adrg, {1: []}).values():
            of_mdc = lists["diagnosis_lists"].get(f"mdc.{mdc}", ["J96.000"])
            principals, anywhere, parts = of_mdc, [None], []
            extra: dict[str, Any] = {}
            for test, op, value in needs:
                if test == "principal_diagnosis":
                    principals = [c for c in lists["diagnosis_lists"][value] if c in of_mdc]
                elif test == "any_diagnosis":
                    anywhere = lists["diagnosis_lists"][value]
                elif test in ("main_procedure", "any_procedure") and op == "in":
                    codes = operating if value == OPERATING else lists["procedure_lists"][value]
                    parts.append(codes[:30] if len(needs) < 3 else codes[:4])
                elif test == "birth_weight_g":
                    step = {"<": -1, ">=": 0}[op]
                    extra.setdefault("newborn_birth_weight_g", int(value) + step)
            if mdc == "P":
                extra = NEWBORN | extra | ({"age_days": 100} if adrg == "PV1" else {})
            if mdc == "Z":
                extra["also"] = ["S22.400", "S82.201"]
            if mdc in "NO":
                extra["sex"] = "2"
            also = extra.pop("also", [])
            for principal, px in itertools.product(principals[:6], itertools.product(*parts)):
                for member in (None, *anywhere[:2]):
                    base = [principal, *also] + ([member] if member else [])
                    for more in _complications(principal, worse, excluded):
                        dx = list(dict.fromkeys(base + more))
                        yield {"dx": dx, "px": list(dict.fromkeys(px)), **extra}


def _complications(
    principal: str,
    worse: dict[str, list[tuple[str, str]]],
    excluded: set[tuple[str, str]],
) -> Iterator[list[str]]:
    """No complication, then the first two of each level that count beside the principal."""
    yield []
    for listed in worse.values():
        counting = (
            c for c, table in listed if (table, principal) not in excluded and c[0] in "IEJ"
        )
        yield from ([code] for code in itertools.islice(counting, 2))
