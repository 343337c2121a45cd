"""``sentinel settlement``: the national settlement list as a message (4101), in and out."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from cli.output import finish, writable
from cli.reading import PSEUDONYM_KEY, batches
from cli.stream_produce import lines, record_files
from domain.errors import SentinelError

if TYPE_CHECKING:
    from streaming.intake.refusals import SetAside
    from streaming.settlement_message.reading import Listed

app = typer.Typer(
    help="Settlement lists as messages of the national interface (4101, 4101A): to claims and back.",
    no_args_is_help=True,
)
CLAIMS = "claims.jsonl"
_BATCH = 200


class Flags(StrEnum):
    """How the flag of a planned readmission is coded."""

    INTERFACE = "interface"
    FORM = "form"


@app.command()
def read(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Messages: .json (one, or an array), .jsonl (one a line).")
    ],
    out: Annotated[Path, typer.Option(help="Folder for claims.jsonl and the dead letters.")],
    flags: Annotated[
        Flags, typer.Option(help="days_rinp_flag_31 as a flag of the interface (0, 1) or as the printed form (1 no, 2 yes).")
    ] = Flags.INTERFACE,
    claim_version: Annotated[
        int, typer.Option(min=1, max=9999, help="Version of the claims: higher for a correction.")
    ] = 1,
    region: Annotated[str, typer.Option(help="Administrative division of care where the message has none.")] = "",
    key: options.Key = PSEUDONYM_KEY,
) -> None:  # fmt: skip
    """Read messages of 4101 or 4101A into canonical claims (claims.jsonl); refused ones are kept with reasons.

    The claims go on with `sentinel assess`. They hold what the messages hold of patients, in
    the clear, and only their owner may read the file. Charge lines are no part of 4101.
    """
    from streaming.hl7.filing import private  # noqa: PLC0415
    from streaming.intake import deadletters  # noqa: PLC0415
    from streaming.pseudonym import PseudonymKey  # noqa: PLC0415
    from streaming.settlement_message.reading import read_many  # noqa: PLC0415
    from streaming.settlement_message.values import Terms  # noqa: PLC0415

    writable(out)
    secret = PseudonymKey.find(key)
    terms = Terms(flags=flags.value, claim_version=claim_version, region_code=region)
    done: Counter[str] = Counter()
    refused: list[SetAside] = []
    with private(out / CLAIMS) as file:
        for path in inputs:
            for batch in batches(_messages(path), _BATCH):
                for raw, one in zip(batch, read_many(batch, secret, terms), strict=True):
                    done["messages"] += 1
                    if one.claim is not None:
                        file.write(one.record + b"\n")
                    else:
                        refused.append(_set_aside(path, done["messages"], raw, one))
    deadletters.write(refused, out)
    reasons = Counter(rule for letter in refused for rule in {r.rule for r in letter.reasons})
    finish({
        "messages": done["messages"], "claims": done["messages"] - len(refused), "refused": len(refused),
        "by_reason": dict(reasons.most_common()),
        "files": [str(out / n) for n in (CLAIMS, deadletters.JSONL, deadletters.RAW)],
    })  # fmt: skip


@app.command()
def write(
    inputs: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files of claims (JSON lines).")],
    out: Annotated[Path, typer.Option(help="File to write, one message a line.")],
    flags: Annotated[Flags, typer.Option(help="How days_rinp_flag_31 is coded.")] = Flags.INTERFACE,
) -> None:  # fmt: skip
    """Write claims as messages of 4101; what the list has no field for is left out (docs/hl7.md)."""
    from streaming.hl7.filing import private  # noqa: PLC0415
    from streaming.settlement_message.writing import write as write_one  # noqa: PLC0415

    writable(out.parent)
    count = 0
    with private(out) as file:
        for line in lines(record_files(inputs)):
            count += 1
            file.write(write_one(_claim(line, count), flags=flags.value) + b"\n")
    finish({"out": str(out), "messages": count})


def _claim(line: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
        if isinstance(found, dict) and found.get("time_zone") and found.get("claim_type"):
            return found
    except ValueError:
        pass
    raise SentinelError(
        f"record {number} is no claim",
        where="FILE",
        cure="Write one claim a line with the fields of docs/fields.md; `sentinel assess` says what is wrong with it.",
    )


def _messages(path: Path) -> Iterator[bytes]:
    """The messages of a file: lines, or one JSON document that is a message or an array of them."""
    if path.suffix in (".jsonl", ".ndjson"):
        with path.open("rb") as file:
            yield from (line.rstrip(b"\r\n") for line in file if line.strip())
        return
    content = path.read_bytes()
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        yield content
        return
    if not isinstance(found, list):
        yield content
        return
    for one in found:
        yield json.dumps(one, ensure_ascii=False).encode()


def _set_aside(path: Path, number: int, raw: bytes, one: Listed) -> SetAside:
    from streaming.intake.refusals import SetAside  # noqa: PLC0415

    digest = hashlib.sha256(raw).hexdigest()
    return SetAside(str(path), number, None, len(raw), digest, None, one.reasons, raw)
