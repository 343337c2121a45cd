"""The committed files are the generator's output, small, and complete."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import data_samples
from data_samples import broken, committed
from domain.claim import CHILDREN, STAYS

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "data_samples"
CHECKS = [path.stem for path in sorted((FOLDER / "patterns").glob("*.jsonl"))]


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def index(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


def test_committed_files_are_the_generators_output() -> None:
    assert data_samples.find_stale() == []


def test_committed_files_are_small() -> None:
    files = [p for s in ("patterns", "clean", "broken") for p in (FOLDER / s).iterdir()]
    assert sum(p.stat().st_size for p in files) < committed.LIMIT_BYTES
    patterns = sum(p.stat().st_size for p in (FOLDER / "patterns").iterdir())
    assert patterns < 10_000_000
    assert (FOLDER / "clean" / "month-small.jsonl").stat().st_size < 1_500_000


def test_a_pattern_is_planted_for_every_check() -> None:
    assert list(data_samples.planted()) == CHECKS
    assert [e["check"] for e in index("patterns/index.json")] == CHECKS


def test_every_pattern_has_stays_to_find_and_tells_what_was_planted() -> None:
    for entry in index("patterns/index.json"):
        ids = {r["stay_id"] for r in read(f"patterns/{entry['file']}")}
        assert entry["hits"], entry["check"]
        assert set(entry["hits"]) < ids, entry["check"]
        assert entry["zh"].endswith("。")
        assert entry["en"].endswith(".")


def test_stay_ids_are_unique_over_all_committed_claims() -> None:
    seen: set[str] = set()
    for path in (
        *sorted((FOLDER / "patterns").glob("*.jsonl")),
        FOLDER / "clean/month-small.jsonl",
    ):
        for record in read(str(path.relative_to(FOLDER))):
            assert record["stay_id"] not in seen
            seen.add(record["stay_id"])


@pytest.mark.parametrize(
    "name", ["clean/month-small.jsonl", *(f"patterns/{c}.jsonl" for c in CHECKS)]
)
def test_committed_claims_are_valid(name: str) -> None:
    validator = jsonschema_rs.Draft202012Validator(
        STAYS.json_schema(CHILDREN), validate_formats=True
    )
    assert [(r["stay_id"], e.message) for r in read(name) for e in validator.iter_errors(r)] == []


def test_the_broken_index_counts_the_lines() -> None:
    kinds = index("broken/index.json")
    assert len(kinds) == 12
    for entry in kinds:
        lines = (FOLDER / "broken" / entry["file"]).read_bytes().splitlines()
        assert len(lines) == entry["accepted"] + entry["set_aside"] == len(entry["rules"])
        assert entry["accepted"] >= 1
        assert entry["set_aside"] >= 1


def test_the_huge_field_is_made_on_the_fly() -> None:
    made = broken.make_huge()
    assert max(map(len, made.lines)) > broken.HUGE_BYTES
    assert (made.accepted, made.set_aside) == (2, 1)


def test_a_stale_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    data_samples.write(tmp_path)
    assert data_samples.find_stale(tmp_path) == []
    changed, extra = tmp_path / "patterns/ADM-001.jsonl", tmp_path / "clean/old.jsonl"
    changed.write_bytes(changed.read_bytes().replace("测试".encode(), b"X", 1))
    extra.write_bytes(b"{}\n")
    (tmp_path / "broken/index.json").unlink()
    with pytest.raises(committed.StaleSampleError) as caught:
        data_samples.check(tmp_path)
    for name in (
        "ADM-001.jsonl is not what",
        "old.jsonl is not written by",
        "index.json is missing",
    ):
        assert name in caught.value.what
    assert "sentinel samples write" in caught.value.cure
    data_samples.write(tmp_path)
    assert data_samples.find_stale(tmp_path) == []


def test_the_module_checks_without_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "data_samples", "--check"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "generator's output" in done.stdout
