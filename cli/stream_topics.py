"""``sentinel stream topics`` and ``schemas``: what lies in Kafka, where, and in which form."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from cli.output import finish, say, tell
from domain.errors import SentinelError
from streaming.schemas import breaks, file_name
from streaming.schemas import schemas as make_schemas
from streaming.topics import TOPICS, Difference, compare, expected_partitions, named

Bootstrap = Annotated[
    str | None,
    typer.Option(
        envvar="SENTINEL_BOOTSTRAP",
        show_default="127.0.0.1:9092",
        help="Broker, host:port; several with commas.",
    ),
]
Prefix = Annotated[
    str, typer.Option(envvar="SENTINEL_TOPIC_PREFIX", help="Text before every topic's name.")
]

SCHEMAS: Final = Path(__file__).resolve().parent.parent / "docs" / "schema" / "topics"
"""Where the published schemas lie."""


class SchemaBreakError(SentinelError):
    """A schema changed in a way that its version does not allow."""


def topics(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    create: Annotated[
        bool, typer.Option("--create", help="Make the topics that are missing.")
    ] = False,
    alter: Annotated[
        bool,
        typer.Option("--alter", help="Set settings that differ; partitions are never changed."),
    ] = False,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1, max=1000, help="Partitions of claims, orders and decisions, instead of 12."
        ),
    ] = None,
    replication: Annotated[
        int | None,
        typer.Option(min=1, max=9, help="Copies of each partition; without it 3, or one a broker."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line only.")] = False,
) -> None:
    """Show each topic as it should be and as the broker has it; exit 1 if they differ."""
    # Late, because the client takes a while that other commands need not wait.
    from streaming.kafka.admin import Admin  # noqa: PLC0415
    from streaming.kafka.connection import Connection  # noqa: PLC0415

    with Admin(Connection.find(bootstrap)) as admin:
        found = admin.find(prefix)
        if create:
            missing = [t.name for t in TOPICS if named(t, prefix) not in found]
            made = admin.create(
                missing, prefix=prefix, partitions=partitions, replication=replication
            )
            for name in made:
                say(f"created {name}")
            found = admin.find(prefix)
        if alter:
            for topic in TOPICS:
                real = found.get(named(topic, prefix))
                wrong = {
                    k: v for k, v in topic.configs.items() if real and real.configs.get(k) != v
                }
                if wrong:
                    admin.alter(named(topic, prefix), wrong)
                    say(f"set {', '.join(wrong)} of {named(topic, prefix)}")
            found = admin.find(prefix)
    differences = list(
        compare(found, prefix=prefix, partitions=partitions, replication=replication)
    )
    if not json:
        _show(differences, prefix, partitions, {name: f.partitions for name, f in found.items()})
    finish(
        {
            "topics": {
                named(t, prefix): {
                    "exists": named(t, prefix) in found,
                    "partitions": found[named(t, prefix)].partitions
                    if named(t, prefix) in found
                    else None,
                }
                for t in TOPICS
            },
            "differences": [
                {"topic": d.topic, "what": d.what, "expected": d.expected, "real": d.real}
                for d in differences
            ],
        }
    )
    if differences:
        raise typer.Exit(1)


def _show(
    differences: list[Difference], prefix: str, partitions: int | None, real: dict[str, int]
) -> None:
    console = Console(highlight=False)
    table = Table("topic", "主题", "key", "partitions", "there", "days", "written by", box=None)
    for topic in TOPICS:
        name = named(topic, prefix)
        table.add_row(
            name,
            topic.zh,
            topic.key,
            str(expected_partitions(topic, partitions)),
            str(real.get(name, "-")),
            str(topic.days),
            topic.written_by,
        )
    console.print(table)
    for d in differences:
        console.print(
            f"{d.topic}: {d.what} should be {d.expected}, is {d.real}. {d.cure}",
            markup=False,
            soft_wrap=True,
        )


def schemas(
    out: Annotated[Path, typer.Option(help="Folder of the schemas.")] = SCHEMAS,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a file differs.")
    ] = False,
    breaking: Annotated[
        bool,
        typer.Option("--breaking", help="Write a schema although it breaks the one before it."),
    ] = False,
) -> None:
    """Write the JSON Schema of each topic, or check the published ones.

    A change that would break producers or consumers of the same version is refused:
    raise the first number of domain.SCHEMA_VERSION, and the files get a new name.
    """
    stale: list[str] = []
    broken: list[str] = []
    for topic, schema in make_schemas().items():
        path = out / file_name(topic)
        text = jsonlib.dumps(schema, ensure_ascii=False, indent=1) + "\n"
        before = path.read_text(encoding="utf-8") if path.is_file() else None
        if before == text:
            continue
        stale.append(str(path))
        if before is not None:
            found: dict[str, Any] = jsonlib.loads(before)
            broken += (f"{topic}: {why}" for why in breaks(topic, found, schema))
        if not check and (breaking or not broken):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if broken and not breaking:
        raise SchemaBreakError(
            f"{len(broken)} changes break the published version: {'; '.join(broken[:8])}",
            where=str(out),
            cure="Keep what was published and add beside it; or raise the first number of domain.SCHEMA_VERSION.",
        )
    if check and stale:
        tell(f"not what the code says: {', '.join(stale)}")
        tell("Run `sentinel stream schemas` and commit what it writes.")
        raise typer.Exit(1)
