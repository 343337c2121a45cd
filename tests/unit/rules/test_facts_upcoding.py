"""Facts of complications that raise the group, and of what else a group rests on; one scene a test.

The sample scheme groups: pneumonia (ES3) and cerebral infarction (BR2) have three groups each.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import drg
from domain.tables import Tables
from rules.facts import Source, build
from rules.facts.codebook import ReferenceTableError
from rules.facts.evidence import support
from rules.facts.reference import FOLDER
from tests.rules_claims import charge, day, diagnosis, procedure, stay, tables, visit

CN = {
    "region_code": "330100", "insurance_type": "310", "provider_level": "3", "sex": "1", "age_years": 60,
    "total_amount_fen": 900_000,
}  # fmt: skip
CHEST_CT, BLOOD_GAS, NT_PROBNP, KIDNEY, DIALYSIS = (
    "S-0103002", "S-0104017", "S-0104014", "S-0104005", "S-0105016",
)  # fmt: skip
PNEUMONIA, HEART, FAILURE, KIDNEYS, FIBRILLATION, EMBOLISM = (
    "J18.900", "I50.900", "J96.000", "N17.900", "I48.000", "I26.900x001",
)  # fmt: skip


@pytest.fixture(scope="module")
def library() -> drg.Library:
    return drg.load()


def claim(
    stay_id: str, *codes: str, items: tuple[str, ...] = (CHEST_CT,), **more: Any
) -> dict[str, list[dict[str, Any]]]:
    """A stay with these diagnoses, and one line an item, one a day."""
    present = more.pop("present", {})
    procedures = more.pop("procedures", ())
    head = stay(stay_id, **{**CN, **more})
    return {
        "stays": [head],
        "diagnoses": [
            diagnosis(stay_id, n, code, present_on_admission=present.get(code, "1"))
            for n, code in enumerate(codes, 1)
        ],
        "charges": [
            charge(stay_id, f"L{n}", item, charge_date=head["admission_date"] + timedelta(days=n))
            for n, item in enumerate(items)
        ],
        "procedures": [procedure(stay_id, n, code) for n, code in enumerate(procedures, 1)],
    }


def batch(*claims: dict[str, list[dict[str, Any]]], backwards: bool = False) -> Tables:
    joined: dict[str, list[dict[str, Any]]] = {
        name: [row for made in claims for row in made[name]] for name in claims[0]
    }
    if backwards:
        joined = {name: rows[::-1] for name, rows in joined.items()}
    stays = joined.pop("stays")
    return tables(stays, **joined)


def facts(
    library: drg.Library | None,
    made: Tables,
    *names: str,
    history: Tables | None = None,
    folder: Path = FOLDER,
) -> dict[str, Any]:
    settled = None if library is None else drg.settle(made, library)
    rows = build(Source(made, history, settled, folder), {"stay": names})["stay"]
    return {
        row[0]: row[1] if len(names) == 1 else row[1:]
        for row in rows.select("stay_id", *names).rows()
    }


# evidence


def test_a_diagnosis_is_shown_by_any_line_of_the_table_that_stands() -> None:
    shown = claim("shown", PNEUMONIA, FAILURE, items=(CHEST_CT, BLOOD_GAS))
    back = claim("taken back", PNEUMONIA, FAILURE, items=(CHEST_CT, BLOOD_GAS))
    gas = back["charges"][1]
    back["charges"].append(
        gas
        | {
            "line_id": "L9", "quantity": -gas["quantity"], "amount_fen": -gas["amount_fen"],
            "reverses_line_id": gas["line_id"], "charge_date": day("2024-03-05"),
        }
    )  # fmt: skip
    foreign = claim("foreign item", PNEUMONIA, FAILURE, items=(CHEST_CT, "LOCAL-1"))
    bare = claim("no lines", PNEUMONIA, FAILURE, items=())
    found = support(Source(batch(shown, back, foreign, bare)))
    assert dict(found.filter(code=FAILURE).select("stay_id", "supported").rows()) == {
        "shown": True, "taken back": False, "foreign item": None, "no lines": None,
    }  # fmt: skip
    assert found.filter(code=PNEUMONIA, stay_id="foreign item")["supported"].to_list() == [True]


def test_the_longest_prefix_and_the_number_of_days_decide() -> None:
    once = claim("once", PNEUMONIA, KIDNEYS, items=(CHEST_CT, KIDNEY))
    twice = claim("twice", PNEUMONIA, KIDNEYS, items=(CHEST_CT, KIDNEY, KIDNEY))
    dialysed = claim("dialysed", PNEUMONIA, KIDNEYS, items=(CHEST_CT, DIALYSIS))
    same_day = claim("same day", PNEUMONIA, KIDNEYS, items=(CHEST_CT, KIDNEY, KIDNEY))
    same_day["charges"][2]["charge_date"] = same_day["charges"][1]["charge_date"]
    found = support(Source(batch(once, twice, dialysed, same_day))).filter(code=KIDNEYS)
    assert dict(found.select("stay_id", "supported").rows()) == {
        "once": False, "twice": True, "dialysed": True, "same day": False,
    }  # fmt: skip
    names = support(Source(batch(claim("x", PNEUMONIA, "S06.600", "S06.202"))))
    assert names.select("code", "name_en").rows()[1:] == [
        ("S06.600", "intracranial haemorrhage"), ("S06.202", "head injury"),
    ]  # fmt: skip


def test_a_procedure_shows_a_diagnosis_and_an_unlisted_one_is_not_judged() -> None:
    fixed = claim("fixed", "S72.101", "H52.100", items=("S-0104001",), procedures=("79.3500x016",))
    assert support(Source(batch(fixed))).select("code", "supported").rows() == [("S72.101", True)]


def test_a_table_with_a_faulty_row_is_refused_with_file_and_line(tmp_path: Path) -> None:
    for path in FOLDER.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    path = tmp_path / "diagnosis_evidence.csv"
    rows = path.read_text(encoding="utf-8").splitlines()
    rows[2] = rows[2].replace(",1,", ",one,", 1)
    path.write_text("\n".join(rows), encoding="utf-8")
    made = batch(claim("a", PNEUMONIA))
    with pytest.raises(ReferenceTableError, match="least") as refused:
        support(Source(made, reference=tmp_path))
    assert refused.value.where == f"{path}:3"


# complications without evidence


def test_only_an_unsupported_diagnosis_that_raises_the_group_is_told(library: drg.Library) -> None:
    names = ("unsupported_heart_failure", "unsupported_codes", "group_without_unsupported")
    found = facts(
        library,
        batch(
            claim("lone", PNEUMONIA, HEART),
            claim("shown", PNEUMONIA, HEART, items=(CHEST_CT, NT_PROBNP)),
            # The shown CC holds the group at CC; heart failure raises it from there.
            claim("beside a cc", PNEUMONIA, HEART, "J90.x00"),
            # A shown MCC holds the group, whatever else is on the list.
            claim("beside an mcc", PNEUMONIA, HEART, FAILURE, items=(CHEST_CT, BLOOD_GAS)),
            claim("excluded", HEART, "I50.101"),
        ),
        *names,
    )
    assert found == {
        "lone": (True, HEART, "ES35"),
        "shown": (False, None, None),
        "beside a cc": (True, HEART, "ES33"),
        "beside an mcc": (False, None, None),
        "excluded": (False, None, None),
    }


def test_of_several_unsupported_diagnoses_those_that_raise_it_are_told(
    library: drg.Library,
) -> None:
    names = (
        "unsupported_heart_failure", "unsupported_respiratory_failure", "unsupported_other_cc",
        "unsupported_other_mcc", "unsupported_codes",
    )  # fmt: skip
    several = claim("several", PNEUMONIA, HEART, FAILURE, FIBRILLATION)
    found = facts(library, batch(several), *names)["several"]
    # Two MCCs, each of which alone would do; the CC would too, once they are gone.
    assert found == (True, True, False, True, f"{HEART},{FAILURE},{FIBRILLATION}")
    other = facts(
        library,
        batch(claim("mcc", PNEUMONIA, EMBOLISM), claim("cc", PNEUMONIA, FIBRILLATION)),
        "unsupported_other_mcc",
        "unsupported_other_cc",
    )
    assert other == {"mcc": (True, False), "cc": (False, True)}


def test_what_they_add_is_the_difference_of_what_the_groups_pay(library: drg.Library) -> None:
    made = batch(
        claim("dear", PNEUMONIA, HEART, total_amount_fen=600_000),
        claim("cheap", PNEUMONIA, HEART, total_amount_fen=50_000),
    )
    found = facts(library, made, "unsupported_excess_fen")
    apart = batch(
        claim("with", PNEUMONIA, HEART, total_amount_fen=600_000),
        claim("without", PNEUMONIA, total_amount_fen=600_000),
    )
    paid = dict(drg.settle(apart, library).priced.select("stay_id", "payment_fen").rows())
    assert found["dear"] == paid["with"] - paid["without"] > 0
    # A low outlier is paid by its cost in either group.
    assert found["cheap"] == 0


def test_what_cannot_be_judged_is_unknown_only_where_it_would_raise_the_group(
    library: drg.Library,
) -> None:
    found = facts(
        library,
        batch(
            claim("no lines", PNEUMONIA, HEART, items=()),
            claim("local item", PNEUMONIA, HEART, items=(CHEST_CT, "LOCAL-1")),
            claim("plain", PNEUMONIA, "K76.000", items=()),
            claim("held by a shown one", PNEUMONIA, HEART, FAILURE, items=(BLOOD_GAS, "LOCAL-1")),
            claim("no sex", PNEUMONIA, HEART, sex=None),
            claim("us", "4280", diagnosis_system="ICD-9-CM", region_code="US"),
        ),
        "unsupported_heart_failure",
    )
    assert found == {
        "no lines": None, "local item": None, "plain": False, "held by a shown one": False,
        "no sex": None, "us": None,
    }  # fmt: skip
    without = facts(None, batch(claim("a", PNEUMONIA, HEART)), "unsupported_heart_failure")
    assert without == {"a": None}


def test_a_code_of_an_earlier_stay_is_carried_over_and_one_of_a_later_stay_is_not(
    library: drg.Library,
) -> None:
    first = claim("first", PNEUMONIA, FIBRILLATION, admission_date=day("2024-02-01"))
    first["stays"][0]["discharge_date"] = day("2024-02-05")
    second = claim("second", PNEUMONIA, FIBRILLATION)
    name = "unsupported_was_on_earlier_claim"
    assert facts(library, batch(first, second), name) == {"first": False, "second": True}
    assert facts(library, batch(second, first, backwards=True), name) == {
        "second": True, "first": False,
    }  # fmt: skip
    assert facts(library, batch(second), name, history=batch(first)) == {"second": True}
    assert facts(library, batch(first), name, history=batch(second)) == {"first": False}
    seen = tables([visit("v", "2024-02-10")], diagnoses=[diagnosis("v", 1, FIBRILLATION)])
    assert facts(library, batch(second), name, history=seen) == {"second": False}
    other = claim(
        "other", PNEUMONIA, FIBRILLATION, patient_id="p_2", admission_date=day("2024-02-01")
    )
    assert facts(library, batch(second), name, history=batch(other)) == {"second": False}


# acquired and minor conditions


def test_a_listed_condition_acquired_in_hospital_raises_the_group(library: drg.Library) -> None:
    sore = "L89.001"
    names = ("acquired_raises_group", "acquired_codes", "group_without_acquired")
    found = facts(
        library,
        batch(
            claim("acquired", PNEUMONIA, sore, present={sore: "4"}),
            claim("present", PNEUMONIA, sore),
            claim("not stated", PNEUMONIA, sore, present={sore: None}),
            claim("not listed", PNEUMONIA, "E87.600", present={"E87.600": "4"}),
            claim("beside a cc", PNEUMONIA, sore, "J90.x00", present={sore: "4"}),
        ),
        *names,
    )
    assert found == {
        "acquired": (True, sore, "ES35"), "present": (False, None, None),
        "not stated": (None, None, None), "not listed": (False, None, None),
        "beside a cc": (False, None, None),
    }  # fmt: skip


def test_a_minor_part_of_the_principal_disease_raises_the_group(library: drg.Library) -> None:
    found = facts(
        library,
        batch(
            claim("tracheitis", PNEUMONIA, "J04.100"),
            claim("with an mcc", PNEUMONIA, "J04.100", HEART),
            claim("elsewhere", "I63.900", "J04.100"),
            claim("us", "486", diagnosis_system="ICD-9-CM", region_code="US"),
        ),
        "minor_raises_group",
        "minor_codes",
    )
    assert found == {
        "tracheitis": (True, "J04.100"), "with an mcc": (False, None), "elsewhere": (False, None),
        "us": (None, None),
    }  # fmt: skip


# the billed group


def test_the_billed_group_is_compared_by_what_it_pays_more(library: drg.Library) -> None:
    names = ("group_kind", "all_codes_in_scheme", "billed_excess_fen", "billed_counts_excluded")
    found = facts(
        library,
        batch(
            claim("higher", PNEUMONIA, billed_group_code="ES31"),
            claim("lower", PNEUMONIA, HEART, billed_group_code="ES35"),
            claim("excluded", "J44.100", "J47.x00", billed_group_code="ET23"),
            claim("unread", PNEUMONIA, "Z99.999", billed_group_code="ES35"),
            claim("none billed", PNEUMONIA),
            claim("no sex", PNEUMONIA, sex=None, billed_group_code="ES35"),
        ),
        *names,
    )
    assert found["higher"][2] > 0
    assert found["excluded"][2] > 0
    assert {k: (v[0], v[1], v[3]) for k, v in found.items()} == {
        "higher": ("medical", True, False), "lower": ("medical", True, False),
        "excluded": ("medical", True, True), "unread": ("medical", False, False),
        "none billed": ("medical", True, None), "no sex": (None, True, None),
    }  # fmt: skip
    assert [found[k][2] for k in ("lower", "unread", "none billed", "no sex")] == [0, 0, None, None]


def test_what_one_diagnosis_adds_is_told_against_the_lighter_group(library: drg.Library) -> None:
    names = (
        "one_diagnosis_raises_group", "severity_diagnosis_excess_fen", "complications_excess_fen",
        "cost_against_lighter_group",
    )  # fmt: skip
    made = batch(
        claim("one", PNEUMONIA, HEART, total_amount_fen=600_000),
        claim("two", PNEUMONIA, HEART, FAILURE, total_amount_fen=600_000),
        claim("none", PNEUMONIA),
        claim("in hospital", PNEUMONIA, HEART, discharge_date=None),
        claim("no sex", PNEUMONIA, sex=None),
    )
    found = facts(library, made, *names)
    lighter = drg.settle(batch(claim("x", PNEUMONIA)), library).priced["payment_standard_fen"][0]
    assert found["one"][0] is True
    assert found["one"][1] == found["one"][2] == found["two"][2] > 0
    assert found["one"][3] == pytest.approx(600_000 / lighter, abs=1e-4)
    assert found["two"][0] is False
    assert found["two"][1] is found["two"][3] is None
    assert found["none"] == (False, None, 0, None)
    # No payment is due yet: the standards are compared.
    assert found["in hospital"][1] > 0
    assert found["no sex"] == (None, None, None, None)


# operations, regions, the first diagnosis


def test_an_operation_raises_the_group_and_its_charges_are_summed(library: drg.Library) -> None:
    names = ("procedures_raise_group", "group_without_procedures", "procedure_resources_fen")
    hernia = claim("hernia", "K40.900x002", items=(), procedures=("53.0501",))
    hernia["charges"] = [
        charge("hernia", f"L{n}", category=category, unit_price=100)
        for n, category in enumerate(("03", "05", "06", "08", "09"))
    ]
    found = facts(
        library,
        batch(
            hernia,
            claim("medical", PNEUMONIA),
            claim("no lines", "K40.900x002", items=(), procedures=("53.0501",)),
            claim("no sex", "K40.900x002", procedures=("53.0501",), sex=None),
        ),
        *names,
    )
    assert found["hernia"] == (True, "GZ15", 30_000)
    assert found["medical"] == (False, None, 0)
    assert found["no lines"][0::2] == (True, None)
    assert found["no sex"][:2] == (None, None)


def test_a_body_region_counts_as_shown_by_the_evidence_of_its_injuries(
    library: drg.Library,
) -> None:
    names = ("grouped_to_multiple_trauma", "trauma_regions_listed", "trauma_regions_shown")
    injuries = ("S06.202", "S22.400", "S36.000")
    head, chest = "S-0103003", "S-0103001"
    found = facts(
        library,
        batch(
            claim("head only", *injuries, items=(head,)),
            claim("two", *injuries, items=(head, chest)),
            claim("local item", *injuries, items=(head, "LOCAL-1")),
            claim("none", PNEUMONIA),
            claim("us", "80121", diagnosis_system="ICD-9-CM", region_code="US"),
        ),
        *names,
    )
    assert found == {
        "head only": (True, 3, 1), "two": (True, 3, 2), "local item": (True, 3, None),
        "none": (False, 0, 0), "us": (None, None, None),
    }  # fmt: skip
    excess = facts(library, batch(claim("a", *injuries, items=(head,))), "trauma_excess_fen")
    assert excess["a"] > 0


def test_the_lightest_shown_diagnosis_is_told_where_the_first_is_not_shown(
    library: drg.Library,
) -> None:
    names = ("principal_is_shown", "shown_other_diagnosis", "group_by_shown_diagnosis")
    ecg = "S-0103011"
    found = facts(
        library,
        batch(
            claim("not shown", "I63.900", FIBRILLATION, items=(ecg,)),
            claim("shown", "I63.900", FIBRILLATION, items=(ecg, "S-0103003")),
            claim("neither", "I63.900", FIBRILLATION, items=("S-0104001",)),
            claim("acquired", "I63.900", FIBRILLATION, items=(ecg,), present={FIBRILLATION: "4"}),
            claim("not listed", "H25.900", FIBRILLATION, items=(ecg,)),
            claim("no lines", "I63.900", FIBRILLATION, items=()),
        ),
        *names,
    )
    assert found == {
        "not shown": (False, FIBRILLATION, "FU25"), "shown": (True, None, None),
        "neither": (False, None, None), "acquired": (False, None, None),
        "not listed": (True, None, None), "no lines": (None, None, None),
    }  # fmt: skip


def test_a_treatment_needs_a_diagnosis_that_explains_it(library: drg.Library) -> None:
    twice = (DIALYSIS, DIALYSIS)
    found = facts(
        library,
        batch(
            claim("bare", "I10.x05", items=twice),
            claim("once", "I10.x05", items=(DIALYSIS,)),
            claim("explained", "I10.x05", "N18.500", items=twice),
            claim("no lines", "I10.x05", items=()),
            claim("us", "4019", items=twice, diagnosis_system="ICD-9-CM", region_code="US"),
        ),
        "treatment_without_diagnosis",
    )
    assert found == {
        "bare": True, "once": False, "explained": False, "no lines": None, "us": None,
    }  # fmt: skip


def test_facts_do_not_depend_on_the_order_of_rows_or_on_other_stays(library: drg.Library) -> None:
    claims = [
        claim("a", PNEUMONIA, HEART, FAILURE),
        claim("b", "I63.900", FIBRILLATION, items=("S-0103011",), patient_id="p_2"),
        claim("c", PNEUMONIA, "J04.100", "L89.001", present={"L89.001": "4"}, patient_id="p_3"),
        claim("d", "S06.202", "S22.400", "S36.000", patient_id="p_4"),
    ]
    names = (
        "unsupported_codes", "unsupported_excess_fen", "acquired_excess_fen", "minor_excess_fen",
        "shown_diagnosis_excess_fen", "trauma_excess_fen", "trauma_regions_shown",
    )  # fmt: skip
    together = facts(library, batch(*claims), *names)
    assert facts(library, batch(*claims, backwards=True), *names) == together
    alone: dict[str, Any] = {}
    for made in claims:
        alone |= facts(library, batch(made), *names)
    assert alone == together
    assert together["a"][1] > 0
    assert together["d"][-1] == 1
