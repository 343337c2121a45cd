"""``sentinel advice report``: the week as JSON and CSV, and proposals that a person has to confirm."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

import store
from cli import app
from domain.advice import Figures, candidates
from domain.cards import CardAnswer, Tallied
from tests.card_scene import NOW, card


def fill(url: str, rule_id: str = "ORD-001", wrong: int = 38) -> None:
    """Forty answered cards of four physicians in the week of ``NOW``."""
    with store.open(url) as opened:
        for number in range(40):
            one = card(number, cause=rule_id, rule_ids=(rule_id,), physician_id=f"D{number % 4}")
            opened.cards.offer([one], budget=1_000, now=NOW)
            outcome = "overridden" if number < wrong else "accepted"
            reason = "not-applicable" if outcome == "overridden" else None
            opened.cards.feedback([CardAnswer(one.card_id, outcome, NOW, (), reason)], now=NOW)


def run(*words: str) -> str:
    done = CliRunner().invoke(app, ["advice", "report", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_week_is_told_and_what_is_overridden_too_often_is_proposed_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    fill(url)
    fill(url, "ORD-011", wrong=20)
    made = json.loads(run("--week", "2026-W48", "--db", url))
    assert (made["total"]["shown"], made["cards_a_physician_and_day"]) == (80, 20.0)
    assert [c["rule_id"] for c in made["candidates"]] == ["ORD-001"]
    out = tmp_path / "week.csv"
    told = json.loads(run("--week", "2026-W48", "--db", url, "--format", "csv", "--lang", "en", "--out", str(out), "--propose"))  # fmt: skip
    assert told["proposed"] == ["ORD-001"]
    lines = out.read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("Week,Level,Hospital,Department,Check,Name")
    assert any("Might be quiet" in line and "It does not apply to this patient 38" in line for line in lines)  # fmt: skip
    again = json.loads(run("--week", "2026-W48", "--db", url, "--out", str(out), "--propose"))
    assert again["proposed"] == []
    with store.open(url) as opened:
        (one,) = opened.quiet_checks.listed()
    assert (one.status, one.provider_id, one.figures["overridden"]) == ("open", "H1", 38)
    assert "38 of 40" in one.why
    # The week before had no card; two weeks later the answers still count, five weeks later no more.
    assert json.loads(run("--week", "2026-W47", "--db", url))["candidates"] == []
    assert json.loads(run("--week", "2026-W50", "--db", url))["candidates"] != []
    assert json.loads(run("--week", "2026-W53", "--db", url))["candidates"] == []


def test_a_week_that_is_none_is_refused(tmp_path: Path) -> None:
    words = ["advice", "report", "--week", "last", "--db", f"sqlite:///{tmp_path / 'a.db'}"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code != 0
    assert "is no week" in str(done.exception)


def test_candidates_are_everywhere_only_if_no_hospital_with_enough_answers_says_otherwise() -> None:
    def figures(**hospitals: tuple[int, int]) -> Figures:
        found = {
            (name, "A03", "R"): Tallied(shown=a + o, accepted=a, overridden=o)
            for name, (a, o) in hospitals.items()
        }
        return Figures(found, {}, {}, 0)

    def told(**hospitals: tuple[int, int]) -> list[tuple[str, int]]:
        return [(c.provider_id, c.tallied.answered) for c in candidates(figures(**hospitals))]

    # Of 30, 26 are needed: the lower end of 25 of 30 is below 0.7.
    assert told(H1=(4, 26)) == [("H1", 30)]
    assert told(H1=(5, 25)) == []
    assert told(H1=(0, 29)) == []
    # The third hospital has too few answers to speak against it; its own are counted.
    assert told(H1=(4, 26), H2=(2, 38), H3=(5, 0)) == [("", 75)]
    assert told(H1=(4, 26), H2=(20, 20)) == [("H1", 30)]


def test_old_cards_are_swept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    now = datetime.now(UTC)
    with store.open(url) as opened:
        for number, days in enumerate((500, 300)):
            opened.cards.offer([card(number)], budget=10, now=now - timedelta(days=days))
    forgotten = []
    for words in ([], ["--card-days", "200"], []):
        done = CliRunner().invoke(app, ["db", "sweep", "--db", url, *words])
        forgotten.append(json.loads(done.stdout)["cards_forgotten"])
    assert forgotten == [1, 1, 0]
