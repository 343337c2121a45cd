"""``sentinel fhir``: FHIR R4 resources to canonical JSON lines, and back."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from cli.output import finish, tell, writable
from domain.errors import SentinelError
from streaming.fhir.naming import Names
from streaming.intake import deadletters

app = typer.Typer(
    help="FHIR R4: resources and Bundles to order events and claims, and back.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option(help="Folder to write into; made if it is absent.")]
Files = Annotated[list[Path], typer.Argument(help=".json (a resource or Bundle), .ndjson or .jsonl (one a line); .gz too.")]  # fmt: skip
_SORTED = msgspec.json.Encoder()


class FhirError(SentinelError):
    """What was given cannot be read or written as FHIR."""


@app.command("read")
def read_resources(
    files: Files,
    out: Out,
    provider: Annotated[
        str | None,
        typer.Option(help="The hospital that sends; resources of another one are refused."),
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help="IANA time zone in which dates are calendar dates.")
    ] = "Asia/Shanghai",
    system: Annotated[
        list[str] | None,
        typer.Option(help="URI=ours: a URI of the site that means one of ours (docs/fhir.md)."),
    ] = None,
) -> None:
    """Read FHIR; the last line printed is JSON: resources read, taken and set aside, events, claims.

    Writes orders.jsonl (order events), claims.jsonl, and what was refused with its reasons. Status 1 if
    nothing could be taken.
    """
    # Late, because the models of FHIR take half a second that other commands need not wait.
    from streaming.fhir.files import read_files  # noqa: PLC0415

    began = time.monotonic()
    writable(out)
    found = read_files(
        files,
        provider_id=provider,
        time_zone=time_zone,
        at=datetime.now(UTC),
        names=Names(dict(_alias(text) for text in system or ())),
    )
    _write(out / "orders.jsonl", found.events)
    _write(out / "claims.jsonl", found.claims)
    deadletters.write(found.set_aside, out)
    if found.set_aside:
        tell(
            f"{len(found.set_aside):,} of {found.read:,} resources were set aside; "
            f"{out / deadletters.JSONL} says why, and {deadletters.RAW} keeps them"
        )
    finish(
        {
            "out": str(out),
            "read": found.read,
            "taken": found.taken,
            "set_aside": len(found.set_aside),
            "events": len(found.events),
            "claims": len(found.claims),
            "not_kept": dict(found.unkept.most_common(50)),
            "seconds": round(time.monotonic() - began, 2),
        }
    )
    if found.read and not found.taken:
        raise typer.Exit(1)


@app.command("write")
def write_bundles(
    files: Annotated[list[Path], typer.Argument(help="Canonical claims or order events, one a line (.jsonl, .gz too).")],
    out: Annotated[Path, typer.Option(help="File to write, one Bundle a line.")],
) -> None:  # fmt: skip
    """Write canonical claims as collection Bundles, or order events as message Bundles, one a line."""
    from streaming.fhir.texts import encode  # noqa: PLC0415
    from streaming.fhir.writing import bundle_of, messages_of  # noqa: PLC0415

    writable(out.parent)
    records = list(_records(files))
    events = [r for r in records if "kind" in r]
    if events and len(events) < len(records):
        raise FhirError(
            "claims and order events are mixed",
            where=", ".join(map(str, files)),
            cure="Give files of claims, or files of order events.",
        )
    count = 0
    with _private(out) as file:
        try:
            for bundle in messages_of(events) if events else map(bundle_of, records):
                file.write(encode(bundle) + b"\n")
                count += 1
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise FhirError(
                f"record {count + 1} is no canonical claim or event: {type(error).__name__} {error}",
                where=", ".join(map(str, files)),
                cure="Check the file with sentinel assess or sentinel stream produce; a change of an order must come after the order.",
            ) from error
    finish({"out": str(out), "bundles": count})


def _alias(text: str) -> tuple[str, str]:
    uri, found, ours = text.partition("=")
    if not found or not uri or not ours:
        raise typer.BadParameter(f"{text}: write URI=ours, such as urn:oid:1.2.3=urn:drg-sentinel:code:ICD-10-CN")  # fmt: skip
    return uri, ours


def _records(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in files:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    yield msgspec.json.decode(line, type=dict[str, Any])
                except msgspec.MsgspecError as error:
                    raise FhirError(
                        f"line {number} is no JSON object",
                        where=str(path),
                        cure="Give files of canonical JSON lines.",
                    ) from error


def _write(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    with _private(path) as file:
        for record in records:
            file.write(_SORTED.encode(record) + b"\n")


def _private(path: Path) -> BinaryIO:
    """A file for its owner alone: what is in it names patients."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
