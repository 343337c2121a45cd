"""Files of FHIR: JSON and lines of JSON read scope by scope, with account of every resource."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from domain.errors import Refusal
from domain.service import RefusedResource
from streaming.fhir.bundles import pieces
from streaming.fhir.naming import Names
from streaming.fhir.texts import MOST_BYTES, Read, encode, parse, read, read_loose
from streaming.intake.refusals import NOT_SHOWN, SetAside
from streaming.intake.sources import InputError

LINES: Final = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
WHOLE: Final = (".json", ".json.gz")


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a file: its line (1 for a whole file) and its bytes."""

    path: Path
    number: int
    data: bytes


@dataclass(slots=True)
class Found:
    """What files said: canonical JSON by kind, what was set aside, and what was not kept, by element."""

    events: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    unkept: Counter[str] = field(default_factory=Counter)
    read: int = 0
    taken: int = 0


def texts(paths: Iterable[Path]) -> Iterator[Text]:
    """The texts of the files, in order; blank lines are none. InputError for a file that is not of FHIR."""
    for path in paths:
        if not path.is_file() or not path.name.endswith((*LINES, *WHOLE)):
            raise InputError(
                "that is no file of FHIR resources",
                where=str(path),
                cure=f"Name files that end in {', '.join((*WHOLE, *LINES))}.",
            )
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
            if path.name.endswith(WHOLE):
                # One byte more than is read, so that what is too long is told and not held.
                yield Text(path, 1, file.read(MOST_BYTES + 1))
                continue
            for number, line in enumerate(file, start=1):
                data = line.rstrip(b"\r\n")
                if data.strip():
                    yield Text(path, number, data)


def read_files(
    paths: Iterable[Path], *, provider_id: str | None, time_zone: str, at: datetime,
    models: bool = True, names: Names | None = None,
) -> Found:  # fmt: skip
    """Read files: a Bundle stands for itself, single resources of all files belong together."""
    found = Found()
    loose: list[tuple[Text, Any]] = []
    asked: dict[str, Any] = {"provider_id": provider_id, "time_zone": time_zone, "at": at, "models": models, "names": names}  # fmt: skip
    for text in texts(paths):
        resource, fault = parse(text.data)
        if fault is None and isinstance(resource, Mapping) and resource.get("resourceType") != "Bundle":  # fmt: skip
            loose.append((text, resource))
            continue
        told = read(text.data, **asked)
        parts = [(text, encode(one)) for one in pieces(resource)] if fault is None else [(text, text.data)]  # fmt: skip
        _add(found, told, parts)
    if loose:
        told = read_loose([resource for _, resource in loose], **asked)
        _add(found, told, [(text, text.data) for text, _ in loose])
    return found


def _add(found: Found, told: Read, parts: list[tuple[Text, bytes]]) -> None:
    found.events += told.events
    found.claims += told.claims
    found.read += told.read
    found.taken += len(told.taken)
    found.unkept.update(_plain(note.element) for note in told.notes)
    reasons: dict[int, list[RefusedResource]] = {}
    for one in told.refused:
        reasons.setdefault(one.index, []).append(one)
    for index, refusals in sorted(reasons.items()):
        text, raw = parts[index]
        found.set_aside.append(
            SetAside(
                source=str(text.path),
                number=text.number,
                offset=None,
                length=len(raw),
                sha256=hashlib.sha256(raw).hexdigest(),
                record_id=None,
                reasons=tuple(
                    Refusal(r.element or r.resource, NOT_SHOWN, r.rule, r.reason) for r in refusals
                ),
                raw=raw,
            )
        )


def _plain(element: str) -> str:
    """The path of an element without its places, to count it by."""
    return ".".join(part.partition("[")[0] for part in element.split("."))
