"""A model of claims from the command line: generated months, a model, and what it says at each level."""

import json

import polars as pl
import pytest
from typer.testing import CliRunner

import cli
from data_samples import ring_months


@pytest.fixture(scope="module")
def at(tmp_path_factory):
    folder = tmp_path_factory.mktemp("claims")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ring_months, "RING_SHARE", 0.08)
        ring_months.produce(folder, months=2, stays=300, seed=5)
    return folder


def run(*words):
    done = CliRunner().invoke(cli.app, [str(w) for w in words])
    return done, json.loads(done.stdout.splitlines()[-1]) if done.exit_code == 0 else {}


@pytest.fixture(scope="module")
def trained(at):
    done, told = run(
        "train", at / "claims.jsonl", "--level", "claim", "--labels", at / "labels.csv",
        "--model", at / "model", "--key", at / "key", "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return told


def test_a_model_says_how_it_judged_later_months(at, trained):
    assert trained["level"] == "claim"
    assert trained["claims"] == 600
    assert {"whole", "claim_alone"} == set(trained["later_in_time"])
    card = (at / "model" / "card.md").read_text("utf-8")
    assert "claim fraud" in card
    assert "later months, judged by models of earlier ones" in card


@pytest.mark.parametrize(
    ("level", "columns"),
    [
        ("claim", ["stay_id", "score"]),
        ("physician", ["party_id", "claims", "expected", "share", "at_risk_fen", "currency"]),
        ("provider", ["party_id", "claims", "expected", "share", "at_risk_fen", "currency"]),
    ],
)
def test_each_level_has_its_table(at, trained, level, columns):
    out = at / f"{level}.csv"
    done, told = run(
        "score", at / "claims.jsonl", "--model", at / "model", "--level", level, "--out", out,
        "--key", at / "key", "--labels", at / "labels.csv", "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert told["model_sha256"] == trained["model_sha256"]
    assert pl.read_csv(out).columns == columns


def test_rings_and_reasons_are_written(at, trained):
    done, told = run(
        "score", at / "claims.jsonl", "--model", at / "model", "--level", "ring",
        "--out", at / "rings.csv", "--reasons", at / "why.jsonl", "--key", at / "key", "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert told["explained"] == told["above_threshold"] > 0
    lines = [json.loads(x) for x in (at / "why.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == told["explained"]
    shared = [c for x in lines for c in x["connections"]]
    assert shared
    assert all(c["fall"] > 0 and c["claims"] >= len(c["stay_ids"]) > 0 for c in shared)
    assert all(len(x["reasons"]) <= 4 and x["score"] >= told["threshold"] for x in lines)
    assert pl.read_csv(at / "rings.csv").height == told["rings"]


def test_the_unusual_comes_first(at):
    done, told = run(
        "unusual",
        at / "claims.jsonl",
        "--out",
        at / "odd.csv",
        "--key",
        at / "key",
        "--device",
        "cpu",
    )
    assert done.exit_code == 0, done.output
    table = pl.read_csv(at / "odd.csv")
    assert table.height == told["claims"] == 600
    assert table["unusual"].is_sorted(descending=True)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["train", "{}/claims.jsonl", "--model", "{}/m"], "there are no labels"),
        (
            ["train", "{}/claims.jsonl", "--model", "{}/m", "--level", "claim"],
            "no finding to learn from",
        ),
        (
            ["train", "{}/claims.jsonl", "--model", "{}/m", "--level", "claim", "--weak"],
            "--weak is for models of providers",
        ),
        (
            [
                "score",
                "{}/claims.jsonl",
                "--model",
                "{}/model",
                "--out",
                "{}/x.csv",
                "--extra",
                "{}/y.csv",
            ],
            "--extra is for models of providers",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(at, trained, words, what):
    done, _ = run(*(w.format(at) for w in words))
    assert done.exit_code != 0
    assert what in str(done.exception)
