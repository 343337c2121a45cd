"""POST /v1/claims:assess, from the outside."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence

import jsonschema_rs
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import store
from domain.claim import CHILDREN, STAYS
from domain.service import Assessment
from scoring_api import assessing
from tests import service_samples as samples

JSON = {"Content-Type": "application/json"}


def claim(number: int) -> dict[str, object]:
    return {"stay_id": f"S{number:06d}"}


def test_claims_are_judged_stored_and_answered(client: TestClient, opened: store.Store) -> None:
    answer = client.post("/v1/claims:assess", json={"claims": [claim(1), claim(4)]})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["read"], told["accepted"], told["set_aside"]) == (2, 2, 0)
    hit, clean = told["decisions"]
    assert hit["verdicts"]["ADM-003"] == "H"
    assert list(hit["verdicts"]) == list(samples.RULE_IDS)
    assert hit["hits"][0]["facts"]["days_since_prior_stay"] == 9
    assert hit["hits"][0]["thresholds"]["window_days"] == {"value": 15, "unit": "day"}
    assert hit["hits"][0]["finding"]["zh"].startswith("疑似分解住院")
    assert hit["currency"] == hit["hits"][0]["currency"] == "CNY"
    assert isinstance(hit["exposure_fen"], int)
    assert [r["rank"] for r in hit["reasons"]] == [1, 2, 3, 4]
    assert clean["alert_id"] is None
    assert clean["hits"] == []
    opened_alert = client.get(f"/v1/alerts/{hit['alert_id']}").json()
    assert opened_alert["decision_id"] == hit["decision_id"]


def test_the_same_claim_again_gives_the_same_decision_once(
    client: TestClient, opened: store.Store
) -> None:
    first = client.post("/v1/claims:assess", json={"claims": [claim(1)]}).json()
    again = client.post("/v1/claims:assess", json={"claims": [claim(1)]}).json()
    assert first == again
    assert opened.counts()["decisions"] == 1


def test_each_claim_reaches_the_assessor_as_its_own_bytes(
    build: Callable[..., FastAPI], opened: store.Store
) -> None:
    assessor = samples.Assessor(opened)
    texts = ['{"stay_id" : "S000001", "x": 1.10}', '{"stay_id":"S000002","n":"\\u4e2d"}']
    body = f'{{ "claims": [{texts[0]} , {texts[1]}] }}'
    with TestClient(build(assess=assessor)) as client:
        assert client.post("/v1/claims:assess", content=body, headers=JSON).status_code == 200
    assert [record.decode().strip() for record in assessor.seen] == texts


def test_some_refused_is_success_with_all_reasons(client: TestClient) -> None:
    told = client.post(
        "/v1/claims:assess", json={"claims": [claim(1), {"stay_id": "bad"}, 7]}
    ).json()
    assert (told["read"], told["accepted"], told["set_aside"]) == (3, 1, 2)
    assert [r["index"] for r in told["refused"]] == [1, 2]
    assert told["refused"][0]["reasons"][0] == {
        "field": "stay_id", "value": "bad", "rule": "pattern", "cure": "Write S and six digits."
    }  # fmt: skip


def test_all_refused_is_a_problem_with_the_reasons(client: TestClient) -> None:
    answer = client.post("/v1/claims:assess", json={"claims": [{"stay_id": "bad"}]})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["refused"][0]["reasons"][0]["rule"] == "pattern"


@pytest.mark.parametrize(
    ("body", "headers", "status", "name"),
    [
        (b'{"claims": [{}', JSON, 400, "json"),
        (b"", JSON, 400, "json"),
        (b'{"claims": ["\xff"]}', JSON, 422, None),
        (b'{"claims": []}', JSON, 422, "number-of-claims"),
        (b'{"claims": {}}', JSON, 422, "envelope"),
        (b"[]", JSON, 422, "envelope"),
        (b'{"claims": [{}], "mode": "fast"}', JSON, 422, "envelope"),
        (b'{"claims": [' + b",".join([b"{}"] * 501) + b"]}", JSON, 422, "number-of-claims"),
        (b'{"claims": [{}]}', {"Content-Type": "text/plain"}, 415, "content-type"),
        (b'{"claims": [{}]}', {}, 415, "content-type"),
        (b'{"claims": ["' + b"x" * (16 * 2**20) + b'"]}', JSON, 413, "body-too-large"),
        (b'{"claims": [' + b"[" * 100_000, JSON, 400, "json"),
    ],
)
def test_bad_requests_are_problems_that_say_what_to_do(
    build: Callable[..., FastAPI],
    body: bytes,
    headers: dict[str, str],
    status: int,
    name: str | None,
) -> None:
    with TestClient(build(assess=refuse_all)) as client:
        answer = client.post("/v1/claims:assess", content=body, headers=headers)
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    if name is not None:
        assert problem["type"] == f"urn:drg-sentinel:problem:{name}"
    assert problem["cure"]
    assert problem["status"] == status


def refuse_all(records: Sequence[bytes], /) -> Assessment:
    from domain.errors import Refusal
    from domain.service import Refused

    refusal = (Refusal("", "", "not-utf8", "Send UTF-8."),)
    nothing = samples.claims(0)
    results = samples.assess(nothing)
    return Assessment(nothing, results, tuple(Refused(i, refusal) for i, _ in enumerate(records)))


def test_500_claims_are_taken(client: TestClient) -> None:
    told = client.post("/v1/claims:assess", json={"claims": [claim(i) for i in range(500)]}).json()
    assert told["accepted"] == 500


def test_an_assessment_does_not_hold_up_those_who_read(
    build: Callable[..., FastAPI], opened: store.Store
) -> None:
    """The assessor waits until /healthz has been answered: on the event loop it would wait for ever."""
    answered = threading.Event()
    assessor = samples.Assessor(opened)

    def waiting(records: Sequence[bytes], /) -> Assessment:
        assert answered.wait(30), "the event loop was blocked"
        return assessor(records)

    with TestClient(build(assess=waiting)) as client:
        outcome: list[int] = []
        thread = threading.Thread(
            target=lambda: outcome.append(
                client.post("/v1/claims:assess", json={"claims": [claim(1)]}).status_code
            )
        )
        thread.start()
        assert client.get("/healthz").status_code == 200
        answered.set()
        thread.join(30)
    assert outcome == [200]


def test_the_documented_example_fits_the_schema() -> None:
    validator = jsonschema_rs.validator_for(STAYS.json_schema(CHILDREN))
    for example in assessing.EXAMPLE["claims"]:
        assert [str(e) for e in validator.iter_errors(example)] == []
    json.dumps(assessing.EXAMPLE)
