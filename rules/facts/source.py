"""What facts are computed from: the batch, the history, prices and reference tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import RLock
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from domain.errors import SentinelError
from domain.tables import Tables
from drg import Settled
from rules.codebooks import SHIPPED, Place

STAY: Final = ":stay"
"""The place of a row's stay in the batch (UInt32): what rows are grouped and joined by."""
ROW: Final = ":row"
"""The place of a row in its table (UInt32)."""


@dataclass(frozen=True)
class Source:
    """The inputs of a run. Stays of the history that the batch holds too are left out of it.

    A history may hold the batch's own stays (a delivery that comes twice, an older
    version of a claim); they never see themselves.
    """

    batch: Tables
    history: Tables | None = None
    settled: Settled | None = None
    reference: Place = SHIPPED
    known: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """What is not computed here but was where its claims are, by its name of ``once``."""

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
        """A table of the batch; rows of stays stand together, in the order of the stays."""
        with self._working_on(f"table {name}"):
            if name not in self._frames:
                rows = frame(getattr(self.batch, name))
                if name != "stays" and "stay_id" in rows.columns:
                    rows, self._places[name] = self._in_order(rows)
                self._frames[name] = rows
        return self._frames[name]

    def keyed(self, name: str) -> pl.DataFrame:
        """A table of the batch with ``:stay`` and ``:row``: whole numbers to group and join by.

        Texts are dear as keys of long tables. Rows are sorted by ``:stay``.
        """
        return self.once(f"keyed {name}", lambda source: source._keyed(name))

    def _keyed(self, name: str) -> pl.DataFrame:
        rows = self.table(name)
        at = self._places.get(name, self._every_place)
        return rows.hstack([at, pl.Series(ROW, np.arange(rows.height, dtype=np.uint32))])

    def places(self, ids: pl.Series) -> pl.Series:
        """The place in the batch of each stay named (``:stay``), null for one that it lacks."""
        mine = self.table("stays")["stay_id"]
        if not len(ids):
            return self._every_place.clear()
        if len(ids) == len(mine) and ids.equals(mine, null_equal=False):
            return self._every_place
        if len(mine) == 1 and (ids == mine[0]).all():
            return pl.Series(STAY, np.zeros(len(ids), dtype=np.uint32))
        # A stay's rows mostly stand together: one look-up a run of equal names.
        run = ids.rle_id().alias("run")
        first = pl.DataFrame([ids.alias("stay_id"), run]).filter(
            run != run.shift(1).fill_null(_NO_RUN)
        )
        at = first.join(
            pl.DataFrame([mine, self._every_place]), on="stay_id", how="left", maintain_order="left"
        )[STAY]
        return at.gather(run)

    @cached_property
    def _every_place(self) -> pl.Series:
        return pl.int_range(len(self.batch), dtype=pl.UInt32, eager=True).alias(STAY).set_sorted()

    def _in_order(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        """The rows whose stay the batch holds, sorted by its place, and those places."""
        at = self.places(rows["stay_id"])
        if at.null_count():
            rows, at = rows.filter(at.is_not_null()), at.drop_nulls()
        if not at.is_sorted():
            order = np.argsort(at.to_numpy(), kind="stable")
            rows, at = rows[order], at.gather(order)
        return rows, at.set_sorted()

    def once(self, name: str, make: Callable[[Source], pl.DataFrame]) -> pl.DataFrame:
        """What ``make`` gives for this source, computed at the first call of that name."""
        if name not in self._made:
            with self._working_on(name):
                if name not in self._made:
                    self._made[name] = self.known[name] if name in self.known else make(self)
        return self._made[name]

    def under(self, edition: Place) -> Source:
        """The same source with another edition of the reference tables."""
        made = replace(self, reference=edition)
        made._frames.update(self._frames)
        made._places.update(self._places)
        return made

    def collect(self, found: pl.LazyFrame | pl.DataFrame) -> pl.DataFrame:
        """A plan carried out; for few stays as it stands, since planning would cost more."""
        if isinstance(found, pl.DataFrame):
            return found
        return found.collect(optimizations=_AS_IT_STANDS if len(self.batch) <= _FEW else _PLANNED)

    def _working_on(self, name: str) -> RLock:
        """Held by the thread that computes a frame; others that need it wait.

        Frames are made from frames and none from itself, so that no two threads wait for each other.
        """
        with self._lock:
            return self._locks.setdefault(name, RLock())

    @cached_property
    def _lock(self) -> RLock:
        return RLock()

    @cached_property
    def _locks(self) -> dict[str, RLock]:
        return {}

    @cached_property
    def _made(self) -> dict[str, pl.DataFrame]:
        return {}

    @cached_property
    def _frames(self) -> dict[str, pl.DataFrame]:
        return {}

    @cached_property
    def _places(self) -> dict[str, pl.Series]:
        return {}

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
    """An Arrow table as a Polars frame of one chunk, without a copy where types allow."""
    made = pl.from_arrow(table)
    assert isinstance(made, pl.DataFrame)  # noqa: S101 - a table never becomes a series
    # Columns in several chunks are put together again at every step; once is enough.
    return made.rechunk() if made.n_chunks() > 1 else made


_HEAD = [
    "stay_id", "patient_id", "provider_id", "claim_type", "admission_date", "admission_time",
    "discharge_date", "discharge_way", "planned_readmission", "sex", "birth_date",
    "death_date", "fund_payment_fen", "admission_way", "age_days", "newborn_admission_type",
]  # fmt: skip

_NO_RUN: Final = 2**32 - 1
_FEW: Final = 20
_AS_IT_STANDS: Final = pl.QueryOptFlags.none()
_PLANNED: Final = pl.QueryOptFlags()

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
