"""Reviews over HTTP and by the forms of the pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

import store
from domain.results import FINDINGS
from domain.review import REASONS_OF
from tests import service_samples as samples

OWN = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def alert(filled: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = filled.get("/v1/alerts?severity=high&limit=1").json()["alerts"][0]
    return found


def body(**changes: Any) -> dict[str, Any]:
    given = {"outcome": "confirmed", "reason": "violation", "reviewer": "officer-07"}
    return {**given, **changes}


def test_a_review_is_kept_told_and_counted(filled: TestClient, alert: dict[str, Any]) -> None:
    address = f"/v1/alerts/{alert['alert_id']}/reviews"
    rule = alert["rule_ids"][0]
    before = filled.get(f"/v1/rules/{rule}").json()["record"]["reviewed"]
    assert (before["precision"], before["precision_interval"]) == (None, None)
    answer = filled.post(address, json=body(rule_ids=[rule], recovered_fen=12_345, note="退回"))
    assert answer.status_code == 201, answer.text
    (kept,) = answer.json()["reviews"]
    assert (kept["recovered_fen"], kept["currency"]) == (12_345, alert["currency"])
    assert kept["outcome_name"] == {"zh": "属实", "en": "confirmed"}
    assert filled.get(address).json() == answer.json()
    after = filled.get(f"/v1/rules/{rule}").json()["record"]["reviewed"]
    assert (after["confirmed"], after["precision"]) == (1, 1.0), "told at once, not a minute later"
    assert filled.get(f"/v1/alerts/{alert['alert_id']}").json()["status"] == "reviewed"


def test_the_same_key_stores_nothing_again(filled: TestClient, alert: dict[str, Any]) -> None:
    address = f"/v1/alerts/{alert['alert_id']}/reviews"
    for _ in range(2):
        answer = filled.post(address, json=body(), headers={"Idempotency-Key": "abcdefgh-1"})
        assert len(answer.json()["reviews"]) == 1
    answer = filled.post(address, json=body(), headers={"Idempotency-Key": "abcdefgh-2"})
    assert [r["counts"] for r in answer.json()["reviews"]] == [False, True]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"outcome": "yes"}, "outcome"),
        ({"reason": "documented"}, "reason"),
        ({"rule_ids": ["XYZ-001"]}, "rule_ids"),
        ({"rule_ids": []}, "rule_ids"),
        ({"reviewer": "  "}, "reviewer"),
        ({"reviewer": "x" * 81}, "reviewer"),
        ({"note": "x" * 2001}, "note"),
        ({"recovered_fen": -1}, "recovered_fen"),
        ({"recovered_fen": 10**14}, "recovered_fen"),
        (
            {"outcome": "not_confirmed", "reason": "documented", "recovered_fen": 1},
            "recovered_fen",
        ),
    ],
)
def test_what_cannot_be_a_review_is_refused(
    changes: dict[str, Any], field: str, filled: TestClient, alert: dict[str, Any]
) -> None:
    address = f"/v1/alerts/{alert['alert_id']}/reviews"
    answer = filled.post(address, json=body(**changes))
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert answer.json()["cure"]
    assert filled.get(address).json() == {"reviews": []}


def test_a_body_that_is_none_and_an_alert_that_is_none_are_told(
    filled: TestClient, alert: dict[str, Any]
) -> None:
    address = f"/v1/alerts/{alert['alert_id']}/reviews"
    assert filled.post(address, json={"outcome": "confirmed"}).status_code == 422
    assert filled.post(address, content=b"{", headers={"content-type": "application/json"}).status_code == 400  # fmt: skip
    assert filled.post("/v1/alerts/nothing/reviews", json=body()).status_code == 404
    assert filled.get("/v1/findings/" + "0" * 32 + "/reviews").status_code == 404


def test_the_page_has_a_form_that_keeps_a_review(filled: TestClient, alert: dict[str, Any]) -> None:
    page = f"/alerts/{alert['alert_id']}"
    assert f'action="{page}/reviews?lang=en"' in filled.get(f"{page}?lang=en").text
    sent = filled.post(
        f"{page}/reviews?lang=en",
        data={
            "rule_id": alert["rule_ids"][0],
            "conclusion": "partly:coding-error",
            "recovered": "1,234.50",
            "reviewer": "<b>王</b>",
            "note": "见病程记录",
        },
        headers=OWN,
        follow_redirects=False,
    )
    assert sent.status_code == 303, sent.text
    assert sent.headers["location"] == f"{page}?lang=en#reviews"
    shown = filled.get(f"{page}?lang=en").text
    assert "partly confirmed" in shown
    assert "1,234.50" in shown
    assert "&lt;b&gt;王&lt;/b&gt;" in shown
    assert "<b>王" not in shown
    catalogue = filled.get("/rules?lang=en").text
    assert "100 % (1)" in catalogue
    rule = filled.get(f"/rules/{alert['rule_ids'][0]}?lang=zh").text
    assert "复核准确率" in rule
    assert "1 条结论中 1 条属实或部分属实" in rule


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
    ],
)
def test_a_form_of_another_site_is_refused(
    headers: dict[str, str], filled: TestClient, alert: dict[str, Any]
) -> None:
    page = f"/alerts/{alert['alert_id']}/reviews"
    sent = filled.post(page, data={"conclusion": "confirmed:violation"}, headers=headers)
    assert sent.status_code == 403
    assert filled.get("/v1" + page).json() == {"reviews": []}


def test_a_form_that_is_wrong_is_told_as_a_page_in_chinese(
    filled: TestClient, alert: dict[str, Any]
) -> None:
    page = f"/alerts/{alert['alert_id']}/reviews?lang=zh"
    html = {**OWN, "accept": "text/html"}
    for data, status in (
        ({"conclusion": ""}, 422),
        ({"conclusion": "confirmed:violation", "reviewer": "x", "recovered": "viel"}, 422),
        ({"conclusion": "confirmed:violation", "reviewer": "x", "note": "x" * 40_000}, 413),
    ):
        sent = filled.post(page, data=data, headers=html)
        assert sent.status_code == status
        assert "复核" in sent.text or "表单" in sent.text


def test_every_choice_of_the_form_is_one_that_is_taken(
    filled: TestClient, alert: dict[str, Any]
) -> None:
    text = filled.get(f"/alerts/{alert['alert_id']}").text
    for outcome, reasons in REASONS_OF.items():
        for reason in reasons:
            assert f'value="{outcome}:{reason}"' in text


def test_a_finding_on_a_month_is_reviewed_alike(opened: store.Store, client: TestClient) -> None:
    batch = samples.claims(2)
    row = samples.finding()
    results = replace(
        samples.assess(batch), findings=pa.Table.from_pylist([row], schema=FINDINGS.arrow)
    )
    opened.write(claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL)
    address = f"/findings/{row['finding_id']}"
    answer = client.post(f"/v1{address}/reviews", json=body(recovered_fen=7))
    assert answer.status_code == 201
    (kept,) = answer.json()["reviews"]
    assert (kept["finding_id"], kept["stay_id"], kept["rule_id"]) == (row["finding_id"], None, "GRP-023")  # fmt: skip
    sent = client.post(
        f"{address}/reviews",
        data={"rule_id": "GRP-023", "conclusion": "not_confirmed:exception", "reviewer": "o"},
        headers=OWN,
    )
    assert sent.status_code == 200, "redirected to the page"
    assert "不属实" in sent.text
