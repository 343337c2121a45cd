"""``sentinel rules``: write, list, check and try the checks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

import drg
import rules
import rules.backtest
import rules.difference
from cli import options
from cli.output import finish, tell
from cli.reading import PSEUDONYM_KEY, read_claims
from cli.wiring import approved_values
from domain.errors import SentinelError
from domain.results import Verdict
from rules import draft, lint, loader
from rules.facts import UNITS
from streaming.pipeline import day_after_last

app = typer.Typer(help="Write, list, check and try the checks.", no_args_is_help=True)

Unit = StrEnum("Unit", {unit: unit for unit in UNITS})  # type: ignore[misc]
Folder = Annotated[Path, typer.Option(help="Folder of checks, instead of ours.")]


@app.command()
def new(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="Family and number: ADM-042.")],
    unit: Annotated[Unit, typer.Option(help="What the check judges.")],
    folder: Folder = loader.CATALOG,
) -> None:
    """Write a draft that passes the lint, and print its path."""
    _line(str(draft.write_draft(rule_id, unit.value, folder)))


@app.command("list")
def list_rules(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    family: Annotated[str | None, typer.Option(help="Only this family, such as ADM.")] = None,
    status: Annotated[rules.Status | None, typer.Option(help="Only this status.")] = None,
    folder: Folder = loader.CATALOG,
    parameters: options.Parameters = None,
) -> None:
    """List the checks: id, status, severity, unit, name."""
    for rule in rules.load(folder, parameters=parameters).rules:
        if family is not None and rule.family != family.upper():
            continue
        if status is not None and rule.status is not status:
            continue
        if as_json:
            _line(json.dumps(_described(rule), ensure_ascii=False))
        else:
            _line(
                f"{rule.id}  {rule.status:<7}  {rule.severity:<8}  {rule.unit:<9}  "
                f"{rule.name.zh} / {rule.name.en}"
            )


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]...", help="Files or folders; ours if none."),
    ] = None,
    parameters: options.Parameters = None,
) -> None:
    """Lint the files, run their cases and kill their mutants; exit 1 if anything is wrong."""
    given = paths or [loader.CATALOG]
    problems = lint.check_paths(given, parameters=parameters)
    for problem in problems:
        _line(str(problem))
    files = sum(len(rules.ruleset.rule_files(path)) for path in given)
    finish({"files": files, "problems": len(problems)})
    if problems:
        raise typer.Exit(1)


@app.command()
def run(
    rule_id: Annotated[str, typer.Argument(metavar="RULE", help="The check to try.")],
    inputs: options.Inputs,
    written: options.Written = None,
    folder: Folder = loader.CATALOG,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    key: options.Key = PSEUDONYM_KEY,
    limit: Annotated[int, typer.Option(min=0, help="Hits to print; the count is of all.")] = 100,
) -> None:
    """Judge files with one check, whatever its status: hits as JSON lines, then the counts."""
    everything = rules.load(folder, parameters=parameters, reference=reference)
    one = _only(everything, rule_id, folder)
    read = read_claims(inputs, written, key=key)
    settled = drg.settle(read.tables, drg.load())
    if one.aggregate_ids:
        upto = day_after_last(read.tables) or date.max
        found = rules.judge_aggregates(one, read.tables, settled=settled, upto=upto)
        hits, column = found.findings, found.verdicts["verdict"]
    else:
        judged = rules.judge(one, read.tables, settled=settled)
        hits, column = judged.hits, judged.verdicts[rule_id]
    for row in hits.head(limit).iter_rows(named=True):
        facts, limits = json.loads(row.pop("facts")), json.loads(row.pop("thresholds"))
        _line(
            json.dumps(
                {**row, "thresholds": limits, "facts": facts}, ensure_ascii=False, default=str
            )
        )
    count: Callable[[Verdict], int] = lambda verdict: int((column == int(verdict)).sum())  # noqa: E731
    finish(
        {
            "rule": rule_id,
            "read": read.read,
            "accepted": read.accepted,
            "set_aside": read.set_aside,
            **{verdict.name.lower(): count(verdict) for verdict in Verdict},
            "hits": hits.height,
        }
    )


@app.command()
def backtest(
    rule_id: Annotated[str, typer.Argument(metavar="RULE", help="The check to try.")],
    first: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of service.")
    ],
    last: Annotated[
        datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of service.")
    ],
    db: Annotated[
        str, typer.Option(help="Database with the claims: sqlite:///file.db")
    ] = "sqlite:///sentinel.db",
    file: Annotated[
        Path | None,
        typer.Option(help="A changed file of the check; else the one in force is tried."),
    ] = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    folder: Folder = loader.CATALOG,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    limit: Annotated[int, typer.Option(min=0, help="Hits to print; the count is of all.")] = 20,
) -> None:
    """Judge stored claims of a period with one check: hits, money, overlap, and what a changed file alters.

    A check of hospitals' months or physicians' days judges those that ended in the period. Nothing is stored, no alert is raised. The last line printed is JSON.
    """
    import store  # noqa: PLC0415
    from streaming.service import look_back  # noqa: PLC0415

    in_force = rules.load(
        folder, parameters=parameters, reference=reference, approved=approved_values(db)
    )
    changed = None if file is None else rules.load(file, parameters=parameters, reference=reference)
    candidate = _only(in_force if changed is None else changed, rule_id, file or folder)
    known = {rule.id for rule in in_force.rules if rule.status is rules.Status.ACTIVE}
    period = (first.date(), last.date())
    of_many = bool(candidate.aggregate_ids)
    with store.open(db) as opened:
        # Months are compared with the year before them.
        since = period[0] - rules.backtest.PAST if of_many else period[0]
        claims = (
            opened.ended(since, period[1] + timedelta(days=1))
            if of_many
            else opened.period(*period)
        )
        if not len(claims):
            raise SentinelError(
                f"no claim was served from {since} to {period[1]}",
                where=db,
                cure="Name another period, or the database into which the claims were assessed.",
            )
        past = None if of_many else look_back(opened, claims)
        hits = (
            opened.stored_findings(*period)
            if of_many
            else opened.stored_hits(claims.stays["stay_id"].to_pylist())
        )
    made = rules.backtest.backtest(
        candidate,
        claims,
        history=past,
        settled=drg.settle(
            claims,
            drg.load(scheme or ()),
            curves=None if curves is None else drg.Curves.load(curves),
        ),
        in_force=in_force.only(rule_id) if changed is not None and rule_id in known else None,
        others=pl.DataFrame(hits, schema=["subject", "rule_id"], orient="row") if hits else None,
        period=period,
    )
    subject = "subject_id" if of_many else "stay_id"
    for row in made.found.head(limit).iter_rows(named=True):
        mark = "" if made.gained is None else "new" if row[subject] in made.gained else "same"
        _line(json.dumps({subject: row[subject], "subject_id": row["subject_id"], "change": mark,
                          "exposure_fen": row["exposure_fen"], "finding_zh": row["finding_zh"],
                          "finding_en": row["finding_en"]}, ensure_ascii=False))  # fmt: skip
    finish(
        {
            **made.as_json(),
            "from": str(period[0]),
            "to": str(period[1]),
            f"lost_{made.counted}": list(made.lost or ())[:limit],
        }
    )


@app.command("parameters")
def write_parameters(
    out: Annotated[Path, typer.Option(help="Folder for the files, one a region.")],
    db: Annotated[
        str, typer.Option(help="Database with the proposals: sqlite:///file.db")
    ] = "sqlite:///sentinel.db",
) -> None:
    """Write the approved values of parameters as files for --parameters, on machines without the database."""
    values = approved_values(db)
    files = rules.overlay.tell_files(values)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
        _line(str(out / name))
    finish({"values": len(values), "files": len(files)})


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Catalogue in force.")],
    new: Annotated[Path, typer.Argument(help="Catalogue to come.")],
) -> None:
    """Say what changes from one catalogue to another; exit 1 if a past date is edited or a check left out."""
    changes = rules.difference.compare(rules.load(old), rules.load(new))
    for change in changes:
        _line(str(change))
    refused = sum(change.refused for change in changes)
    finish({"changes": len(changes), "refused": refused})
    if refused:
        tell(
            "A past date is never edited: add a date instead. A check that ends is retired, not removed."
        )
        raise typer.Exit(1)


def _only(everything: rules.RuleSet, rule_id: str, where: Path) -> rules.RuleSet:
    try:
        return everything.only(rule_id)
    except KeyError as error:
        raise SentinelError(
            f"no check is named {rule_id}",
            where=str(where),
            cure="sentinel rules list shows the ids.",
        ) from error


def _described(rule: rules.Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name_zh": rule.name.zh,
        "name_en": rule.name.en,
        "status": str(rule.status),
        "severity": str(rule.severity),
        "unit": rule.unit,
        "cause": rule.cause,
        "since": str(rule.since),
        "until": None if rule.until is None else str(rule.until),
        "params": {
            name: {
                "unit": param.unit,
                **{
                    region or "default": {str(since): str(value) for since, value in dated}
                    for region, dated in param.values.items()
                },
            }
            for name, param in rule.params.items()
        },
        "when": {str(since): predicate for since, predicate in rule.when.items()},
        "sha256": rule.sha256,
    }


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
