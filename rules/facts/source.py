"""What facts are computed from: the batch, the history, prices and reference tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
import pyarrow as pa

from domain.errors import SentinelError
from domain.tables import Tables
from drg import Settled
from rules.facts import reference


@dataclass(frozen=True)
class Source:
    """The inputs of a run. Stays of the history that the batch holds too are left out of it.

    A history may hold the batch's own stays (a delivery that comes twice, an older
    version of a claim); they never see themselves.
    """

    batch: Tables
    history: Tables | None = None
    settled: Settled | None = None
    reference: Path = reference.FOLDER

    def __post_init__(self) -> None:
        ids = frame(self.batch.stays.select(["stay_id"]))
        twice = ids.filter(ids["stay_id"].is_duplicated())
        if twice.height:
            raise SentinelError(
                f"stay {twice['stay_id'][0]} stands twice in one batch",
                where="stays.stay_id",
                cure="Judge one version of a claim at a time; intake keeps the highest.",
            )

    def table(self, name: str) -> pl.DataFrame:
        """A table of the batch."""
        found: pl.DataFrame = self._frames[name]
        return found

    def once(self, name: str, make: Callable[[Source], pl.DataFrame]) -> pl.DataFrame:
        """What ``make`` gives for this source, computed at the first call of that name."""
        if name not in self._made:
            self._made[name] = make(self)
        return self._made[name]

    @cached_property
    def _made(self) -> dict[str, pl.DataFrame]:
        return {}

    @cached_property
    def _frames(self) -> dict[str, pl.DataFrame]:
        return {name: frame(table) for name, table in self.batch.items()}

    @cached_property
    def claims(self) -> pl.DataFrame:
        """Heads of batch and history, one row a stay, with ``in_batch``; patients of the batch only."""
        mine = (
            self.table("stays")
            .select(_HEAD)
            .with_columns(infant=_infant(), in_batch=pl.lit(value=True))
        )
        past = self._past
        if past is None:
            return mine
        theirs = past.select(_HEAD).with_columns(infant=_infant(), in_batch=pl.lit(value=False))
        return pl.concat([mine, theirs])

    @cached_property
    def _past(self) -> pl.DataFrame | None:
        """Heads of the history: highest version of each stay, without the batch's own."""
        if self.history is None or not len(self.history):
            return None
        heads = frame(self.history.stays).join(
            self.table("stays").select("stay_id"), on="stay_id", how="anti"
        )
        return heads.sort("claim_version").unique("stay_id", keep="last", maintain_order=True)

    @cached_property
    def past_ids(self) -> pl.DataFrame | None:
        """The stays of the history that facts may see (``stay_id``); None without a history."""
        return None if self._past is None else self._past.select("stay_id")

    def all_rows(self, name: str) -> pl.DataFrame:
        """A table of batch and history together, each stay once."""
        return self.once(f"all rows of {name}", lambda source: source._all_rows(name))

    def _all_rows(self, name: str) -> pl.DataFrame:
        mine = self.table(name)
        if self.history is None or self._past is None:
            return mine
        if name == "stays":
            return pl.concat([mine, self._past.select(mine.columns)])
        kept = frame(getattr(self.history, name)).join(
            self._past.select("stay_id"), on="stay_id", how="semi"
        )
        return pl.concat([mine, kept.unique(maintain_order=True)])


def frame(table: pa.Table) -> pl.DataFrame:
    """An Arrow table as a Polars frame, without a copy where types allow."""
    made = pl.from_arrow(table)
    assert isinstance(made, pl.DataFrame)  # noqa: S101 - a table never becomes a series
    return made


_HEAD = [
    "stay_id", "patient_id", "provider_id", "claim_type", "admission_date", "admission_time",
    "discharge_date", "discharge_way", "planned_readmission", "sex", "birth_date",
    "death_date", "fund_payment_fen", "admission_way", "age_days", "newborn_admission_type",
]  # fmt: skip

PERSON = ("patient_id", "infant")
"""Who a claim is about. Newborns are settled under the mother's number in many regions, so
a child under one year is another person than an older one of the same number; otherwise
mother and child would overlap, be readmitted and change sex."""


def _infant() -> pl.Expr:
    """Whether the claim is of a child under one year, as far as it says so."""
    before_birthday = pl.col("admission_date") < pl.col("birth_date").dt.offset_by("1y")
    return (
        before_birthday.fill_null(value=False) & (pl.col("birth_date") <= pl.col("admission_date"))
        | pl.col("age_days").is_not_null()
        | pl.col("newborn_admission_type").is_not_null()
    ).fill_null(value=False)
