"""``sentinel stream replay``: stored history judged again by other checks or another model."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cli import options
from cli.output import bar, finish
from cli.stream_run import Database
from cli.wiring import engine
from domain.errors import SentinelError

app = typer.Typer(
    help="Judge stored claims again by other checks or another model; nothing live is touched.",
    invoke_without_command=True,
)
Name = Annotated[str, typer.Argument(help="Name of the replay.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
_DAY = ["%Y-%m-%d"]


@app.callback()
def replay(
    context: typer.Context,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, help="First day of service.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=_DAY, help="Last day of service.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the replay; one that stopped goes on under its name."),
    ] = None,
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    model: options.Model = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Judge the claims served from one day to another into tables of their own.

    Each claim looks back at what had begun by its day, as it is known now. The last line printed
    is JSON; then ``replay diff NAME`` tells the differences from the live decisions.
    """
    if context.invoked_subcommand is not None:
        return
    if first is None or last is None or first > last:
        raise SentinelError(
            "a replay needs its first and its last day, in this order",
            where="sentinel stream replay",
            cure="Say --from 2025-01-01 --to 2025-03-31, or show, diff, list, remove.",
        )
    import store  # noqa: PLC0415
    from streaming.replay import replay as judge_again  # noqa: PLC0415

    judge = engine(
        rules_dir=rules,
        parameters=parameters,
        reference=reference,
        scheme=scheme or (),
        curves=curves,
        model=model,
        db=db,
    )
    called = name or f"{first.date()}-{last.date()}-{judge.ruleset.sha256[:8]}"
    with store.open(db) as opened, bar(f"Replaying {called}") as meter:
        done = judge_again(
            opened, judge, name=called, first=first.date(), last=last.date(), progress=meter
        )
    finish(
        {
            "replay": called,
            "days": done.days,
            "days_before": done.days_before,
            "claims": done.claims,
            "findings": done.findings,
        }
    )


@app.command("list")
def list_replays(db: Database = "sqlite:///sentinel.db", as_json: Json = False) -> None:
    """List the replays, latest first."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        found = opened.replays().all()
    if as_json:
        for row in found:
            _line(row)
        return
    table = Table(box=None)
    for head in ("replay", "from", "to", "days", "claims", "finished"):
        table.add_column(head, no_wrap=head == "replay")
    for row in found:
        ended = row["finished_at"]
        table.add_row(
            row["run"], str(row["first_day"]), str(row["last_day"]), str(row["days"]),
            f"{row['stays']:,}", "no" if ended is None else ended.isoformat(timespec="seconds"),
        )  # fmt: skip
    Console(highlight=False).print(table)


@app.command()
def show(name: Name, db: Database = "sqlite:///sentinel.db") -> None:
    """Show one replay: its days, what judged, how far it is."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        row = opened.replays().show(name)
    manifest = row.pop("manifest")
    _line({**row, "checks": len(manifest["ids"]), "month_checks": len(manifest["aggregate_ids"])})


@app.command()
def diff(
    name: Name,
    rule: Annotated[
        str | None, typer.Option(help="List the stays that differ by this check.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Stays to list.")] = 50,
    db: Database = "sqlite:///sentinel.db",
    as_json: Json = False,
) -> None:
    """Tell how a replay differs from the live decisions: hits by check, money, severity, alerts."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        replays = opened.replays()
        if rule is not None:
            for row in replays.differing(name, rule, limit=limit):
                _line(row)
            return
        found = replays.compare(name)
        ids = set(replays.show(name)["manifest"]["ids"])
    checks = [row for row in found["checks"] if row["new"] or row["gone"] or row["same_fen"]]
    if as_json:
        _line(found)
        return
    table = Table(box=None)
    for head in ("check", "new", "money", "gone", "money", "same", "moved by"):
        table.add_column(head, justify="left" if head == "check" else "right")
    for row in checks:
        mark = "" if row["rule_id"] in ids else "  (not in the replay)"
        table.add_row(
            row["rule_id"] + mark, str(row["new"]), _money(row["new_fen"], row["currency"]),
            str(row["gone"]), _money(row["gone_fen"], row["currency"]), str(row["same"]),
            _money(row["same_fen"], row["currency"]),
        )  # fmt: skip
    Console(highlight=False).print(table)
    finish(
        {
            "replay": name,
            "checks_differ": len({row["rule_id"] for row in checks}),
            **found["decisions"],
            "findings": found["findings"],
        }
    )


@app.command()
def remove(name: Name, db: Database = "sqlite:///sentinel.db") -> None:
    """Take a replay's tables away; nothing live is touched."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        opened.replays().remove(name)
    finish({"removed": name})


def _money(fen: int, currency: str) -> str:
    """An amount in the major unit, exact."""
    sign, whole = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}{whole // 100:,}.{whole % 100:02} {currency}"


def _line(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
