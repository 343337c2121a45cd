"""Reading inputs: every record is accepted or set aside with all its reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa

from domain.claim import STAYS
from domain.errors import Refusal
from domain.parties import PARTY_TABLES, PHYSICIANS, PROVIDERS
from domain.schema import Table
from domain.service import Refused
from domain.tables import Tables, concat
from streaming.intake import crossfield, jsonreasons, jsonrecords, parquet, providercsv
from streaming.intake.columns import REC
from streaming.intake.draft import Draft, publish, publish_reference
from streaming.intake.limits import DEFAULT, Limits
from streaming.intake.refusals import RECORD, Reasons, SetAside, refuse
from streaming.intake.sources import (
    FORMATS,
    Format,
    Found,
    InputError,
    Line,
    Progress,
    Source,
    find,
    read_header,
    read_lines,
)
from streaming.pseudonym import PseudonymKey

_PARTIES = {"providers": PROVIDERS, "physicians": PHYSICIANS}
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
}


@dataclass(frozen=True, slots=True)
class Count:
    """How many records of a file were read, accepted and set aside."""

    source: Source
    read: int
    accepted: int
    set_aside: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Some claims of an input, with the reference tables read so far, and what was refused.

    ``refusals`` are claims and reference records; ``read`` and ``accepted`` count claims.
    """

    source: Source
    tables: Tables
    read: int
    refusals: tuple[SetAside, ...]

    @property
    def accepted(self) -> int:
        """Claims in ``tables``."""
        return len(self.tables)


@dataclass(frozen=True, slots=True)
class Intake:
    """All that was read: tables, counts of claims, and every refusal.

    ``accepted + set_aside == read`` holds for the claims, and in ``files`` for each
    file. ``refusals`` holds refused claims first by file and place, and refused
    reference records (providers, physicians, beneficiaries) as well; those count in
    ``references_set_aside``. ``left`` are files of a folder that were not taken.
    """

    tables: Tables
    read: int
    accepted: int
    set_aside: int
    refusals: tuple[SetAside, ...]
    files: tuple[Count, ...]
    left: tuple[tuple[Path, str], ...] = ()

    @property
    def references_set_aside(self) -> int:
        """Refused records that are no claims."""
        return len(self.refusals) - self.set_aside


@dataclass(slots=True)
class _Run:
    """What one reading carries from batch to batch."""

    key: PseudonymKey
    limits: Limits
    encoding: str
    seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Accepted stay_id -> its claim_version and place."""
    references: dict[str, pa.Table] = field(default_factory=dict)
    counts: dict[Source, tuple[int, int, int]] = field(default_factory=dict)
    notify: Callable[[int], None] | None = None

    def count(self, source: Source, read: int, set_aside: int) -> None:
        before = self.counts.get(source, (0, 0, 0))
        self.counts[source] = (
            before[0] + read,
            before[1] + read - set_aside,
            before[2] + set_aside,
        )


def read(
    inputs: Sequence[Path],
    format: Format,
    *,
    key: PseudonymKey,
    limits: Limits = DEFAULT,
    encoding: str = "utf-8",
    progress: Progress | None = None,
) -> Intake:
    """Read files or folders into one set of tables.

    InputError if an input as a whole cannot be read. ``encoding`` is that of JSON lines
    and CSV: utf-8 or gb18030. Memory grows with what is accepted; ``read_batches``
    keeps it bounded.
    """
    run, found = _start(inputs, format, key, limits, encoding)
    batches = list(_read(run, found, format, progress))
    claims = concat(
        replace(b.tables, providers=_none(PROVIDERS), physicians=_none(PHYSICIANS)) for b in batches
    )
    tables = replace(claims, **{n: t for n, t in run.references.items() if n in _PARTIES})
    counts = tuple(Count(s, *run.counts.get(s, (0, 0, 0))) for s in found.taken)
    claim_counts = [c for c in counts if c.source.holds_claims]
    return Intake(
        tables=tables,
        read=sum(c.read for c in claim_counts),
        accepted=sum(c.accepted for c in claim_counts),
        set_aside=sum(c.set_aside for c in claim_counts),
        refusals=tuple(r for b in batches for r in b.refusals),
        files=counts,
        left=found.left,
    )


def read_batches(
    inputs: Sequence[Path],
    format: Format,
    *,
    key: PseudonymKey,
    limits: Limits = DEFAULT,
    encoding: str = "utf-8",
    progress: Progress | None = None,
) -> Iterator[Batch]:
    """Read files or folders batch by batch, with memory bounded by the limits.

    Reference files are read first and come with every batch; what was refused of them
    is a batch without claims. The identifiers seen are held for the whole input.
    """
    run, found = _start(inputs, format, key, limits, encoding)
    return _read(run, found, format, progress)


def decode(
    records: Sequence[bytes], *, key: PseudonymKey, limits: Limits = DEFAULT
) -> tuple[Tables, list[Refused]]:
    """Tables of the good canonical JSON claims, and the others with all their reasons.

    ``len(tables) + len(refused) == len(records)``. Places count from 0.
    """
    lines = [
        Line(i, 0, len(r), r if len(r) <= limits.record_bytes else None)
        for i, r in enumerate(records)
    ]
    run = _Run(key, limits, "utf-8")
    draft, ids = _draft_json(lines, STAYS, run)
    crossfield.check(draft)
    _refuse_repeated(draft, ids, [f"record {i} of this request" for i in range(len(lines))], run)
    refused = [Refused(i, draft.reasons.of(i)) for i in draft.reasons]
    return publish(draft, key, draft.reasons.records), refused


def _start(
    inputs: Sequence[Path], form: Format, key: PseudonymKey, limits: Limits, encoding: str
) -> tuple[_Run, Found]:
    if form not in FORMATS:
        raise InputError(
            f"no format is named {form}", where="intake", cure=f"Use one of {', '.join(FORMATS)}."
        )
    known = _ENCODINGS.get(encoding.lower())
    if known is None:
        raise InputError(
            f"the encoding {encoding} is not read",
            where="intake",
            cure="Use utf-8 or gb18030, or convert the files.",
        )
    found = find(inputs, form, encoding=known)
    for source in found.taken:
        if source.path.suffix == ".parquet":
            parquet.open_file(source.path)  # a damaged file stops the run before it begins
    return _Run(key, limits, known), found


def _read(run: _Run, found: Found, form: Format, progress: Progress | None) -> Iterator[Batch]:
    sizes = [s.size for s in found.taken]
    total, before = sum(sizes), 0
    ordered = sorted(found.taken, key=lambda s: s.holds_claims)
    people: dict[Path, pl.DataFrame] = {}
    for source in ordered:
        run.notify = None
        if progress is not None:
            start, size = before, source.size

            def notify(done: int, start: int = start, size: int = size) -> None:
                progress(min(start + done, start + size), total)

            run.notify = notify
        if source.content in _PARTIES:
            refusals = _read_reference(source, _PARTIES[source.content], run)
            yield Batch(source, Tables.of(_references(run)), 0, refusals)
        elif source.content == "beneficiaries":
            people[source.path], refusals = _read_people(source, run)
            yield Batch(source, Tables.of(_references(run)), 0, refusals)
        elif form == "parquet":
            yield from _read_parquet(source, run)
        elif form == "jsonl":
            yield from _read_jsonl(source, run)
        else:
            yield from _read_csv(source, _order_people(source, people), run)
        before += source.size
        if progress is not None:
            progress(before, total)


def _order_people(source: Source, people: dict[Path, pl.DataFrame]) -> providercsv.Beneficiaries:
    """A claims file looks first into the people whose file name shares its replay_ prefix."""
    replay = source.path.name.startswith("replay_")
    order = sorted(people, key=lambda p: p.name.startswith("replay_") != replay)
    return providercsv.Beneficiaries(tuple(people[p] for p in order))


# --- one source, batch by batch -------------------------------------------------------


def _batches(source: Source, run: _Run, size: int) -> Iterator[list[Line]]:
    lines: list[Line] = []
    held = 0
    for line in read_lines(source.path, run.limits, run.notify):
        lines.append(line)
        held += line.length if line.data is not None else 0
        if len(lines) >= size or held >= run.limits.batch_bytes:
            yield lines
            lines, held = [], 0
    if lines:
        yield lines


def _read_jsonl(source: Source, run: _Run) -> Iterator[Batch]:
    for lines in _batches(source, run, run.limits.batch_records):
        draft, ids = _draft_json(lines, STAYS, run)
        crossfield.check(draft)
        yield _admit(draft, ids, source, lines, run)


def _read_csv(source: Source, people: providercsv.Beneficiaries, run: _Run) -> Iterator[Batch]:
    header = read_header(source.path, run.encoding)
    first = True
    for lines in _batches(source, run, run.limits.csv_batch_records):
        if first:
            lines, first = lines[1:], False
        reasons = Reasons()
        rows = providercsv.parse_rows(lines, header, reasons, run.encoding, run.limits)
        draft = providercsv.draft_claims(rows, source.content, people, reasons, run.limits)
        crossfield.check(draft, providercsv.label)
        yield _admit(draft, _ids(draft.stays), source, lines, run)


def _read_people(source: Source, run: _Run) -> tuple[pl.DataFrame, tuple[SetAside, ...]]:
    header = read_header(source.path, run.encoding)
    frames: list[pl.DataFrame] = []
    refusals: list[SetAside] = []
    seen: dict[Any, str] = {}
    for index, lines in enumerate(_batches(source, run, run.limits.csv_batch_records)):
        lines = lines if index else lines[1:]
        reasons = Reasons()
        rows = providercsv.parse_rows(lines, header, reasons, run.encoding, run.limits)
        frame = providercsv.draft_beneficiaries(rows, reasons)
        _refuse_twice(frame, "BeneID", ("patient_id",), STAYS, seen, lines, reasons)
        bad = reasons.records
        refusals += [_set_aside(i, lines, source, reasons, None) for i in sorted(bad)]
        run.count(source, len(lines), len(bad))
        frames.append(frame.filter(~pl.col(REC).is_in(pl.Series(sorted(bad), dtype=pl.UInt32))))
    if not frames:
        empty = providercsv.parse_rows([], header, Reasons(), run.encoding, run.limits)
        frames.append(providercsv.draft_beneficiaries(empty, Reasons()))
    return pl.concat(frames), tuple(refusals)


def _read_parquet(source: Source, run: _Run) -> Iterator[Batch]:
    start = 1
    for count, rows in parquet.read_tables(source.path, run.limits, run.notify):
        lines = [Line(start + i, 0, 0, b"") for i in range(count)]
        start += count
        draft = parquet.draft_claims(rows if rows is not None else pa.table({}), run.limits)
        if rows is None:
            _refuse_group(draft.reasons, count)
        crossfield.check(draft)
        yield _admit(draft, _ids(draft.stays), source, lines, run, rows)


def _refuse_group(reasons: Reasons, count: int) -> None:
    cure = "This part of the file is damaged: write or fetch the file again."
    for record in range(count):
        reasons.add(record, refuse("format", parquet.UNREADABLE, None, None, cure))


def _read_reference(source: Source, table: Table, run: _Run) -> tuple[SetAside, ...]:
    refusals: list[SetAside] = []
    seen: dict[Any, str] = {}
    for lines, frame, reasons, rows in _reference_frames(source, table, run):
        frame = crossfield.check_reference(frame, table, reasons)
        _refuse_twice(frame, table.key[0], table.key, table, seen, lines, reasons)
        bad = reasons.records
        refusals += (
            [_set_aside(i, lines, source, reasons, None) for i in sorted(bad)]
            if rows is None
            else _rows_aside(source, lines, reasons, rows, {})
        )
        run.count(source, len(lines), len(bad))
        good = Tables.of({table.name: publish_reference(frame, table, bad)})
        have = run.references.get(table.name)
        new = getattr(good, table.name)
        run.references[table.name] = new if have is None else pa.concat_tables([have, new])
    return tuple(refusals)


def _reference_frames(
    source: Source, table: Table, run: _Run
) -> Iterator[tuple[list[Line], pl.DataFrame, Reasons, pa.Table | None]]:
    if source.path.suffix == ".parquet":
        start = 1
        for count, rows in parquet.read_tables(source.path, run.limits, run.notify):
            reasons = Reasons()
            frame = parquet.draft_reference(
                rows if rows is not None else pa.table({}), table, reasons
            )
            if rows is None:
                _refuse_group(reasons, count)
            yield (
                [Line(start + i, 0, 0, b"") for i in range(count)],
                frame,
                reasons,
                rows if rows is not None else pa.table({}),
            )
            start += count
        return
    for lines in _batches(source, run, run.limits.batch_records):
        reasons = Reasons()
        records, _ = _decode_lines(lines, table, reasons, run)
        yield lines, jsonrecords.reference_frame(records, table, reasons), reasons, None


# --- records of one batch -------------------------------------------------------------


def _draft_json(lines: Sequence[Line], table: Table, run: _Run) -> tuple[Draft, dict[int, str]]:
    reasons = Reasons()
    records, ids = _decode_lines(lines, table, reasons, run)
    return jsonrecords.frames(records, reasons, run.limits), ids


def _decode_lines(
    lines: Sequence[Line], table: Table, reasons: Reasons, run: _Run
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


def _ids(stays: pl.DataFrame) -> dict[int, str]:
    known = stays.filter(pl.col("stay_id").is_not_null())
    return dict(zip(known[REC].to_list(), known["stay_id"].to_list(), strict=True))


def _admit(
    draft: Draft,
    ids: dict[int, str],
    source: Source,
    lines: Sequence[Line],
    run: _Run,
    rows: pa.Table | None = None,
) -> Batch:
    places = [f"{source.path.name}:{line.number}" for line in lines]
    _refuse_repeated(draft, ids, places, run)
    bad = draft.reasons.records
    tables = publish(draft, run.key, bad)
    if source.path.suffix == ".parquet":
        refusals = _rows_aside(source, lines, draft.reasons, rows, ids)
    else:
        refusals = [_set_aside(i, lines, source, draft.reasons, ids.get(i)) for i in sorted(bad)]
    run.count(source, len(lines), len(bad))
    return Batch(source, replace(tables, **_references(run)), len(lines), tuple(refusals))


def _refuse_repeated(draft: Draft, ids: dict[int, str], places: Sequence[str], run: _Run) -> None:
    """One stay, one record an input: a second one of the same stay_id is refused.

    A correction (higher claim_version) in the same input is refused too, since the
    child rows of a batch carry the stay_id only.
    """
    versions = dict(draft.stays.select(REC, "claim_version").iter_rows())
    bad = draft.reasons.records
    id_field = STAYS["stay_id"]
    for record in sorted(ids):
        stay = ids[record]
        version = versions.get(record) or 0
        before = run.seen.get(stay)
        if before is None:
            if record not in bad:
                run.seen[stay] = (version, places[record])
            continue
        cure = f"{before[1]} has this stay_id already: send each claim once."
        if before[0] != version:
            cure = f"{before[1]} has version {before[0]} of this stay: send a correction in an input of its own, after the first."
        draft.reasons.add(record, refuse("duplicate-id", "stay_id", stay, id_field, cure))


def _refuse_twice(
    frame: pl.DataFrame,
    path: str,
    keys: Sequence[str],
    table: Table,
    seen: dict[Any, str],
    lines: Sequence[Line],
    reasons: Reasons,
) -> None:
    bad = reasons.records
    for record, *key in frame.select(REC, *keys).iter_rows():
        if None in key:
            continue
        before = seen.get(tuple(key))
        if before is None:
            if record not in bad:
                seen[tuple(key)] = f"line {lines[record].number}"
            continue
        cure = f"{before} has this {path} already: send each record once."
        reasons.add(record, refuse("duplicate-id", path, key[0], table[keys[0]], cure))


def _references(run: _Run) -> dict[str, pa.Table]:
    return {t.name: run.references.get(t.name, _none(t)) for t in PARTY_TABLES}


def _none(table: Table) -> pa.Table:
    return table.arrow.empty_table()


def _set_aside(
    index: int, lines: Sequence[Line], source: Source, reasons: Reasons, record_id: str | None
) -> SetAside:
    line = lines[index]
    sha256 = line.sha256 or hashlib.sha256(line.data or b"").hexdigest()
    return SetAside(
        str(source.path),
        line.number,
        line.offset,
        line.length,
        sha256,
        record_id,
        reasons.of(index),
    )


def _rows_aside(
    source: Source,
    lines: Sequence[Line],
    reasons: Reasons,
    rows: pa.Table | None,
    ids: dict[int, str],
) -> list[SetAside]:
    bad = sorted(reasons.records)
    if rows is None or rows.num_rows == 0:
        raws = [b""] * len(bad)
    else:
        raws = parquet.row_documents(rows, bad)
    return [
        SetAside(
            str(source.path),
            lines[i].number,
            None,
            len(raw),
            hashlib.sha256(raw).hexdigest(),
            ids.get(i),
            reasons.of(i),
            raw,
        )
        for i, raw in zip(bad, raws, strict=True)
    ]
