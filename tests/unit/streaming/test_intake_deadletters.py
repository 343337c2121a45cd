"""Dead letters: nothing is lost, nothing personal shows but in the private file."""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streaming import digest, intake
from streaming.intake import InputError, deadletters
from streaming.pseudonym import PseudonymKey
from tests.intake_claims import CLEAR, line

KEY = PseudonymKey(bytes(range(32)))
BAD = [
    line(stay_id="B1", sex="x"),
    line(stay_id="B2")[:400],
    b"\xff\xfe not text",
    line(stay_id="B3", ward="w" * (5 * 1024 * 1024)),
]


def letters(out: Path) -> list[dict[str, object]]:
    return [json.loads(x) for x in (out / "dead-letters.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("packed", [False, True])
def test_the_original_bytes_are_kept_exactly(tmp_path: Path, packed: bool) -> None:
    body = b"\xef\xbb\xbf" + b"\r\n".join(
        [line(stay_id="A"), BAD[0], b"", *BAD[1:], line(stay_id="C")]
    )
    path = tmp_path / ("a.jsonl.gz" if packed else "a.jsonl")
    path.write_bytes(gzip.compress(body) if packed else body)
    result = intake.read([path], "jsonl", key=KEY)
    out = tmp_path / "out"
    written = deadletters.write(result.refusals, out)
    assert written == out / "dead-letters.jsonl"
    raw = (out / "dead-letters.raw").read_bytes()
    found = letters(out)
    assert [x["number"] for x in found] == [2, 4, 5, 6]
    for letter, original in zip(found, BAD, strict=True):
        start = int(str(letter["raw_offset"]))
        kept = raw[start : start + int(str(letter["raw_length"]))]
        assert kept == original
        assert letter["sha256"] == hashlib.sha256(original).hexdigest()
        assert body[int(str(letter["offset"])) :].startswith(original)
        assert letter["reasons"]
    assert raw == b"".join(b + b"\n" for b in BAD)
    assert [x["record_id"] for x in found] == ["B1", None, None, None]


def test_the_raw_file_is_private_even_over_an_open_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(BAD[0])
    raw = tmp_path / "dead-letters.raw"
    raw.write_text("old")
    raw.chmod(0o666)
    deadletters.write(intake.read([path], "jsonl", key=KEY).refusals, tmp_path)
    assert stat.S_IMODE(raw.stat().st_mode) == 0o600
    assert raw.read_bytes() == BAD[0] + b"\n"


def test_corrected_dead_letters_can_be_sent_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([line(stay_id="A", sex="x"), line(stay_id="B", sex="y")]))
    deadletters.write(intake.read([path], "jsonl", key=KEY).refusals, tmp_path)
    raw = (tmp_path / "dead-letters.raw").read_text()
    again = tmp_path / "again.jsonl"
    again.write_text(raw.replace('"sex": "x"', '"sex": "1"').replace('"sex": "y"', '"sex": "2"'))
    assert intake.read([again], "jsonl", key=KEY).accepted == 2


def test_nothing_refused_gives_empty_files(tmp_path: Path) -> None:
    deadletters.write([], tmp_path)
    assert (tmp_path / "dead-letters.jsonl").read_bytes() == b""
    assert (tmp_path / "dead-letters.raw").read_bytes() == b""


def test_a_source_that_changed_meanwhile_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(BAD[0])
    refusals = intake.read([path], "jsonl", key=KEY).refusals
    path.write_bytes(BAD[0].replace(b"B1", b"B9"))
    with pytest.raises(InputError, match="not what was read"):
        deadletters.write(refusals, tmp_path / "out")


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_no_clear_identifier_leaves_the_run(
    tmp_path: Path, form: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        line(stay_id="A"),
        line(stay_id="B", sex="x"),
        line(stay_id="A"),
        line(stay_id="C", phone=["000-1234567"] if form == "jsonl" else "0" * 60 + "000-1234567"),
        line(stay_id="D", patient_id="clear-patient-0001" * 20),
    ]
    if form == "jsonl":
        records += [
            line(stay_id="E")[:-40],
            line().decode().encode("gb18030"),
            line(diagnoses="测试甲0001"),
        ]
        (tmp_path / "a.jsonl").write_bytes(b"\n".join(records))
    else:
        rows = [{"sex": None} | json.loads(r) for r in records]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    out = tmp_path / "out"
    with caplog.at_level(logging.DEBUG):
        result = intake.read([tmp_path], form, key=KEY)  # type: ignore[arg-type]
        deadletters.write(result.refusals, out)
    assert result.accepted == 1
    everything = [
        (out / "dead-letters.jsonl").read_text(),
        repr(result),
        repr(result.refusals),
        *(str(t.to_pylist()) for _, t in result.tables.items()),
        *(text for _, text in digest.documents(result.tables)),
        caplog.text,
        *capsys.readouterr(),
    ]
    for text in everything:
        for clear in CLEAR:
            assert clear not in text
    assert "patient_name" not in result.tables.stays.column_names
    raw = (out / "dead-letters.raw").read_bytes().decode("utf-8", "replace")
    assert "clear-patient-0001" in raw  # the private file does keep the record whole
