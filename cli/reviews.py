"""``sentinel reviews``: conclusions of auditors as a file: out for analysis, in from earlier audits."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli.output import finish, tell
from cli.stream_run import Database

if TYPE_CHECKING:
    from domain.review import Review
    from store import Store

app = typer.Typer(
    help="What people concluded about findings: export, and import of earlier audits.",
    no_args_is_help=True,
)

COLUMNS: Final = (
    "stay_id", "finding_id", "rule_id", "outcome", "reason", "recovered_fen", "currency", "note",
    "reviewer", "reviewed_at",
)  # fmt: skip


@app.command()
def export(
    out: Annotated[Path | None, typer.Option(help="CSV file; standard output without it.")] = None,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Write every review as CSV, oldest first; ``import`` reads it again."""
    import store  # noqa: PLC0415

    with store.open(db) as opened:
        if out is None:
            _write(sys.stdout, opened)
            return
        with out.open("w", encoding="utf-8-sig", newline="") as file:
            number = _write(file, opened)
    finish({"reviews": number, "out": str(out)})


@app.command("import")
def import_(
    inputs: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, UTF-8.")],
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Take over conclusions of earlier audits, a line each, so that precision is known from the first day.

    Columns: rule_id, outcome, reason, reviewer, reviewed_at (with its zone), and stay_id or finding_id;
    recovered_fen with currency, and note, if there are any. A line of a stay belongs to the decision on it that
    counts now. The same line again is stored once. Ends with status 1 if a line was refused.
    """
    import store  # noqa: PLC0415

    read, refused, kept = 0, 0, 0
    with store.open(db) as opened:
        for path in inputs:
            good: list[Review] = []
            for line, row in _lines(path):
                read += 1
                found = _review(row, opened)
                if isinstance(found, str):
                    refused += 1
                    tell(f"{path}:{line}: {found}")
                else:
                    good.append(found)
            kept += opened.keep_reviews(good) if good else 0
    finish({"read": read, "stored": kept, "known": read - refused - kept, "refused": refused})
    if refused:
        raise typer.Exit(1)


def _write(file: Any, opened: Store) -> int:
    writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    number = 0
    for review in opened.all_reviews():
        row = {name: getattr(review, name) for name in COLUMNS}
        writer.writerow({**row, "reviewed_at": review.reviewed_at.isoformat()})
        number += 1
    return number


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield reader.line_num, {k: (v or "").strip() for k, v in row.items() if k is not None}


def _review(row: dict[str, str], opened: Store) -> Review | str:
    """The line as a review, or what is wrong with it and what to do."""
    from domain.results import identifier  # noqa: PLC0415
    from domain.review import OUTCOMES, REASONS_OF, Review  # noqa: PLC0415

    value = {name: row.get(name, "") or None for name in COLUMNS}
    missing = [
        n for n in ("rule_id", "outcome", "reason", "reviewer", "reviewed_at") if not value[n]
    ]
    if missing:
        return f"{', '.join(missing)}: empty. Fill in every column that --help names."
    outcome, reason = str(value["outcome"]), str(value["reason"])
    if outcome not in OUTCOMES:
        return f"outcome: not known. Write one of {', '.join(OUTCOMES)}."
    if reason not in REASONS_OF[outcome]:
        return f"reason: {outcome} does not have it. Write one of {', '.join(REASONS_OF[outcome])}."
    try:
        reviewed_at = datetime.fromisoformat(str(value["reviewed_at"]))
    except ValueError:
        return "reviewed_at: no instant. Write 2025-03-01T09:30:00+08:00."
    if reviewed_at.tzinfo is None:
        return "reviewed_at: without its zone. Write 2025-03-01T09:30:00+08:00."
    fen = value["recovered_fen"]
    if (fen is None) != (value["currency"] is None) or (fen is not None and not fen.isdigit()):
        return "recovered_fen: no amount with its currency. Write whole fen and CNY, or leave both empty."
    if (value["stay_id"] is None) == (value["finding_id"] is None):
        return "stay_id, finding_id: one of the two says what was reviewed. Fill in just one."
    decision_id = None
    if value["stay_id"] is not None:
        decision_id = opened.decision_with_hit(value["stay_id"], str(value["rule_id"]))
        if decision_id is None:
            return "stay_id, rule_id: no decision that counts has a hit of this check. Assess the claim first."
    elif (finding := opened.finding(str(value["finding_id"]))) is None or finding[
        "rule_id"
    ] != value["rule_id"]:
        return (
            "finding_id, rule_id: no such finding of this check. Take them from GET /v1/findings."
        )
    return Review(
        review_id=identifier("review", *(str(value[name]) for name in COLUMNS)),
        rule_id=str(value["rule_id"]),
        outcome=outcome,
        reason=reason,
        reviewer=str(value["reviewer"]),
        reviewed_at=reviewed_at,
        decision_id=decision_id,
        stay_id=value["stay_id"],
        finding_id=value["finding_id"],
        recovered_fen=None if fen is None else int(fen),
        currency=value["currency"],
        note=value["note"],
    )
