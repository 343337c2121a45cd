"""The backfill on a real Spark with two workers gives what one run gives, row for row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from streaming import backfill
from streaming.backfill import BackfillError, spark
from tests.backfill_claims import INPUTS, different, whole


@pytest.fixture
def java() -> None:
    try:
        spark.check()
    except BackfillError as error:
        pytest.skip(f"{error.what}: {error.cure}")


def command(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "backfill", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "SENTINEL_PSEUDONYM_KEY": KEY_HEX, **environ},
        check=False,
    )


KEY_HEX = b"a key of these tests, 32 bytes !!".hex()


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("java")
def test_spark_gives_what_one_run_gives_row_for_row(tmp_path: Path) -> None:
    inputs = [word for path in INPUTS for word in ("--input", str(path))]
    out = tmp_path / "out"
    done = command(*inputs, "--out", str(out), "--master", "local[2]", "--buckets", "3")
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["failed"] == []
    assert record["upto"] == str(whole().upto)
    assert different(backfill.read(out)) == []


def test_without_java_the_command_says_what_to_do(tmp_path: Path) -> None:
    done = command(
        "--input", str(INPUTS[0]), "--out", str(tmp_path / "out"), "--master", "local[2]",
        JAVA_HOME=str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 2
    assert "Spark needs Java, and there is none" in done.stderr
    assert "openjdk-17-jre-headless" in done.stderr
    assert not (tmp_path / "out" / "claims").exists()


def test_a_java_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(BackfillError, match="this one is 11"):
        spark.check()
