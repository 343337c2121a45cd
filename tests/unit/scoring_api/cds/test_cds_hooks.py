"""CDS Hooks over HTTP, as the specification has it: discovery, the four hooks, feedback, errors."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import cds
from domain.cards import OVERRIDE_REASONS
from scoring_api.cds.routes import EXAMPLE, EXAMPLE_FEEDBACK
from tests.cds_scene import (
    ADDRESS,
    ATORVASTATIN,
    EXTENSION,
    Site,
    bundle,
    chart,
    medication,
    request,
    site,
)
from tests.order_events import Json, admitted, line, message, order

SCHEMAS = {
    name: jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    for name, schema in cds.schemas().items()
}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("cds")) as made:
        yield made


def statin(sequence: int, of: str, **fields: Any) -> Json:
    running = order(f"O{sequence}", ATORVASTATIN, "03T10:00", **fields)
    return message("orders", sequence, of=of, orders=[running])


def earlier() -> str:
    """An hour ago."""
    return (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="seconds")


def ward(hospital: Site) -> str:
    """A stay with atorvastatin running, under an id of its own."""
    stay = f"S-{uuid.uuid4().hex[:12]}"
    hospital.stream(admitted(of=stay), statin(2, stay))
    return stay


def test_the_written_schemas_are_the_ones_that_judge() -> None:
    folder = Path(__file__).parents[4] / "docs" / "schema" / "cds-hooks"
    written = {
        p.name.removesuffix(".schema.json"): json.loads(p.read_text())
        for p in folder.glob("*.json")
    }
    assert written == json.loads(json.dumps(cds.schemas()))
    for schema in written.values():
        jsonschema_rs.meta.validate(schema)


def test_discovery_names_each_service_with_templates_that_a_client_can_fill(hospital: Site) -> None:
    for language, title in (
        ("zh-CN,zh;q=0.9,en;q=0.5", "医保"),
        ("en", "Insurance"),
        ("fr", "医保"),
    ):
        answer = hospital.client.get("/cds-services", headers={"accept-language": language})
        assert answer.status_code == 200
        SCHEMAS["discovery"].validate(answer.json())
        services = answer.json()["services"]
        assert {s["hook"] for s in services} == {
            "order-select", "order-sign", "encounter-discharge", "patient-view",
        }  # fmt: skip
        assert all(title in s["title"] for s in services)
    for one in services:
        assert set(one["prefetch"]) == {
            "patient", "encounter", "conditions", "procedures", "medications", "services", "coverage",
        }  # fmt: skip
        for query in one["prefetch"].values():
            tokens = [t.partition("}}")[0] for t in query.split("{{")[1:]]
            assert set(tokens) <= {"context.patientId", "context.encounterId"}


def test_the_examples_of_the_documentation_are_valid() -> None:
    SCHEMAS["request-order-sign"].validate(EXAMPLE)
    SCHEMAS["feedback"].validate(EXAMPLE_FEEDBACK)


def test_a_repeat_is_told_when_its_draft_is_selected_and_each_way_out_is_an_action(
    hospital: Site,
) -> None:
    stay = ward(hospital)
    drafts = bundle(medication("103"), medication("104", "S-0104001"))
    other = hospital.cards("order-select", encounterId=stay, draftOrders=drafts, selections=["MedicationRequest/104"])  # fmt: skip
    assert other == []
    answer = hospital.call("order-select", encounterId=stay, draftOrders=drafts, selections=["MedicationRequest/103"])  # fmt: skip
    SCHEMAS["response"].validate(answer.json())
    (card,) = answer.json()["cards"]
    assert len(card["summary"]) < 140
    assert card["indicator"] in ("info", "warning")
    assert card["source"]["topic"] == {"system": cds.TOPIC_SYSTEM, "code": "order", "display": "Orders and insurance rules"}  # fmt: skip
    assert card["links"][0]["url"] == f"{ADDRESS}/ward/{stay}"
    assert [r["code"] for r in card["overrideReasons"]] == list(OVERRIDE_REASONS)
    assert card["selectionBehavior"] == "at-most-one"
    assert not any(s["isRecommended"] for s in card["suggestions"])
    actions = [s["actions"] for s in card["suggestions"] if "actions" in s]
    # The repeat is taken back in the client's session; the running order came by the stream alone, and
    # of it the client sent no resource that could be changed.
    assert [[(a["type"], a.get("resourceId")) for a in one] for one in actions] == [
        [("delete", "MedicationRequest/103")]
    ]
    assert all(a["description"] for one in actions for a in one)
    assert len(card["suggestions"]) == 2


def test_the_clients_own_resource_comes_back_with_all_that_it_held(hospital: Site) -> None:
    """The running order as the client prefetched it is stopped: its extension and dosage stay."""
    running = medication("m1", start=earlier(), status="active", identifier=[{"value": "O2"}])
    body = request("order-sign", chart(("I10",), running), encounterId="89284", draftOrders=bundle(medication("103")))  # fmt: skip
    (card,) = [c for c in hospital.cards("order-sign", body) if c.get("suggestions")]
    (update,) = [
        a for s in card["suggestions"] for a in s.get("actions", ()) if a["type"] == "update"
    ]
    changed = update["resource"]
    # It ends when the new one begins, and nothing else of it is touched.
    period = changed["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
    assert datetime.fromisoformat(period.pop("end")) > datetime.now(UTC)
    assert changed == running
    assert {"url": EXTENSION, "valueString": "3"} in changed["extension"]


def test_at_signing_every_draft_is_looked_at_and_nothing_is_told_twice_a_stay(
    hospital: Site,
) -> None:
    stay = ward(hospital)
    drafts = bundle(medication("103"))
    body = request("order-sign", encounterId=stay, draftOrders=drafts)
    first = hospital.cards("order-sign", body)
    assert [c["source"]["topic"]["code"] for c in first] == ["order"]
    assert hospital.cards("order-sign", body) == first, "the same call made again"
    assert hospital.cards("order-sign", encounterId=stay, draftOrders=drafts) == []
    kept = hospital.store.cards.of_stay(stay)
    assert [(c["hook"], c["physician_id"], c["provider_id"]) for c in kept] == [
        ("order-sign", "D9", "H1")
    ]
    assert hospital.store.open_stays.decisions(stay) == [], (
        "the call itself stores nothing of the stay"
    )


def test_a_cost_that_runs_ahead_is_told_once_at_signing_and_on_opening_the_record(
    hospital: Site,
) -> None:
    stay = f"S-{uuid.uuid4().hex[:12]}"
    hospital.stream(
        admitted(of=stay, codes=("I63.900",)),
        message("charges", 3, of=stay, charges=[line("L1", 900_000, charge_date="2025-03-04", category="09")]),
    )  # fmt: skip
    plan = hospital.desk._plans.of_stay(stay)
    assert plan is not None
    drafts = bundle(medication("9", "S-0104001"))
    shown = hospital.cards("order-sign", encounterId=stay, draftOrders=drafts)
    view = hospital.cards("patient-view", encounterId=stay)
    if plan["cost"]["standard_fen"] is None:
        pytest.fail("the scene has a standard")
    assert [c["source"]["topic"]["code"] for c in shown] == ["cost"]
    assert "Western drugs" in shown[0]["detail"]
    assert "needed care goes on" in shown[0]["detail"]
    assert len(view) == 1
    assert hospital.cards("order-sign", encounterId=stay, draftOrders=drafts) == []
    assert hospital.cards("patient-view", encounterId=stay) == []


def test_a_record_without_anything_to_say_opens_without_a_card(hospital: Site) -> None:
    stay = f"S-{uuid.uuid4().hex[:12]}"
    hospital.stream(admitted(of=stay))
    assert hospital.cards("patient-view", encounterId=stay) == []
    # No stay, or a patient who looks at the own record: nothing of ours is for them.
    assert hospital.cards("patient-view", encounterId=None) == []
    assert hospital.cards("patient-view", encounterId=stay, userId="Patient/1288992") == []


def test_before_discharge_the_questions_of_the_plan_are_asked_by_topic(hospital: Site) -> None:
    stay = ward(hospital)
    answer = hospital.call("encounter-discharge", encounterId=stay)
    SCHEMAS["response"].validate(answer.json())
    topics = {c["source"]["topic"]["code"]: c for c in answer.json()["cards"]}
    assert {"documentation", "discharge"} <= set(topics)
    assert "suggestions" not in topics["discharge"]
    assert "still run" in topics["discharge"]["detail"]
    zh = hospital.client.post(
        "/cds-services/drg-encounter-discharge",
        json=request("encounter-discharge", encounterId=ward(hospital)),
    ).json()["cards"]
    assert all("出院" in c["summary"] or "？" in c["summary"] or "特例" in c["summary"] for c in zh)


def test_a_stay_that_only_the_prefetch_tells_of_is_judged(hospital: Site) -> None:
    running = medication("m1", start=earlier(), status="active")
    drafts = bundle(medication("103"))
    body = request("order-select", chart(("I10",), running), encounterId="89284",
                   draftOrders=drafts, selections=["MedicationRequest/103"], userId="Practitioner/D77")  # fmt: skip
    answer = hospital.call("order-select", body)
    assert answer.status_code == 200, answer.text
    assert [c["source"]["topic"]["code"] for c in answer.json()["cards"]] == ["order"]
    assert hospital.store.open_stays.read(["H1-77"]) == {}
    assert {c["stay_id"] for c in hospital.store.cards.of_stay("H1-77")} == {"H1-77"}


def test_the_specifications_own_order_example_is_answered(hospital: Site) -> None:
    """A NutritionOrder and a drug with a code of RxNorm alone: neither can be judged, and both are named."""
    stay = ward(hospital)
    nutrition = {
        "resourceType": "NutritionOrder", "id": "pureeddiet-simple", "status": "draft",
        "patient": {"reference": "Patient/1288992"}, "dateTime": "2014-09-17",
        "orderer": {"reference": "Practitioner/example", "display": "Dr Adam Careful"},
        "oralDiet": {"type": [{"text": "Pureed diet"}]},
    }  # fmt: skip
    rxnorm = medication("smart-MedicationRequest-103") | {
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "617993"}]
        }
    }
    answer = hospital.call(
        "order-select", encounterId=stay, userId="PractitionerRole/123", draftOrders=bundle(nutrition, rxnorm),
        selections=["NutritionOrder/pureeddiet-simple", "MedicationRequest/smart-MedicationRequest-103"],
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    SCHEMAS["response"].validate(answer.json())
    aside = answer.json()["extension"][cds.SET_ASIDE]
    assert {a["resource"].partition("/")[0] for a in aside} == {
        "NutritionOrder",
        "MedicationRequest",
    }
    assert answer.json()["cards"] == []


def test_a_draft_of_another_patient_is_set_aside(hospital: Site) -> None:
    stay = ward(hospital)
    foreign = medication("103", subject={"reference": "Patient/999"})
    answer = hospital.call("order-sign", encounterId=stay, draftOrders=bundle(foreign)).json()
    assert answer["cards"] == []
    assert answer["extension"][cds.SET_ASIDE][0]["element"] == "subject"


def test_a_site_may_name_items_by_its_own_uri(hospital: Site) -> None:
    stay = ward(hospital)
    own = medication("103") | {
        "medicationCodeableConcept": {
            "coding": [{"system": "https://ehr.example.org/items", "code": ATORVASTATIN}]
        }
    }
    assert len(hospital.cards("order-sign", encounterId=stay, draftOrders=bundle(own))) == 1


def test_a_stay_of_which_nothing_is_known_is_a_precondition_that_failed(hospital: Site) -> None:
    answer = hospital.call("order-sign", encounterId="nowhere", draftOrders=bundle(medication("1")))
    assert answer.status_code == 412
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].endswith(":cds-data")
    assert "prefetch" in answer.json()["cure"]


def test_a_discharged_stay_has_no_cards(hospital: Site) -> None:
    stay = ward(hospital)
    hospital.stream(message("discharge", 9, of=stay, discharge={"discharge_date": "2025-03-05"}))
    assert hospital.cards("order-sign", encounterId=stay, draftOrders=bundle(medication("1"))) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"hook": "patient-view"}, "hook"),
        ({"hookInstance": "not-a-uuid"}, "hookInstance"),
        ({"hookInstance": None}, "the body"),
        ({"context": {"patientId": "1", "draftOrders": {"resourceType": "Bundle"}}}, "context"),
        ({"context": {"userId": "Practitioner/1", "patientId": "1"}}, "context"),
        ({"fhirServer": None}, "the body"),
        ({"fhirServer": "file:///etc/passwd"}, "fhirServer"),
        ({"prefetch": {"patient": "Patient/1"}}, "prefetch.patient"),
        ({"fhirAuthorization": {"access_token": "secret-token"}}, "fhirAuthorization"),
    ],
)
def test_a_call_of_another_form_is_refused_by_its_place(
    hospital: Site, change: Json, field: str
) -> None:
    body = request("order-sign", draftOrders=bundle(medication("1"))) | change
    answer = hospital.call("order-sign", body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"].endswith(":cds-request")
    assert field in problem["detail"]
    assert problem["errors"]
    assert "secret-token" not in answer.text, "values are not told"


def test_what_is_no_json_no_object_or_no_service_is_told(hospital: Site) -> None:
    post = hospital.client.post
    assert post("/cds-services/drg-order-sign", content=b"{", headers={"content-type": "application/json"}).status_code == 400  # fmt: skip
    assert post("/cds-services/drg-order-sign", json=[]).status_code == 422
    assert post("/cds-services/drg-order-sign", data={"a": "b"}).status_code == 415
    assert post("/cds-services/none-such", json=request("order-sign")).status_code == 404
    assert post("/cds-services/none-such/feedback", json=EXAMPLE_FEEDBACK).status_code == 404


def test_unknown_members_and_extensions_pass(hospital: Site) -> None:
    stay = ward(hospital)
    body = request("order-sign", encounterId=stay, draftOrders=bundle(medication("1")), more="else")
    body |= {"extension": {"com.example.timestamp": "2017-11-27T22:13:25Z"}, "unknown": [1, None]}
    assert len(hospital.cards("order-sign", body | {"prefetch": None})) == 1


def test_feedback_is_kept_with_its_reason_and_each_item_stands_alone(hospital: Site) -> None:
    first, second = ward(hospital), ward(hospital)
    drafts = bundle(medication("103"))
    (one,) = hospital.cards("order-sign", encounterId=first, draftOrders=drafts)
    (two,) = hospital.cards("order-sign", encounterId=second, draftOrders=drafts)
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    told = [
        {"card": one["uuid"], "outcome": "accepted", "outcomeTimestamp": now,
         "acceptedSuggestions": [{"id": one["suggestions"][0]["uuid"]}]},
        {"card": two["uuid"], "outcome": "overridden", "outcomeTimestamp": now,
         "overrideReason": {"reason": {"code": "not-applicable", "system": cds.REASON_SYSTEM}, "userComment": "另有指征"}},
        {"card": str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": now},
        {"card": one["uuid"], "outcome": "accepted", "outcomeTimestamp": now,
         "acceptedSuggestions": [{"id": str(uuid.uuid4())}]},
    ]  # fmt: skip
    SCHEMAS["feedback"].validate({"feedback": told})
    answer = hospital.client.post("/cds-services/drg-order-sign/feedback", json={"feedback": told})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["kept"], [r["index"] for r in answer.json()["refused"]]) == (2, [2, 3])
    kept = {c["card_id"]: c for s in (first, second) for c in hospital.store.cards.of_stay(s)}
    assert (kept[one["uuid"]]["answer"], kept[one["uuid"]]["accepted"]) == ("accepted", [one["suggestions"][0]["uuid"]])  # fmt: skip
    overridden = kept[two["uuid"]]
    assert (overridden["answer"], overridden["reason"], overridden["comment"]) == ("overridden", "not-applicable", "另有指征")  # fmt: skip


def test_a_reason_of_the_clients_own_counts_as_another_one(hospital: Site) -> None:
    stay = ward(hospital)
    (card,) = hospital.cards("order-sign", encounterId=stay, draftOrders=bundle(medication("1")))
    reason = {"code": "d7ecf885", "system": "https://example.com/cds-hooks/override-reason-system"}
    told = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": "2020-12-11T00:00:00Z",
            "overrideReason": {"reason": reason}}  # fmt: skip
    answer = hospital.client.post(
        "/cds-services/drg-order-sign/feedback", json={"feedback": [told]}
    )
    assert answer.json() == {"kept": 1, "refused": []}
    (kept,) = hospital.store.cards.of_stay(stay)
    assert kept["reason"] == "other"
    assert "d7ecf885" in kept["comment"]


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "ignored"},
        {"outcome": "accepted"},
        {"outcomeTimestamp": "yesterday"},
        {"overrideReason": {}},
        {"card": "not-a-uuid"},
    ],
)
def test_feedback_of_another_form_is_refused(hospital: Site, change: Json) -> None:
    told = {
        "card": str(uuid.uuid4()),
        "outcome": "overridden",
        "outcomeTimestamp": "2020-12-11T00:00:00Z",
    }
    path = "/cds-services/drg-order-sign/feedback"
    assert hospital.client.post(path, json={"feedback": [told | change]}).status_code == 422
    assert hospital.client.post(path, json={"feedback": [told]}).status_code == 422, "no such card"
    assert hospital.client.post(path, json={"feedback": []}).status_code == 422


def test_calls_that_come_together_are_answered_each_by_itself(hospital: Site) -> None:
    """Different stays in one batch, and two sessions on one stay that do not see each other's drafts."""
    stays = [ward(hospital) for _ in range(4)]
    bodies = [
        request("order-sign", encounterId=s, draftOrders=bundle(medication("103"))) for s in stays
    ]
    bodies += [
        request(
            "order-sign", encounterId=stays[0], draftOrders=bundle(medication("104", "S-0104001"))
        )
    ]
    bodies += [request("order-sign", encounterId="nowhere", draftOrders=bundle(medication("1")))]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda b: hospital.call("order-sign", b), bodies))
    assert [a.status_code for a in answers] == [200] * 5 + [412]
    assert [len(a.json()["cards"]) for a in answers[:5]] == [1, 1, 1, 1, 0]
    for stay, answer in zip(stays, answers, strict=False):
        assert answer.json()["cards"][0]["links"][0]["url"].endswith(stay)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(
    draft=st.dictionaries(
        st.sampled_from([*medication("1"), "encounter", "requester", "contained"]),
        _JSON,
        max_size=4,
    ),
    encounter=_JSON,
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_resource_breaks_the_service(hospital: Site, draft: Json, encounter: Any) -> None:
    resource = medication("1") | draft
    body = request(
        "order-sign", {"encounter": encounter}, encounterId="S-fuzz", draftOrders=bundle(resource)
    )
    answer = hospital.call("order-sign", body)
    assert answer.status_code in (200, 412, 422), answer.text
    if answer.status_code == 200:
        SCHEMAS["response"].validate(answer.json())
