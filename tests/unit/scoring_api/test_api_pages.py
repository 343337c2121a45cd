"""The page: both languages, escaping, filters, figures that add up, errors that help."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

import store
from scoring_api.pages import formats
from scoring_api.pages.texts import TEXTS, tell_absence
from tests import service_samples as samples

PAGE = {"Accept": "text/html"}
VOID = {"meta", "link", "input", "img", "rect", "path", "br"}


class Outline(HTMLParser):
    """Collects tags and visible text, and fails on tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def open_page(client: TestClient, address: str, **headers: str) -> Outline:
    answer = client.get(address, headers={**PAGE, **headers})
    assert answer.status_code == 200, answer.text
    return Outline(answer.text)


def first_alert(client: TestClient, query: str = "") -> dict[str, Any]:
    return client.get(f"/v1/alerts?{query}").json()["alerts"][0]


@pytest.mark.parametrize(
    ("accept", "query", "language"),
    [
        ("", "", "zh-CN"),
        ("en-GB,en;q=0.9", "", "en"),
        ("fr,zh;q=0.5,en;q=0.8", "", "en"),
        ("de", "", "zh-CN"),
        ("en;q=x, zh", "", "zh-CN"),
        ("en", "?lang=zh", "zh-CN"),
        ("zh", "?lang=en", "en"),
        ("zh", "?lang=klingon", "zh-CN"),
    ],
)
def test_the_language_is_that_of_the_reader(
    filled: TestClient, accept: str, query: str, language: str
) -> None:
    page = open_page(filled, f"/{query}", **{"Accept-Language": accept})
    assert dict(page.tags)["html"]["lang"] == language
    assert ("涉及金额" in page.text) is (language == "zh-CN")


def test_both_languages_have_every_text_with_the_same_places() -> None:
    for key, zh in TEXTS["zh"].items():
        en = TEXTS["en"][key]
        assert zh, key
        assert en, key
        assert set(re.findall(r"{\w+}", zh)) == set(re.findall(r"{\w+}", en)) - {"{s}"}, key


def test_the_list_shows_money_severity_and_both_titles(filled: TestClient) -> None:
    page = open_page(filled, "/?lang=en&currency=USD&sort=exposure&gather=0")
    row = first_alert(filled, "currency=USD&sort=exposure")
    whole, cents = divmod(row["exposure_fen"], 100)
    assert f"${whole:,}.{cents:02d}" in page.text
    assert row["title"]["en"] in page.text
    assert row["title"]["zh"] in page.text
    assert "¥" not in page.text.replace("Yuan ¥", "")


def test_the_form_filters_and_keeps_what_was_typed(filled: TestClient) -> None:
    page = open_page(
        filled, "/?lang=en&min_severity=high&min_amount=1,000.00&currency=CNY&rule=&provider="
    )
    wanted = filled.get("/v1/alerts?min_severity=high&min_exposure_fen=100000&currency=CNY").json()
    assert f"{wanted['total']} found" in page.text
    assert ("input", "1,000.00") in [
        (t, a.get("value")) for t, a in page.tags if a.get("name") == "min_amount"
    ]
    assert any(t == "option" and a.get("value") == "high" and "selected" in a for t, a in page.tags)


def test_pages_are_walked_by_their_links(filled: TestClient) -> None:
    address, seen = "/?lang=en&sort=oldest&gather=0", []
    while address:
        page = open_page(filled, address)
        seen += [
            a["href"] for t, a in page.tags if t == "a" and (a["href"] or "").startswith("/alerts/")
        ]
        address = next((a["href"] or "" for t, a in page.tags if a.get("rel") == "next"), "")
    assert len(seen) == len(set(seen)) == 50


@pytest.mark.parametrize(
    "query", ["min_amount=lots", "min_amount=1.234", "min_severity=bad", "min_amount=-5"]
)
def test_a_filter_that_cannot_be_read_is_named(filled: TestClient, query: str) -> None:
    answer = filled.get(f"/?lang=en&{query}", headers=PAGE)
    assert answer.status_code == 422
    page = Outline(answer.text)
    assert "cannot be read" in page.text
    assert TEXTS["en"][query.partition("=")[0]] in page.text


def test_empty_lists_say_what_to_do(client: TestClient, opened: store.Store) -> None:
    assert "sentinel assess" in open_page(client, "/?lang=en").text
    samples.write(opened, 3)
    page = open_page(client, "/?lang=en&provider=nobody")
    assert "clear it" in page.text
    assert "Clear" in page.text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_an_alert_tells_a_person_everything(filled: TestClient, lang: str) -> None:
    row = first_alert(filled, "rule=ADM-003&min_score=0.3")
    page = open_page(filled, f"/alerts/{row['alert_id']}?lang={lang}")
    told = filled.get(f"/v1/alerts/{row['alert_id']}").json()
    hit = told["hits"][0]
    for text in (
        hit["finding"]["zh"], hit["finding"]["en"], hit["action"]["zh"], hit["action"]["en"],
        "days_since_prior_stay", "window_days", "第十五条", told["input_sha256"],
        f"{told['scored']['score'] * 100:.1f}%", *samples.RULE_IDS,
    ):  # fmt: skip
        assert text in page.text, text
    assert ("距上次出院天数" if lang == "zh" else "Days since the prior stay") in page.text
    for reason in told["scored"]["reasons"]:
        assert reason["name"]["zh"] in page.text
        assert reason["name"]["en"] in page.text
    assert TEXTS[lang]["verdict.unknown"] in page.text
    patient = samples.claims(60).stays["patient_id"].to_pylist()[int(row["stay_id"][1:])]
    assert patient not in page.text, "pseudonyms are shortened"
    assert patient[:10] in page.text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_an_alert_judged_again_since_points_to_the_last_one(
    client: TestClient, opened: store.Store, lang: str
) -> None:
    samples.write(opened, 3)
    (old, *_) = opened.alerts().rows
    corrected = samples.claims(6, lines=2)
    opened.write(
        claims=corrected, results=samples.assess(corrected), fingerprints={},
        ruleset=samples.RULESET, model=samples.MODEL,
    )  # fmt: skip
    (new,) = (row for row in opened.alerts().rows if row["stay_id"] == old["stay_id"])
    page = open_page(client, f"/alerts/{old['alert_id']}?lang={lang}")
    assert TEXTS[lang]["superseded"] in page.text
    assert any(new["alert_id"] in (a.get("href") or "") for t, a in page.tags if t == "a")
    latest = open_page(client, f"/alerts/{new['alert_id']}?lang={lang}")
    assert TEXTS[lang]["superseded"] not in latest.text


def test_an_alert_without_a_score_says_why(filled: TestClient) -> None:
    row = first_alert(filled, f"provider={samples.PROVIDERS[3]}")
    assert (
        "the model has not seen this provider"
        in open_page(filled, f"/alerts/{row['alert_id']}?lang=en").text
    )


def test_a_check_that_changed_since_is_marked(
    build: Callable[..., FastAPI], opened: store.Store
) -> None:
    samples.write(opened, 12)
    changed = [{**rule, "sha256": "0" * 64} for rule in samples.RULES]
    with TestClient(build(rules=changed)) as client:
        row = first_alert(client)
        assert "has changed since" in open_page(client, f"/alerts/{row['alert_id']}?lang=en").text


def test_a_check_that_is_gone_still_leaves_its_finding(
    build: Callable[..., FastAPI], opened: store.Store
) -> None:
    samples.write(opened, 12)
    with TestClient(build(rules=())) as client:
        row = first_alert(client, "rule=ADM-003")
        page = open_page(client, f"/alerts/{row['alert_id']}?lang=en")
    assert "readmitted 9 days after discharge" in page.text


HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>{{7*7}}"


def test_hostile_text_stays_text(client: TestClient, opened: store.Store) -> None:
    batch = samples.claims(1)
    results = samples.assess(batch)

    def put(table: pa.Table, *names: str) -> pa.Table:
        for name in names:
            table = table.set_column(
                table.column_names.index(name), table.schema.field(name), pa.array([HOSTILE])
            )
        return table

    results = replace(
        results,
        hits=put(results.hits, "finding_zh", "finding_en", "subject_id", "unit"),
        alerts=put(results.alerts, "title_zh", "title_en"),
    )
    opened.write(claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL)
    row = first_alert(client)
    for address in (
        "/", f"/alerts/{row['alert_id']}", f"/?text={HOSTILE}&provider={HOSTILE}"[:200],
        '/?lang="><script>alert(1)</script>&sort=priority',
    ):  # fmt: skip
        body = client.get(address, headers=PAGE).text
        assert body.lower().count("<script") == body.count('<script src="/static/')
        assert "<img src=x" not in body
        assert "49" not in re.findall(r"{{(.*?)}}", body)
        Outline(body)
    assert HOSTILE in unescape(client.get(f"/alerts/{row['alert_id']}").text)


def test_no_page_holds_a_script_or_asks_another_host(filled: TestClient) -> None:
    row = first_alert(filled)
    for address in ("/", f"/alerts/{row['alert_id']}"):
        body = filled.get(address, headers={**PAGE, "Host": "evil.example"}).text
        page = Outline(body)
        for tag, attributes in page.tags:
            assert tag != "style"
            assert tag != "script" or set(attributes) == {"src", "defer"}
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            for name in ("href", "src", "action"):
                assert (attributes.get(name) or "/").startswith(("/", "#")), attributes
        assert "evil.example" not in body


def test_assets_are_served_and_nothing_else(client: TestClient) -> None:
    assert client.get("/static/console.css").headers["content-type"].startswith("text/css")
    assert client.get("/static/icon.svg").headers["content-type"] == "image/svg+xml"
    for name in ("texts.py", "list.html", "..%2Ftexts.py", "__init__.py"):
        assert client.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_errors_are_pages_for_browsers(client: TestClient, lang: str) -> None:
    answer = client.get(f"/alerts/unknown?lang={lang}", headers=PAGE)
    assert answer.status_code == 404
    page = Outline(answer.text)
    assert TEXTS[lang]["error_404"] in page.text
    assert TEXTS[lang]["to_start"] in page.text
    assert ("告警列表重新打开" if lang == "zh" else "Take an id") in page.text
    bad = client.get("/?cursor=nonsense", headers=PAGE)
    assert bad.status_code == 400
    assert bad.headers["content-type"].startswith("text/html")


def test_a_defect_is_a_page_with_an_id_for_browsers(
    build: Callable[..., FastAPI], opened: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(store.Store, "alerts", broken)
    with TestClient(build()) as client:
        answer = client.get("/?lang=zh", headers=PAGE)
    assert answer.status_code == 500
    page = Outline(answer.text)
    assert "错误编号" in page.text
    assert "secret detail" not in page.text


def test_every_reason_for_a_missing_score_has_a_chinese_text() -> None:
    from streaming import pipeline

    for why in (pipeline.NO_MODEL, pipeline.UNKNOWN_PROVIDER):
        assert tell_absence("zh", why) != why
        assert tell_absence("en", why) == why


@given(st.integers(-(2**62), 2**62))
def test_amounts_read_back_to_the_fen(fen: int) -> None:
    shown = formats.format_amount(fen, "CNY")
    assert re.fullmatch(r"¥-?\d{1,3}(,\d{3})*\.\d{2}", shown)
    assert int(shown.replace("¥", "").replace(",", "").replace(".", "")) == fen
    if 0 <= fen <= 2**53:
        assert formats.parse_amount(shown) == fen


@given(st.text(max_size=30))
def test_no_text_breaks_the_amount_field(text: str) -> None:
    amount = formats.parse_amount(text)
    assert amount is None or amount >= 0


@given(
    base=st.floats(0, 1),
    shaps=st.lists(st.floats(-1, 1), max_size=40),
)
def test_the_waterfall_adds_up_and_stays_in_its_drawing(base: float, shaps: list[float]) -> None:
    scored = {
        "base_value": base,
        "contributions": [
            {"feature": str(i), "name": {"zh": "特", "en": "f"}, "value": i, "shap": s}
            for i, s in enumerate(shaps)
        ],
    }
    bars = formats.draw_waterfall(scored, "en", "CNY", TEXTS["en"])
    assert bars[-1].total == pytest.approx(base + sum(shaps), abs=1e-9)
    running = base
    for bar in bars[1:-1]:
        running += bar.shap
        assert bar.total == pytest.approx(running, abs=1e-9)
    for bar in bars:
        assert bar.left >= -0.001
        assert bar.left + bar.width <= 100.5
    assert len(bars) <= formats.BARS + 3


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.314, "share", "31.4%"),
        (2.43e-7, "probability", "0.0%"),
        (18234.5, "currency", "¥18,234.50"),
        (12.5, "currency/day", "¥12.50 per day"),
        (812.0, "claim", "812 claims"),
        (1.0789, "claim/patient", "1.079 claims per patient"),
        (2345.67, "ratio", "2,345.7"),
        (9.43721, "day", "9.437 days"),
        (None, "day", "—"),
        (0.5, "index", "0.5"),
        (3.0, None, "3"),
        ("A", None, "A"),
    ],
)
def test_values_carry_their_unit(value: Any, unit: str | None, shown: str) -> None:
    assert formats.format_number(value, unit, "CNY", TEXTS["en"]) == shown


def test_facts_and_thresholds_are_readable() -> None:
    words = TEXTS["zh"]
    assert formats.format_fact("total_amount_fen", 123456, "USD", words) == "$1,234.56"
    assert formats.format_fact("prior_adrg", None, "CNY", words) == "缺失"
    assert formats.format_fact("planned", True, "CNY", words) == "是"
    assert formats.format_fact("codes", ["A", "B"], "CNY", words) == "A、B"
    assert (
        formats.format_threshold("least_fen", {"value": 5000, "unit": "fen"}, "CNY", words)
        == "¥50.00"
    )
    for value, shown in ((0.25, "25%"), ("0.125", "12.5%"), (1, "100%"), ("0.300000", "30%")):
        bound = {"value": value, "unit": "share of lines"}
        assert formats.format_threshold("least", bound, "CNY", words) == shown
    assert (
        formats.format_threshold("window_days", {"value": 15, "unit": "day"}, "CNY", words)
        == "15 天"
    )


def test_every_unit_of_a_threshold_has_a_name_in_both_languages() -> None:
    import rules

    for unit in {p.unit for rule in rules.load().rules for p in rule.params.values() if p.unit}:
        if unit != "fen" and not unit.startswith("share"):
            assert TEXTS["zh"].get(f"unit.{unit}"), unit
