"""Cards are never delayed: the template first, a model's words when they are there, asked once."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import store
from domain.errors import SentinelError
from explain.wording import Client, Settings, facts_of
from streaming.wording import WordingDesk, open_desk
from tests import wording_cards as cards
from tests.wording_stub import Stub, serve

RULE, LANG = "ORD-002", "zh"
SUMMARY = "美罗培南已开立18天，限支付疗程14天"
DETAIL = "注射用美罗培南0.5g目前已开立18天，而限支付疗程为14天。"


def faithful(body: dict[str, Any]) -> str:
    told = json.loads(body["messages"][-1]["content"])
    return json.dumps({"summary": SUMMARY, "detail": DETAIL, "action": told["action"]})


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[store.Store]:
    with store.open(f"sqlite:///{tmp_path / 'words.db'}") as found:
        yield found


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serve(faithful) as found:
        yield found


def desk(opened: store.Store, stub: Stub, **more: Any) -> WordingDesk:
    fitted = {k: more.pop(k) for k in ("most_waiting", "clock") if k in more}
    settings = Settings(base_url=stub.base_url, model="stub", attempts=1, **more)
    return WordingDesk(cards.names(), opened.wordings, settings, Client(settings), **fitted)


def test_the_template_comes_at_once_and_the_models_words_when_they_are_there(
    opened: store.Store, stub: Stub
) -> None:
    told = cards.stream_suggestion(RULE)
    go = threading.Event()

    def wait(body: dict[str, Any]) -> str:
        go.wait(30)
        return faithful(body)

    stub.answer = wait
    words = desk(opened, stub)
    first = words.of(told, LANG)
    assert (first.source, first.pending, first.summary) == ("template", True, told["summary"][LANG])
    assert words.of(told, LANG).pending
    go.set()
    words.wait()
    then = words.of(told, LANG)
    assert (then.source, then.pending, then.summary) == ("model", False, SUMMARY)
    # What must be said is filled in as it stands.
    assert "".join(then.action.split()) == "".join(told["action"][LANG].split())
    words.of(told, LANG)
    words.close()
    assert len(stub.asked) == 1

    kept = opened.wordings.get(then.wording_id or "")
    assert kept is not None
    assert (kept.verdict, kept.model, kept.refused) == ("taken", "stub-1", [])
    assert kept.decisions == ("d4" * 16,)
    assert len(kept.prompt_sha256) == 64
    assert kept.latency_ms >= 0
    assert [one.wording_id for one in opened.wordings.of_subject("d4" * 16)] == [kept.wording_id]


def test_what_was_said_before_a_restart_is_not_asked_again_and_is_verified_anew(
    opened: store.Store, stub: Stub
) -> None:
    told = cards.stream_suggestion(RULE)
    words = desk(opened, stub)
    words.of(told, LANG)
    words.close()
    again = desk(opened, stub)
    assert again.of(told, LANG).source == "model"
    again.close()
    assert len(stub.asked) == 1
    # An answer that today's verifier would refuse is not shown, whatever was thought of it once.
    import sqlalchemy as sa

    from store.wording_tables import WORDINGS_SQL

    bad = json.dumps({"summary": "万古霉素", "detail": DETAIL, "action": "x"})
    with opened.engine.begin() as connection:
        connection.execute(sa.update(WORDINGS_SQL).values(answer=bad))
    third = desk(opened, stub)
    assert third.of(told, LANG).source == "template"
    third.close()


def test_a_refused_answer_is_kept_and_logged_by_reason_alone(
    opened: store.Store, stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = cards.stream_suggestion(RULE)
    stub.answer = lambda body: json.dumps(
        {"summary": "请改用亚胺培南，张伟", "detail": DETAIL, "action": "x"}, ensure_ascii=False
    )
    words = desk(opened, stub)
    words.of(told, LANG)
    words.wait()
    shown = words.of(told, LANG)
    words.close()
    assert (shown.source, shown.pending) == ("template", False)
    assert len(stub.asked) == 1
    kept = opened.wordings.get(shown.wording_id or "")
    assert kept is not None
    assert kept.verdict == "refused"
    assert kept.sampled
    assert "word:summary" in kept.refused
    log = caplog.text
    assert "word:summary" in log
    for one in ("亚胺培南", "张伟", *cards.PERSON.values(), cards.ORDER_ID):
        assert one not in log
    stored = json.dumps([kept.facts, kept.key], ensure_ascii=False)
    assert not [one for one in (*cards.PERSON.values(), cards.ORDER_ID) if one in stored]


def test_a_service_that_fails_is_asked_again_later(opened: store.Store, stub: Stub) -> None:
    now = [0.0]
    stub.answer = lambda body: (500, b"", {})
    words = desk(opened, stub, clock=lambda: now[0])
    told = cards.stream_suggestion(RULE)
    words.of(told, LANG)
    words.wait()
    assert not words.of(told, LANG).pending
    stub.answer = faithful
    now[0] = 601
    assert words.of(told, LANG).pending
    words.wait()
    assert words.of(told, LANG).source == "model"
    words.close()
    assert len(stub.asked) == 2


def test_a_full_queue_leaves_the_template_and_waits_for_nobody(
    opened: store.Store, stub: Stub
) -> None:
    go = threading.Event()
    began = threading.Event()

    def wait(body: dict[str, Any]) -> str:
        began.set()
        go.wait(30)
        return faithful(body)

    stub.answer = wait
    words = desk(opened, stub, most_waiting=1)
    assert words.of(cards.stream_suggestion("ORD-001"), "zh").pending
    assert began.wait(30)
    assert words.of(cards.stream_suggestion("ORD-002"), "zh").pending
    over = words.of(cards.stream_suggestion("ORD-003"), "zh")
    assert (over.source, over.pending) == ("template", False)
    go.set()
    words.close()


def test_a_model_that_is_switched_off_words_nothing(opened: store.Store, stub: Stub) -> None:
    from datetime import UTC, datetime

    now = [0.0]
    words = desk(opened, stub, clock=lambda: now[0])
    told = cards.stream_suggestion(RULE)
    words.of(told, LANG)
    words.wait()
    assert words.of(told, LANG).source == "model"
    source = Settings(base_url=stub.base_url, model="stub").source
    opened.wordings.switch(source, on=False, because="wrong", by="admin", now=datetime.now(UTC))
    now[0] = 10
    off = words.of(told, LANG)
    assert (off.source, off.pending) == ("template", False)
    assert "switched off" in words.detail()
    words.close()


def test_what_may_hold_a_person_is_not_sent(opened: store.Store, stub: Stub) -> None:
    told = cards.finding("ORD-008")
    told["finding"] = {lang: text + " 13800138000" for lang, text in told["finding"].items()}
    words = desk(opened, stub)
    assert words.of(told, "zh").summary.endswith("13800138000")
    words.close()
    assert not stub.asked


def test_nothing_of_a_person_is_in_any_request(opened: store.Store, stub: Stub) -> None:
    words = desk(opened, stub)
    for rule_id in list(cards.judged())[:12]:
        for lang in ("zh", "en"):
            words.of(cards.stream_suggestion(rule_id), lang)
    words.close()
    assert len(stub.raw) == 24
    everything = "".join(stub.raw) + json.dumps(stub.headers)
    assert not [one for one in (*cards.PERSON.values(), cards.ORDER_ID) if one in everything]


def test_other_languages_and_no_model_leave_the_template(
    opened: store.Store, stub: Stub, tmp_path: Path
) -> None:
    words = desk(opened, stub, languages=("zh",))
    assert not words.of(cards.stream_suggestion(RULE), "en").pending
    words.close()
    alone = open_desk(None, opened.wordings, cards.ruleset().reference)
    assert alone.of(cards.stream_suggestion(RULE), "en").source == "template"
    assert alone.detail() == "templates"
    with pytest.raises(SentinelError):
        alone.of({}, "en")
    alone.close()
    with pytest.raises(SentinelError):
        open_desk(tmp_path / "none.json", opened.wordings, cards.ruleset().reference)


def test_the_facts_of_the_store_are_those_that_were_sent(opened: store.Store, stub: Stub) -> None:
    told = cards.stream_suggestion(RULE)
    words = desk(opened, stub)
    words.of(told, LANG)
    words.close()
    facts = facts_of(told, LANG, cards.names())
    kept = opened.wordings.find(facts.digest, Settings(base_url=stub.base_url, model="stub").source)
    assert kept is not None
    assert kept.facts == facts.outgoing() == json.loads(stub.asked[0]["messages"][-1]["content"])
