"""``sentinel graph``: a graph loaded, asked, counted, rebuilt, followed and dropped, as a person does it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import store
from cli import app
from data_samples.committed import FOLDER
from domain.errors import SentinelError
from tests.graph_scene import claim, decided, hidden, tables_of
from tests.service_samples import MODEL, RULESET
from tests.stream_scene import ROOT


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database whose claims were stored before there was a graph."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    put(url, claim(0, "A", phone="000-1"), claim(1, "B", "H2", phone="000-1"))
    return url


def put(url: str, *claims: dict[str, Any]) -> None:
    tables = tables_of(claims)
    with store.open(url) as opened:
        opened.write(claims=tables, results=decided(tables), ruleset=RULESET, model=MODEL)


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["graph", *map(str, words)], env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output + str(result.exception)
    if isinstance(result.exception, SentinelError):  # the program prints it
        return f"{result.exception.what}. {result.exception.cure}"
    return result.output


def last(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def ask(*words: object) -> dict[str, Any]:
    return last(run("query", *words, "--json"))


def test_stored_claims_are_loaded_once_and_changes_after_them(database: str) -> None:
    assert ask("shared-identifiers", "--min-patients", 2, "--db", database)["items"] == []
    assert last(run("load", "--db", database))["placed"] == 2
    (shared,) = ask("shared-identifiers", "--min-patients", 2, "--db", database)["items"]
    assert shared["patients"] == sorted(hidden("patient_id", who) for who in "AB")
    assert shared["money"][0]["total_fen"] == 3_000
    put(database, claim(2, "C", phone="000-1"))
    found = last(run("stats", "--db", database))
    assert (found["nodes"]["stay"], found["behind"]) == (2, 1)
    done = last(run("load", "--db", database))
    assert (done["placed"], done["unchanged"]) == (1, 2)
    assert ask("shared-identifiers", "--min-patients", 3, "--db", database)["items"]


def test_a_graph_that_follows_no_store_says_so(database: str) -> None:
    assert ask("triangles", "--db", database)["graph"]["behind"] is None
    assert "`sentinel graph load` lets it" in run("query", "triangles", "--db", database)


def test_files_are_loaded_without_being_decided(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'b.db'}"
    file = FOLDER / "rings" / "companions.jsonl"
    done = last(run("load", file, "--db", url, "--key", tmp_path / "key"))
    assert (done["read"], done["refused"], done["placed"]) == (21, 0, 21)
    (found,) = ask("companions", "--db", url)["items"]
    assert (found["patient_count"], found["times"]) == (4, 3)
    with store.open(url) as opened:
        assert opened.counts()["claims"] == 0


def test_a_person_reads_names_days_and_money(database: str) -> None:
    run("load", "--db", database)
    text = run("query", "neighbourhood", "stay:S000001", "--hops", 1, "--db", database)
    for part in ("provider:H2", "就诊于", "留有电话", "CNY 20.00", "2024-03-01 – 2024-03-05"):
        assert part in text, part
    text = run("query", "shared-identifiers", "--min-patients", 2, "--db", database)
    assert hidden("phone", "000-1") in text
    assert "CNY 30.00 (fund CNY 21.00)" in text
    way = run(
        "query", "path", f"patient:{hidden('patient_id', 'A')}",
        f"patient:{hidden('patient_id', 'B')}", "--db", database,
    )  # fmt: skip
    assert hidden("phone", "000-1") in way


def test_a_rebuild_keeps_what_counts_and_a_drop_takes_all(database: str) -> None:
    run("load", "--db", database)
    before = last(run("stats", "--db", database))
    again = last(run("rebuild", "--db", database))
    assert (again["placed"], again["unchanged"], again["emptied"]) == (2, 0, 0)
    assert last(run("rebuild", "--empty", "--db", database))["emptied"] == 2
    assert last(run("stats", "--db", database)) == before
    assert "Say --yes" in run("drop", "--db", database, code=1)
    assert last(run("drop", "--yes", "--db", database)) == {
        "graph": "sql", "emptied": 2, "followed_before": True,
    }  # fmt: skip
    put(database, claim(2, "C"))
    assert last(run("stats", "--db", database))["behind"] is None, "nothing is listed any more"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["neighbourhood", "nobody"], "Write kind:id"),
        (["neighbourhood", "patient:p_nobody"], "the graph has no patient"),
        (["triangles", "--upto", "yesterday"], "Write 2025-03-10"),
        (["triangles", "--neo4j", "http://here"], "Write bolt://host:7687"),
        (["triangles", "--neo4j", "bolt://127.0.0.1:1"], "the graph server does not answer"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(database: str, words: list[str], says: str) -> None:
    assert says in run("query", *words, "--db", database, code=1)


def test_a_follower_brings_in_what_comes_and_leaves_when_told(
    database: str, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with log.open("wb") as out:
        follower = subprocess.Popen(
            [sys.executable, "-m", "cli", "graph", "follow", "--db", database, "--metrics-port", "0"],
            cwd=ROOT, stdout=out, stderr=out, env={**os.environ, "SENTINEL_NEO4J": ""},
        )  # fmt: skip
    try:
        wait(follower, log, lambda: last(run("stats", "--db", database))["nodes"]["stay"] == 2)
        put(database, claim(2, "C"))
        wait(follower, log, lambda: last(run("stats", "--db", database))["nodes"]["stay"] == 3)
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        address = next(line["address"] for line in lines if line["event"] == "listening")
        assert httpx.get(f"{address}/ready", timeout=30).json()["parts"]["graph"]["ok"]
        told = httpx.get(f"{address}/metrics", timeout=30).text
        assert 'sentinel_graph_stays_total{outcome="placed"} 3.0' in told
        follower.send_signal(signal.SIGTERM)
        assert follower.wait(timeout=60) == 0
    finally:
        follower.kill()
        follower.wait()


def wait(process: subprocess.Popen[bytes], log: Path, until: Any) -> None:
    ending = time.monotonic() + 120
    while not until():
        assert process.poll() is None, log.read_text("utf-8")
        assert time.monotonic() < ending, log.read_text("utf-8")
        time.sleep(0.2)
