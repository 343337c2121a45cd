"""A field of 10 MB is refused, and the good records around it are kept."""

from __future__ import annotations

from pathlib import Path

from data_samples import broken
from streaming import intake
from streaming.pseudonym import PseudonymKey


def test_a_field_of_ten_megabytes_is_refused_and_its_neighbours_kept(tmp_path: Path) -> None:
    made = broken.make_huge()
    path = tmp_path / "huge.jsonl"
    path.write_bytes(made.content)
    found = intake.read([path], "jsonl", key=PseudonymKey(b"sample-tests" * 3))
    assert (found.accepted, found.set_aside) == (made.accepted, made.set_aside) == (2, 1)
    told = {s.number: {r.rule for r in s.reasons} for s in found.refusals}
    assert told == {2: {"too-large"}}
