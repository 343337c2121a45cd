"""Payment packs: a folder of two tables, groups with weights and regions with rates.

``groups.csv``: group_code, name_zh, name_en, weight, mean_stay_days, source.
``region.csv``: region_code, insurance_type, base_rate_yuan, level, level_coefficient,
effective_from, source; one row a region, insurance type, hospital level and date.
A pack is data: a city changes it without code.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl

from domain.errors import SentinelError

SAMPLE_PACK = Path(__file__).parent / "packs" / "sample"
"""The pack for the sample data: weights and rates invented for it."""

_GROUPS = ("group_code", "name_zh", "name_en", "weight", "mean_stay_days", "source")
_REGION = (
    "region_code",
    "insurance_type",
    "base_rate_yuan",
    "level",
    "level_coefficient",
    "effective_from",
    "source",
)
# With at most 4 places each, weight x rate x coefficient stays inside 64-bit integers.
_LIMITS = {
    "weight": (Decimal(100), 4),
    "mean_stay_days": (Decimal(1000), 2),
    "base_rate_yuan": (Decimal(100_000), 2),
    "level_coefficient": (Decimal(10), 4),
}


class PackError(SentinelError):
    """A pack's table cannot be used."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A loaded pack.

    ``groups``: group_code, weight_e4 (weight x 10,000), mean_stay_days. ``rates``:
    region_code, insurance_type, level, rate_fen (base rate in fen a weight),
    coefficient_e4, effective_from (date). ``sha256`` covers both files.
    """

    groups: pl.DataFrame
    rates: pl.DataFrame
    names: dict[str, tuple[str, str]]
    sha256: str


def load(folder: Path = SAMPLE_PACK) -> Pack:
    """Read and check a pack; PackError names file, row and cure."""
    groups = _read(folder / "groups.csv", _GROUPS, key=("group_code",))
    region = _read(
        folder / "region.csv",
        _REGION,
        key=("region_code", "insurance_type", "level", "effective_from"),
    )
    digest = hashlib.sha256()
    for name in ("groups.csv", "region.csv"):
        digest.update((folder / name).read_bytes())
    return Pack(
        groups=groups.select(
            "group_code",
            _scaled("weight", 4).alias("weight_e4"),
            pl.col("mean_stay_days").cast(pl.Float64),
        ),
        rates=region.select(
            "region_code",
            "insurance_type",
            "level",
            _scaled("base_rate_yuan", 2).alias("rate_fen"),
            _scaled("level_coefficient", 4).alias("coefficient_e4"),
            pl.col("effective_from").str.to_date("%Y-%m-%d"),
        ),
        names={row["group_code"]: (row["name_zh"], row["name_en"]) for row in groups.to_dicts()},
        sha256=digest.hexdigest(),
    )


def _scaled(column: str, places: int) -> pl.Expr:
    """The decimal text as an integer number of 10**-places, exactly."""
    return pl.col(column).map_elements(
        lambda text: int(Decimal(text).scaleb(places)), return_dtype=pl.Int64
    )


def _read(path: Path, columns: tuple[str, ...], *, key: tuple[str, ...]) -> pl.DataFrame:
    if not path.is_file():
        raise PackError(
            "a pack needs this file and it is not there",
            where=str(path),
            cure=f"Add it with the columns {', '.join(columns)}.",
        )
    table = pl.read_csv(path, infer_schema=False)
    if tuple(table.columns) != columns:
        raise PackError(
            f"the columns are {', '.join(table.columns)}",
            where=str(path),
            cure=f"They must be exactly {', '.join(columns)}.",
        )
    for number, row in enumerate(table.iter_rows(named=True), start=2):
        where = f"{path}:{number}"
        for name in columns:
            if row[name] is None:
                raise PackError(f"{name} is empty", where=where, cure="Fill it in.")
        for name, (limit, places) in _LIMITS.items():
            if name in row:
                _check_decimal(row[name], name, limit, places, where)
        if "effective_from" in row and not re.fullmatch(
            r"\d{4}-\d{2}-\d{2}", row["effective_from"]
        ):
            raise PackError(
                f"effective_from is {row['effective_from']!r}",
                where=where,
                cure="Write a date as YYYY-MM-DD.",
            )
    twice = table.filter(table.select(key).is_duplicated())
    if twice.height:
        raise PackError(
            f"two rows have the same {', '.join(key)}: {twice.select(key).row(0)}",
            where=str(path),
            cure="Keep one of them.",
        )
    return table


def _check_decimal(text: str, name: str, limit: Decimal, places: int, where: str) -> None:
    if not re.fullmatch(rf"\d+(\.\d{{1,{places}}})?", text) or not 0 < Decimal(text) < limit:
        raise PackError(
            f"{name} is {text!r}",
            where=where,
            cure=f"Write a number above 0 and below {limit} with at most {places} decimal places.",
        )
