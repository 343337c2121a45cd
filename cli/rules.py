"""``sentinel rules``: write, list, check and try the checks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import drg
import rules
from cli import options
from cli.output import finish
from cli.reading import PSEUDONYM_KEY, read_claims
from domain.errors import SentinelError
from domain.results import Verdict
from rules import draft, lint, loader
from rules.facts import UNITS

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
    key: options.Key = PSEUDONYM_KEY,
    limit: Annotated[int, typer.Option(min=0, help="Hits to print; the count is of all.")] = 100,
) -> None:
    """Judge files with one check, whatever its status: hits as JSON lines, then the counts."""
    everything = rules.load(folder, parameters=parameters)
    try:
        one = everything.only(rule_id)
    except KeyError as error:
        raise SentinelError(
            f"no check is named {rule_id}",
            where=str(folder),
            cure="sentinel rules list shows the ids.",
        ) from error
    read = read_claims(inputs, written, key=key)
    judged = rules.judge(one, read.tables, settled=drg.settle(read.tables, drg.load()))
    for row in judged.hits.head(limit).iter_rows(named=True):
        facts, limits = json.loads(row.pop("facts")), json.loads(row.pop("thresholds"))
        _line(json.dumps({**row, "thresholds": limits, "facts": facts}, ensure_ascii=False))
    column = judged.verdicts[rule_id]
    count: Callable[[Verdict], int] = lambda verdict: int((column == int(verdict)).sum())  # noqa: E731
    finish(
        {
            "rule": rule_id,
            "read": read.read,
            "accepted": read.accepted,
            "set_aside": read.set_aside,
            **{verdict.name.lower(): count(verdict) for verdict in Verdict},
            "hits": judged.hits.height,
        }
    )


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
