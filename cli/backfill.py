"""``sentinel backfill``: years of claims in parts, on Spark or in one process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import options
from cli.output import bar, finish, say, tell, writable
from cli.reading import PSEUDONYM_KEY, guess
from cli.wiring import engine
from streaming import intake
from streaming.pseudonym import PseudonymKey

CLAIMS = "claims"
"""The folder under --out that holds claims made ready."""


def backfill(
    inputs: Annotated[
        list[Path],
        typer.Option(
            "--input",
            help="Claims as `sentinel assess` takes them, or a folder that an earlier backfill made ready "
            "(OUT/claims); may be given several times.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; on Spark a shared one.")],
    master: Annotated[
        str | None,
        typer.Option(
            help="Spark master: local[2], spark://host:7077, yarn. Left out: this process alone, without Spark."
        ),
    ] = None,
    conf: Annotated[
        list[str] | None,
        typer.Option(help="A setting of Spark, such as spark.executor.memory=8g; may be repeated."),
    ] = None,
    buckets: Annotated[
        int | None,
        typer.Option(min=1, help="Parts to cut the claims into; else one for 20,000 claims."),
    ] = None,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Only make the claims ready in OUT/claims.")
    ] = False,
    keep_work: Annotated[
        bool, typer.Option("--keep-work", help="Keep what lies between the stages.")
    ] = False,
    upto: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Months and days are judged if they ended before this day; else the day after the last discharge.",
        ),
    ] = None,
    written: options.Written = None,
    model: options.Model = None,
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    key: options.Key = PSEUDONYM_KEY,
    encoding: Annotated[str, typer.Option(help="utf-8 or gb18030.")] = "utf-8",
) -> None:
    """Judge years of claims in parts; the same command goes on where an earlier run stopped.

    The last line printed is JSON. Status 1: some parts failed (``failed`` says which and why; run
    again to do only those), or no record could be accepted. docs/backfill.md is the manual.
    """
    from streaming import backfill as parts  # noqa: PLC0415

    writable(out)
    settings = dict(_setting(text) for text in conf or ())
    if master is not None:
        from streaming.backfill import spark  # noqa: PLC0415

        spark.check()  # what is missing is told now, not after an hour of reading
    prepared = _prepare(inputs, out, written, key, encoding)
    if prepare_only or not prepared.accepted:
        finish(_counts(prepared))
        raise typer.Exit(0 if prepared.accepted else 1)
    recipe = parts.Recipe(
        engine,
        (
            ("rules_dir", _whole(rules)),
            ("parameters", _whole(parameters)),
            ("reference", _whole(reference)),
            ("scheme", tuple(p.resolve() for p in scheme or ())),
            ("curves", _whole(curves)),
            ("model", _whole(model)),
        ),
    )
    day = _upto(prepared, None if upto is None else upto.date())
    with (
        nullcontext(parts.Alone()) if master is None else spark.session(master, settings) as runner
    ):
        record = parts.run(
            prepared, recipe, runner, out, upto=day, buckets=buckets, keep_work=keep_work, say=say
        )
    for failure in record["failed"]:
        tell(f"{failure['stage']}, bucket {failure['bucket']}: {failure['reason']}")
    finish({k: v for k, v in record.items() if k not in ("rules", "aggregate_rules")})
    if record["failed"]:
        tell("Some parts failed: put right what they name and run the same command again.")
        raise typer.Exit(1)


def _prepare(
    inputs: Sequence[Path],
    out: Path,
    written: options.Written,
    key: Path,
    encoding: str,
) -> Any:
    """The claims made ready: those named, or those made ready now or by an earlier run."""
    from streaming import backfill as parts  # noqa: PLC0415

    if len(inputs) == 1 and parts.is_prepared(inputs[0]):
        return parts.open_folder(inputs[0])
    folder = out / CLAIMS
    if parts.is_prepared(folder):
        prepared = parts.open_folder(folder)
        parts.check_inputs(prepared, inputs)
        say(f"The claims in {folder} were made ready before")
        return prepared
    form: intake.Format = guess(inputs) if written is None else written.value
    with bar("Making claims ready") as meter:
        batches = intake.read_batches(
            inputs, form, key=PseudonymKey.find(key), encoding=encoding, progress=meter
        )
        prepared = parts.write(batches, folder, inputs)
    if prepared.set_aside:
        tell(
            f"{prepared.set_aside:,} of {prepared.read:,} records were set aside; "
            f"{folder / intake.deadletters.JSONL} says why"
        )
    return prepared


def _upto(prepared: Any, given: date | None) -> date:
    if given is not None:
        return given
    last: date = prepared.last_day or prepared.served[1]
    return last + timedelta(days=1)


def _counts(prepared: Any) -> dict[str, Any]:
    return {
        "read": prepared.read,
        "accepted": prepared.accepted,
        "set_aside": prepared.set_aside,
        "parts": prepared.parts,
        "claims": str(prepared.folder),
    }


def _whole(path: Path | None) -> Path | None:
    """The path as every machine of a cluster can open it."""
    return None if path is None else path.resolve()


def _setting(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name.startswith("spark."):
        raise typer.BadParameter(f"{text} is no setting: write spark.name=value")
    return name, value
