"""The command ``sentinel``: one module a group of subcommands."""

from __future__ import annotations

import errno
import sys
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from cli import (
    advice,
    assess,
    backfill,
    benchmarks,
    claims,
    demo,
    evaluate,
    feedback,
    fhir,
    fields,
    graph,
    group,
    hl7,
    keys,
    models,
    project,
    reference,
    registry,
    reviews,
    rules,
    samples,
    scheme,
    serve,
    settlement,
    stream,
    tokens,
    upkeep,
    users,
)
from cli.output import complain
from domain.errors import SentinelError

app = typer.Typer(
    name="sentinel",
    help="DRG insurance-risk checks and graph fraud scoring over claims and orders.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(assess.assess)
app.command()(backfill.backfill)
app.command()(group.group)
app.command()(benchmarks.benchmarks)
app.command()(models.train)
app.command()(models.score)
app.command()(claims.unusual)
app.command()(feedback.feedback)
app.command()(registry.promote)
app.command()(registry.refresh)
app.command()(serve.serve)
app.command()(demo.demo)
app.command()(fields.fields)
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(rules.app, name="rules")
app.add_typer(registry.app, name="models")
app.add_typer(reviews.app, name="reviews")
app.add_typer(reference.app, name="reference")
app.add_typer(samples.app, name="samples")
app.add_typer(scheme.app, name="scheme")
app.add_typer(project.app, name="project")
app.add_typer(settlement.app, name="settlement")
app.add_typer(stream.app, name="stream")
app.add_typer(fhir.app, name="fhir")
app.add_typer(upkeep.app, name="db")
app.add_typer(advice.app, name="advice")
app.add_typer(graph.app, name="graph")
app.add_typer(hl7.app, name="hl7")
app.add_typer(users.app, name="users")
app.add_typer(tokens.app, name="tokens")
app.add_typer(keys.app, name="keys")


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"sentinel {installed_version('drg-sentinel')}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """DRG insurance-risk checks and graph fraud scoring over claims and orders."""


def main() -> None:
    """Run the command; an error that a person can act on ends it with status 2."""
    try:
        app()
    except SentinelError as error:
        complain(error)
        sys.exit(2)
    except OSError as error:
        if error.filename is None and error.errno != errno.ENOSPC:
            raise  # not about a file that the user named: a defect, told with its stack
        complain(
            SentinelError(
                f"a file cannot be read or written: {error.strerror or error}",
                where=str(error.filename or "the disk"),
                cure="Check that the path is right, that this user may use it, and that the disk has space.",
            )
        )
        sys.exit(2)
