"""``sentinel feedback``: what reviews say of each check and of each score band, quarter by quarter."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.table import Table

from cli.output import finish
from cli.stream_run import Database
from domain.errors import SentinelError

if TYPE_CHECKING:
    from store import Store


def feedback(
    zone: Annotated[
        str, typer.Option(help="Time zone in which a review falls into a quarter.")
    ] = "Asia/Shanghai",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    db: Database = "sqlite:///sentinel.db",
) -> None:
    """Show the precision of checks and of score bands over time, from the reviews in the database.

    Of several reviews of one thing the last counts. A stay counts as confirmed in its score band if one
    of its checks was confirmed. Only what was reviewed is counted, which people choose.
    """
    import store  # noqa: PLC0415

    try:
        where = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SentinelError(
            f"there is no time zone {zone}", where="--zone", cure="Write one such as Asia/Shanghai."
        ) from error
    with store.open(db) as opened:
        checks, bands = read(opened, where)
    if as_json:
        finish({"checks": checks, "score_bands": bands})
        return
    console = Console(highlight=False)
    if not checks:
        console.print(
            "No review is in the database yet: alerts are reviewed on their pages, and earlier audits "
            "come in by `sentinel reviews import`."
        )
        return
    console.print(_table(("check", "quarter"), ((c["rule_id"], c["quarter"], c) for c in checks)))
    if bands:
        heads = ("model", "quarter", "score")
        rows = (
            (b["model_sha256"][:12], b["quarter"], f"{b['from']:.1f} to {b['to']:.1f}", b)
            for b in bands
        )
        console.print()
        console.print(_table(heads, rows))


def read(opened: Store, zone: tzinfo) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The record of each check and quarter, and of each model, quarter and score band."""
    from domain.feedback import by_band, by_check, told  # noqa: PLC0415

    conclusions = opened.conclusions()
    checks = [
        {"rule_id": rule, "quarter": quarter, **told(found)}
        for rule, quarters in by_check(conclusions, zone).items()
        for quarter, found in quarters.items()
    ]
    return checks, [band.record() for band in by_band(conclusions, zone)]


def _table(heads: tuple[str, ...], rows: Any) -> Table:
    table = Table(box=None)
    for head in (*heads, "confirmed", "partly", "not confirmed", "open", "precision", "95 %"):
        table.add_column(head)
    for *names, found in rows:
        interval = found["precision_interval"]
        table.add_row(
            *names,
            *(str(found[n]) for n in ("confirmed", "partly", "not_confirmed", "needs_information")),
            "" if found["precision"] is None else f"{found['precision']:.2f}",
            "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}",
        )
    return table
