"""Reading inputs: every record is accepted or set aside with all its reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from domain.claim import STAYS
from domain.parties import PHYSICIANS, PROVIDERS
from domain.service import Refused
from domain.tables import Tables, concat
from streaming.intake import crossfield, parquet
from streaming.intake.accounting import (
    Batch,
    Count,
    Run,
    no_rows,
    refuse_repeated,
)
from streaming.intake.batches import (
    draft_json,
    order_people,
    read_csv,
    read_jsonl,
    read_parquet,
    read_people,
    read_reference,
)
from streaming.intake.draft import publish
from streaming.intake.limits import DEFAULT, Limits
from streaming.intake.refusals import SetAside
from streaming.intake.sources import FORMATS, Format, Found, InputError, Line, Progress, find
from streaming.pseudonym import PseudonymKey

PARTIES = {"providers": PROVIDERS, "physicians": PHYSICIANS}
_ENCODINGS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "gb18030": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
}


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
        replace(b.tables, providers=no_rows(PROVIDERS), physicians=no_rows(PHYSICIANS))
        for b in batches
    )
    tables = replace(claims, **{n: t for n, t in run.references.items() if n in PARTIES})
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
    run = Run(key, limits, "utf-8")
    draft, ids = draft_json(lines, STAYS, run)
    crossfield.check(draft)
    refuse_repeated(draft, ids, [f"record {i} of this request" for i in range(len(lines))], run)
    refused = [Refused(i, draft.reasons.of(i)) for i in draft.reasons]
    return publish(draft, key, draft.reasons.records), refused


def _start(
    inputs: Sequence[Path], form: Format, key: PseudonymKey, limits: Limits, encoding: str
) -> tuple[Run, Found]:
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
    return Run(key, limits, known), found


def _read(run: Run, found: Found, form: Format, progress: Progress | None) -> Iterator[Batch]:
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
        if source.content in PARTIES:
            refusals = read_reference(source, PARTIES[source.content], run)
            yield Batch(source, Tables.of(run.reference_tables()), 0, refusals)
        elif source.content == "beneficiaries":
            people[source.path], refusals = read_people(source, run)
            yield Batch(source, Tables.of(run.reference_tables()), 0, refusals)
        elif form == "parquet":
            yield from read_parquet(source, run)
        elif form == "jsonl":
            yield from read_jsonl(source, run)
        else:
            yield from read_csv(source, order_people(source, people), run)
        before += source.size
        if progress is not None:
            progress(before, total)
