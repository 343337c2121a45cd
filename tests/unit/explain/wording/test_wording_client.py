"""Asking a service that fails in every way, over a real server."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import SentinelError
from explain.wording import (
    Breaker,
    CircuitOpenError,
    Client,
    ServiceError,
    Settings,
    Writer,
    facts_of,
    load,
    template,
)
from explain.wording.client import LARGEST_ANSWER
from explain.wording.prompt import SCHEMA, parse
from tests import wording_cards as cards
from tests.wording_stub import Stub, completion, serve

KEY = "sk-secret-4711"
ASKED = [{"role": "user", "content": "words"}]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serve(lambda body: "said") as found:
        yield found


def client(stub: Stub, pauses: list[float] | None = None, **more: Any) -> Client:
    breaker = more.pop("breaker", None)
    settings = Settings(base_url=stub.base_url, model="m", **more)
    sleep = (pauses if pauses is not None else []).append
    return Client(settings, KEY, breaker=breaker, sleep=sleep)


def test_it_speaks_the_protocol(stub: Stub) -> None:
    said = client(stub).ask(ASKED)
    assert (said.content, said.model, said.attempts) == ("said", "stub-1", 1)
    body = stub.asked[0]
    assert body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (body["temperature"], body["stream"], body["max_tokens"]) == (0.0, False, 800)
    assert stub.headers[0]["authorization"] == f"Bearer {KEY}"
    client(stub, response_format="none").ask(ASKED)
    assert "response_format" not in stub.asked[1]
    client(stub, response_format="json_object").ask(ASKED)
    assert stub.asked[2]["response_format"] == {"type": "json_object"}


def test_what_may_pass_is_tried_again_with_growing_pauses(stub: Stub) -> None:
    replies = [(503, b"{}", {}), (429, b"{}", {"retry-after": "3"}), (200, completion("well"), {})]
    stub.answer = lambda body: replies.pop(0)
    pauses: list[float] = []
    said = client(stub, pauses).ask(ASKED)
    assert (said.content, said.attempts) == ("well", 3)
    assert 0.4 <= pauses[0] <= 0.6
    assert pauses[1] == 3


@pytest.mark.parametrize(
    "reply",
    [
        (401, b"{}", {}),
        (307, b"", {"location": "http://127.0.0.1:9/v1/chat/completions"}),
        (200, b"not json", {}),
        (200, b'{"choices": []}', {}),
        (200, completion(None), {}),
        (200, completion("cut", finish_reason="length"), {}),
        (200, b"[" * 100_000, {}),
        (200, completion("x" * LARGEST_ANSWER), {}),
    ],
)
def test_what_will_not_pass_is_asked_once(stub: Stub, reply: Any) -> None:
    stub.answer = lambda body: reply
    with pytest.raises(ServiceError) as caught:
        client(stub).ask(ASKED)
    assert len(stub.asked) == 1
    assert KEY not in str(caught.value)


def test_a_slow_drip_ends_at_the_deadline(stub: Stub) -> None:
    stub.answer = lambda body: (200, completion("slow" * 20), {"x-drip": "0.02"})
    with pytest.raises(ServiceError, match=r"within 0\.2 seconds"):
        client(stub, timeout_s=0.2, attempts=1).ask(ASKED)


def test_nobody_there_is_a_service_error() -> None:
    settings = Settings(base_url="http://127.0.0.1:9/v1", model="m", attempts=2)
    pauses: list[float] = []
    with pytest.raises(ServiceError, match="no connection"):
        Client(settings, sleep=pauses.append).ask(ASKED)
    assert len(pauses) == 1


def test_the_circuit_opens_lets_one_try_and_closes(stub: Stub) -> None:
    now = [0.0]
    breaker = Breaker(after=2, pause_s=60, clock=lambda: now[0])
    asks = client(stub, breaker=breaker, attempts=1)
    stub.answer = lambda body: (500, b"", {})
    for _ in range(2):
        with pytest.raises(ServiceError):
            asks.ask(ASKED)
    assert breaker.open
    with pytest.raises(CircuitOpenError):
        asks.ask(ASKED)
    assert len(stub.asked) == 2
    now[0] = 61
    with pytest.raises(ServiceError, match="500"):  # the one that tries
        asks.ask(ASKED)
    with pytest.raises(CircuitOpenError):
        asks.ask(ASKED)
    now[0] = 130
    stub.answer = lambda body: "well"
    assert asks.ask(ASKED).content == "well"
    assert not breaker.open
    assert asks.ask(ASKED).content == "well"


def test_neither_key_nor_words_are_logged(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client(stub).ask(ASKED)
    stub.answer = lambda body: (500, b"echo words", {})
    with pytest.raises(ServiceError):
        client(stub, attempts=1).ask(ASKED)
    assert KEY not in caplog.text
    assert "words" not in caplog.text


def test_an_answer_in_thoughts_and_fences_is_read_and_anything_else_is_not() -> None:
    told = {"summary": "a", "detail": "b", "action": "c"}
    text = json.dumps(told)
    for content in (text, f"<think>hm</think>\n{text}", f"```json\n{text}\n```", f" {text} "):
        assert parse(content) == told
    for content in ("", "a", "[]", "{}", text + "x", f"Sure: {text}", text.replace('"c"', "1"), '{"summary": "a"}',
                    text[:-1] + ', "more": "x"}', "[" * 5000):  # fmt: skip
        assert parse(content) is None


def test_a_writer_never_raises_for_what_a_model_does(stub: Stub) -> None:
    facts = facts_of(cards.stream_suggestion("ORD-002"), "zh", cards.names())
    writer = Writer(cards.names(), client(stub, attempts=1), "m@stub")
    stub.answer = lambda body: (500, b"", {})
    words, attempt = writer.write(facts)
    assert words == template(facts)
    assert attempt is not None
    assert (attempt.verdict, attempt.refused) == ("failed", ("service:answer",))
    stub.answer = lambda body: "I would rather not."
    words, attempt = writer.write(facts)
    assert attempt is not None
    assert (words.source, attempt.verdict, attempt.refused) == (
        "template",
        "refused",
        ("form:answer",),
    )
    assert Writer(cards.names()).write(facts) == (template(facts), None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": ""}, {"base_url": "ftp://x/v1"}, {"base_url": "http://user@x/v1"}, {"languages": ["fr"]},
        {"response_format": "xml"}, {"timeout_s": 0}, {"wrong_share": 2}, {"unknown": 1}, {"key": "sk-1"},
        {"base_url": "http://models.example/v1", "key_env": "X"}, {"temperature": 9}, {"least_judged": 0},
    ],
)  # fmt: skip
def test_wrong_settings_are_refused_with_what_to_write(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    path = tmp_path / "wording.json"
    path.write_text(json.dumps({"base_url": "http://127.0.0.1:1/v1", "model": "m"} | wrong))
    with pytest.raises(SentinelError) as caught:
        load(path)
    assert caught.value.where == str(path)
    assert "base_url" in caught.value.cure


def test_the_key_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "wording.json"
    path.write_text(json.dumps({"base_url": "https://m.example/v1", "model": "m", "key_env": "K"}))
    settings = load(path)
    assert settings.key({"K": " abc "}) == "abc"
    with pytest.raises(SentinelError, match="no key"):
        settings.key({})
    (tmp_path / "key").write_text("def\n")
    in_file = Settings(base_url="https://m/v1", model="m", key_file=str(tmp_path / "key"))
    assert in_file.key({}) == "def"
    assert Settings(base_url="https://m/v1", model="m").key({}) is None
    assert "abc" not in repr(settings)
    assert settings.source == "m@m.example"
