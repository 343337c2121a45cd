"""``sentinel group``: stays from a table or claims, to groups, prices and what decided them."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import drg
from cli import flatcsv, options
from cli.output import finish, say, tell, writable
from cli.reading import PSEUDONYM_KEY, guess, read_claims
from domain.errors import Refusal
from domain.tables import Tables, concat
from streaming.intake import InputError, holds_provider_claims
from streaming.pseudonym import PseudonymKey

Bad = list[tuple[str, int, tuple[Refusal, ...]]]

FLAT = (
    "stay_id", "scheme", "status", "reason", "unknown_codes", "mdc", "adrg", "group", "group_name_zh",
    "severity", "severity_diagnosis", "price_group", "price_source", "weight",
    "payment_standard_fen", "case", "payment_fen", "balance_fen", "review_reasons", "absent",
)  # fmt: skip
"""The columns of groups.csv."""


def group(
    inputs: options.Inputs,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for groups.jsonl, groups.csv and set-aside.jsonl; else JSON lines are printed."
        ),
    ] = None,
    scheme: options.Schemes = None,
    trace: Annotated[bool, typer.Option("--trace", help="Add what decided each group.")] = False,
    key: options.Key = PSEUDONYM_KEY,
    encoding: Annotated[str, typer.Option(help="utf-8 or gb18030.")] = "utf-8",
) -> None:
    """Group and price stays: a CSV with one row a stay (docs/grouping.md), or claims as JSON lines or Parquet.

    Ends with status 1 if not one stay could be read.
    """
    began = time.monotonic()
    if out is not None:
        writable(out)
    library = drg.load(scheme or ())
    tables, read, bad = _read(inputs, key, encoding)
    say(f"Grouping {len(tables):,} claims")
    settled = drg.settle(tables, library, trace=trace)
    told = drg.tell(settled, trace=trace)
    if out is None:
        _print(told)
    else:
        _write(told, bad, out)
    for where, line, reasons in bad[:5]:
        tell(
            f"{where}:{line} was set aside: {reasons[0].field} {reasons[0].value} ({reasons[0].rule}). {reasons[0].cure}"
        )
    if len(bad) > 5:
        tell(f"{len(bad) - 5:,} more were set aside")
    summary = {
        "read": read,
        "accepted": len(tables),
        "set_aside": len(bad),
        "statuses": dict(Counter(one["status"] for one in told).most_common()),
        "seconds": round(time.monotonic() - began, 3),
    }
    if out is not None:
        finish(summary)
    else:
        tell(json.dumps(summary, ensure_ascii=False))
    if read and not len(tables):
        raise typer.Exit(1)


def _read(inputs: Sequence[Path], key: Path, encoding: str) -> tuple[Tables, int, Bad]:
    """Claims of all inputs. A CSV is a table of stays, unless its header is the provider's."""
    flat = [p for p in inputs if p.suffix.lower() == ".csv" and not holds_provider_claims(p)]
    if flat and len(flat) < len(inputs):
        raise InputError(
            "tables of stays and other claims are given together",
            where=", ".join(str(p) for p in inputs),
            cure="Group them one after the other.",
        )
    if not flat:
        read = read_claims(inputs, None, key=key, encoding=encoding)
        bad = [(r.source, r.number, r.reasons) for r in read.refusals]
        return read.tables, read.read, bad
    secret = PseudonymKey.find(key)
    parts = []
    for path in flat:
        if not path.is_file():
            guess([path])  # says what is wrong with the path
        parts.append((path, flatcsv.read(path, secret, encoding=encoding)))
    return (
        concat([part.tables for _, part in parts]),
        sum(part.read for _, part in parts),
        [(str(path), line, reasons) for path, part in parts for line, reasons in part.refused],
    )


def _print(told: list[dict[str, Any]]) -> None:
    for one in told:
        sys.stdout.write(json.dumps(one, ensure_ascii=False) + "\n")


def _write(told: list[dict[str, Any]], bad: Bad, out: Path) -> None:
    with (out / "groups.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in told)
    with (out / "groups.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(FLAT)
        rows.writerows(_flat(told))
    with (out / "set-aside.jsonl").open("w", encoding="utf-8") as file:
        for source, line, reasons in bad:
            letter = {
                "source": source,
                "line": line,
                "reasons": [
                    {"field": r.field, "value": r.value, "rule": r.rule, "cure": r.cure}
                    for r in reasons
                ],
            }
            file.write(json.dumps(letter, ensure_ascii=False) + "\n")


def _flat(told: list[dict[str, Any]]) -> Iterator[list[Any]]:
    for one in told:
        price = one["price"]
        yield [
            one["stay_id"], one["scheme"], one["status"], (one["reason"] or {}).get("code"),
            "|".join(one.get("unknown_codes", [])),
            one["mdc"], one["adrg"], one["group"], (one["group_name"] or {}).get("zh"),
            one["severity"], one["severity_diagnosis"], price["group"], price["source"],
            price["weight"], price["payment_standard_fen"], price["case"], price["payment_fen"],
            price["balance_fen"], "|".join(price["review_reasons"]), price["absent"],
        ]  # fmt: skip
