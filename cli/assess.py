"""``sentinel assess``: claims from files to decisions, alerts and dead letters."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import options
from cli.accounts import keeper
from cli.output import finish, say, tell, writable
from cli.reading import PSEUDONYM_KEY, read_claims
from cli.wiring import engine
from domain import SCHEMA_VERSION
from streaming import outputs
from streaming.intake import Intake, deadletters
from streaming.pipeline import Engine, day_after_last
from streaming.pipeline import assess as judge_batch


def assess(
    inputs: options.Inputs,
    out: Annotated[Path, typer.Option(help="Folder for decisions, alerts and dead letters.")],
    written: options.Written = None,
    model: options.Model = None,
    refresh: Annotated[
        bool,
        typer.Option(
            help="Score providers anew from these claims, instead of the scores stored with the "
            "model; give at least as long a time as it was trained on."
        ),
    ] = False,
    db: Annotated[
        str | None, typer.Option(help="Database to keep the results in: sqlite:///file.db")
    ] = None,
    upto: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Hospitals' months and physicians' days are judged if they ended before this day; "
            "else the day after the last discharge of the input.",
        ),
    ] = None,
    rules: options.Rules = None,
    parameters: options.Parameters = None,
    reference: options.Reference = None,
    scheme: options.Schemes = None,
    curves: options.Curves = None,
    key: options.Key = PSEUDONYM_KEY,
    encoding: Annotated[str, typer.Option(help="utf-8 or gb18030.")] = "utf-8",
    keep_identifiers: options.KeepIdentifiers = False,
    field_keys: options.FieldKeys = None,
) -> None:
    """Assess claims; the last line printed is JSON: read, accepted, set aside, decisions, alerts, findings.

    Ends with status 1 if not one record could be accepted.
    """
    began = time.monotonic()
    if keep_identifiers and db is None:
        raise typer.BadParameter("--keep-identifiers needs --db: they are kept there")
    # What cannot be written is told now, not after an hour of judging.
    writable(out)
    if db is not None:
        import store  # noqa: PLC0415

        store.open(db).close()
    judge = engine(
        rules_dir=rules,
        parameters=parameters,
        reference=reference,
        scheme=scheme or (),
        curves=curves,
        model=model,
        db=db,
        inputs=inputs if refresh else (),
    )
    keep = keeper(db, field_keys) if keep_identifiers and db is not None else None
    read = read_claims(inputs, written, key=key, encoding=encoding, keep=keep)
    summary = run(
        read,
        judge,
        out=out,
        inputs=inputs,
        db=db,
        refresh=refresh,
        upto=None if upto is None else upto.date(),
        began=began,
    )
    _tell_what_is_missing(read, out)
    finish(summary)
    if read.read and not read.accepted:
        raise typer.Exit(1)


def _tell_what_is_missing(read: Intake, out: Path) -> None:
    """Say what of the input is not in the results: files, records, or everything."""
    if read.left:
        tell(f"{len(read.left)} files were not read: {', '.join(str(p) for p, _ in read.left)}")
    if not read.read:
        tell("the input holds no records")
    if read.set_aside:
        tell(
            f"{read.set_aside:,} of {read.read:,} records were set aside; "
            f"{out / deadletters.JSONL} says why, and {deadletters.RAW} keeps them"
        )


def run(
    read: Intake,
    judge: Engine,
    *,
    out: Path,
    inputs: Sequence[Path],
    db: str | None = None,
    refresh: bool = False,
    upto: date | None = None,
    began: float | None = None,
) -> dict[str, Any]:
    """Judge what was read, leave everything in ``out`` (and in the database), and count it.

    Checks look back into the whole input and, with ``db``, into the claims stored there.
    Complete months of hospitals and days of physicians are judged over the input alone; in the
    database, what is found on them is that of all its claims.
    """
    began = time.monotonic() if began is None else began
    deadletters.write(read.refusals, out)
    with ExitStack() as closing:
        opened = history = None
        if db is not None:
            import store  # noqa: PLC0415 (a run without a database need not load SQLAlchemy)
            from streaming.service import look_back  # noqa: PLC0415

            opened = closing.enter_context(store.open(db))
            history = look_back(opened, read.tables)
            say(f"Looking back at {len(history):,} stored claims")
        say(f"Judging {read.accepted:,} claims with {len(judge.ruleset.ids)} checks")
        upto = upto or day_after_last(read.tables)
        results = judge_batch(
            read.tables,
            judge,
            history=history,
            refresh=refresh,
            upto=upto,
        )
        if opened is not None:
            from streaming.refresh import keep_whole  # noqa: PLC0415

            say(f"Writing to {db}")
            keep_whole(opened, read.tables, results, judge, upto=upto)
    seconds = time.monotonic() - began
    summary = {
        "read": read.read,
        "accepted": read.accepted,
        "set_aside": read.set_aside,
        "decisions": results.decisions.num_rows,
        "alerts": results.alerts.num_rows,
        "findings": results.findings.num_rows,
        "seconds": round(seconds, 3),
        "claims_per_second": round(read.accepted / seconds) if seconds else None,
    }
    record = summary | {
        "version": installed_version("drg-sentinel"),
        "schema_version": SCHEMA_VERSION,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "inputs": [str(path) for path in inputs],
        "files": [
            {
                "path": str(c.source.path),
                "content": c.source.content,
                "read": c.read,
                "accepted": c.accepted,
                "set_aside": c.set_aside,
            }
            for c in read.files
        ],
        "not_read": {str(path): why for path, why in read.left},
        "references_set_aside": read.references_set_aside,
        "rules_sha256": judge.ruleset.sha256,
        "reference": str(judge.ruleset.reference),
        "reference_sha256": judge.ruleset.reference_sha256,
        "rules": list(judge.ruleset.ids),
        "aggregate_rules": list(judge.ruleset.aggregate_ids),
        "shadow_rules": [c.rule.id for c in judge.ruleset.shadow.compiled]
        if judge.ruleset.shadow
        else [],
        "pack_sha256": judge.pack_sha256,
        "model_sha256": judge.artifact.sha256 if judge.artifact else None,
    }
    outputs.write(results, record, out)
    return summary
