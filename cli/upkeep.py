"""``sentinel db``: what a database needs beside new claims: withdrawals, late claims, changed months."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from cli.output import finish, say, tell
from cli.stream_run import Database
from cli.users import find
from cli.wiring import engine
from domain.access import PERMISSIONS, Permission
from domain.calendar import CHINA
from domain.errors import SentinelError
from domain.results import Severity

if TYPE_CHECKING:
    from store import Store, Worker
    from streaming.pipeline import Engine

app = typer.Typer(
    help="Look after a database: withdraw claims, judge again what changed.", no_args_is_help=True
)


@app.command()
def status(db: Database = "sqlite:///sentinel.db") -> None:
    """Tell what waits: stays to judge again, and months that changed since they were judged."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        listed, changed = opened.to_judge(100_000), opened.changed_months()
        counts = opened.counts()
    reasons: dict[str, int] = {}
    for row in listed:
        reasons[row["reason"]] = reasons.get(row["reason"], 0) + 1
    finish(
        {
            "claims_stored": counts["claims"],
            "stays": counts["stay_states"],
            "withdrawals": counts["withdrawals"],
            "stays_to_judge": len(listed),
            "because": reasons,
            "longest_waiting": listed[0]["since"].isoformat() if listed else None,
            "months_changed": len(changed),
            "first_month_changed": changed[0].month.isoformat() if changed else None,
        }
    )


@app.command()
def withdraw(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="JSON Lines, one withdrawal a line.")
    ],
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    model: options.Model = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Withdraw claims (冲销, 作废), and judge again the stays that looked back at them.

    A line is ``{"stay_id": "…", "withdrawn_version": 1, "reason": "reversed"}``. Decisions and
    alerts stay readable and count no longer. Ends with status 1 if a line was refused.
    """
    import store  # noqa: PLC0415
    from streaming.intake.withdrawals import read_withdrawals  # noqa: PLC0415

    lines = [line for path in inputs for line in path.read_bytes().splitlines() if line.strip()]
    good, refused = read_withdrawals(lines)
    for place, reasons in refused:
        for reason in reasons:
            tell(f"line {place + 1}: {reason.field}: {reason.rule}. {reason.cure}")
    judge = _engine(rules, parameters, reference, scheme, curves, model, db)
    with store.open(db) as opened:
        ended = opened.withdraw(good)
        again = _judge_listed(opened, judge)
    finish(
        {
            "read": len(lines),
            "withdrawn": len(good),
            "refused": len(refused),
            "decisions_ended": len(ended),
            "stays_judged_again": again,
        }
    )
    if refused:
        raise typer.Exit(1)


@app.command()
def rejudge(
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    model: options.Model = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Judge again the stays whose look-back changed: a claim came late, was corrected or withdrawn."""
    import store  # noqa: PLC0415

    judge = _engine(rules, parameters, reference, scheme, curves, model, db)
    with store.open(db) as opened:
        finish({"stays_judged_again": _judge_listed(opened, judge)})


@app.command()
def refresh(
    upto: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Months and days are judged if they ended before this day; else the day after the "
            "last stored claim ended.",
        ),
    ] = None,
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Judge anew the hospitals' months and physicians' days that changed, and close what no longer holds.

    Run it on a timer, such as once a night; without a change it costs one query.
    """
    import store  # noqa: PLC0415
    from streaming.refresh import refresh_months  # noqa: PLC0415

    judge = _engine(rules, parameters, reference, scheme, curves, None, db)
    with store.open(db) as opened:
        say("Judging the months that changed")
        done = refresh_months(opened, judge, upto=None if upto is None else upto.date())
    finish(
        {
            "months_changed": done.changed,
            "claims_read": done.claims,
            "findings": done.findings,
            "findings_new": done.new,
        }
    )


@app.command()
def measure(
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    at_once: Annotated[int, typer.Option(min=1, help="Stays read and measured at a time.")] = 2_000,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Measure stays that were decided before there was a cockpit, and count all that waits.

    They are grouped and priced by the schemes given; no decision or alert changes. It may be
    broken off and run again.
    """
    import store  # noqa: PLC0415
    from streaming.lateness import measure_decided  # noqa: PLC0415

    judge = _engine(rules, parameters, reference, scheme, None, None, db)
    with store.open(db) as opened:
        say("Measuring stays")
        measured = measure_decided(opened, judge, at_once=at_once)
        waiting = opened.indicators.refresh(None)
    finish({"stays_measured": measured, "months_waiting": waiting})


@app.command()
def sweep(
    silent_days: Annotated[
        int, typer.Option(min=1, help="A stay of which nothing was heard for so long is forgotten.")
    ] = 90,
    card_days: Annotated[
        int, typer.Option(min=29, help="So long cards and their answers are kept.")
    ] = 400,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Forget patients in hospital who were settled, or of whom nothing was heard; what was told stays.

    Cards for physicians are forgotten with their answers when they are old. Run it on a timer, such as
    once a night. A settled stay counts as closed before that too.
    """
    import store  # noqa: PLC0415

    now = datetime.now(UTC)
    with store.open(db) as opened:
        forgotten = opened.open_stays.sweep(now - timedelta(days=silent_days))
        cards = opened.cards.sweep(now.astimezone(CHINA).date() - timedelta(days=card_days))
    finish({"stays_forgotten": forgotten, "cards_forgotten": cards})


@app.command()
def months(
    provider: Annotated[str | None, typer.Option(help="Only this hospital.")] = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Print claims, stays and sums of hospitals' months as JSON lines."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        for row in opened.provider_months(provider):
            sys.stdout.write(json.dumps(row, default=str) + "\n")


@app.command()
def reprice(
    every: Annotated[
        bool, typer.Option(help="Reckon every open alert anew, though no review changed a check.")
    ] = False,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Reckon how often checks are right from their reviews, and what open alerts may cost by that.

    Run it on a timer, such as once an hour; without a new review it costs one query.
    """
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        done = opened.queue.reprice()
        alerts = opened.queue.reprice_all() if every else done["alerts"]
    finish({"checks_changed": done["checks"], "alerts_changed": alerts})


@app.command()
def assign(
    people: Annotated[
        list[str],
        typer.Argument(metavar="PERSON...", help="Logins of those whom alerts are given to."),
    ],
    up_to: Annotated[
        int, typer.Option(min=1, help="Open alerts that each has afterwards, at most.")
    ] = 20,
    provider: Annotated[str | None, typer.Option(help="Only alerts of this hospital.")] = None,
    department: Annotated[str | None, typer.Option(help="Only alerts of this department.")] = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Give open alerts that nobody has to people by load, highest expected loss first.

    Each gets only what their account may see; where there are no accounts, whoever is named gets all.
    """
    import store  # noqa: PLC0415

    wanted = store.AlertFilter(provider_id=provider, department=department)
    with store.open(db) as opened:
        workers = {person: _worker(opened, person) for person in people}
        given = opened.queue.assign_automatically(
            list(workers.values()), actor="sentinel db assign", up_to=up_to, wanted=wanted
        )
        load = opened.queue.load([worker.user_id for worker in workers.values()])
    told = {person: load[worker.user_id] for person, worker in workers.items()}
    finish({"alerts_given": len(given), "open_alerts": told})


def _worker(opened: Store, person: str) -> Worker:
    """Whom alerts are given to, and what they may see; SentinelError if they do not work on alerts."""
    import store  # noqa: PLC0415

    if not opened.access.accounts.any():
        return store.Worker(person, person)
    account = find(opened, person)
    if not account.active or Permission.ALERTS_WORK not in PERMISSIONS[account.role]:
        raise SentinelError(
            "the account does not work on alerts",
            where=person,
            cure="Name active accounts of officers; `sentinel users list` prints all.",
        )
    return store.Worker(account.user_id, account.name, account.rows)


@app.command("due-times")
def due_times(
    hours: Annotated[
        list[str] | None, typer.Option("--set", metavar="SEVERITY=HOURS", help="Such as high=72.")
    ] = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Tell or set the hours until a new alert is due, by its severity; alerts that are there keep theirs."""
    import store  # noqa: PLC0415

    given = dict(_due_time(one) for one in hours or ())
    with store.open(db) as opened:
        if given:
            opened.queue.set_due_hours(given)
        found = opened.queue.due_hours()
    finish({str(severity): found[severity] for severity in sorted(found, key=lambda s: -s.rank)})


def _due_time(text: str) -> tuple[Severity, int]:
    word, _, hours = text.partition("=")
    if word not in set(Severity) or not (
        hours.isascii() and hours.isdigit() and 0 < len(hours) < 6
    ):
        raise typer.BadParameter(
            f"{text} is no severity with hours: write info, low, medium, high or critical, then = and hours",
            param_hint="--set",
        )
    if int(hours) == 0:
        raise typer.BadParameter("an alert needs at least 1 hour", param_hint="--set")
    return Severity(word), int(hours)


def _engine(
    rules: Path | None,
    parameters: Path | None,
    reference: Path | None,
    scheme: list[Path] | None,
    curves: Path | None,
    model: Path | None,
    db: str,
) -> Engine:
    return engine(
        rules_dir=rules,
        parameters=parameters,
        reference=reference,
        scheme=scheme or (),
        curves=curves,
        model=model,
        db=db,
    )


def _judge_listed(opened: Any, judge: Engine) -> int:
    from streaming.lateness import judge_listed  # noqa: PLC0415

    total = 0
    while taken := judge_listed(opened, judge):
        total += taken
    return total
