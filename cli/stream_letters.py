"""``sentinel stream dead-letters``: messages that were set aside, looked at and sent again."""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli.output import finish, tell
from cli.stream_run import Database
from cli.stream_topics import Bootstrap
from domain.errors import SentinelError

if TYPE_CHECKING:
    from store import DeadLetter, Store

app = typer.Typer(
    help="Messages that were refused: list them, show one, send them again.", no_args_is_help=True
)
Topic = Annotated[str | None, typer.Option(help="Only those of this topic.")]
Reason = Annotated[
    str | None, typer.Option(help="Only those with this reason, such as required or not-json.")
]
_PAGE = 500


@app.command("list")
def list_letters(
    db: Database = "sqlite:///sentinel.db",
    topic: Topic = None,
    reason: Reason = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that were sent again already.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Print at most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List dead letters, oldest first; shows reasons and places, never what a message held."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        found: list[DeadLetter] = []
        total: Counter[str] = Counter()
        count = 0
        for letter in _letters(opened, topic, reason, None if every else False):
            count += 1
            total.update({r.rule for r in letter.reasons})
            if len(found) < limit:
                found.append(letter)
    if as_json:
        for letter in found:
            sys.stdout.write(json.dumps(_told(letter), ensure_ascii=False) + "\n")
        return
    table = Table(box=None)
    for name in ("id", "set aside", "place", "reasons", "sent again"):
        table.add_column(name, no_wrap=name == "id")
    for letter in found:
        table.add_row(
            letter.dead_letter_id,
            "" if letter.created_at is None else letter.created_at.isoformat(timespec="seconds"),
            f"{letter.topic}-{letter.partition} @ {letter.offset}",
            ", ".join(sorted({r.rule for r in letter.reasons})),
            "" if letter.replayed_at is None else letter.replayed_at.isoformat(timespec="seconds"),
        )
    Console(highlight=False).print(table)
    finish({"dead_letters": count, "shown": len(found), "by_reason": dict(total.most_common())})


@app.command()
def show(
    dead_letter_id: Annotated[str, typer.Argument(metavar="ID")],
    db: Database = "sqlite:///sentinel.db",
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", help="Write the original bytes, and nothing else, to standard output."
        ),
    ] = False,
    original: Annotated[
        bool,
        typer.Option(
            "--original", help="Show key, value and headers too; they may name a patient."
        ),
    ] = False,
) -> None:
    """Show one dead letter with every reason and its cure."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        letter = _letter(opened, dead_letter_id, db)
    if raw:
        sys.stdout.buffer.write(letter.value or b"")
        return
    told = _told(letter)
    if original:
        told |= {
            "key": _text(letter.key),
            "value": _text(letter.value),
            "headers": [[name, _text(value)] for name, value in letter.headers],
        }
    sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=2) + "\n")


@app.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...")] = None,
    db: Database = "sqlite:///sentinel.db",
    bootstrap: Bootstrap = None,
    topic: Topic = None,
    reason: Reason = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that were never sent again (see --topic, --reason).")
    ] = False,
) -> None:
    """Send original bytes to the topic that they came from, and mark them.

    For messages refused by a fault that has been corrected here: a schema, a program.
    What the sender must correct is refused again, as a new dead letter.
    """
    import store  # noqa: PLC0415
    from streaming.hl7.letters import TOPIC as HL7  # noqa: PLC0415
    from streaming.kafka.connection import Connection  # noqa: PLC0415
    from streaming.kafka.replay import send_back  # noqa: PLC0415

    if bool(ids) == every:
        raise SentinelError(
            "it is not said which dead letters are meant",
            where="sentinel stream dead-letters replay",
            cure="Name their ids, or say --all, with --topic or --reason to narrow it.",
        )
    sent = 0
    with store.open(db) as opened:
        chosen = (
            [_letter(opened, one, db) for one in ids]
            if ids
            else [x for x in _letters(opened, topic, reason, replayed=False) if x.topic != HL7]
        )
        for letter in chosen:
            if letter.topic == HL7:
                raise SentinelError(
                    f"dead letter {letter.dead_letter_id} came over HL7 and from no topic",
                    where=db,
                    cure="Write its bytes with `show --raw` to a file for `sentinel hl7 read`, or have it sent again.",
                )
        try:
            for letter in send_back(Connection.find(bootstrap), chosen):
                opened.mark_replayed(letter.dead_letter_id)
                sent += 1
        finally:
            if sent < len(chosen):
                tell(f"{sent:,} of {len(chosen):,} dead letters were sent")
    finish({"sent": sent})


def _letters(
    opened: Store, topic: str | None, reason: str | None, replayed: bool | None
) -> Iterator[DeadLetter]:
    after = None
    while page := opened.dead_letters(topic=topic, replayed=replayed, after=after, limit=_PAGE):
        after = page[-1].dead_letter_id
        for letter in page:
            if reason is None or any(r.rule == reason for r in letter.reasons):
                yield letter


def _letter(opened: Store, dead_letter_id: str, db: str) -> DeadLetter:
    letter = opened.dead_letter(dead_letter_id)
    if letter is None:
        raise SentinelError(
            f"no dead letter has the id {dead_letter_id}",
            where=db,
            cure="`sentinel stream dead-letters list --all` lists them.",
        )
    return letter


def _told(letter: DeadLetter) -> dict[str, Any]:
    def instant(value: Any) -> str | None:
        return None if value is None else value.isoformat(timespec="milliseconds")

    return {
        "dead_letter_id": letter.dead_letter_id,
        "group": letter.group,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "message_time": instant(letter.time),
        "set_aside_at": instant(letter.created_at),
        "trace_id": letter.trace_id,
        "value_bytes": None if letter.value is None else len(letter.value),
        "reasons": [
            {"field": r.field, "value": r.value, "rule": r.rule, "cure": r.cure}
            for r in letter.reasons
        ],
        "replays": letter.replays,
        "replayed_at": instant(letter.replayed_at),
    }


def _text(content: bytes | None) -> str | dict[str, str] | None:
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
