"""The committed broken samples are refused with the rules that their index names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streaming import intake
from streaming.intake import RULES, deadletters
from streaming.pseudonym import PseudonymKey

KEY = PseudonymKey(bytes(range(32)))
FOLDER = Path(__file__).resolve().parents[2] / "data_samples" / "broken"
INDEX: list[dict[str, Any]] = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


def test_the_index_names_every_file() -> None:
    assert {e["file"] for e in INDEX} == {p.name for p in FOLDER.glob("*.jsonl")}


@pytest.mark.parametrize("entry", INDEX, ids=lambda e: e["kind"])
def test_a_broken_sample_is_refused_as_its_index_says(
    entry: dict[str, Any], tmp_path: Path
) -> None:
    path = FOLDER / entry["file"]
    result = intake.read([path], "jsonl", key=KEY)
    assert (result.accepted, result.set_aside) == (entry["accepted"], entry["set_aside"])
    assert result.read == len(entry["rules"])
    expected = {i + 1: set(rules) for i, rules in enumerate(entry["rules"]) if rules}
    found = {a.number: {r.rule for r in a.reasons} for a in result.refusals}
    assert found == expected
    assert set().union(*found.values()) <= set(RULES)
    deadletters.write(result.refusals, tmp_path)
    originals = path.read_bytes().split(b"\n")
    raw = (tmp_path / "dead-letters.raw").read_bytes()
    assert raw == b"".join(originals[n - 1] + b"\n" for n in sorted(expected))
