"""One source, batch by batch: lines or rows to drafts, drafts to batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import polars as pl
import pyarrow as pa

from domain.claim import STAYS
from domain.errors import Refusal
from domain.schema import Table
from domain.tables import conform
from streaming.intake import crossfield, jsonreasons, jsonrecords, parquet, providercsv
from streaming.intake.accounting import (
    Batch,
    Part,
    Run,
    admit,
    list_ids,
    no_rows,
    refuse_twice,
    set_aside,
)
from streaming.intake.draft import Draft, publish_reference, without
from streaming.intake.limits import Limits
from streaming.intake.refusals import RECORD, Reasons, SetAside, refuse
from streaming.intake.sources import Line, Source, read_header, read_lines


def read_jsonl(source: Source, run: Run) -> Iterator[Batch]:
    """The claims of a file of canonical JSON lines."""
    for part in _parts(source, run, run.limits.batch_records):
        draft, ids = draft_json(part.lines, STAYS, run)
        crossfield.check(draft)
        yield admit(draft, ids, part, run)


def read_parquet(source: Source, run: Run) -> Iterator[Batch]:
    """The claims of a canonical Parquet file."""
    for part in _row_parts(source, run):
        draft = parquet.draft_claims(_rows(part), run.limits)
        _refuse_unreadable(part, draft.reasons)
        crossfield.check(draft)
        yield admit(draft, list_ids(draft.stays), part, run)


def read_csv(source: Source, people: providercsv.Beneficiaries, run: Run) -> Iterator[Batch]:
    """The claims of an inpatient or outpatient file of the provider CSV layout."""
    for part, rows, reasons in _csv_parts(source, run):
        draft = providercsv.draft_claims(rows, source.content, people, reasons, run.limits)
        crossfield.check(draft, providercsv.label)
        yield admit(draft, list_ids(draft.stays), part, run, providercsv.NAMES["stay_id"])


def read_people(source: Source, run: Run) -> tuple[pl.DataFrame, tuple[SetAside, ...]]:
    """The good rows of a beneficiary file, and the others set aside."""
    frames: list[pl.DataFrame] = []
    refusals: list[SetAside] = []
    seen: dict[tuple[str, ...], str] = {}
    for part, rows, reasons in _csv_parts(source, run):
        frame = providercsv.draft_beneficiaries(rows, reasons)
        refuse_twice(frame, part, reasons, seen, keys=[STAYS["patient_id"]], path="BeneID")
        bad = reasons.records
        refusals += set_aside(part, reasons, {})
        run.count(source, len(part.lines), len(bad))
        frames.append(without(frame, bad))
    return pl.concat(frames), tuple(refusals)


def read_reference(source: Source, table: Table, run: Run) -> tuple[SetAside, ...]:
    """Add the good records of a providers or physicians file to the run; the others are set aside."""
    refusals: list[SetAside] = []
    for part, frame, reasons in _reference_frames(source, table, run):
        frame = crossfield.check_reference(frame, table, reasons)
        keys = [table[k] for k in table.key]
        refuse_twice(frame, part, reasons, run.parties, keys=keys, path=table.key[0])
        bad = reasons.records
        refusals += set_aside(part, reasons, {})
        run.count(source, len(part.lines), len(bad))
        new = conform(publish_reference(frame, table, bad), table)
        have = run.references.get(table.name, no_rows(table))
        run.references[table.name] = pa.concat_tables([have, new])
    return tuple(refusals)


def order_people(source: Source, people: dict[Path, pl.DataFrame]) -> providercsv.Beneficiaries:
    """A claims file looks first into the people whose file name shares its replay_ prefix."""
    replay = source.path.name.startswith("replay_")
    order = sorted(people, key=lambda p: p.name.startswith("replay_") != replay)
    return providercsv.Beneficiaries(tuple(people[p] for p in order))


def _reference_frames(
    source: Source, table: Table, run: Run
) -> Iterator[tuple[Part, pl.DataFrame, Reasons]]:
    if source.path.suffix == ".parquet":
        for part in _row_parts(source, run):
            reasons = Reasons()
            frame = parquet.draft_reference(_rows(part), table, reasons)
            _refuse_unreadable(part, reasons)
            yield part, frame, reasons
        return
    for part in _parts(source, run, run.limits.batch_records):
        reasons = Reasons()
        records, _ = _decode_lines(part.lines, table, reasons, run)
        yield part, jsonrecords.reference_frame(records, table, reasons), reasons


def _parts(source: Source, run: Run, size: int) -> Iterator[Part]:
    lines: list[Line] = []
    held = 0
    for line in read_lines(source.path, run.limits, run.notify):
        lines.append(line)
        held += line.length if line.data is not None else 0
        if len(lines) >= size or held >= run.limits.batch_bytes:
            yield Part(source, lines)
            lines, held = [], 0
    if lines:
        yield Part(source, lines)


def _csv_parts(source: Source, run: Run) -> Iterator[tuple[Part, pl.DataFrame, Reasons]]:
    header = read_header(source.path, run.encoding)
    for index, part in enumerate(_parts(source, run, run.limits.csv_batch_records)):
        if index == 0:
            part = replace(part, lines=part.lines[1:])
        reasons = Reasons()
        yield (
            part,
            providercsv.parse_rows(part.lines, header, reasons, run.encoding, run.limits),
            reasons,
        )


def _row_parts(source: Source, run: Run) -> Iterator[Part]:
    start = 1
    for count, rows in parquet.read_tables(source.path, run.limits, run.notify):
        yield Part(source, [Line(start + i, 0, 0, None) for i in range(count)], rows)
        start += count


def _rows(part: Part) -> pa.Table:
    return part.rows if part.rows is not None else pa.table({})


def _refuse_unreadable(part: Part, reasons: Reasons) -> None:
    if part.rows is not None:
        return
    cure = "This part of the file is damaged: write or fetch the file again."
    for record in range(len(part.lines)):
        reasons.add(record, refuse("format", parquet.UNREADABLE, None, None, cure))


def draft_json(lines: Sequence[Line], table: Table, run: Run) -> tuple[Draft, dict[int, str]]:
    """A draft of JSON records, and the stay_id of each whose stay_id can be read."""
    reasons = Reasons()
    records, ids = _decode_lines(lines, table, reasons, run)
    return jsonrecords.frames(records, reasons, run.limits), ids


def _decode_lines(
    lines: Sequence[Line], table: Table, reasons: Reasons, run: Run
) -> tuple[list[tuple[int, msgspec.Struct]], dict[int, str]]:
    strict = jsonrecords.shape(table, run.limits).strict
    records: list[tuple[int, msgspec.Struct]] = []
    ids: dict[int, str] = {}
    for index, line in enumerate(lines):
        data = line.data
        if data is None:
            reasons.add(index, _refuse_long(line, run.limits))
            continue
        if run.encoding != "utf-8":
            try:
                data = data.decode(run.encoding).encode()
            except UnicodeDecodeError as error:
                reasons.add(index, jsonreasons.refuse_encoding(data, error, run.encoding))
                continue
        try:
            if not data.isascii():
                data.decode()  # the decoder leaves raw values, such as decimals, unlooked at
            claim = strict.decode(data)
            record_id = getattr(claim, "stay_id", None)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError):
            claim, refusals, record_id = jsonreasons.examine(data, table, run.limits)
            for refusal in refusals:
                reasons.add(index, refusal)
        if claim is not None:
            records.append((index, claim))
        if record_id is not None:
            ids[index] = record_id
    return records, ids


def _refuse_long(line: Line, limits: Limits) -> Refusal:
    cure = f"Send records of at most {limits.record_bytes} bytes; this one has {line.length}. A claim of that size holds something foreign."
    return refuse("too-large", RECORD, None, None, cure)
