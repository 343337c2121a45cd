"""Packs with payment terms for the tests of payment: the tiny scheme with other sheets."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from domain.tables import Tables
from drg import payment_terms, schemes
from drg.schemes import Scheme
from drg.schemes.layout import SHEETS
from drg.schemes.writing import conform
from tests.schemes import tiny

Row = dict[str, Any]

FROM = "2024-01-01"

_SHEETS = {sheet.name: sheet for sheet in SHEETS}

_PLAIN: dict[str, Row] = {
    "outliers": {"line_basis": "standard", "pays": "cost", "factor": 1},
    "day_rates": {"cap_at_cost": "false"},
    "excluded_items": {"by": "item", "share": 1},
    "special_cases": {"op": ">"},
}


def sheet(name: str, *rows: Row) -> str:
    """The text of a sheet: what a row does not say is empty, or plain for this sheet."""
    columns = _SHEETS[name].names
    lines = [",".join(columns)]
    for row in rows:
        full = {"region_code": "1101", "effective_from": FROM, "source": "made up"}
        full |= _PLAIN.get(name, {}) | row
        assert set(row) <= set(columns), set(row) - set(columns)
        lines.append(",".join("" if full.get(c) is None else str(full.get(c, "")) for c in columns))
    return "\n".join(lines) + "\n"


@cache
def _tiny() -> Scheme:
    with TemporaryDirectory() as folder:
        return schemes.load(tiny(Path(folder)))


def scheme_with(**sheets: list[Row] | None) -> Scheme:
    """The tiny scheme with these sheets instead of its own; None takes one away.

    The rows are typed as ``schemes.load`` types them but not checked.
    """
    typed = conform(
        {
            name: pl.read_csv(sheet(name, *rows).encode(), infer_schema=False)
            for name, rows in sheets.items()
            if rows is not None
        }
    )
    return replace(
        _tiny(),
        tables={**_tiny().tables, **{name: typed[name] for name in sheets}},
        # The digest tells schemes apart, here as in a pack that was read.
        sha256=hashlib.sha256(repr(sorted(sheets.items())).encode()).hexdigest(),
    )


def pay_rows(scheme: Scheme, tables: Tables, group: str | None = "BR15") -> list[Row]:
    """What each stay of the batch is paid in that group."""
    stays = pl.DataFrame(
        {"stay_id": tables.stays["stay_id"].to_pylist()}, schema={"stay_id": pl.String}
    ).with_columns(group_code=pl.lit(group, pl.String), adrg=pl.lit(group and group[:3], pl.String))
    return payment_terms.pay(stays, tables, scheme).to_dicts()


def pay_one(scheme: Scheme, tables: Tables, group: str | None = "BR15") -> Row:
    """What the only stay of the batch is paid."""
    (row,) = pay_rows(scheme, tables, group)
    return row
