"""Every broken record is set aside with the reasons that a sender needs, and nothing else is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from domain.errors import Refusal
from streaming import intake
from streaming.intake import Limits
from streaming.intake.refusals import PERSONAL, RULES
from streaming.pseudonym import PseudonymKey
from tests.intake_claims import GOOD, claim, line

KEY = PseudonymKey(bytes(range(32)))


def reasons(record: bytes, limits: Limits | None = None) -> tuple[Refusal, ...]:
    """The reasons of one record, decoded beside a good one that must stay accepted."""
    tables, refused = intake.decode(
        [line(stay_id="other"), record], key=KEY, limits=limits or Limits()
    )
    assert tables.stays["stay_id"].to_pylist()[0] == "other"
    assert len(tables) + len(refused) == 2
    return refused[0].reasons if refused else ()


def told(record: bytes, limits: Limits | None = None) -> set[tuple[str, str]]:
    return {(r.field, r.rule) for r in reasons(record, limits)}


def child(name: str, **changes: Any) -> list[dict[str, Any]]:
    return [copy.deepcopy(GOOD[name][0]) | changes]


@pytest.mark.parametrize(
    ("changes", "path", "rule"),
    [
        ({"patient_id": ...}, "patient_id", "required"),
        ({"patient_id": None}, "patient_id", "required"),
        ({"patient_id": ""}, "patient_id", "required"),
        ({"patient_id": " \u3000"}, "patient_id", "required"),
        ({"patient_id": "\x1f\u200b"}, "patient_id", "required"),
        ({"stay_id": ""}, "stay_id", "required"),
        ({"claim_type": None}, "claim_type", "required"),
        ({"diagnoses": [{"ordinal": 1}]}, "diagnoses[0].code", "required"),
        ({"admission_date": ..., "admission_time": ...}, "admission_date", "required"),
        ({"age_years": "12"}, "age_years", "type"),
        ({"age_years": True}, "age_years", "type"),
        ({"total_amount_fen": 12.5}, "total_amount_fen", "type"),
        ({"planned_readmission": "yes"}, "planned_readmission", "type"),
        ({"diagnoses": {"ordinal": 1}}, "diagnoses", "type"),
        ({"diagnoses": [5]}, "diagnoses[0]", "type"),
        ({"charges": child("charges", quantity=True)}, "charges[0].quantity", "type"),
        ({"sex": "male"}, "sex", "enum"),
        ({"charges": child("charges", category="99")}, "charges[0].category", "enum"),
        ({"admission_date": "2009-02-30"}, "admission_date", "format"),
        ({"birth_date": "1960/05/04"}, "birth_date", "format"),
        ({"birth_date": "0000-01-01"}, "birth_date", "format"),
        ({"admission_time": "2024-03-01T08:30:00"}, "admission_time", "format"),
        ({"admission_time": "2024-03-01 08:30:00+08:00"}, "admission_time", "format"),
        ({"admission_time": "2024-13-01T08:30:00+08:00"}, "admission_time", "format"),
        ({"stay_id": "a b"}, "stay_id", "format"),
        ({"stay_id": "abc\n"}, "stay_id", "format"),
        ({"charges": child("charges", unit_price="1.2345678")}, "charges[0].unit_price", "format"),
        ({"charges": child("charges", quantity="1,5")}, "charges[0].quantity", "format"),
        ({"age_years": 151}, "age_years", "range"),
        ({"age_years": 10**30}, "age_years", "range"),
        ({"claim_version": 0}, "claim_version", "range"),
        ({"ward": "w" * 65}, "ward", "range"),
        ({"ward": "w" * 70_000}, "ward", "too-large"),
        ({"colour": "red"}, "colour", "unknown-field"),
        ({"charges": child("charges", colour="red")}, "charges[0].colour", "unknown-field"),
        ({"total_amount_fen": -1}, "total_amount_fen", "negative-amount"),
        ({"charges": child("charges", amount_fen=-1)}, "charges[0].amount_fen", "negative-amount"),
        ({"charges": child("charges", quantity="-1")}, "charges[0].quantity", "negative-amount"),
        ({"orders": child("orders", dose="-1")}, "orders[0].dose", "negative-amount"),
        ({"blood_amount": "NaN"}, "blood_amount", "not-finite"),
        ({"blood_amount": "-Infinity"}, "blood_amount", "not-finite"),
        ({"admission_date": "2024-02-29"}, "admission_date", "mismatch"),
        ({"charges": child("charges", charge_time="2024-03-01T23:00:00Z")}, "charges[0].charge_date", "mismatch"),
        ({"time_zone": "Asia/Nowhere"}, "time_zone", "unknown-zone"),
        ({"diagnoses": [{"ordinal": 1, "code": "a"}] * 2}, "diagnoses[1].ordinal", "duplicate-id"),
        ({"charges": child("charges") * 2}, "charges[1].line_id", "duplicate-id"),
    ],
    ids=lambda v: v if isinstance(v, str) else None,
)  # fmt: skip
def test_one_fault_has_one_reason(changes: dict[str, Any], path: str, rule: str) -> None:
    record = line(**changes)
    assert told(record) == {(path, rule)}
    (reason,) = reasons(record)
    assert reason.rule in RULES
    assert len(reason.cure) > 20
    assert len(reason.value) <= 120


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        (line()[:300], "not-json"),
        (b"{}}", "not-json"),
        (b"not json", "not-json"),
        (line() + b" " + line(), "not-json"),
        (b'{"stay_id": "a\nb"}', "not-json"),
        (b'{"stay_id": "\\ud800"}', "not-json"),
        (b"[1, 2]", "type"),
        (b"null", "type"),
        (b'"text"', "type"),
        (b"[" * 100_000, "too-deep"),
        (b'{"a":' * 9 + b"1" + b"}" * 9, "too-deep"),
        (b'{"stay_id":"' + b"x" * (5 * 1024 * 1024) + b'"}', "too-large"),
        (line(patient_name="张三丰").decode().encode("gb18030"), "not-utf8"),
        (line().decode().encode("utf-16"), "not-utf8"),
        (b"\xff\xfe\xfa", "not-utf8"),
    ],
)
def test_what_is_no_record_at_all_is_told_as_such(record: bytes, rule: str) -> None:
    (reason,) = reasons(record)
    assert (reason.field, reason.rule) == ("(record)", rule)
    assert reason.value == ""


def test_encoding_cures_say_what_the_bytes_look_like() -> None:
    gb = reasons(line(patient_name="张三丰").decode().encode("gb18030"))[0].cure
    assert "GB18030" in gb
    assert "iconv" in gb
    assert "UTF-16" in reasons(line().decode().encode("utf-16"))[0].cure


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_a_bare_not_finite_number_is_found_at_its_place(word: str) -> None:
    text = line(total_amount_fen=7777, blood_amount=8888, ward="NaN or -Infinity").decode()
    record = text.replace("7777", word).replace("8888", word).encode()
    assert told(record) == {("total_amount_fen", "not-finite"), ("blood_amount", "not-finite")}
    assert {r.value for r in reasons(record)} == {word}


def test_all_reasons_of_a_record_are_told_at_once() -> None:
    record = line(
        sex="x",
        age_years=-1,
        colour="red",
        admission_date="2024-02-29",
        diagnoses=[{"ordinal": 1, "code": "a"}, {"ordinal": 1, "code": "b"}, {"code": "c"}],
        charges=child("charges", amount_fen=-5, category="x"),
    )
    assert told(record) == {
        ("sex", "enum"),
        ("age_years", "range"),
        ("colour", "unknown-field"),
        ("admission_date", "mismatch"),
        ("diagnoses[1].ordinal", "duplicate-id"),
        ("diagnoses[2].ordinal", "required"),
        ("charges[0].amount_fen", "negative-amount"),
        ("charges[0].category", "enum"),
    }


def test_a_value_that_was_refused_causes_no_second_reason() -> None:
    bad_time = child("charges", charge_time="yesterday", charge_date=None)
    assert told(line(charges=bad_time)) == {("charges[0].charge_time", "format")}
    no_zone = line(time_zone="Mars/Olympus", admission_date=...)
    assert told(no_zone) == {("time_zone", "unknown-zone")}
    bad_line = [
        *child("charges", line_id="a b"),
        *child("charges", line_id="L2", amount_fen=-1, reverses_line_id="a"),
    ]
    assert told(line(charges=bad_line)) == {("charges[0].line_id", "format")}


@pytest.mark.parametrize(
    ("first", "last", "good"),
    [
        ({"line_id": "L1"}, {"line_id": "L2", "reverses_line_id": "L1"}, True),
        ({"line_id": "L1"}, {"line_id": "L2", "reverses_line_id": "L2"}, False),
        ({"line_id": "L1"}, {"line_id": "L2", "reverses_line_id": "L9"}, False),
        ({"line_id": "L1"}, {"line_id": "L2"}, False),
    ],
)
def test_only_a_line_that_takes_another_back_may_be_negative(
    first: dict[str, Any], last: dict[str, Any], good: bool
) -> None:
    negative = {"quantity": "-1", "amount_fen": -12345, **last}
    record = line(charges=[*child("charges", **first), *child("charges", **negative)])
    assert (told(record) == set()) is good
    assert good or told(record) == {
        ("charges[1].quantity", "negative-amount"),
        ("charges[1].amount_fen", "negative-amount"),
    }


def test_discharge_before_admission_is_left_to_the_checks() -> None:
    assert told(line(discharge_date="2024-02-01")) == set()


def test_personal_values_and_foreign_fields_are_not_shown() -> None:
    record = line(
        patient_id=13800138000, phone="1" * 65, patient_name=["张三"], id_card="330100199001010001"
    )
    shown = {r.field: r.value for r in reasons(record)}
    assert shown == {
        "patient_id": PERSONAL,
        "phone": PERSONAL,
        "patient_name": PERSONAL,
        "id_card": "<not shown>",
    }


def test_a_long_value_is_cut_and_control_characters_do_not_pass() -> None:
    (reason,) = reasons(line(ward="\x1b[31m" + "w" * 500))
    assert len(reason.value) == 120
    assert reason.value.endswith("…")
    assert "\x1b" not in reason.value


def test_limits_can_be_set() -> None:
    small = Limits(record_bytes=400)
    tables, refused = intake.decode([line()], key=KEY, limits=small)
    assert len(tables) == 0
    assert [(r.field, r.rule) for r in refused[0].reasons] == [("(record)", "too-large")]
    few = Limits(list_items=1)
    _, refused = intake.decode([line(charges=None)], key=KEY, limits=few)
    (reason,) = refused[0].reasons
    assert (reason.field, reason.rule) == ("diagnoses", "too-large")
    assert "at most 1" in reason.cure


def test_a_repeated_stay_names_where_it_was_first() -> None:
    records = [line(), line(stay_id="S2"), line(), line(claim_version=2)]
    tables, refused = intake.decode(records, key=KEY)
    assert tables.stays["stay_id"].to_pylist() == ["S1", "S2"]
    same, correction = (r.reasons[0] for r in refused)
    assert [r.index for r in refused] == [2, 3]
    assert {same.rule, correction.rule} == {"duplicate-id"}
    assert "record 0" in same.cure
    assert "version 1" in correction.cure


def test_a_stay_that_was_refused_does_not_block_its_correction() -> None:
    tables, refused = intake.decode([line(sex="x"), line()], key=KEY)
    assert len(tables) == 1
    assert [r.index for r in refused] == [0]


def test_a_repeated_key_in_an_object_takes_the_last_value() -> None:
    record = line().replace(b'"currency": "CNY"', b'"currency": "USD", "currency": "CNY"')
    tables, refused = intake.decode([record], key=KEY)
    assert not refused
    assert tables.stays["currency"].to_pylist() == ["CNY"]


def test_no_record_is_no_failure() -> None:
    tables, refused = intake.decode([], key=KEY)
    assert (len(tables), refused) == (0, [])


def test_the_good_claim_is_good_and_takes_json_numbers() -> None:
    charges = child("charges", quantity=1, unit_price=123.45)
    text = json.dumps(claim(charges=charges, age_years=12)).replace(
        '"age_years": 12', '"age_years": 12.0'
    )
    tables, refused = intake.decode([text.encode()], key=KEY)
    assert not refused
    row = tables.charges.to_pylist()[0]
    assert (str(row["quantity"]), str(row["unit_price"])) == ("1.0000", "123.450000")
    assert tables.stays["age_years"].to_pylist() == [12]


def test_decimals_are_exact_however_they_are_written() -> None:
    base = json.dumps(claim())
    for written in ('"0.000001"', "0.000001", "1e-6", "1E-6", "0.1e-5"):
        record = base.replace('"unit_price": "123.45"', f'"unit_price": {written}')
        tables, refused = intake.decode([record.encode()], key=KEY)
        assert not refused, refused
        assert str(tables.charges["unit_price"].to_pylist()[0]) == "0.000001"
