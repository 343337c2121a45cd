"""A batch judged on several threads gives what one thread gives, hit for hit."""

from __future__ import annotations

from pathlib import Path

import pytest

import data_samples
import drg
import rules
from rules import spread
from streaming import intake
from streaming.pseudonym import PseudonymKey


@pytest.mark.parametrize("preset", ["demo", "clean"])
def test_threads_change_nothing(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_samples.produce(tmp_path, preset=preset, stays=300, seed=5)
    tables = intake.read([tmp_path], "jsonl", key=PseudonymKey(b"sample-tests" * 3)).tables
    ruleset, settled = rules.load(), drg.settle(tables, drg.load())

    def judged(many: int) -> rules.Judged:
        monkeypatch.setattr(spread, "MANY", many)
        monkeypatch.setattr(spread.pl, "thread_pool_size", lambda: 4)
        return rules.judge(ruleset, tables, settled=settled)

    alone, together = judged(10**9), judged(0)
    assert together.verdicts.equals(alone.verdicts)
    assert together.hits.equals(alone.hits)
    assert alone.hits.height > (50 if preset == "demo" else 0)


def test_what_fails_on_a_thread_fails_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread.pl, "thread_pool_size", lambda: 2)

    def work(number: int) -> int:
        return 1 // number

    assert spread.over_threads(work, [1, 1], spread.MANY) == [1, 1]
    with pytest.raises(ZeroDivisionError):
        spread.over_threads(work, [1, 0], spread.MANY)
