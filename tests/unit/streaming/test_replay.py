"""Replay: other checks over stored history, beside what was decided, and nothing live touched."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

import store
from cli import app
from domain.tables import Tables
from store.tables import METADATA
from streaming import replay as module
from streaming.pipeline import Engine, assess
from streaming.refresh import refresh_months
from streaming.replay import replay
from streaming.service import keep, look_back
from tests.rules_claims import diagnosis, stay, tables
from tests.small_catalogue import engine_of, write_catalogue

FIRST, LAST = date(2024, 3, 1), date(2024, 4, 30)


@pytest.fixture(scope="module")
def claims() -> list[Tables]:
    """Five patients who come back for the same disease after 3, 6, 9, 12 and 20 days; in order."""
    found = []
    for number, gap in enumerate((3, 6, 9, 12, 20)):
        for name, begin, nights in ((f"a{number}", "2024-03-01", 9), (f"b{number}", f"2024-03-{10 + gap}", 2)):  # fmt: skip
            found.append(
                tables(
                    [stay(name, begin, nights, patient_id=f"p_{number}")],
                    diagnoses=[diagnosis(name, 1, "J44.100")],
                )
            )
    return sorted(found, key=lambda t: str(t.stays["admission_date"][0]))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = tmp_path_factory.mktemp("live")
    return engine_of(write_catalogue(folder, ADM_002="active", IDB_001="active"))


@pytest.fixture(scope="module")
def stricter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ADM-002 with a window of 7 days instead of 15 and of lower severity, and without IDB-001."""
    folder = write_catalogue(tmp_path_factory.mktemp("strict"), ADM_002="active")
    path = folder / "adm" / "ADM-002.yaml"
    text = path.read_text("utf-8").replace("default: {2000-01-01: 15}", "default: {2000-01-01: 7}")
    path.write_text(text.replace("severity: high", "severity: low"), "utf-8")
    return folder


@pytest.fixture
def opened(tmp_path: Path, live: Engine, claims: list[Tables]):
    with store.open(f"sqlite:///{tmp_path / 'a.db'}") as found:
        for batch in claims:
            keep(found, batch, assess(batch, live, history=look_back(found, batch)), live)
        yield found


def dump(opened: store.Store) -> dict[str, list[tuple[object, ...]]]:
    """All live rows."""
    with opened.engine.connect() as connection:
        return {
            table.name: sorted(
                (tuple(row) for row in connection.execute(sa.select(table))), key=str
            )
            for table in METADATA.sorted_tables
            if not table.name.startswith("run")
        }


def test_the_checks_in_force_say_what_they_said(opened: store.Store, live: Engine) -> None:
    done = replay(opened, live, name="same", first=FIRST, last=LAST)
    assert done.claims == 10
    found = opened.replays().compare("same")
    assert all(not (row["new"] or row["gone"] or row["same_fen"]) for row in found["checks"])
    assert found["decisions"]["severity_changed"] == {}
    assert (found["decisions"]["alerts_new"], found["decisions"]["alerts_gone"]) == (0, 0)
    assert found["decisions"]["alerts_same"] == opened.count_alerts() == 4


def test_a_changed_check_tells_hits_money_severity_and_alerts_and_touches_nothing(
    opened: store.Store, stricter: Path
) -> None:
    before = dump(opened)
    replay(opened, engine_of(stricter), name="strict", first=FIRST, last=LAST)
    assert dump(opened).items() >= {k: v for k, v in before.items() if k != "rulesets"}.items()
    found = opened.replays().compare("strict")
    (row,) = [r for r in found["checks"] if r["rule_id"] == "ADM-002"]
    assert (row["new"], row["gone"], row["same"]) == (0, 2, 2)
    assert (row["gone_fen"], row["currency"]) == (2 * 500_000, "CNY")
    assert found["decisions"]["severity_changed"] == {"high -> low": 2, "high -> none": 2}
    assert found["decisions"]["alerts_gone"] == 4
    assert found["decisions"]["exposure_fen"] == {"CNY": {"run": 1_000_000, "live": 2_000_000}}
    gone = opened.replays().differing("strict", "ADM-002")
    assert [(r["stay_id"], r["change"]) for r in gone] == [("b2", "gone"), ("b3", "gone")]


def test_a_replay_that_stopped_goes_on_where_it_stopped(
    opened: store.Store, live: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    days: list[date] = []
    judge = module._judge

    def fail(store_: store.Store, engine: Engine, name: str, day: date, stays: list[str]) -> None:
        if len(days) == 3:
            raise KeyboardInterrupt
        days.append(day)
        judge(store_, engine, name, day, stays)

    monkeypatch.setattr(module, "_judge", fail)
    with pytest.raises(KeyboardInterrupt):
        replay(opened, live, name="halt", first=FIRST, last=LAST)
    assert opened.replays().show("halt")["finished_at"] is None
    monkeypatch.setattr(module, "_judge", judge)
    done = replay(opened, live, name="halt", first=FIRST, last=LAST)
    assert (done.days_before, done.claims) == (3, 10)
    replay(opened, live, name="whole", first=FIRST, last=LAST)
    assert opened.replays().compare("halt") == opened.replays().compare("whole")
    assert opened.replays().show("halt")["finished_at"] is not None


def test_how_a_day_is_cut_changes_nothing(
    opened: store.Store, live: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay(opened, live, name="whole", first=FIRST, last=LAST)
    monkeypatch.setattr(module, "CLAIMS_AT_ONCE", 1)
    replay(opened, live, name="single", first=FIRST, last=LAST)
    assert opened.replays().compare("single") == opened.replays().compare("whole")


def test_a_name_stands_for_one_run(opened: store.Store, live: Engine, stricter: Path) -> None:
    replay(opened, live, name="mine", first=FIRST, last=LAST)
    with pytest.raises(store.StoreError, match="differs in rules_sha256") as caught:
        replay(opened, engine_of(stricter), name="mine", first=FIRST, last=LAST)
    assert "another --name" in caught.value.cure


def test_months_are_replayed_too(root: Path, tmp_path: Path) -> None:
    from streaming import intake
    from streaming.pseudonym import PseudonymKey

    file = root / "data_samples" / "aggregates" / "ADM-023.jsonl"
    grown = intake.read([file], "jsonl", key=PseudonymKey(b"replay-tests" * 3)).tables
    checks = engine_of(write_catalogue(tmp_path / "c", ADM_023="active", LOS_004="active"))
    none = engine_of(write_catalogue(tmp_path / "n", LOS_004="active"))
    with store.open(f"sqlite:///{tmp_path / 'a.db'}") as opened:
        keep(opened, grown, assess(grown, checks), checks)
        refresh_months(opened, checks, upto=date(2025, 4, 1))
        replay(opened, checks, name="same", first=date(2025, 1, 1), last=date(2025, 3, 31))
        replay(opened, none, name="none", first=date(2025, 1, 1), last=date(2025, 3, 31))
        assert opened.replays().compare("same")["findings"] == [
            {"rule_id": "ADM-023", "new": 0, "gone": 0, "same": 1}
        ]
        assert opened.replays().compare("none")["findings"] == [
            {"rule_id": "ADM-023", "new": 0, "gone": 1, "same": 0}
        ]


def test_the_command_replays_and_tells_the_difference(
    opened: store.Store, tmp_path: Path, stricter: Path
) -> None:
    db = ["--db", f"sqlite:///{tmp_path / 'a.db'}"]

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["stream", "replay", *words])
        assert result.exit_code == code, result.output + str(result.exception)
        return result.stdout

    period = ["--from", "2024-03-01", "--to", "2024-04-30"]
    told = json.loads(run(*period, "--rules", str(stricter), "--name", "strict", *db))
    assert (told["replay"], told["claims"]) == ("strict", 10)
    said = run("diff", "strict", *db)
    assert "ADM-002" in said
    assert "10,000.00 CNY" in said
    last = json.loads(said.splitlines()[-1])
    assert last["alerts_gone"] == 4
    rows = [json.loads(line) for line in run("diff", "strict", "--rule", "ADM-002", *db).splitlines()]  # fmt: skip
    assert [row["stay_id"] for row in rows] == ["b2", "b3"]
    assert json.loads(run("show", "strict", *db))["stays"] == 10
    assert "strict" in run("list", *db)
    assert json.loads(run("remove", "strict", *db)) == {"removed": "strict"}
    assert opened.replays().all() == []
