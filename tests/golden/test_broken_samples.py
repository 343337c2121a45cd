"""Each broken file is taken apart as its index says: good records kept, bad ones told why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data_samples import broken
from streaming import intake
from streaming.pseudonym import PseudonymKey

FOLDER = Path(__file__).resolve().parents[2] / "data_samples" / "broken"
INDEX: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
KEY = PseudonymKey(b"sample-tests" * 3)


def told(found: intake.Intake) -> dict[int, set[str]]:
    return {s.number: {r.rule for r in s.reasons} for s in found.refusals}


@pytest.mark.parametrize("entry", INDEX, ids=[e["kind"] for e in INDEX])
def test_a_broken_file_is_taken_apart_as_its_index_says(entry: dict[str, Any]) -> None:
    found = intake.read([FOLDER / entry["file"]], "jsonl", key=KEY)
    assert (found.accepted, found.set_aside) == (entry["accepted"], entry["set_aside"])
    expected = {n: set(rule) for n, rule in enumerate(entry["rules"], start=1) if rule}
    assert told(found) == expected


def test_a_field_of_ten_megabytes_is_refused_and_its_neighbours_kept(tmp_path: Path) -> None:
    made = broken.make_huge()
    path = tmp_path / "huge.jsonl"
    path.write_bytes(made.content)
    found = intake.read([path], "jsonl", key=KEY)
    assert (found.accepted, found.set_aside) == (made.accepted, made.set_aside)
    assert told(found) == {2: {"too-large"}}
