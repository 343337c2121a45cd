"""Cards, their answers, the weekly report and quiet checks over HTTP, as physicians and reviewers use them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import store
from domain.access import Role, Rows
from domain.advice import week_of
from domain.calendar import CHINA
from domain.cards import Card, CardAnswer
from scoring_api.pages.texts import TEXTS
from tests import access_scene
from tests.access_scene import HOME, PHYSICIAN
from tests.attack_scene import ELSEWHERE, STRANGER, Person
from tests.card_scene import card

NOW = datetime.now(UTC)
WEEK = week_of(NOW.astimezone(CHINA).date())
RULE = "ADM-003"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[access_scene.Scene]:
    with store.open(f"sqlite:///{tmp_path / 'a.db'}") as opened:
        yield access_scene.make(opened)


def shown(scene: access_scene.Scene, number: int, **changed: Any) -> Card:
    given = {"provider_id": HOME, "physician_id": PHYSICIAN, "rule_ids": (RULE,), **changed}
    one = card(number, **given)
    scene.store.cards.offer([one], budget=1_000, now=NOW)
    return one


def test_a_physician_reads_and_answers_their_own_cards_alone(scene: access_scene.Scene) -> None:
    mine = shown(scene, 1)
    other = shown(scene, 2, physician_id=STRANGER)
    doctor = Person(scene, "doctor", Role.PHYSICIAN)
    listed = doctor.get("/v1/cards").json()
    assert [c["card_id"] for c in listed["cards"]] == [mine.card_id]
    told = listed["cards"][0]
    assert (told["summary"]["en"], told["answer"], told["held"]) == ("A repeated order", None, None)
    assert told["rules"][0]["name"]["en"]
    answer = {"outcome": "overridden", "reason": "documented", "comment": " 见病程 "}
    for _ in range(2):
        done = doctor.made(f"/v1/cards/{mine.card_id}/feedback", answer)
        assert (done["answer"], done["reason"], done["comment"]) == (
            "overridden",
            "documented",
            "见病程",
        )
    assert scene.store.counts()["card_answers"] == 1
    metrics = doctor.get("/metrics").text
    assert 'sentinel_card_answers_today{outcome="overridden"} 1.0' in metrics
    assert 'sentinel_cards_today{outcome="shown"} 2.0' in metrics
    taken = {
        "outcome": "accepted",
        "accepted_suggestions": [mine.suggestions[0].suggestion_id],
    }
    assert doctor.made(f"/v1/cards/{mine.card_id}/feedback", taken)["answer"] == "accepted"
    refused = doctor.post(f"/v1/cards/{other.card_id}/feedback", answer)
    assert refused.status_code == 404
    assert doctor.post("/v1/cards/none/feedback", answer).status_code == 404
    wrong = doctor.post(f"/v1/cards/{mine.card_id}/feedback", {"outcome": "ignored"})
    assert (wrong.status_code, wrong.json()["type"]) == (
        422,
        "urn:drg-sentinel:problem:card-answer",
    )
    own = doctor.get("/v1/advice/mine", params={"week": WEEK}).json()["checks"]
    assert [(c["rule_id"], c["shown"], c["accepted"]) for c in own] == [(RULE, 1, 1)]
    for path in (
        "/v1/advice/report",
        "/v1/advice/acceptance",
        "/v1/advice/quiet-checks",
        "/advice",
    ):
        assert doctor.get(path).status_code == 403
    officer = Person(scene, "officer", Role.OFFICER)
    assert officer.get("/v1/cards").status_code == 403


def test_pages_of_cards_lead_on(scene: access_scene.Scene) -> None:
    for number in range(5):
        shown(scene, number)
    doctor = Person(scene, "doctor", Role.PHYSICIAN)
    seen, address = [], "/v1/cards?limit=2&unanswered=true"
    while address:
        told = doctor.get(address).json()
        seen += [c["stay_id"] for c in told["cards"]]
        address = told["next"]
    assert sorted(seen) == [f"S{n:03}" for n in range(5)]
    assert doctor.get("/v1/cards?cursor=nonsense").status_code == 400


def overridden(scene: access_scene.Scene, count: int, physicians: int = 4, **changed: Any) -> None:
    """Cards of several physicians, all overridden but every tenth."""
    for number in range(count):
        one = shown(
            scene, 100 + number, physician_id=f"D{number % physicians}",
            cause=f"{changed}", **changed,
        )  # fmt: skip
        outcome = "accepted" if number % 10 == 9 else "overridden"
        reason = "unclear" if outcome == "overridden" else None
        scene.store.cards.feedback([CardAnswer(one.card_id, outcome, NOW, (), reason)], now=NOW)


def test_the_report_names_no_physician_and_small_departments_stand_together(
    scene: access_scene.Scene,
) -> None:
    overridden(scene, 40)
    overridden(scene, 3, 1, department="B01")
    overridden(scene, 4, 2, department="B02")
    overridden(scene, 2, 2, provider_id=ELSEWHERE)
    senior = Person(scene, "senior", Role.SENIOR)
    answer = senior.get("/v1/advice/report", params={"week": WEEK})
    made = answer.json()
    # Two departments of one and of two physicians make three together; the other hospital is too small.
    rows = {(d["provider_id"], d["department"]): d for d in made["departments"]}
    assert set(rows) == {(HOME, "A03"), (HOME, None)}
    assert (rows[HOME, None]["departments"], rows[HOME, None]["shown"]) == (2, 7)
    assert rows[HOME, "A03"]["physicians"] == 4
    assert [b["physicians"] for b in rows[HOME, "A03"]["bands"]] == [0, 0, 4, 0]
    assert {h["provider_id"]: h["shown"] for h in made["hospitals"]} == {HOME: 47, ELSEWHERE: 2}
    assert made["total"]["shown"] == 49
    one = made["candidates"][0]
    assert (one["rule_id"], one["provider_id"], one["answered"]) == (RULE, HOME, 47)
    assert one["overridden_interval"][0] > 0.7
    assert one["reasons"] == {"unclear": one["overridden"]}
    assert one["at_fault"] == one["overridden"]
    csv = senior.get("/v1/advice/report.csv", params={"week": WEEK, "lang": "en"})
    page = senior.get("/advice", params={"week": WEEK, "lang": "en"})
    for text in (answer.text, csv.text, page.text):
        assert not any(name in text for name in ("D0", "D1", "D2", "D3", PHYSICIAN))
    assert csv.text.count("\r\n") == 1 + 1 + 2 + 2 + 1 + len(made["candidates"])
    assert TEXTS["en"]["advice_candidates"] in page.text
    home = Person(scene, "home", Role.SENIOR, Rows(frozenset({HOME})))
    assert ELSEWHERE not in home.get("/v1/advice/report", params={"week": WEEK}).text
    for week in ("2026-W54", "2026-48", "x"):
        assert senior.get("/v1/advice/report", params={"week": week}).status_code == 422
    day = NOW.astimezone(CHINA).date()
    asked = {"since": day.isoformat(), "until": day.isoformat()}
    assert senior.get("/v1/advice/acceptance", params=asked).json()["checks"][0]["shown"] == 49
    asked["since"] = (day + timedelta(days=1)).isoformat()
    assert senior.get("/v1/advice/acceptance", params=asked).status_code == 422


def held(scene: access_scene.Scene, number: int, days: int, **changed: Any) -> str | None:
    one = replace(card(number, provider_id=HOME, rule_ids=(RULE,)), **changed)
    return scene.store.cards.offer([one], budget=100, now=NOW + timedelta(days=days))[0].held


def test_two_persons_make_a_check_quiet_and_one_takes_it_back(scene: access_scene.Scene) -> None:
    first, second = (Person(scene, name, Role.SENIOR) for name in ("first", "second"))
    made = first.made("/v1/advice/quiet-checks", {"rule_id": RULE, "why": "目录已改"})
    address = f"/v1/advice/quiet-checks/{made['quiet_id']}"
    assert (made["status"], made["provider_id"], made["since"]) == ("open", None, None)
    again = second.post("/v1/advice/quiet-checks", {"rule_id": RULE, "why": "too", "provider_id": HOME})  # fmt: skip
    assert again.json()["type"].endswith(":quiet-known")
    tomorrow = (NOW.astimezone(CHINA).date() + timedelta(days=1)).isoformat()
    step = {"reason": "已核实", "since": tomorrow}
    assert first.post(f"{address}/confirm", step, if_match='"1"').json()["type"].endswith(":two-persons")  # fmt: skip
    assert second.post(f"{address}/confirm", step).status_code == 428
    past = {"reason": "x", "since": "2020-01-01"}
    assert second.post(f"{address}/confirm", past, if_match='"1"').status_code == 422
    assert second.made(f"{address}/confirm", step, if_match='"1"')["since"] == tomorrow
    assert second.post(f"{address}/refuse", step, if_match='"1"').status_code == 412
    # Not today; from tomorrow on; a card of another check beside it is shown.
    assert [held(scene, 1, 0), held(scene, 2, 1)] == [None, "quiet"]
    assert held(scene, 3, 1, rule_ids=(RULE, "ORD-001")) is None
    page = first.get("/advice?lang=zh").text
    assert "目录已改" in page
    assert first.made(f"{address}/end", {"reason": "恢复"}, if_match='"2"')["status"] == "ended"
    assert held(scene, 4, 1) is None
    kinds = [e["kind"] for e in scene.store.work_events.between(0, 10**9, 100)]
    assert kinds == ["quiet.proposed", "quiet.decided", "quiet.decided"]
    rows = scene.store.access.audit.page(limit=50)
    assert any(r.permission == "advice.review" and r.subject.get("quiet_id") == made["quiet_id"] for r in rows)  # fmt: skip


def test_a_limited_reviewer_decides_of_their_own_hospitals_only(scene: access_scene.Scene) -> None:
    home = Person(scene, "home", Role.SENIOR, Rows(frozenset({HOME})))
    whole = Person(scene, "whole", Role.SENIOR)
    ward = Person(scene, "ward", Role.SENIOR, Rows(frozenset({HOME}), frozenset({"A03"})))
    body = {"rule_id": RULE, "why": "why"}
    assert home.post("/v1/advice/quiet-checks", body).json()["type"].endswith(":limited-view")
    assert ward.post("/v1/advice/quiet-checks", body | {"provider_id": HOME}).status_code == 403
    theirs = whole.made("/v1/advice/quiet-checks", body | {"provider_id": ELSEWHERE})
    mine = whole.made("/v1/advice/quiet-checks", body | {"provider_id": HOME})
    assert [q["quiet_id"] for q in home.get("/v1/advice/quiet-checks").json()["quiet_checks"]] == [mine["quiet_id"]]  # fmt: skip
    assert home.get(f"/v1/advice/quiet-checks/{theirs['quiet_id']}").status_code == 404
    step = {"reason": "x"}
    assert home.post(f"/v1/advice/quiet-checks/{theirs['quiet_id']}/confirm", step, if_match='"1"').status_code == 404  # fmt: skip
    assert home.made(f"/v1/advice/quiet-checks/{mine['quiet_id']}/confirm", step, if_match='"1"')["status"] == "confirmed"  # fmt: skip
    assert held(scene, 2, 1) == "quiet"
    assert held(scene, 3, 1, provider_id=ELSEWHERE) is None


def test_the_page_takes_forms_and_says_what_is_wrong(scene: access_scene.Scene) -> None:
    first, second = (Person(scene, name, Role.SENIOR) for name in ("first", "second"))
    shown(scene, 1, rule_ids=(), hook="encounter-discharge")
    page = first.get("/advice", params={"week": WEEK, "lang": "en"}).text
    assert page.count("Other cards before discharge") == 2
    assert "/rules/hook:" not in page
    assert (
        first.form("/advice", rule_id="hook:ward", why="why", provider_id=HOME).status_code == 303
    )
    first.form(f"/advice/{scene.store.quiet_checks.listed()[0].quiet_id}/withdraw", reason="no")
    sent = first.form("/advice?lang=en", rule_id=RULE, why="too loud", provider_id="")
    assert (sent.status_code, sent.headers["location"]) == (303, "/advice?lang=en#quiet")
    one, _ = scene.store.quiet_checks.listed()
    told = first.form(f"/advice/{one.quiet_id}/confirm?lang=en", reason="x", since="2099-01-01")
    assert TEXTS["en"]["refused.two-persons"] in told.text
    again = second.form("/advice?lang=zh", rule_id=RULE, why="x", provider_id="")
    assert TEXTS["zh"]["refused.quiet-known"] in again.text
    told = second.form(f"/advice/{one.quiet_id}/confirm?lang=zh", reason="x", since="soon")
    assert "日期无法识别" in told.text
    assert second.form(f"/advice/{one.quiet_id}/confirm", reason="好", since="2099-01-01").status_code == 303  # fmt: skip
    assert scene.store.quiet_checks.listed()[0].status == "confirmed"
    assert second.form(f"/advice/{one.quiet_id}/end?lang=zh", reason="").status_code == 422
