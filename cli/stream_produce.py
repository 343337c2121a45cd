"""``sentinel stream produce``: files of claims or order events into a topic."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli.options import Inputs, Key
from cli.output import finish, say
from cli.reading import PSEUDONYM_KEY
from cli.stream_topics import Bootstrap, Prefix
from domain.errors import SentinelError
from streaming.pseudonym import PseudonymKey
from streaming.topics import BY_NAME, TOPICS

_ENDINGS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_NOT_RECORDS = {"providers", "physicians"}


class ProduceError(SentinelError):
    """The files or the topic named cannot be sent from or to."""


def produce(
    inputs: Inputs,
    topic: Annotated[str, typer.Option(help="claims or orders.")] = "claims",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    per_second: Annotated[
        float | None, typer.Option(min=0.001, help="At most so many records a second.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="Header `source`: who sends; say no person's name.")
    ] = "sentinel-produce",
    times: Annotated[int, typer.Option(min=1, help="Send everything so many times.")] = 1,
    key: Key = PSEUDONYM_KEY,
) -> None:
    """Send files of JSON lines to an input topic, keyed by the patient's pseudonym.

    For tests, demonstrations and benchmarks, and to send again what a site has kept. A
    line is sent as it is; the worker says what is wrong with it.
    """
    # Late, because the client takes a while that other commands need not wait.
    from streaming.kafka.connection import Connection  # noqa: PLC0415
    from streaming.kafka.producing import Sender  # noqa: PLC0415

    if topic not in BY_NAME or not BY_NAME[topic].input:
        raise ProduceError(
            f"{topic} is no input topic",
            where="--topic",
            cure=f"Send to {' or '.join(t.name for t in TOPICS if t.input)}; the worker writes the others.",
        )
    files = record_files(inputs)
    sender = Sender(Connection.find(bootstrap), prefix + topic, PseudonymKey.find(key), source)
    try:
        sent = sender.send(
            (line for _ in range(times) for line in lines(files)),
            per_second=per_second,
            told=lambda count: say(f"{count} sent"),
        )
    finally:
        sender.close()
    finish(
        {
            "topic": prefix + topic,
            "records": sent.records,
            "bytes": sent.octets,
            "without_key": sent.unkeyed,
            "seconds": round(sent.seconds, 3),
        }
    )


def record_files(inputs: Sequence[Path]) -> list[Path]:
    """The files of JSON lines that are named, and those in the folders named, in their order.

    Of a folder not those of hospitals and physicians, which are no messages. ProduceError
    if there is none, or a named one is missing or of another kind.
    """
    found: list[Path] = []
    for path in inputs:
        if path.is_dir():
            found += (
                f
                for f in sorted(path.iterdir())
                if f.name.endswith(_ENDINGS) and f.name.split(".")[0] not in _NOT_RECORDS
            )
        elif path.is_file() and path.name.endswith(_ENDINGS):
            found.append(path)
        else:
            raise ProduceError(
                "that is no file of JSON lines",
                where=str(path),
                cure=f"Name a file that is there and ends in {', '.join(_ENDINGS)}, or a folder of such.",
            )
    if not found:
        raise ProduceError(
            "there is no file of JSON lines",
            where=", ".join(map(str, inputs)),
            cure=f"Name files ending in {', '.join(_ENDINGS)}.",
        )
    return found


def lines(files: Sequence[Path]) -> Iterator[bytes]:
    """The lines of the files without their ends; blank ones are no records."""
    for path in files:
        with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
            for line in file:
                record = line.rstrip(b"\r\n")
                if record.strip():
                    yield record
