"""``sentinel models``, ``promote``, ``refresh`` and ``feedback`` as a person uses them."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import rules
import store
from cli import app
from cli.wiring import engine
from domain.review import Review
from domain.tables import Tables
from streaming.pipeline import Engine, assess
from streaming.service import keep
from tests import service_samples as samples

CHECK = next(Path(rules.__file__).parent.glob("catalog/**/LOS-001.yaml"))


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One check only: judging takes no time."""
    folder = tmp_path_factory.mktemp("rules")
    shutil.copy(CHECK, folder)
    return folder


@pytest.fixture(scope="module")
def filled(
    town: Any, model: Any, checks: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A database with the claims of the town, and the folder of the town's model."""
    tables, _, _ = town
    folder = tmp_path_factory.mktemp("town")
    with store.open(f"sqlite:///{folder / 'a.db'}") as opened:
        judge = Engine(rules.load(checks))
        keep(opened, tables, assess(tables, judge), judge)
    model.save(folder / "model")
    return folder / "a.db", folder / "model"


@pytest.fixture
def db(filled: tuple[Path, Path], tmp_path: Path) -> str:
    shutil.copy(filled[0], tmp_path / "a.db")
    return f"sqlite:///{tmp_path / 'a.db'}"


@pytest.fixture
def folder(filled: tuple[Path, Path]) -> Path:
    return filled[1]


def run(*words: Any, code: int = 0) -> Any:
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == code, (done.output, done.exception)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.startswith("{") else done


def refusal(*words: Any) -> str:
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code != 0
    return f"{done.output} {done.exception}"


def register(folder: Path, db: str) -> str:
    told = run("models", "register", folder, "--by", "ana", "--db", db)
    return str(told["model_sha256"])


def test_a_model_is_registered_promoted_and_used(db: str, folder: Path, checks: Path) -> None:
    sha256 = register(folder, db)
    assert run("models", "register", folder, "--by", "ana", "--db", db)["registered"] is False
    told = run(
        "promote", sha256[:12], "--by", "ben", "--reason", "first", "--rules", checks, "--db", db
    )
    assert told["appointed"] == [[sha256, "champion"]]
    row = run("models", "list", "--json", "--db", db)
    assert (row["role"], row["by"], row["model_sha256"]) == ("champion", "ben", sha256)
    assert sha256[:12] in run("models", "list", "--db", db).stdout
    card = run("models", "show", "champion", "--db", db).stdout
    assert "Model card" in card
    assert "ben: first" in card
    judge = engine(rules_dir=checks, model=Path("champion"), db=db)
    assert judge.artifact is not None
    assert judge.artifact.sha256 == sha256
    assert judge.challenger is None


def test_a_model_comes_out_as_it_went_in(db: str, folder: Path, tmp_path: Path) -> None:
    sha256 = register(folder, db)
    run("models", "export", sha256, "--out", tmp_path / "out", "--db", db)
    for file in folder.iterdir():
        assert (tmp_path / "out" / file.name).read_bytes() == file.read_bytes()


def test_refresh_gives_the_role_to_the_model_at_its_new_day(
    db: str, folder: Path, checks: Path, town: Any
) -> None:
    sha256 = register(folder, db)
    said = ("--by", "ben", "--reason", "first", "--rules", checks, "--db", db)
    run("promote", sha256, *said)
    (done,) = run("refresh", "--upto", "2024-07-20", "--rules", checks, "--db", db)["refreshed"]
    assert done["from"] == sha256 != done["model_sha256"]
    assert (done["role"], done["upto"], done["providers"]) == ("champion", "2024-07-20", 60)
    with store.open(db) as opened:
        assert opened.model_in_role("champion") == done["model_sha256"]
    # And once more: the drift is still told against the training, from the register.
    (again,) = run("refresh", "--upto", "2024-07-21", "--rules", checks, "--db", db)["refreshed"]
    assert again["drift"]["providers_then"] == 60


def test_a_challenger_scores_in_shadow_and_alerts_nobody(
    db: str, folder: Path, checks: Path, town: Any
) -> None:
    tables: Tables = town[0]
    sha256 = register(folder, db)
    said = ("--by", "ben", "--reason", "trial", "--rules", checks, "--db", db)
    run("promote", sha256, *said)
    (refreshed,) = run("refresh", "--rules", checks, "--db", db)["refreshed"]
    run("promote", sha256, "--to", "challenger", *said)
    judge = engine(rules_dir=checks, model=Path("champion"), db=db)
    assert judge.challenger is not None
    assert judge.challenger.sha256 == sha256
    alone = Engine(judge.ruleset, judge.library, artifact=judge.artifact)
    both = assess(tables, judge)
    assert both.shadow_scores.num_rows == 60
    for name, table in assess(tables, alone).items():
        if name != "shadow_scores":
            assert table.equals(getattr(both, name)), name
    with store.open(db) as opened:
        keep(opened, tables, both, judge)
    told = run("models", "compare", "--db", db)
    assert (told["champion"], told["challenger"]) == (refreshed["model_sha256"], sha256)
    assert told["providers_of_both"] == 60
    assert told["rank_correlation"] > 0.9


def test_scores_that_moved_are_refused_unless_somebody_says_so(
    db: str, folder: Path, checks: Path, town: Any
) -> None:
    """Every claim costs a hundred times as much and lasts three times as long."""
    tables: Tables = town[0]
    sha256 = register(folder, db)
    stays = pl.DataFrame(tables.stays)
    changed = stays.with_columns(
        pl.col("claim_version") + 1,
        pl.col("fund_payment_fen") * 100,
        pl.col("admission_date") - pl.duration(days=40),
    )
    moved = Tables.of(
        {**dict(tables.items()), "stays": changed.to_arrow().cast(tables.stays.schema)}
    )
    with store.open(db) as opened:
        judge = Engine(rules.load(checks))
        keep(opened, moved, assess(moved, judge), judge)
    said = (sha256, "--by", "ben", "--reason", "first", "--rules", checks, "--db", db)
    assert "moved" in refusal("promote", *said)
    told = run("models", "drift", sha256[:10], "--rules", checks, "--db", db)
    assert told["score"]["state"] == "moved"
    indexes = [f["psi"] for f in told["features"]]
    assert indexes == sorted(indexes, reverse=True)
    assert "stay_days_mean" in {f["name"] for f in told["features"]}
    with store.open(db) as opened:
        assert opened.model_in_role("champion") is None
    assert run("promote", *said, "--despite-drift")["appointed"] == [[sha256, "champion"]]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("promote", "abc", "--by", "x", "--reason", "y"), "too short"),
        (("promote", "0123456789", "--by", "x", "--reason", "y"), "names 0 registered"),
        (("promote", "0123456789", "--by", "x", "--reason", "y", "--to", "king"), "no role king"),
        (("refresh",), "no registered model is champion"),
        (("models", "compare"), "no registered model is champion"),
    ],
)
def test_what_is_not_registered_is_told(words: tuple[str, ...], told: str, db: str) -> None:
    assert told in refusal(*words, "--db", db)


def test_the_champion_needs_a_register(checks: Path) -> None:
    with pytest.raises(Exception, match="no database whose register"):
        engine(rules_dir=checks, model=Path("champion"))


def test_feedback_tells_precision_by_check_and_by_score_band(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'b.db'}"
    with store.open(url) as opened:
        samples.write(opened, 9)
        rows = [r for r in opened.alerts(limit=50).rows if r["score"] is not None]
        for number, row in enumerate(rows[:2]):
            rule, reason = row["rule_ids"][0], ("violation", "documented")[number]
            opened.keep_reviews(
                [
                    Review(
                        review_id=f"{number:032x}", rule_id=rule, reason=reason, reviewer="ana",
                        outcome=("confirmed", "not_confirmed")[number],
                        reviewed_at=datetime(2025, 3, 31, 17, tzinfo=UTC),
                        decision_id=row["decision_id"], stay_id=row["stay_id"],
                    )
                ]
            )  # fmt: skip
    told = run("feedback", "--json", "--db", url)
    assert {row["quarter"] for row in told["checks"]} == {"2025-Q2"}
    assert sum(row["confirmed"] for row in told["checks"]) == 1
    bands = told["score_bands"]
    assert sum(row["confirmed"] + row["not_confirmed"] for row in bands) == 2
    assert all(row["from"] <= row["mean_score"] <= row["to"] for row in bands)
    assert {
        r["quarter"] for r in run("feedback", "--json", "--zone", "UTC", "--db", url)["checks"]
    } == {"2025-Q1"}
    assert "2025-Q2" in run("feedback", "--db", url).stdout
    assert "no time zone Mars" in refusal("feedback", "--zone", "Mars", "--db", url)


def test_feedback_without_reviews_says_how_they_come(db: str) -> None:
    assert "reviews import" in run("feedback", "--db", db).stdout


def test_the_report_needs_no_network_and_tells_what_it_was_given(
    db: str, folder: Path, checks: Path, tmp_path: Path
) -> None:
    sha256 = register(folder, db)
    out = tmp_path / "made" / "report.html"
    run("models", "report", sha256[:8], "--out", out, "--rules", checks, "--db", db)
    page = out.read_text(encoding="utf-8")
    head = page[: page.index("<script")] + page[page.rindex("</script>") :]
    assert sha256[:12] in head
    assert "population stability" in page.lower()
    assert "最长住院日 Longest stay" in head
    assert "稳定 stable" in head
    assert "No review is in the database" in page
    assert page.count("plotly-graph-div") == 3
    assert 'src="http' not in page
    assert "<link" not in head


def test_a_model_of_a_later_day_than_the_stored_claims_is_promoted(
    db: str, folder: Path, checks: Path, town: Any, tmp_path: Path
) -> None:
    """Only a refresh moves a model's day, so only a refresh can ask for one that is past."""
    tables: Tables = town[0]
    sha256 = register(folder, db)
    early = f"sqlite:///{tmp_path / 'early.db'}"
    stays = pl.DataFrame(tables.stays).with_columns(
        pl.col("admission_date", "discharge_date") - pl.duration(days=3)
    )
    before = Tables.of(
        {**dict(tables.items()), "stays": stays.to_arrow().cast(tables.stays.schema)}
    )
    with store.open(early) as opened:
        judge = Engine(rules.load(checks))
        keep(opened, before, assess(before, judge), judge)
    register(folder, early)
    said = (sha256, "--by", "ben", "--reason", "first", "--rules", checks, "--db", early)
    assert run("promote", *said)["appointed"] == [[sha256, "champion"]]
    assert "already knows" in refusal("refresh", "--rules", checks, "--db", early)
