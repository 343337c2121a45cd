"""The life of a check: what changing it would do to stored claims, and what may not change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import drg
import rules
import store
from cli import app
from domain.tables import Tables
from rules.difference import compare
from streaming.pipeline import Engine, assess
from streaming.service import keep
from tests.rules_claims import day, diagnosis, stay, tables
from tests.small_catalogue import write_catalogue

CHECK = "adm/ADM-002.yaml"


@pytest.fixture(scope="module")
def claims() -> Tables:
    """Five patients who come back for the same disease after 3, 6, 9, 12 and 30 days."""
    heads, codes = [], []
    for number, gap in enumerate((3, 6, 9, 12, 30)):
        first = stay(f"a{number}", "2024-03-01", 4, patient_id=f"p_{number}")
        back = stay(f"b{number}", f"2024-04-{gap:02}", 2, patient_id=f"p_{number}")
        first["discharge_date"] = day("2024-03-31")
        heads += [first, back]
        codes += [diagnosis(f"a{number}", 1, "J44.100"), diagnosis(f"b{number}", 1, "J44.100")]
    return tables(heads, diagnoses=codes)


@pytest.fixture(scope="module")
def database(claims: Tables, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('db') / 'a.db'}"
    engine = Engine(rules.load(), drg.load())
    with store.open(url) as opened:
        keep(opened, claims, assess(claims, engine), engine)
    return url


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of our checks: the whole catalogue takes seconds to load, and says the same here."""
    return write_catalogue(tmp_path_factory.mktemp("ours"), ADM_002="active", LOS_004="active")


def changed(ours: Path, folder: Path, old: str, new: str, check: str = CHECK) -> Path:
    catalogue = folder / "catalogue"
    shutil.copytree(ours, catalogue)
    text = (catalogue / check).read_text("utf-8")
    assert old in text
    (catalogue / check).write_text(text.replace(old, new), "utf-8")
    return catalogue


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["rules", *map(str, arguments)])


def told(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_the_version_in_force_is_told_with_its_money_and_overlap(database: str) -> None:
    done = run(
        "backtest", "ADM-002", "--from", "2024-04-01", "--to", "2024-04-30", "--db", database
    )
    assert done.exit_code == 0, done.output
    summary = told(done)
    assert (summary["stays"], summary["hit"], summary["hits"]) == (4, 4, 4)
    assert summary["exposure_fen"] == {"CNY": 4 * 500_000}
    assert summary["overlap"]["ADM-003"] == 4
    assert "ADM-002" not in summary["overlap"]
    assert summary["gained"] is None, "there is nothing to compare with"
    assert [json.loads(line)["stay_id"] for line in done.stdout.splitlines()[:-1]] == [
        "b0", "b1", "b2", "b3",
    ]  # fmt: skip


def test_a_changed_file_is_compared_with_the_one_in_force(
    ours: Path, database: str, tmp_path: Path
) -> None:
    folder = changed(ours, tmp_path, "{2000-01-01: 15}", "{2000-01-01: 15, 2024-04-01: 8}")
    done = run(
        "backtest", "ADM-002", "--from", "2024-04-01", "--to", "2024-05-31", "--db", database,
        "--file", folder / CHECK,
    )  # fmt: skip
    summary = told(done)
    # b4 left on 2 May: both versions look at it and let it pass.
    assert (summary["stays"], summary["hit"]) == (5, 2)
    assert (summary["gained"], summary["lost"]) == (0, 2)
    assert summary["lost_stays"] == ["b2", "b3"]
    assert summary["lost_fen"] == {"CNY": 2 * 500_000}


def test_a_backtest_leaves_the_database_as_it_was(database: str) -> None:
    with store.open(database) as opened:
        before = opened.counts()
    run("backtest", "ADM-002", "--from", "2024-04-01", "--to", "2024-04-30", "--db", database)
    with store.open(database) as opened:
        assert opened.counts() == before


def test_a_period_without_claims_and_an_unknown_check_are_errors(database: str) -> None:
    empty = run(
        "backtest", "ADM-002", "--from", "2020-01-01", "--to", "2020-01-31", "--db", database
    )
    assert "no claim was served" in str(empty.exception)
    unknown = run(
        "backtest", "ADM-999", "--from", "2024-04-01", "--to", "2024-04-30", "--db", database
    )
    assert "no check is named ADM-999" in str(unknown.exception)


def test_the_last_version_of_a_claim_counts_in_its_period(claims: Tables, tmp_path: Path) -> None:
    engine = Engine(rules.load(), drg.load())
    moved = tables(
        [stay("b0", "2024-06-03", 2, patient_id="p_0", claim_version=2)],
        diagnoses=[diagnosis("b0", 1, "J44.100")],
    )
    with store.open(f"sqlite:///{tmp_path / 'a.db'}") as opened:
        for batch in (claims, moved):
            keep(opened, batch, assess(batch, engine), engine)
        april = opened.period(day("2024-04-01"), day("2024-04-30"))
        june = opened.period(day("2024-06-01"), day("2024-06-30"))
    assert "b0" not in april.stays["stay_id"].to_pylist()
    assert june.stays["stay_id"].to_pylist() == ["b0"]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("{2000-01-01: 15}", "{2000-01-01: 14}", "params.window_days.default.2000-01-01"),
        ("{2000-01-01: 15}", "{1999-01-01: 9, 2000-01-01: 15}", "params.window_days.default.1999-01-01"),
        ("AND NOT prior_stated_plan\n", "", "when.2000-01-01"),
        ("{unit: day, default", "{unit: week, default", "params.window_days.unit"),
    ],
)  # fmt: skip
def test_what_claims_were_judged_by_is_never_edited(
    ours: Path, tmp_path: Path, old: str, new: str, what: str
) -> None:
    folder = changed(ours, tmp_path, old, new)
    refused = [c for c in compare(rules.load(ours), rules.load(folder)) if c.refused]
    assert [change.what for change in refused] == [what]
    done = run("diff", ours, folder)
    assert done.exit_code == 1
    assert told(done) == {"changes": 1, "refused": 1}


def test_a_new_date_and_a_new_wording_may_come(ours: Path, tmp_path: Path) -> None:
    folder = changed(ours, tmp_path, "{2000-01-01: 15}", "{2000-01-01: 15, 2027-01-01: 20}")
    text = (folder / CHECK).read_text("utf-8")
    (folder / CHECK).write_text(text.replace("severity: high", "severity: medium"), "utf-8")
    changes = compare(rules.load(ours), rules.load(folder))
    assert [(c.what, c.before, c.after, c.refused) for c in changes] == [
        ("severity", "high", "medium", False),
        ("params.window_days.default.2027-01-01", None, "20", False),
    ]
    assert run("diff", ours, folder).exit_code == 0


def test_a_check_is_retired_and_not_left_out(ours: Path, tmp_path: Path) -> None:
    folder = changed(ours, tmp_path, "status: active", "status: retired")
    (change,) = compare(rules.load(ours), rules.load(folder))
    assert (change.what, change.refused) == ("status", False)
    (folder / CHECK).unlink()
    (gone,) = compare(rules.load(ours), rules.load(folder))
    assert gone.refused
    assert gone.after is None


@pytest.mark.parametrize(
    ("was", "now", "refused"),
    [
        ("draft", "shadow", False),
        ("draft", "active", False),
        ("shadow", "active", False),
        ("shadow", "draft", False),
        ("active", "retired", False),
        ("active", "shadow", True),
        ("active", "draft", True),
        ("retired", "active", True),
        ("retired", "shadow", True),
    ],
)
def test_a_check_moves_on_in_its_life_and_never_hides_that_it_decided(
    tmp_path: Path, was: str, now: str, refused: bool
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder, status in ((old, was), (new, now)):
        write_catalogue(folder, ADM_002=status, LOS_004="active")
    (change,) = compare(rules.load(old), rules.load(new))
    assert (change.what, change.refused) == ("status", refused)


def test_a_check_on_trial_may_be_edited(tmp_path: Path) -> None:
    old = write_catalogue(tmp_path / "old", ADM_002="shadow", LOS_004="active")
    new = write_catalogue(tmp_path / "new", ADM_002="shadow", LOS_004="active")
    path = new / CHECK
    path.write_text(path.read_text("utf-8").replace("{2000-01-01: 15}", "{2000-01-01: 9}"), "utf-8")
    assert [change.refused for change in compare(rules.load(old), rules.load(new))] == [False]


def test_equal_catalogues_have_no_difference() -> None:
    assert compare(rules.load(), rules.load()) == []
