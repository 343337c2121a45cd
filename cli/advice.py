"""``sentinel advice``: how physicians take cards, a week at a time, and which checks might be quiet for them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cli.output import finish, say
from cli.stream_run import Database
from domain import advice
from domain.calendar import CHINA

if TYPE_CHECKING:
    from store import Store

app = typer.Typer(help="How physicians take the cards that they are shown.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """How physicians take the cards that they are shown."""


@app.command()
def report(
    week: Annotated[
        str | None,
        typer.Option(help="ISO week, such as 2026-W48; the last whole one, if left out."),
    ] = None,
    written: Annotated[
        Literal["json", "csv"], typer.Option("--format", help="JSON, or one table as CSV.")
    ] = "json",
    lang: Annotated[Literal["zh", "en"], typer.Option(help="Language of the words in CSV.")] = "zh",
    out: Annotated[
        Path | None, typer.Option(help="File to write; standard output, if left out.")
    ] = None,
    propose: Annotated[
        bool, typer.Option(help="Propose the checks that might be quiet, for a person to confirm.")
    ] = False,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Tell how the cards of a week were taken: hospitals, departments, checks; no physician is named.

    Run it on a timer on Monday with ``--propose``. Checks that are overridden too often over four
    weeks are then proposed to be quiet for physicians; a person confirms it on the page /advice.
    """
    import store  # noqa: PLC0415
    from scoring_api import advice_file, exports  # noqa: PLC0415

    day = datetime.now(CHINA).date() - timedelta(days=7)
    with store.open(db) as opened:
        made = opened.cards.report(week or advice.week_of(day))
        proposed = _propose(opened, made) if propose else []
    if written == "csv":
        body = b"".join(exports.csv_parts(advice_file.lines(made, lang), advice_file.COLUMNS, lang))
    else:
        body = (json.dumps(made, ensure_ascii=False) + "\n").encode()
    if out is None:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
        if propose:
            say(f"Proposed to be quiet: {', '.join(proposed) or 'none'}")
        return
    out.write_bytes(body)
    finish({"week": made["week"], "shown": made["total"]["shown"], "proposed": proposed, "out": str(out)})  # fmt: skip


def _propose(opened: Store, made: dict[str, Any]) -> list[str]:
    """Propose every candidate that is not quiet and not proposed yet; the checks proposed."""
    now = datetime.now(UTC)
    proposals = [advice.propose(one, now) for one in made["candidates"]]
    return [one.rule_id for one in proposals if opened.quiet_checks.propose(one)]
