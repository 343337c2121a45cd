"""Samples of a model's words: read, judged, and a model that is wrong too often switched off."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI

import store
from domain.access import PERMISSIONS, Principal, Role
from domain.wording import Limits, Wrote
from scoring_api.access import OpenAccess
from tests.access_scene import SAME_SITE
from tests.unit.scoring_api.conftest import TestClient

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
SOURCE = "stub@127.0.0.1:1"


def wrote(number: int, verdict: str = "taken", **more: Any) -> Wrote:
    return Wrote(
        wording_id=f"{number:032x}",
        facts_sha256=f"{number:064x}",
        source=SOURCE,
        lang="zh",
        model="stub-1",
        key="ORD-002/course",
        prompt_sha256="a" * 64,
        facts={"summary": "{ID1}已开立18天", "detail": "说明", "action": "{SAY1}"},
        answer='{"summary": "{ID1}开立18天<b>", "detail": "说明", "action": "{SAY1}"}',
        verdict=verdict,
        refused=["markup:summary"] if verdict == "refused" else [],
        latency_ms=12,
        asked_at=NOW + timedelta(minutes=number),
        **{"sampled": True, "decisions": (f"d{number}",), **more},
    )


@pytest.fixture
def site(build: Callable[..., FastAPI], opened: store.Store) -> TestClient:
    for number in range(6):
        opened.wordings.keep(wrote(number, "refused" if number == 5 else "taken"))
    opened.wordings.keep(wrote(6, sampled=False))
    return TestClient(build(wording_limits=Limits(0.3, 3)), headers=SAME_SITE)


def post(site: TestClient, number: int, judgement: str, reason: str = "看不懂") -> Any:
    body = {"wording_id": f"{number:032x}", "judgement": judgement, "reason": reason}
    return site.post("/v1/wording/samples", json=body)


def test_samples_are_listed_a_page_at_a_time_and_leave_when_judged(site: TestClient) -> None:
    first = site.get("/v1/wording/samples?limit=4").json()
    assert [int(one["wording_id"], 16) for one in first["samples"]] == [0, 1, 2, 3]
    rest = site.get(first["next"]).json()
    assert [int(one["wording_id"], 16) for one in rest["samples"]] == [4, 5]
    assert rest["next"] is None
    assert rest["samples"][1]["refused"] == ["markup:summary"]
    assert first["models"][0]["verdicts"] == {"taken": 6, "refused": 1}
    assert first["models"][0]["refusals"] == {"markup": 1}
    assert post(site, 0, "good", "").json()["judged_by"] == "local"
    assert "0" * 32 not in [
        o["wording_id"] for o in site.get("/v1/wording/samples").json()["samples"]
    ]
    judged = site.get("/v1/wording/samples?state=judged").json()["samples"]
    assert [one["judgement"] for one in judged] == ["good"]


def test_a_judgement_needs_a_sample_and_a_reason(site: TestClient) -> None:
    assert post(site, 0, "wrong", " ").status_code == 422
    assert post(site, 0, "superb").status_code == 422
    assert post(site, 0, "wrong", "x" * 501).status_code == 422
    assert post(site, 6, "good").status_code == 404  # kept, and not sampled
    assert post(site, 99, "good").status_code == 404


def test_a_model_that_is_wrong_too_often_is_off_until_an_administrator_says_otherwise(
    site: TestClient, opened: store.Store
) -> None:
    post(site, 5, "wrong")  # was refused, and never shown: counts nothing
    post(site, 0, "wrong")
    post(site, 1, "good")
    assert opened.wordings.is_on(SOURCE)
    post(site, 2, "good")  # one of three wrong: above three in ten
    assert not opened.wordings.is_on(SOURCE)
    told = site.get("/v1/wording/models").json()["models"][0]
    assert (told["on"], told["off_because"]) == (False, "1 of 3 judged samples are wrong")
    body = {"source": SOURCE, "on": True, "reason": "换了版本"}
    assert site.post("/v1/wording/models", json={**body, "reason": ""}).status_code == 422
    assert site.post("/v1/wording/models", json={**body, "source": "x"}).status_code == 404
    assert site.post("/v1/wording/models", json=body).json()["on"]
    # What was judged before counts nothing for the new spell.
    post(site, 3, "wrong")
    assert opened.wordings.is_on(SOURCE)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_pages_show_and_take_judgements_without_scripts(site: TestClient, lang: str) -> None:
    page = site.get(f"/wording?lang={lang}")
    assert page.status_code == 200
    assert "{ID1}开立18天&lt;b&gt;" in page.text
    assert SOURCE in page.text
    form = {"wording_id": f"{0:032x}", "judgement": "wrong", "reason": ""}
    bad = site.post(f"/wording?lang={lang}", data=form)
    assert bad.status_code == 422
    assert 'role="alert"' in bad.text
    answer = site.post(
        f"/wording?lang={lang}", data=form | {"reason": "错"}, follow_redirects=False
    )
    assert answer.status_code == 303
    assert "错" in site.get(f"/wording?state=judged&lang={lang}").text
    models = site.get(f"/wording/models?lang={lang}")
    assert SOURCE in models.text
    off = {"source": SOURCE, "on": "no", "reason": "试停"}
    assert site.post("/wording/models", data=off, follow_redirects=False).status_code == 303
    assert "试停" in site.get(f"/wording/models?lang={lang}").text


def test_only_reviewers_of_advice_judge_and_only_administrators_switch(
    build: Callable[..., FastAPI],
) -> None:
    for role, judges, switches in (
        (Role.SENIOR, True, False),
        (Role.ADMINISTRATOR, False, True),
        (Role.PHYSICIAN, False, False),
    ):
        me = Principal("u", "n", role, PERMISSIONS[role])
        site = TestClient(build(access=OpenAccess(me)))
        assert (site.get("/v1/wording/samples").status_code == 200) is judges
        assert (site.get("/v1/wording/models").status_code == 200) is switches


def test_words_of_one_card_are_kept_once_and_what_failed_is_replaced(opened: store.Store) -> None:
    kept = opened.wordings
    assert kept.keep(wrote(1, "failed", sampled=False))
    assert kept.keep(wrote(1))
    assert not kept.keep(wrote(1, "refused", decisions=("d7",)))
    found = kept.get(f"{1:032x}")
    assert found is not None
    assert (found.verdict, found.decisions) == ("taken", ("d1", "d7"))
    kept.use(found.wording_id, ("d7", "d8"), NOW)
    assert [one.wording_id for one in kept.of_subject("d8")] == [found.wording_id]
    assert kept.find("0" * 64, SOURCE) is None
    assert kept.is_on("never heard of")
