"""What a user does wrong at the command line is told at once, and nothing is passed over in silence."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CLAIMS = Path("data_samples") / "patterns" / "ADM-003.jsonl"
PROVIDER_HEADER = (
    "BeneID,ClaimID,ClaimStartDt,ClaimEndDt,Provider,InscClaimAmtReimbursed,AttendingPhysician,"
    "OperatingPhysician,OtherPhysician,AdmissionDt,ClmAdmitDiagnosisCode,DeductibleAmtPaid,"
    "DischargeDt,DiagnosisGroupCode\n"
)


@pytest.fixture
def claims(root: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return Path(shutil.copy(root / CLAIMS, folder / "claims.jsonl"))


def sentinel(cwd: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *map(str, arguments)],
        cwd=cwd, check=False, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip


def assess(root: Path, tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return sentinel(root, "assess", *arguments, "--key", tmp_path / "key")


def test_an_output_that_cannot_be_written_is_told_before_any_work(
    root: Path, tmp_path: Path, claims: Path
) -> None:
    taken = tmp_path / "a-file"
    taken.touch()
    for arguments in (
        ("assess", claims, "--out", taken, "--key", tmp_path / "key"),
        ("train", claims, "--labels", "l.csv", "--model", taken, "--key", tmp_path / "key"),
        ("score", claims, "--model", "m", "--out", taken / "s.csv", "--key", tmp_path / "key"),
        ("samples", "generate", "--out", taken, "--stays", "1"),
        ("fields", "--out", taken),
    ):
        run = sentinel(root, *arguments)
        assert run.returncode == 2, arguments
        assert "Traceback" not in run.stderr
        assert "do:" in run.stderr
        assert str(taken) in run.stderr
    assert not (tmp_path / "key").exists()  # nothing was read


def test_a_database_that_cannot_be_opened_leaves_no_results(
    root: Path, tmp_path: Path, claims: Path
) -> None:
    (tmp_path / "no.db").write_text("not a database, only some text")
    out = tmp_path / "out"
    run = assess(root, tmp_path, claims, "--out", out, "--db", f"sqlite:///{tmp_path}/no.db")
    assert run.returncode == 2
    assert list(out.iterdir()) == []


def test_csv_claims_beside_json_lines_are_not_passed_over(
    root: Path, tmp_path: Path, claims: Path
) -> None:
    (claims.parent / "labels.csv").write_text("provider_id,label\nA,1\n")
    assert assess(root, tmp_path, claims.parent, "--out", tmp_path / "o").returncode == 0
    (claims.parent / "inpatient.csv").write_text(PROVIDER_HEADER)
    run = assess(root, tmp_path, claims.parent, "--out", tmp_path / "o")
    assert run.returncode == 2
    assert "as jsonl and as provider-csv" in " ".join(run.stderr.split())


def test_what_is_not_in_the_results_is_said(root: Path, tmp_path: Path, claims: Path) -> None:
    (claims.parent / "note.txt").write_text("x")
    with claims.open("a") as lines:
        lines.write("{}\n")
    run = assess(root, tmp_path, claims.parent, "--out", tmp_path / "o")
    assert "1 files were not read" in run.stderr
    assert "note.txt" in run.stderr
    assert "1 of 5 records were set aside" in run.stderr
    assert json.loads(run.stdout.splitlines()[-1])["set_aside"] == 1


@pytest.mark.parametrize("name", ["c.ndjson", "C.JSONL", "c.jsonl.gz", "C.JSONL.GZ"])
def test_every_ending_that_is_recognised_is_read(
    name: str, root: Path, tmp_path: Path, claims: Path
) -> None:
    data = claims.read_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)
    run = assess(root, tmp_path, path, "--out", tmp_path / "o")
    assert json.loads(run.stdout.splitlines()[-1])["accepted"] == 4, run.stderr


def test_a_file_of_another_ending_is_said_to_be_that(
    root: Path, tmp_path: Path, claims: Path
) -> None:
    other = Path(shutil.copy(claims, tmp_path / "claims.json"))
    run = assess(root, tmp_path, other, "--out", tmp_path / "o")
    assert run.returncode == 2
    assert "rename the file" in " ".join(run.stderr.split())


def test_the_demo_says_that_its_port_is_taken_before_it_empties_its_folder(
    root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "demo"
    out.mkdir()
    (out / ".sentinel-demo").touch()
    (out / "sentinel.db").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        run = sentinel(root, "demo", "--port", other.getsockname()[1], "--out", out)
    assert run.returncode == 2
    assert "--port" in run.stderr
    assert (out / "sentinel.db").exists()
    assert "Ready" not in run.stdout


def test_a_run_that_accepts_nothing_ends_with_status_1_and_still_counts(
    root: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"stay_id": \n')
    run = assess(root, tmp_path, broken, "--out", tmp_path / "out")
    assert run.returncode == 1
    summary = json.loads(run.stdout.splitlines()[-1])
    assert (summary["read"], summary["accepted"], summary["set_aside"]) == (1, 0, 1)
