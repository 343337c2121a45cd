"""POST /v1/drg:group and /v1/drg:what-if, from the outside, with the shipped schemes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from starlette.testclient import TestClient

import store
from scoring_api.assessing import EXAMPLE


@pytest.fixture
def claim() -> dict[str, Any]:
    """A stroke with diabetes and pneumonia: BR2, whose severity the pneumonia gives."""
    made: dict[str, Any] = copy.deepcopy(EXAMPLE["claims"][0])
    made |= {
        "discharge_date": "2024-03-09",
        "age_years": 66,
        "insurance_type": "310",
        "provider_level": "3",
        "billed_group_code": "BR25",
        "diagnoses": [{"ordinal": 1, "code": "I63.900"}, {"ordinal": 2, "code": "I10.x00"}],
    }
    return made


def test_claims_are_grouped_and_priced_with_what_decided_it(
    client: TestClient, claim: dict[str, Any], opened: store.Store
) -> None:
    answer = client.post("/v1/drg:group", json={"claims": [claim], "trace": True})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["read"], told["accepted"], told["set_aside"]) == (1, 1, 0)
    (one,) = told["results"]
    assert (one["scheme"], one["status"], one["group"]) == ("chs_sample", "grouped", "BR25")
    assert one["group_name"]["zh"].startswith("脑缺血")
    assert one["price"]["source"] == "grouper"
    weight, standard = one["price"]["weight"], one["price"]["payment_standard_fen"]
    assert isinstance(weight, str)
    assert isinstance(standard, int)
    assert weight in one["formula"]["zh"]
    assert [step["outcome"] for step in one["steps"]][-1] == "taken"
    assert one["diagnoses"][0]["code"] == "I63.900"
    assert opened.counts()["decisions"] == 0, "grouping stores nothing"


def test_without_a_trace_there_is_none(client: TestClient, claim: dict[str, Any]) -> None:
    (one,) = client.post("/v1/drg:group", json={"claims": [claim]}).json()["results"]
    assert one["steps"] is None
    assert one["diagnoses"] is None


def test_a_code_that_the_scheme_lacks_is_named(client: TestClient, claim: dict[str, Any]) -> None:
    claim["diagnoses"][0]["code"] = "Q99.999"
    (one,) = client.post("/v1/drg:group", json={"claims": [claim]}).json()["results"]
    assert one["status"] == "unknown_code"
    assert one["unknown_codes"] == ["Q99.999"]
    assert one["reason"]["zh"]
    assert (one["price"]["group"], one["price"]["source"]) == ("BR25", "billed")


def test_refused_claims_are_accounted_for(client: TestClient, claim: dict[str, Any]) -> None:
    bad = {**claim, "stay_id": "BAD", "admission_date": "2024-02-30"}
    told = client.post("/v1/drg:group", json={"claims": [bad, claim]}).json()
    assert (told["read"], told["accepted"], told["set_aside"]) == (2, 1, 1)
    assert told["refused"][0]["index"] == 0
    assert told["refused"][0]["reasons"][0]["field"] == "admission_date"
    alone = client.post("/v1/drg:group", json={"claims": [bad]})
    assert alone.status_code == 422
    assert alone.json()["refused"][0]["reasons"][0]["cure"]


def test_what_if_says_what_changes_why_and_what_to_document(
    client: TestClient, claim: dict[str, Any]
) -> None:
    change = {"kind": "add_diagnosis", "code": "J96.000"}
    answer = client.post("/v1/drg:what-if", json={"claim": claim, "changes": [change]})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["before"]["group"], told["after"]["group"]) == ("BR25", "BR21")
    changed = {d["field"]: (d["before"], d["after"]) for d in told["differences"]}
    assert changed["severity"] == ("none", "mcc")
    assert changed["group"] == ("BR25", "BR21")
    before, after = changed["price.payment_standard_fen"]
    assert after > before
    assert any("J96.000" in why["zh"] and "MCC" in why["zh"] for why in told["why"])
    (fact,) = told["to_document"]
    assert "J96.000" in fact["zh"]
    assert "J96.000" in fact["en"]
    assert any("不是编码建议" in note["zh"] for note in told["notes"])
    assert told["before"]["cost_fen"] == claim["total_amount_fen"]


def test_what_changes_nothing_is_told_as_nothing(client: TestClient, claim: dict[str, Any]) -> None:
    change = {"kind": "add_diagnosis", "code": "I10.x00"}
    told = client.post("/v1/drg:what-if", json={"claim": claim, "changes": [change]}).json()
    assert told["differences"] == []
    assert len(told["to_document"]) == 1


@pytest.mark.parametrize(
    "beside",
    [
        {"scenarios": [[{"kind": "add_diagnosis", "code": "J96.000"}]]},
        {"rank_by": "payment"},
        {"optimise": True},
    ],
)
def test_codings_are_not_ranked_by_what_they_pay(
    client: TestClient, claim: dict[str, Any], beside: dict[str, Any]
) -> None:
    changes = [{"kind": "add_diagnosis", "code": "J96.000"}]
    answer = client.post("/v1/drg:what-if", json={"claim": claim, "changes": changes, **beside})
    assert answer.status_code == 422
    told = answer.json()
    assert told["type"].endswith("one-question")
    assert "ranked" in told["cure"]


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        (lambda c: {"claim": c, "changes": []}, "number-of-changes"),
        (lambda c: {"claim": c, "changes": [{"kind": "remove_diagnosis", "ordinal": 9}]}, "change"),
        (lambda c: {"claim": c, "changes": [{"kind": "best"}]}, "change"),
        (lambda c: {"claim": c, "changes": ["x"]}, "envelope"),
        (lambda c: {"changes": [{"kind": "best"}]}, "envelope"),
        (lambda c: {"claim": {**c, "sex": "7"}, "changes": [{"kind": "x"}]}, "all-refused"),
        (lambda c: [c], "envelope"),
    ],
)
def test_questions_that_cannot_be_answered_are_problems(
    client: TestClient, claim: dict[str, Any], question: Any, kind: str
) -> None:
    answer = client.post("/v1/drg:what-if", json=question(claim))
    assert answer.status_code == 422, answer.text
    assert answer.json()["type"].endswith(kind)
    assert answer.json()["cure"]


def test_personal_data_comes_back_in_no_answer(client: TestClient, claim: dict[str, Any]) -> None:
    claim |= {
        "patient_name": "王小明",
        "identity_number": "33010219800101001X",
        "phone": "13800000000",
    }
    for path, body in (
        ("/v1/drg:group", {"claims": [claim], "trace": True}),
        (
            "/v1/drg:what-if",
            {"claim": claim, "changes": [{"kind": "set_discharge_date", "date": "2024-03-04"}]},
        ),
    ):
        text = client.post(path, json=body).text
        for secret in ("王小明", "33010219800101001X", "13800000000", claim["patient_id"]):
            assert secret not in text, path


def test_the_documented_examples_work(client: TestClient, root: Path) -> None:
    document = client.get("/openapi.json").json()
    for path in ("/v1/drg:group", "/v1/drg:what-if"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        jsonschema_rs.validator_for({**body["schema"]}).validate(body["example"])
        answer = client.post(path, content=json.dumps(body["example"]).encode(),
                             headers={"Content-Type": "application/json"})  # fmt: skip
        assert answer.status_code == 200, answer.text
