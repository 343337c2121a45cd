"""An approved value changes verdicts from its day on, under another digest; decisions of before keep theirs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

import cli
import drg
import rules
import store
from domain.proposals import Ending, ParameterValue, Proposal
from rules import RuleError
from rules.changing import check_change
from rules.overlay import tell_files
from store.tables import DECISIONS_SQL, RULESETS_SQL
from streaming import intake
from streaming.pipeline import Engine, assess
from streaming.service import keep
from tests import service_samples as samples
from tests.small_catalogue import write_catalogue

PATTERN = Path("data_samples/patterns/ADM-003.jsonl")
TODAY = date(2025, 1, 1)
AT = datetime(2025, 1, 1, 3, tzinfo=UTC)
CHANGE = ParameterValue("ADM-003", "window_days", "3301", date(2025, 3, 10), 5)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return write_catalogue(tmp_path / "catalogue", ADM_003="active")


def approve(opened: store.Store, change: ParameterValue, name: str = "a") -> None:
    one = Proposal(name * 32, change, "day", "15", "why", "u1", "ana", AT, "r")
    opened.proposals.add(one, today=TODAY)
    opened.proposals.end(name * 32, Ending("approved", "u2", "ben", "ok", AT), today=TODAY)


def test_an_approved_value_changes_a_verdict_and_the_digest(
    catalogue: Path, tmp_path: Path
) -> None:
    claims = intake.decode(PATTERN.read_bytes().splitlines(), key=samples.KEY)[0]
    with store.open(f"sqlite:///{tmp_path / 'sentinel.db'}") as opened:
        before = Engine(rules.load(catalogue), drg.load())
        keep(opened, claims, assess(claims, before), before)
        assert ("P-ADM-003-2", "ADM-003") in opened.stored_hits(["P-ADM-003-2"])
        approve(opened, CHANGE)
        ruleset = rules.load(catalogue, approved=opened.proposals.in_force())
        assert ruleset.sha256 != before.ruleset.sha256
        after = Engine(ruleset, before.library)
        keep(opened, claims, assess(claims, after), after)
        assert opened.stored_hits(["P-ADM-003-2"]) == []
        query = sa.select(DECISIONS_SQL.c.rules_sha256, DECISIONS_SQL.c.hit_count)
        with opened.engine.connect() as connection:
            found = connection.execute(query.where(DECISIONS_SQL.c.stay_id == "P-ADM-003-2")).all()
            manifests = dict(
                connection.execute(sa.select(RULESETS_SQL.c.sha256, RULESETS_SQL.c.manifest)).all()
            )
        # Both decisions stand as evidence, each under the digest of what judged it.
        assert sorted(found) == sorted([(before.ruleset.sha256, 1), (ruleset.sha256, 0)])
        assert manifests[ruleset.sha256] != manifests[before.ruleset.sha256]


def test_a_value_holds_from_its_day_and_in_its_region_only(catalogue: Path) -> None:
    changed = rules.load(catalogue, approved=[CHANGE])["ADM-003"].params["window_days"]
    assert changed.value("330100", date(2025, 3, 10)) == 5
    assert changed.value("330100", date(2025, 3, 9)) == 15
    assert changed.value("420100", date(2025, 3, 10)) == 15


def test_exported_files_judge_as_the_database_does(catalogue: Path, tmp_path: Path) -> None:
    values = [
        CHANGE,
        ParameterValue("ADM-003", "window_days", "3301", date(2026, 1, 1), 4),
        ParameterValue("ADM-003", "window_days", "", date(2026, 2, 1), 12),
    ]
    address = f"sqlite:///{tmp_path / 'sentinel.db'}"
    with store.open(address) as opened:
        for name, value in zip("abc", values, strict=True):
            approve(opened, value, name)
        in_force = opened.proposals.in_force()
    out = tmp_path / "parameters"
    made = CliRunner().invoke(cli.app, ["rules", "parameters", "--db", address, "--out", str(out)])
    assert made.exit_code == 0, made.output
    assert sorted(file.name for file in out.iterdir()) == sorted(tell_files(values))
    by_files = rules.load(catalogue, parameters=out)
    by_database = rules.load(catalogue, approved=in_force)
    assert by_files.sha256 == by_database.sha256
    assert by_files["ADM-003"].params == by_database["ADM-003"].params
    # A machine that has both judges the same: what stands in the files is not added again.
    assert rules.load(catalogue, parameters=out, approved=in_force).sha256 == by_files.sha256


def test_a_value_that_fits_no_check_or_edits_a_file_is_told(catalogue: Path) -> None:
    for value, words in (
        (ParameterValue("ADM-999", "window_days", "", date(2027, 1, 1), 5), "no check is named"),
        (ParameterValue("ADM-003", "days", "", date(2027, 1, 1), 5), "no parameter"),
        (ParameterValue("ADM-003", "window_days", "", date(2000, 1, 1), 5), "already has another value"),
    ):  # fmt: skip
        with pytest.raises(RuleError, match=words):
            rules.load(catalogue, approved=[value])


def test_a_check_that_has_ended_or_would_judge_its_own_cases_otherwise_is_not_changed(
    catalogue: Path,
) -> None:
    ruleset = rules.load(catalogue)

    def faults(since: date, value: str, today: date = TODAY) -> list[str]:
        found, change = check_change(ruleset, "ADM-003", "window_days", "", since, value, today)
        assert bool(found) is (change is None)
        return [one.field for one in found]

    assert faults(date(2027, 1, 1), "10") == []
    assert faults(date(2027, 1, 1), "15") == ["value"]
    assert faults(date(2025, 1, 1), "10") == ["since"]
    assert faults(date(1999, 1, 1), "10", today=date(1998, 1, 1)) == ["since"]
