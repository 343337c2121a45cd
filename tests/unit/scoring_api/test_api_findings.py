"""GET /v1/findings, from the outside."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

import store
from domain.results import FINDINGS
from tests import service_samples as samples


@pytest.fixture
def found(opened: store.Store, client: TestClient) -> TestClient:
    """A client whose store holds nine findings on three hospitals and a physician."""
    rows = [
        samples.finding(
            finding_id=f"{number:032x}", unit=unit, subject_id=f"S{number}", provider_id=f"H{number % 3}",
            physician_id="D1" if unit == "physician_day" else None,
            period_start=date(2025, 1 + number % 3, 1), period_end=date(2025, 1 + number % 3, 28),
            rule_id="IDB-014" if unit == "physician_day" else "GRP-023",
            severity="high" if number % 2 else "low", exposure_fen=None if number == 8 else number,
        )
        for number, unit in enumerate(["provider_month"] * 6 + ["physician_day"] * 3)
    ]  # fmt: skip
    batch = samples.claims(2)
    results = replace(
        samples.assess(batch), findings=pa.Table.from_pylist(rows, schema=FINDINGS.arrow)
    )
    opened.write(claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL)
    return client


def test_pages_follow_their_links_from_the_worst_to_the_least(found: TestClient) -> None:
    address, seen = "/v1/findings?limit=2", []
    while address:
        answer = found.get(address)
        assert answer.status_code == 200, answer.text
        seen += answer.json()["findings"]
        address = answer.json()["next"]
    assert len({f["finding_id"] for f in seen}) == 9
    assert [f["severity"] for f in seen] == ["high"] * 4 + ["low"] * 5
    assert seen[0]["facts"] == {"stays": 20}
    assert seen[0]["title"] == {"zh": "标题", "en": "title"}
    assert [f["exposure_fen"] for f in seen if f["finding_id"].endswith("8")] == [None]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("provider=H1", 3),
        ("unit=physician_day", 3),
        ("rule=GRP-023", 6),
        ("physician=D1&provider=H0", 1),
        ("period_from=2025-03-01", 3),
        ("period_to=2025-01-31", 3),
        ("provider=H9", 0),
    ],
)
def test_every_filter_narrows(query: str, count: int, found: TestClient) -> None:
    assert len(found.get(f"/v1/findings?{query}").json()["findings"]) == count


@pytest.mark.parametrize("query", ["unit=stay", "limit=0", "cursor=9-x", "what=1"])
def test_a_question_that_makes_no_sense_is_refused(query: str, found: TestClient) -> None:
    assert found.get(f"/v1/findings?{query}").status_code == 422


def test_one_finding_opens_with_its_evidence(found: TestClient) -> None:
    answer = found.get(f"/v1/findings/{1:032x}")
    assert answer.status_code == 200
    assert answer.json()["thresholds"] == {"sigma": {"value": 4, "unit": "x"}}
    missing = found.get(f"/v1/findings/{99:032x}")
    assert missing.status_code == 404
    assert missing.json()["cure"]


def test_the_page_lists_what_the_route_lists_and_opens_each(found: TestClient) -> None:
    page = found.get("/findings?provider=H1&lang=en")
    assert page.status_code == 200
    listed = found.get("/v1/findings?provider=H1").json()["findings"]
    assert len(listed) == 3
    for finding in listed:
        assert f"/findings/{finding['finding_id']}?lang=en" in page.text
        opened = found.get(f"/findings/{finding['finding_id']}?lang=en")
        assert opened.status_code == 200
        assert finding["title"]["en"] in opened.text
        assert finding["title"]["zh"] in opened.text
        assert finding["provider_id"] in opened.text


def test_the_page_says_which_field_it_cannot_read(found: TestClient) -> None:
    page = found.get("/findings?period_from=soon&lang=en")
    assert page.status_code == 422
    assert "Period from" in page.text


def test_the_page_says_when_nothing_fits(found: TestClient) -> None:
    assert "No finding fits" in found.get("/findings?provider=H9&lang=en").text


def test_texts_of_a_finding_cannot_become_markup(opened: store.Store, client: TestClient) -> None:
    batch = samples.claims(1)
    row = samples.finding(title_en="<script>alert(1)</script>", finding_en='"><img src=x>')
    findings = pa.Table.from_pylist([row], schema=FINDINGS.arrow)
    opened.write(
        claims=batch,
        results=replace(samples.assess(batch), findings=findings),
        ruleset=samples.RULESET,
        model=samples.MODEL,
    )
    for address in ("/findings?lang=en", f"/findings/{row['finding_id']}?lang=en"):
        text = client.get(address).text
        assert "<script>" not in text
        assert "<img" not in text.replace('<img src="/static/', "")
