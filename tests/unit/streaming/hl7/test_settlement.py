"""The settlement list as message 4101: to a claim and back, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_samples import month
from data_samples.planting import SEED
from streaming import intake
from streaming.digest import documents
from streaming.settlement_message.reading import read_many
from streaming.settlement_message.values import Terms
from streaming.settlement_message.writing import write
from tests.message_mutations import JSON, mutate
from tests.order_events import KEY

Json = dict[str, Any]
CLAIMS: list[Json] = [dict(record) for record in month.plan(SEED, 30).stays()]
MESSAGES = [write(claim) for claim in CLAIMS]
NOT_IN_4101 = (
    "charges",
    "orders",
    "coverages",
    "ward",
    "deductible_fen",
    "bank_account",
    "billed_group_code",
)


def canonical(claims: list[Json]) -> dict[str, Json]:
    given = [json.dumps(claim, default=str).encode() for claim in claims]
    tables, refused = intake.decode(given, key=KEY)
    assert not refused, refused
    return {stay_id: json.loads(text) for stay_id, text in documents(tables)}


def one(body: Json, **terms: Any) -> Json:
    [found] = read_many([json.dumps(body).encode()], KEY, Terms(**terms))
    assert found.claim is not None, found.reasons
    return found.claim


def reasons(body: Json | bytes) -> set[tuple[str, str]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    [found] = read_many([raw], KEY)
    assert found.claim is None
    return {(r.field, r.rule) for r in found.reasons}


@pytest.fixture
def body() -> Json:
    found: Json = json.loads(MESSAGES[0])
    return found


def test_a_month_written_and_read_is_the_same_but_for_what_the_list_has_no_field_for() -> None:
    found = read_many(MESSAGES, KEY)
    assert all(one.claim is not None for one in found)
    want = canonical([{k: v for k, v in claim.items() if k not in NOT_IN_4101} for claim in CLAIMS])
    assert canonical([one.claim for one in found if one.claim is not None]) == want
    assert any("procedures" in claim for claim in want.values())


def test_rare_fields_come_back_too() -> None:
    claim = {k: v for k, v in CLAIMS[0].items() if k not in NOT_IN_4101} | {
        "ventilation_minutes": 2234, "coma_before_admission_minutes": 61, "planned_readmission": True,
        "planned_readmission_purpose": "化疗", "blood_category": "红细胞", "blood_amount": "2.5", "blood_unit": "单位",
        "transfer_departments": "A03→A05", "receiving_provider_id": "H2", "discharge_way": "2", "payment_method": "per_diem",
        "icu_stays": [{"ordinal": 1, "ward_type": "CCU", "start_time": "2025-03-01T08:00:00+08:00", "end_time": "2025-03-02T09:24:00+08:00"}],
    }  # fmt: skip
    raw = write(claim)
    assert json.loads(raw)["input"]["icuinfo"][0]["scs_cutd_sum_dura"] == "1/1/24"
    assert json.loads(raw)["input"]["setlinfo"]["vent_used_dura"] == "1/13/14"
    [found] = read_many([raw], KEY)
    assert canonical([found.claim or {}]) == canonical([claim])


def test_an_outpatient_list_has_its_diagnoses_and_procedures_in_one_node(body: Json) -> None:
    head = {
        n: v
        for n, v in body["input"]["setlinfo"].items()
        if not n.startswith(("adm_time", "dscg", "act_"))
    }
    head["opsp_mdtrt_date"] = "2025-03-04"
    row = {
        "diag_code": "E11.900",
        "diag_name": "糖尿病",
        "oprn_oprt_code": "89.0100",
        "oprn_oprt_name": "问诊",
    }
    for node in ("opspdiseinfo", "opspdseinfo"):
        claim = one({"setlinfo": head, node: [row]})
        assert (claim["claim_type"], claim["admission_date"]) == ("outpatient", "2025-03-04")
        assert [d["code"] for d in claim["diagnoses"]] == ["E11.900"]
        assert [p["code"] for p in claim["procedures"]] == ["89.0100"]


def test_the_principal_comes_first_and_chinese_medicine_is_passed_over(body: Json) -> None:
    rows = [
        {"diag_type": "1", "diag_code": "I10", "maindiag_flag": "0"},
        {"diag_type": "2", "diag_code": "BNX020", "maindiag_flag": "1"},
        {"diag_type": "1", "diag_code": "J18", "maindiag_flag": "1"},
    ]
    body["input"]["diseinfo"] = rows
    assert [d["code"] for d in one(body)["diagnoses"]] == ["J18", "I10"]
    body["input"]["diseinfo"] = [rows[2], rows[2]]
    assert ("diseinfo", "two-principals") in reasons(body)


def test_4101_without_psn_no_names_the_person_by_hi_no_and_the_envelope_the_hospital(
    body: Json,
) -> None:
    head = body["input"]["setlinfo"]
    for name in ("psn_no", "fixmedins_code"):
        del head[name]
    head["hi_no"] = "HI1"
    claim = one(body)
    assert (claim["patient_id"], claim["provider_id"], claim["region_code"]) == (
        "HI1", body["fixmedins_code"], body["mdtrtarea_admvs"],
    )  # fmt: skip


def test_amounts_are_added_up_and_a_correction_has_its_version(body: Json) -> None:
    body["input"]["payinfo"] = [
        {"fund_pay_type": "310100", "fund_payamt": 10.5},
        {"fund_pay_type": "320100", "fund_payamt": "0.25"},
    ]
    body["input"]["iteminfo"] = [
        {"med_chrgitm": "01", "amt": "100"},
        {"med_chrgitm": "09", "amt": 0.1},
    ]
    body["input"]["bldinfo"] = [
        {"bld_cat": "红细胞", "bld_amt": "2", "bld_unt": "单位"},
        {"bld_cat": "血浆", "bld_amt": "200", "bld_unt": "ml"},
    ]
    claim = one(body, claim_version=3)
    assert (claim["fund_payment_fen"], claim["total_amount_fen"], claim["claim_version"]) == (
        1075,
        10010,
        3,
    )
    assert claim["blood_category"] == "红细胞、血浆"
    assert "blood_amount" not in claim, "amounts in two units have no sum"


def test_the_flag_of_a_planned_readmission_is_read_as_it_is_coded(body: Json) -> None:
    body["input"]["setlinfo"]["days_rinp_flag_31"] = "2"
    assert ("setlinfo.days_rinp_flag_31", "enum") in reasons(body)
    assert one(body, flags="form")["planned_readmission"] is True


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gend": "男"}, ("setlinfo.gend", "enum")),
        ({"adm_time": "2025-02-30 08:00:00"}, ("setlinfo.adm_time", "format")),
        ({"adm_time": None}, ("setlinfo.adm_time", "required")),
        ({"setl_id": ""}, ("setlinfo.setl_id", "required")),
        ({"psn_selfpay": "1.005"}, ("setlinfo.psn_selfpay", "type")),
        ({"vent_used_dura": "13 h"}, ("setlinfo.vent_used_dura", "format")),
        ({"age": {"years": 3}}, ("setlinfo.age", "type")),
        ({"surprise": "x"}, ("setlinfo.surprise", "unknown-field")),
        ({"张三": "x"}, ("setlinfo.(name)", "unknown-field")),
    ],
)
def test_what_is_wrong_is_told_by_the_messages_own_names(
    body: Json, change: Json, expected: tuple[str, str]
) -> None:
    body["input"]["setlinfo"] |= change
    found = reasons(body)
    assert expected in found or (
        expected[0] == "setlinfo.adm_time" and any(r == "required" for _, r in found)
    ), found


def test_rows_and_forms_that_cannot_be_are_refused(body: Json) -> None:
    assert reasons(b"\xff") == {("(record)", "not-utf8")}
    assert reasons(b"{") == {("(record)", "not-json")}
    assert reasons(b"[" * 100_000) == {("(record)", "not-json")}
    assert reasons({"input": {}}) == {("setlinfo", "no-settlement-list")}
    body["input"]["diseinfo"] = "J18"
    assert ("diseinfo", "type") in reasons(body)
    body["input"]["diseinfo"] = [{"diag_type": "1", "diag_name": "x"}]
    assert ("diseinfo[0].diag_code", "required") in reasons(body)


@settings(max_examples=60)
@given(
    st.randoms(use_true_random=False), st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=6)
)
def test_whatever_is_broken_is_read_or_refused_with_reasons(dice: Any, chosen: list[bytes]) -> None:
    raws = [mutate(dice, raw, JSON) for raw in chosen]
    found = read_many(raws, KEY)
    assert len(found) == len(raws)
    assert all((one.claim is None) == bool(one.reasons) for one in found)
