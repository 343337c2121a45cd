"""A hospital that assesses month by month: checks look back into what is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl


def assess(root: Path, claims: Path, out: Path, home: Path) -> set[tuple[str, str]]:
    """Assess one file into the one database; (stay, check) of every hit."""
    run = subprocess.run(
        [sys.executable, "-m", "cli", "assess", str(claims), "--out", str(out),
         "--db", f"sqlite:///{home / 'sentinel.db'}", "--key", str(home / "key")],
        cwd=root, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(run.stdout.splitlines()[-1])["set_aside"] == 0
    return set(pl.read_parquet(out / "hits.parquet").select("stay_id", "rule_id").iter_rows())


def test_a_readmission_is_found_although_the_first_stay_came_last_month(
    root: Path, tmp_path: Path
) -> None:
    lines = (root / "data_samples" / "patterns" / "ADM-001.jsonl").read_text("utf-8").splitlines()
    first, second = tmp_path / "march.jsonl", tmp_path / "april.jsonl"
    first.write_text("\n".join(x for x in lines if '"P-ADM-001-1"' in x) + "\n", "utf-8")
    second.write_text("\n".join(x for x in lines if '"P-ADM-001-2"' in x) + "\n", "utf-8")
    assert "ADM-001" not in {rule for _, rule in assess(root, first, tmp_path / "o1", tmp_path)}
    found = assess(root, second, tmp_path / "o2", tmp_path)
    assert ("P-ADM-001-2", "ADM-001") in found
    # Sent again, it is judged as before and stored once.
    assert assess(root, second, tmp_path / "o3", tmp_path) == found
    assert (tmp_path / "o2" / "decisions.parquet").read_bytes() == (
        tmp_path / "o3" / "decisions.parquet"
    ).read_bytes()
