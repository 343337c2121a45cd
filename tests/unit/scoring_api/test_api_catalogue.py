"""The pages of the checks: every check's text, SQL and parameters, and how it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import drg
import rules
import store
from streaming.pipeline import Engine, assess
from streaming.service import described, keep
from tests.rules_claims import diagnosis, stay, tables
from tests.small_catalogue import engine_of, write_catalogue


@pytest.fixture(scope="module")
def ruleset() -> rules.RuleSet:
    return rules.load()


@pytest.fixture
def catalogue(
    build: Callable[..., FastAPI], opened: store.Store, ruleset: rules.RuleSet
) -> Iterator[TestClient]:
    engine = Engine(ruleset, drg.load())
    batch = tables(
        [stay("a"), stay("b", "2024-03-10"), stay("c", "2024-06-01", patient_id="p_2")],
        diagnoses=[diagnosis(s, 1, "J44.100") for s in "abc"],
    )
    keep(opened, batch, assess(batch, engine), engine)
    corrected = tables(
        [stay("c", "2024-06-02", patient_id="p_2", claim_version=2)],
        diagnoses=[diagnosis("c", 1, "J44.100")],
    )
    keep(opened, corrected, assess(corrected, engine), engine)
    with TestClient(build(rules=described(ruleset))) as found:
        yield found


def test_the_catalogue_lists_every_check_with_its_record(
    catalogue: TestClient, ruleset: rules.RuleSet
) -> None:
    for lang, word in (("zh", "检查项"), ("en", "Checks")):
        page = catalogue.get(f"/rules?lang={lang}")
        assert page.status_code == 200
        assert word in page.text
        for rule in ruleset.rules:
            assert f'href="/rules/{rule.id}?lang={lang}"' in page.text
    assert catalogue.get("/rules?family=ADM").text.count("<tr role") == 1 + sum(
        rule.family == "ADM" for rule in ruleset.rules
    )
    assert "ADM-002" in catalogue.get("/rules?text=same+disease").text
    assert "No check fits" in catalogue.get("/rules?text=zzz&lang=en").text


def test_a_check_shows_all_that_it_is(catalogue: TestClient, ruleset: rules.RuleSet) -> None:
    for rule in ruleset.rules:
        page = catalogue.get(f"/rules/{rule.id}?lang=zh")
        assert page.status_code == 200, rule.id
        assert rule.sha256 in page.text
        for day in rule.when:
            assert day.isoformat() in page.text
    page = catalogue.get("/rules/ADM-002?lang=zh").text
    for words in (
        "days_since_prior_stay BETWEEN",
        ":window_days",
        "医疗保障基金使用监督管理条例",
        "未核对原文",
        "split_stay",
    ):
        assert words in page, words


def test_the_record_counts_each_claim_once_in_its_last_version(catalogue: TestClient) -> None:
    page = catalogue.get("/rules/ADM-002?lang=en").text
    assert "<dt>Claims judged</dt><dd>3</dd>" in page
    assert ">1</a> (33.33 %)" in page


def test_the_store_tallies_what_was_decided(opened: store.Store, catalogue: TestClient) -> None:
    opened.check_history.refresh()
    tally = opened.check_history.tallies()["ADM-002"]
    assert (tally.hit, tally.passed, tally.unknown, tally.judged) == (1, 2, 0, 3)


def test_the_record_of_a_check_on_trial_stands_apart(
    build: Callable[..., FastAPI], opened: store.Store, tmp_path: Path
) -> None:
    engine = engine_of(write_catalogue(tmp_path, ADM_002="shadow", LOS_004="active"))
    batch = tables(
        [stay("a"), stay("b", "2024-03-10")],
        diagnoses=[diagnosis(s, 1, "J44.100") for s in "ab"],
    )
    keep(opened, batch, assess(batch, engine), engine)
    with TestClient(build(rules=described(engine.ruleset))) as client:
        page = client.get("/rules/ADM-002?lang=en").text
        assert "Record on trial" in page
        assert "<dt>Claims judged</dt><dd>2</dd>" in page
        assert "<dd>1 (50.00 %)</dd>" in page
        assert "raises no alert" in page
        assert "Record on trial" not in client.get("/rules/LOS-004?lang=en").text
        assert "<small>试运行</small>" in client.get("/rules?lang=zh").text
        assert client.get("/v1/alerts").json()["alerts"] == []


def test_an_unknown_check_is_not_found(catalogue: TestClient) -> None:
    missing = catalogue.get("/rules/ADM-999", headers={"Accept": "text/html"})
    assert missing.status_code == 404
    assert "ADM-999" in missing.text


def test_before_any_claim_the_pages_say_so(
    build: Callable[..., FastAPI], ruleset: rules.RuleSet
) -> None:
    with TestClient(build(rules=described(ruleset))) as client:
        assert "No claim here was judged by it yet" in client.get("/rules/ADM-001?lang=en").text
        assert client.get("/rules").status_code == 200
