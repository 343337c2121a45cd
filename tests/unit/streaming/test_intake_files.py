"""Files and folders: what is taken, how lines are counted, what damage does."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streaming import intake
from streaming.intake import InputError, Limits
from streaming.intake.sources import Line, read_lines
from streaming.pseudonym import PseudonymKey
from tests.intake_claims import line

KEY = PseudonymKey(bytes(range(32)))
PROVIDER = {"provider_id": "H1", "name": "甲医院", "level": "3"}


def ids(result: intake.Intake) -> list[str]:
    found: list[str] = result.tables.stays["stay_id"].to_pylist()
    return found


def balanced(result: intake.Intake) -> bool:
    return result.accepted + result.set_aside == result.read and all(
        f.accepted + f.set_aside == f.read for f in result.files
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_blank_lines_and_marks_are_no_records(
    tmp_path: Path, end: bytes, last: bool, bom: bytes
) -> None:
    path = tmp_path / "a.jsonl"
    body = end.join([line(stay_id="A"), b"", b" \t ", line(stay_id="B"), b"{bad"])
    path.write_bytes(bom + body + (end if last else b""))
    result = intake.read([path], "jsonl", key=KEY)
    assert ids(result) == ["A", "B"]
    assert (result.read, result.accepted, result.set_aside) == (3, 2, 1)
    (aside,) = result.refusals
    assert aside.number == 5
    assert path.read_bytes()[aside.offset : (aside.offset or 0) + aside.length] == b"{bad"


def test_lines_keep_their_place_whatever_the_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    whole = b"one\r\n\n" + b"x" * 40 + b"\r\ntwo\n" + b"y" * 30 + b"\nlast"
    path.write_bytes(whole)
    import hashlib

    found: list[list[Line]] = []
    for size in (1, 2, 3, 7, 64, 1000):
        monkeypatch.setattr("streaming.intake.sources._CHUNK", size)
        found.append(list(read_lines(path, Limits(record_bytes=32))))
    assert all(f == found[0] for f in found)
    assert [(x.number, x.offset, x.length) for x in found[0]] == [
        (1, 0, 3), (3, 6, 40), (4, 48, 3), (5, 52, 30), (6, 83, 4),
    ]  # fmt: skip
    long = found[0][1]
    assert long.data is None
    assert long.sha256 == hashlib.sha256(b"x" * 40).hexdigest()


def test_a_huge_line_is_passed_over_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    huge = line(stay_id="H", ward="w" * (10 * 1024 * 1024))
    path.write_bytes(b"\n".join([line(stay_id="A"), huge, line(stay_id="B")]))
    result = intake.read([path], "jsonl", key=KEY)
    assert ids(result) == ["A", "B"]
    assert [r.rule for r in result.refusals[0].reasons] == ["too-large"]
    assert result.refusals[0].length == len(huge)


def test_a_folder_gives_its_claims_its_references_and_says_what_it_left(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(line(stay_id="B") + b"\n")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line(stay_id="A")))
    (tmp_path / "providers.jsonl").write_text(
        "\n".join(
            json.dumps(r)
            for r in (PROVIDER, PROVIDER, {"name": "no id"}, PROVIDER | {"provider_id": "H2"})
        )
    )
    (tmp_path / "labels.csv").write_text("Provider,PotentialFraud\n")
    result = intake.read([tmp_path], "jsonl", key=KEY)
    assert ids(result) == ["A", "B"]
    assert [p.name for p, _ in result.left] == ["labels.csv"]
    assert result.tables.providers["provider_id"].to_pylist() == ["H1", "H2"]
    counts = {f.source.path.name: (f.read, f.accepted, f.set_aside) for f in result.files}
    assert counts == {"a.jsonl.gz": (1, 1, 0), "b.jsonl": (1, 1, 0), "providers.jsonl": (4, 2, 2)}
    assert (result.read, result.set_aside, result.references_set_aside) == (2, 0, 2)
    assert {r.rule for a in result.refusals for r in a.reasons} == {"duplicate-id", "required"}
    assert balanced(result)


def test_a_stay_is_known_across_files_and_batches(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_bytes(
            b"\n".join(line(stay_id=f"S{i}") for i in range(5))
        )
    small = Limits(batch_records=2)
    result = intake.read([tmp_path], "jsonl", key=KEY, limits=small)
    assert (result.read, result.accepted, result.set_aside) == (10, 5, 5)
    assert "a.jsonl:1 " in result.refusals[0].reasons[0].cure
    batches = list(intake.read_batches([tmp_path], "jsonl", key=KEY, limits=small))
    assert [b.accepted for b in batches] == [2, 2, 1, 0, 0, 0]
    assert [b.read for b in batches] == [2, 2, 1, 2, 2, 1]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(line())
    assert intake.read([path, tmp_path, path], "jsonl", key=KEY).read == 1


def test_gb18030_files_are_read_when_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    record = line(diagnoses=[{"ordinal": 1, "code": "I10", "name": "原发性高血压𠀀"}]).decode()
    path.write_bytes(record.encode("gb18030") + b"\n\xff\xff\n")
    told = intake.read([path], "jsonl", key=KEY, encoding="gb18030")
    assert told.tables.diagnoses["name"].to_pylist() == ["原发性高血压𠀀"]
    assert [r.rule for a in told.refusals for r in a.reasons] == ["not-utf8"]
    assert intake.read([path], "jsonl", key=KEY).accepted == 0


def test_progress_reaches_the_end_and_never_goes_back(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_bytes(
            b"\n".join(line(stay_id=f"{name}{i}") for i in range(50))
        )
    seen: list[tuple[int, int]] = []
    intake.read(
        [tmp_path], "jsonl", key=KEY, progress=lambda done, total: seen.append((done, total))
    )
    total = sum(p.stat().st_size for p in tmp_path.iterdir())
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    ("make", "form", "says"),
    [
        (lambda p: p / "none.jsonl", "jsonl", "no such file"),
        (lambda p: p, "jsonl", "no claims of the format jsonl"),
        (lambda p: p / "labels.csv", "provider-csv", "not of the format"),
        (lambda p: p / "labels.csv", "jsonl", "not of the format"),
        (lambda p: p / "bad.parquet", "parquet", "no whole Parquet file"),
        (lambda p: p / "cut.jsonl.gz", "jsonl", "damaged"),
        (lambda p: p / "plain.jsonl.gz", "jsonl", "damaged"),
        (lambda p: p / "bomb.jsonl.gz", "jsonl", "unpacks to more than"),
        (lambda p: p, "xml", "no format is named xml"),
    ],
)  # fmt: skip
def test_an_input_that_cannot_be_read_says_what_to_do(
    tmp_path: Path, make: object, form: str, says: str
) -> None:
    (tmp_path / "labels.csv").write_text("Provider,PotentialFraud\nP1,Yes\n")
    if form == "parquet":
        (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    path = make(tmp_path)  # type: ignore[operator]
    packed = gzip.compress(line() * 2000, mtime=0)
    if "cut" in path.name:
        path.write_bytes(packed[:-200])
    elif "plain" in path.name:
        path.write_bytes(line())
    elif "bomb" in path.name:
        path.write_bytes(gzip.compress(b" " * 3_000_000))
    with pytest.raises(InputError, match=says) as raised:
        intake.read([path], form, key=KEY, limits=Limits(decompressed_bytes=2_500_000))  # type: ignore[arg-type]
    assert raised.value.cure


def test_an_encoding_that_is_not_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(line())
    with pytest.raises(InputError, match="encoding latin-1"):
        intake.read([tmp_path], "jsonl", key=KEY, encoding="latin-1")


def test_parquet_rows_answer_to_the_same_rules(tmp_path: Path) -> None:
    good = json.loads(line())
    rows = [
        good,
        good | {"stay_id": "B", "sex": "x", "age_years": 999, "admission_date": "2009-02-30"},
        good | {"stay_id": "C", "charges": [good["charges"][0] | {"amount_fen": -1}, None]},
        good,
        good | {"stay_id": "D", "patient_id": None},
        good | {"stay_id": "E", "total_amount_fen": -5},
        good | {"stay_id": "F", "foreign": "x"},
    ]
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.Table.from_pylist([{"foreign": None, "sex": None, "age_years": None} | r for r in rows]),
        path,
    )
    result = intake.read([path], "parquet", key=KEY)
    assert ids(result) == ["S1"]
    assert balanced(result)
    told = {a.record_id: {(r.field, r.rule) for r in a.reasons} for a in result.refusals}
    assert told == {
        "B": {("sex", "enum"), ("age_years", "range"), ("admission_date", "format")},
        "C": {("charges[0].amount_fen", "negative-amount"), ("charges[1]", "type")},
        "S1": {("stay_id", "duplicate-id")},
        "D": {("patient_id", "required")},
        "E": {("total_amount_fen", "negative-amount")},
        "F": {("foreign", "unknown-field")},
    }
    assert result.refusals[0].number == 2
    assert json.loads(result.refusals[0].raw or b"")["sex"] == "x"


def test_parquet_types_are_taken_where_nothing_is_lost(tmp_path: Path) -> None:
    import datetime as dt
    from decimal import Decimal

    good = json.loads(line())
    good["charges"] = [good["charges"][0] | {"quantity": Decimal("1.50"), "unit_price": 3}]
    at = dt.datetime(2024, 3, 1, 8, 30, tzinfo=dt.timezone(dt.timedelta(hours=8)))
    table = pa.Table.from_pylist(
        [good | {"admission_date": dt.date(2024, 3, 1), "admission_time": at, "age_years": 12.0}]
    )
    table = table.set_column(
        table.column_names.index("currency"), "currency", table["currency"].dictionary_encode()
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    result = intake.read([path], "parquet", key=KEY)
    assert result.refusals == ()
    row = result.tables.charges.to_pylist()[0]
    assert (row["quantity"], row["unit_price"]) == (Decimal("1.5"), Decimal(3))
    assert result.tables.stays["age_years"].to_pylist() == [12]


def test_parquet_lists_that_are_always_empty_are_no_fault(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([json.loads(line(charges=[], orders=None))])
    pq.write_table(table, tmp_path / "a.parquet")
    assert intake.read([tmp_path], "parquet", key=KEY).accepted == 1


@pytest.mark.parametrize(
    ("column", "values", "rule"),
    [
        ("age_years", pa.array([12.5]), "type"),
        ("age_years", pa.array([float("nan")]), "not-finite"),
        ("age_years", pa.array(["12"]), "type"),
        ("total_amount_fen", pa.array([float("inf")]), "not-finite"),
        ("total_amount_fen", pa.array([2**60]), "range"),
        ("admission_time", pa.array([0], pa.timestamp("us")), "format"),
        ("admission_date", pa.array([0], pa.timestamp("us")), "type"),
        ("birth_date", pa.array([5_000_000], pa.date32()), "range"),
        ("blood_amount", pa.array([1.5]), "type"),
        ("blood_amount", pa.array([1.555]).cast(pa.decimal128(9, 3)), "format"),
        ("planned_readmission", pa.array([1]), "type"),
        ("provider_id", pa.array([7]), "type"),
        ("diagnoses", pa.array(["I10"]), "type"),
    ],
)
def test_parquet_columns_of_another_type_are_refused(
    tmp_path: Path, column: str, values: pa.Array, rule: str
) -> None:
    table = pa.Table.from_pylist([json.loads(line())])
    if column in table.column_names:
        table = table.drop_columns([column])
    path = tmp_path / "a.parquet"
    pq.write_table(table.append_column(column, values), path)
    result = intake.read([path], "parquet", key=KEY)
    assert [(r.field, r.rule) for a in result.refusals for r in a.reasons] == [(column, rule)]


def test_a_damaged_row_group_loses_its_rows_only(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [json.loads(line(stay_id=f"S{i}")) for i in range(30)]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=10, compression="zstd")
    meta = pq.ParquetFile(path).metadata
    start = (
        meta.row_group(1).column(0).dictionary_page_offset
        or meta.row_group(1).column(0).data_page_offset
    )
    data = bytearray(path.read_bytes())
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(bytes(data))
    result = intake.read([path], "parquet", key=KEY)
    assert (result.read, result.accepted, result.set_aside) == (30, 20, 10)
    assert {r.rule for a in result.refusals for r in a.reasons} == {"format"}
    assert [a.number for a in result.refusals] == list(range(11, 21))
