"""``sentinel hl7`` and ``sentinel settlement``: files through, and a listener as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import store
from cli import app
from domain.errors import SentinelError
from streaming import logs
from streaming.hl7.mllp import wrap
from streaming.settlement_message.writing import write
from tests.hl7_messages import SAMPLE, admitted, sample, states
from tests.small_catalogue import write_catalogue
from tests.unit.streaming.hl7.test_settlement import CLAIMS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command run here sends its logs to a stream that is closed when it ends."""
    yield
    logs.configure()


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, SentinelError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def said(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_events_go_out_as_messages_and_come_back(tmp_path: Path) -> None:
    key = tmp_path / "key"
    run("hl7", "write", SAMPLE, "--out", tmp_path / "m.hl7", "--charset", "gb18030")
    bad = b"MSH|^~\\&|HIS|H1||||\rPID|1||PATIENT-7\r"
    bare = b"FHS|^~\\&\rBHS|^~\\&\r" + admitted(control="1") + b"BTS|1\rFTS|1\r"
    (tmp_path / "other.txt").write_bytes(bare + bad)
    out = tmp_path / "out"
    told = said(
        run("hl7", "read", tmp_path / "m.hl7", tmp_path / "other.txt", "--out", out, "--key", key)
    )
    assert {n: told[n] for n in ("messages", "events", "refused")} == {
        "messages": 249,
        "events": 248,
        "refused": 1,
    }
    assert stat.S_IMODE((out / "events.jsonl").stat().st_mode) == 0o600
    events = [json.loads(line) for line in (out / "events.jsonl").read_bytes().splitlines()]
    found = states(e for e in events if e["stay_id"] != "V1")
    assert {k: s.claim() for k, s in found.items()} == {
        k: s.claim() for k, s in states(sample()).items()
    }
    [letter] = [json.loads(line) for line in (out / "dead-letters.jsonl").read_bytes().splitlines()]
    assert "PATIENT-7" not in json.dumps(letter)
    assert (out / "dead-letters.raw").read_bytes() == bad + b"\n"
    assert {"MSH-7", "MSH-9", "MSH-10", "MSH-12"} <= {r["field"] for r in letter["reasons"]}


def test_settlement_lists_go_out_and_come_back(tmp_path: Path) -> None:
    claims = tmp_path / "claims.jsonl"
    claims.write_text(
        "".join(json.dumps(c, ensure_ascii=False) + "\n" for c in CLAIMS[:5]), "utf-8"
    )
    run("settlement", "write", claims, "--out", tmp_path / "lists.jsonl")
    (tmp_path / "one.json").write_bytes(b"[" + write(CLAIMS[6]) + b', {"input": {}}]')
    (tmp_path / "broken.json").write_bytes(b"{")
    inputs = [tmp_path / n for n in ("lists.jsonl", "one.json", "broken.json")]
    told = said(
        run("settlement", "read", *inputs, "--out", tmp_path / "out", "--key", tmp_path / "key")
    )
    assert (told["messages"], told["claims"], told["refused"]) == (8, 6, 2)
    assert told["by_reason"] == {"no-settlement-list": 1, "not-json": 1}
    read = [
        json.loads(line) for line in (tmp_path / "out" / "claims.jsonl").read_bytes().splitlines()
    ]
    assert [c["stay_id"] for c in read] == [CLAIMS[n]["stay_id"] for n in (0, 1, 2, 3, 4, 6)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("hl7", "listen"),
        ("hl7", "listen", "--db", "sqlite:///x.db", "--bootstrap", "h:1"),
        ("hl7", "listen", "--db", "sqlite:///x.db", "--tls-cert", "c.pem"),
        ("hl7", "listen", "--bootstrap", "h:1", "--max-bytes", "2000000"),
        ("hl7", "write", "none.jsonl", "--out", "x"),
        ("hl7", "write", SAMPLE, "--out", "x", "--charset", "latin"),
        ("hl7", "read", "none.hl7", "--out", "x"),
        ("settlement", "write", SAMPLE, "--out", "x"),
    ],
)
def test_mistakes_are_told(
    arguments: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SentinelError) as told:
        run(*arguments, *(("--key", "k") if arguments[1] != "write" else ()))
    assert told.value.cure


def test_a_listener_takes_messages_into_a_database_and_ends_when_told(tmp_path: Path) -> None:
    rules = write_catalogue(tmp_path / "rules", ORD_011="active")
    db = f"sqlite:///{tmp_path / 's.db'}"
    command = [
        sys.executable,
        "-m",
        "cli",
        "hl7",
        "listen",
        "--port",
        "0",
        "--db",
        db,
        "--rules",
        str(rules),
    ]
    process = subprocess.Popen(
        [*command, "--key", str(tmp_path / "key")], cwd=ROOT, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        lines = (json.loads(line) for line in process.stderr if line.startswith("{"))
        address = next(line["address"] for line in lines if line["event"] == "listening")
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as line:
            line.sendall(wrap(admitted(control="1")) + wrap(b"MSH|^~\\&|broken\r"))
            got = b""
            while got.count(b"\x1c\r") < 2:
                got += line.recv(65_536)
        assert got.index(b"MSA|AA|1") < got.index(b"MSA|AR")
        process.send_signal(signal.SIGTERM)
        told = [*lines]
        assert process.wait(60) == 0
    finally:
        process.kill()
    assert told[-1]["event"] == "stopped"
    assert not {"PAT1", "M77", "ID99"} & set(json.dumps(told).replace('"', " ").split())
    with store.open(db) as opened:
        assert [row["stay_id"] for row in opened.open_stays.page()] == ["V1"]
        assert len(opened.dead_letters()) == 1
