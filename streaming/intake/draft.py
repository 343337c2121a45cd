"""A batch between its bytes and its tables: typed frames with the reasons found so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from domain.claim import CHILDREN, STAYS
from domain.schema import Privacy, Table
from domain.tables import Tables
from streaming.intake.columns import AT, REC, polars_type
from streaming.intake.refusals import Reasons
from streaming.pseudonym import PseudonymKey


@dataclass(slots=True)
class Draft:
    """Frames of one batch before admission, personal fields still in the clear.

    ``stays`` has ``_rec``, the record's place in the batch; each frame of ``children``
    has ``_rec`` and ``_at``, the row's place in its list. A record that could not be
    read at all is in ``reasons`` only.
    """

    stays: pl.DataFrame
    children: dict[str, pl.DataFrame]
    reasons: Reasons = field(default_factory=Reasons)


def empty_frame(table: Table) -> pl.DataFrame:
    """No rows, with the columns of a draft frame of that table."""
    schema: dict[str, pl.DataType] = {REC: pl.UInt32()}
    if table.parent is not None:
        schema[AT] = pl.UInt32()
    for f in table.fields:
        if table.parent is None or f.name != table.key[0]:
            schema[f.name] = polars_type(f)
    return pl.DataFrame(schema=schema)


def publish(draft: Draft, key: PseudonymKey, refused: set[int]) -> Tables:
    """The tables of the records not refused: identifiers hidden, dropped fields gone."""
    stays, children = draft.stays, draft.children
    if refused:
        stays = without(stays, refused)
        children = {n: without(f, refused) for n, f in children.items()}
    return publish_hidden(Draft(_hide(stays, STAYS, key), children))


def publish_hidden(draft: Draft) -> Tables:
    """The tables of a draft whose identifiers are pseudonyms already."""
    ids = draft.stays.select(REC, "stay_id")
    given: dict[str, pa.Table] = {STAYS.name: _arrow(draft.stays, STAYS)}
    for table in CHILDREN:
        frame = draft.children.get(table.name)
        if frame is not None and frame.height:
            given[table.name] = _arrow(frame.join(ids, on=REC, how="left"), table)
    return Tables.of(given)


def publish_reference(frame: pl.DataFrame, table: Table, refused: set[int]) -> pa.Table:
    """The rows of a reference table that were not refused."""
    return _arrow(without(frame, refused), table)


def without(frame: pl.DataFrame, refused: set[int]) -> pl.DataFrame:
    """The frame without the rows of these records."""
    if not refused:
        return frame
    return frame.filter(~pl.col(REC).is_in(pl.Series(sorted(refused), dtype=pl.UInt32).implode()))


def _hide(frame: pl.DataFrame, table: Table, key: PseudonymKey) -> pl.DataFrame:
    return frame.with_columns(
        key.pseudonymise(frame[f.name], f.name)
        for f in table.personal
        # Most claims state few of them, and a column of nulls has nothing to hide.
        if f.privacy is Privacy.PSEUDONYM and frame[f.name].null_count() < frame.height
    )


def _arrow(frame: pl.DataFrame, table: Table) -> pa.Table:
    names = [f.name for f in table.columns]
    # Polars writes text as string views; the oldest layout casts cheaply to the domain's.
    return frame.select(names).to_arrow(compat_level=pl.CompatLevel.oldest())


def gather(frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The child frames with empty ones for the tables that are not given."""
    return {t.name: frames.get(t.name, empty_frame(t)) for t in CHILDREN}
