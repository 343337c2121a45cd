"""What `sentinel stream run` says and refuses before it reads a message."""

from __future__ import annotations

import os
import signal
import time

import pytest

from cli import daemon, stream_run
from domain.errors import SentinelError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///a.db", "sqlite:///a.db"),
        ("postgresql+psycopg://u:ge:he@im@host:5432/d", "postgresql+psycopg://u@host:5432/d"),
        ("postgresql+psycopg://u@host/d", "postgresql+psycopg://u@host/d"),
    ],
)
def test_the_settings_printed_hold_no_password(url: str, shown: str) -> None:
    assert daemon.without_password(url) == shown


def test_topics_are_those_that_have_a_handler() -> None:
    assert stream_run._inputs("claims, orders") == ["claims", "orders"]
    for wrong in ("", "claims,decisions"):
        with pytest.raises(SentinelError) as caught:
            stream_run._inputs(wrong)
        assert "claims, orders" in caught.value.cure


def test_two_signals_that_come_together_are_one() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    try:
        stop = daemon.stop_on_signals()
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)  # the handler has run
        assert stop.is_set()
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)
