"""GET /v1/alerts and GET /v1/rules, from the outside."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

import store
from tests import service_samples as samples


def test_pages_follow_their_links_to_the_end(filled: TestClient) -> None:
    address, found, totals = "/v1/alerts?limit=7&sort=exposure&currency=CNY", [], []
    while address:
        answer = filled.get(address)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["alerts"]
        totals.append(page["total"])
        address = page["next"]
    assert len(found) == len({a["alert_id"] for a in found}) == totals[0]
    assert totals[1:] == [None] * (len(totals) - 1)
    assert [a["exposure_fen"] for a in found] == sorted(
        (a["exposure_fen"] for a in found), reverse=True
    )
    assert {a["currency"] for a in found} == {"CNY"}


def test_several_severities_may_be_asked_for(filled: TestClient) -> None:
    page = filled.get("/v1/alerts?severity=high&severity=low&limit=3").json()
    assert {a["severity"] for a in page["alerts"]} <= {"high", "low"}
    follow = filled.get(page["next"])
    assert follow.status_code == 200, follow.text
    assert {a["severity"] for a in follow.json()["alerts"]} <= {"high", "low"}


def test_every_parameter_reaches_the_filter(filled: TestClient) -> None:
    everything = filled.get("/v1/alerts").json()["total"]
    for condition in (
        "min_severity=high", "rule=ADM-003", "family=CHG", f"provider={samples.PROVIDERS[0]}",
        "department=A04.01", "physician=D33010003", "currency=USD", "min_exposure_fen=100000",
        "min_score=0.4", "admitted_from=2024-03-15", "admitted_to=2024-03-15", "text=overlapping",
    ):  # fmt: skip
        total = filled.get(f"/v1/alerts?{condition}").json()["total"]
        assert 0 < total < everything, condition
    assert filled.get("/v1/alerts?status=reviewed").json()["total"] == 0


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "sort=best", "min_score=2", "admitted_from=yesterday",
     "min_exposure_fen=1.5", "severity=bad", "colour=red", "status=closed", f"min_exposure_fen={2**63}"],
)  # fmt: skip
def test_a_bad_parameter_is_named(filled: TestClient, query: str) -> None:
    answer = filled.get(f"/v1/alerts?{query}")
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"].endswith("invalid-parameters")
    assert query.partition("=")[0] in problem["detail"]


def test_a_cursor_of_another_filter_is_refused(filled: TestClient) -> None:
    cursor = filled.get("/v1/alerts?limit=3").json()["cursor"]
    answer = filled.get(f"/v1/alerts?limit=3&currency=USD&cursor={cursor}")
    assert answer.status_code == 400
    assert answer.json()["type"].endswith("cursor-filter")
    assert filled.get(f"/v1/alerts?limit=5&cursor={cursor}").status_code == 200, "limit may change"


def made_up(place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    cursor=st.one_of(
        st.text(max_size=60),
        st.builds(
            made_up,
            st.lists(st.one_of(st.text(), st.floats(), st.integers(), st.none()), max_size=4),
        ),
    ),
    sort=st.sampled_from(list(store.AlertSort)),
)
def test_no_cursor_breaks_the_service(client: TestClient, cursor: str, sort: str) -> None:
    answer = client.get("/v1/alerts", params={"cursor": cursor, "sort": str(sort)})
    assert answer.status_code in ((200,) if not cursor else (400, 422)), answer.text


def test_an_alert_tells_everything(filled: TestClient) -> None:
    row = filled.get("/v1/alerts?rule=ADM-003&min_score=0.3").json()["alerts"][0]
    told = filled.get(f"/v1/alerts/{row['alert_id']}").json()
    assert told["similar"]["count"] > 0, "at least itself"
    assert {k: told[k] for k in row} == row | {"similar": told["similar"]}
    assert told["money"]["exposure_fen"] == row["exposure_fen"]
    assert told["money"]["currency"] == row["currency"]
    assert told["hits"][0]["action"]["en"].startswith("Physician")
    assert {c["rule_id"]: c["verdict"] for c in told["checks"]}["CST-001"] == "unknown"
    scored = told["scored"]
    total = scored["base_value"] + sum(c["shap"] for c in scored["contributions"])
    assert total == pytest.approx(scored["score"], abs=1e-6)
    assert scored["reasons"][0]["peer_percentile"] == 96.5
    assert told["claim"]["stay_id"] == row["stay_id"]
    assert told["decided_at"].endswith(("Z", "+00:00"))


def test_an_unknown_alert_says_where_ids_come_from(filled: TestClient) -> None:
    answer = filled.get("/v1/alerts/0000")
    assert answer.status_code == 404
    assert "GET /v1/alerts" in answer.json()["cure"]
    assert answer.json()["instance"] == "/v1/alerts/0000"


def test_rules_are_listed_and_read(client: TestClient) -> None:
    listed = client.get("/v1/rules").json()
    assert [r["id"] for r in listed["rules"]] == list(samples.RULE_IDS)
    assert client.get("/v1/rules?family=CHG").json()["count"] == 2
    assert client.get("/v1/rules?severity=critical").json()["rules"][0]["id"] == "IDB-001"
    rule = client.get("/v1/rules/ADM-003").json()
    assert rule["name"]["zh"] == "疑似分解住院"
    assert rule["basis"][0]["clause"] == "第十五条"
    assert client.get("/v1/rules/XXX-999").status_code == 404
