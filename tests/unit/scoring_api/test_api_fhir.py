"""POST /v1/fhir, from the outside: what is taken is stored, what is refused is told where and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import scoring_api
import store
from benchmarks.fhir_messages import claim, stay
from data_samples import ward
from scoring_api.fhir_intake import EXAMPLE, ISSUES
from streaming.fhir import messages_of
from streaming.fhir.desk import FhirDesk
from streaming.fhir.texts import encode
from streaming.orders.handler import OrdersHandler
from streaming.pipeline import Engine
from streaming.service import Desk
from tests.order_events import KEY, Json
from tests.unit.streaming.orders.test_order_judging import engine

FHIR = {"Content-Type": "application/fhir+json"}


class Hospital:
    """The service over a database of its own."""

    def __init__(self, opened: store.Store) -> None:
        self.store = opened
        judge: Engine = engine()

        def none(*_: Any, **__: Any) -> Any:
            raise AssertionError("not asked here")

        self.client = TestClient(
            scoring_api.build(
                store=opened, assess=Desk(judge, opened, KEY), group=none, what_if=none, rules=[],
                version="0", ready=dict, fhir=FhirDesk(OrdersHandler(judge, opened, KEY), opened),
            )
        )  # fmt: skip

    def send(self, resource: Json, *, query: str = "", status: int = 200) -> Json:
        body = encode(resource)
        answer = self.client.post(f"/v1/fhir{query}", content=body, headers=FHIR)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/fhir+json"
        told: Json = answer.json()
        return told

    def count(self, told: Json) -> dict[str, int]:
        return {e["url"].rpartition(":")[2]: e["valueInteger"] for e in told["meta"]["extension"]}


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    with store.open(f"sqlite:///{tmp_path}/s.db") as opened:
        yield Hospital(opened)


def test_a_bundle_of_a_stay_is_kept_as_the_stream_would(hospital: Hospital) -> None:
    told = hospital.send(stay())
    assert (told["resourceType"], told["type"]) == ("Bundle", "batch-response")
    assert {e["response"]["status"] for e in told["entry"]} == {"200 OK"}
    assert hospital.count(told)["stored-events"] == 3
    found = hospital.store.open_stays.find("S-2025-1")
    assert found is not None
    assert (found["running_cost_fen"], found["active_orders"]) == (19700, 2)
    assert "SAMPLE0001" not in str(found), "the patient has a pseudonym"


def test_messages_of_the_ward_leave_the_stays_that_the_stream_leaves(hospital: Hospital) -> None:
    events = [e for e in ward.small() if e["stay_id"] == "P-ORD-011-1"]
    findings = sum(hospital.count(hospital.send(m))["findings"] for m in messages_of(events))
    assert findings > 0, "the double order of the planted pattern is found"
    found = hospital.store.open_stays.find("P-ORD-011-1")
    assert found is not None
    charged = sum(line["amount_fen"] for e in events for line in e.get("charges", ()))
    assert (found["phase"], found["running_cost_fen"]) == ("discharged", charged)


def test_a_claim_is_assessed(hospital: Hospital) -> None:
    told = hospital.send(claim())
    assert hospital.count(told)["assessed-claims"] == 1
    patient = KEY.pseudonym("patient_id", "SAMPLE0001")
    assert patient is not None
    again = hospital.store.history([patient], [], excluding=[])
    assert again.stays["stay_id"].to_pylist() == ["S-2025-1"]
    assert again.stays["total_amount_fen"].to_pylist() == [19700]


def test_what_is_refused_is_told_with_element_and_reason(hospital: Hospital) -> None:
    bundle = stay()
    bundle["entry"][5]["resource"]["status"] = "zzz"
    told = hospital.send(bundle)
    (issue,) = told["entry"][5]["response"]["outcome"]["issue"]
    assert told["entry"][5]["response"]["status"].startswith("422")
    assert (issue["severity"], issue["code"]) == ("error", "code-invalid")
    assert issue["expression"] == ["MedicationRequest.status"]
    assert issue["diagnostics"].startswith("Use one of")
    assert "值集" in issue["details"]["text"]
    found = hospital.store.open_stays.find("S-2025-1")
    assert found is not None
    assert found["active_orders"] == 1, "the other order is kept"


def test_a_transaction_is_taken_whole_or_not(hospital: Hospital) -> None:
    bundle = stay() | {"type": "transaction"}
    assert hospital.send(bundle)["type"] == "transaction-response"
    bundle["entry"][5]["resource"]["status"] = "zzz"
    bundle["entry"][2]["resource"]["identifier"][0]["value"] = "S-2"
    told = hospital.send(bundle, status=422)
    assert told["resourceType"] == "OperationOutcome"
    assert "business-rule" in {i["code"] for i in told["issue"]}
    assert hospital.store.open_stays.find("S-2") is None


def test_the_same_bundle_again_changes_nothing(hospital: Hospital) -> None:
    bundle = stay() | {"identifier": {"system": "urn:x", "value": "B1"}}
    first = hospital.send(bundle)
    again = hospital.client.post("/v1/fhir", content=encode(bundle), headers=FHIR)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first, "true")
    other = {**stay(), "identifier": bundle["identifier"], "timestamp": "2025-03-04T12:00:00+08:00"}
    answer = hospital.client.post("/v1/fhir", content=encode(other), headers=FHIR)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":bundle-identifier-reused")


def test_a_bundle_that_failed_may_be_sent_again_under_its_identifier(hospital: Hospital) -> None:
    bad = {"resourceType": "Bundle", "type": "collection", "identifier": {"value": "B2"}, "entry": [{"resource": {"resourceType": "Zork"}}]}  # fmt: skip
    hospital.send(bad, status=422)
    hospital.send(stay() | {"identifier": {"value": "B2"}})


def test_the_hospital_that_sends_may_be_stated(hospital: Hospital) -> None:
    told = hospital.send(stay(), query="?provider=H2", status=422)
    assert "Encounter.serviceProvider" in {e for i in told["issue"] for e in i["expression"]}
    hospital.send(stay(), query="?provider=H1")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [(b"{}", "text/plain", 415), (b"nonsense", "application/fhir+json", 422), (b"{}", "application/json", 422)],
)  # fmt: skip
def test_what_is_no_fhir_is_refused(hospital: Hospital, content: bytes, kind: str, status: int) -> None:  # fmt: skip
    answer = hospital.client.post("/v1/fhir", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status


def test_the_example_of_the_documentation_is_read(hospital: Hospital) -> None:
    told = hospital.send(EXAMPLE, query="?provider=H33010000001")
    assert hospital.count(told)["stored-events"] == 1


def test_an_answer_quotes_no_value_that_was_sent(hospital: Hospital) -> None:
    bundle = stay()
    secret = "zhangsan13800000000"
    for entry in bundle["entry"]:
        entry["resource"]["status"] = secret
    bundle["entry"][0]["resource"]["gender"] = secret
    bundle["entry"][1]["resource"][secret] = secret
    bundle["entry"][2]["resource"] = {"resourceType": secret}
    bundle["entry"][3]["resource"][f"{secret} x"] = {"status": []}
    bundle["entry"][4]["resource"]["code"] = {"coding": [{secret: secret}]}
    bundle["entry"][6]["resource"]["encounter"] = {"reference": f"#{secret}"}
    assert secret not in json.dumps(hospital.send(bundle, status=422), ensure_ascii=False)


def test_every_rule_that_the_reader_names_has_its_words() -> None:
    folder = Path(scoring_api.__file__).parent.parent / "streaming" / "fhir"
    import re

    named: set[str] = set()
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'refuse\(\s*(?:"[^"]*"|name|f"[^"]*"|wanted),\s*"([a-z0-9-]+)"', text))  # fmt: skip
        named |= set(re.findall(r'Fault\(\s*[^,]+,\s*"([a-z0-9-]+)"', text))
    assert len(named) > 12
    assert named <= set(ISSUES), named - set(ISSUES)
