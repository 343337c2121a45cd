"""The groups that stays would be in if part of their claim were not there, and what those pay.

They answer an auditor's question: what is at stake if this diagnosis or operation does not
hold? Only stays that a CHS scheme grouped are answered.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from drg import grouping
from drg.nearby import KINDS, SUPPOSED
from drg.settlement import Settled

__all__ = [
    "CASES",
    "KINDS",
    "SUPPOSED",
    "cases",
    "complications",
    "kinds",
    "without_diagnoses",
    "without_exclusions",
    "without_procedures",
]

CASES: Final = pl.Schema({"case": pl.Int64(), **SUPPOSED})
"""``SUPPOSED`` with the number of the case that a stay was asked about in."""


def without_diagnoses(settled: Settled, dropped: pl.DataFrame) -> pl.DataFrame:
    """The stays of ``dropped`` (stay_id, ordinal) without these diagnoses; frame ``SUPPOSED``.

    A principal diagnosis is never dropped: another one would have to take its place. A stay
    that would be in no group at all is left out.
    """
    return cases(settled, dropped.with_columns(case=0)).drop("case")


def cases(settled: Settled, dropped: pl.DataFrame) -> pl.DataFrame:
    """As ``without_diagnoses`` for several cases (``case``, whole numbers from 0); ``CASES``.

    To ask for many cases at once costs little more than to ask for one.
    """
    rows = dropped.filter(pl.col("ordinal") != 1)
    made = [part.without(rows) for part in settled.chs_parts if rows.height]
    return pl.concat([grouping.empty(CASES), *made])


def without_procedures(settled: Settled) -> pl.DataFrame:
    """The stays of surgical groups without their procedures; frame ``SUPPOSED``."""
    made = [part.unoperated for part in settled.chs_parts]
    return pl.concat([grouping.empty(SUPPOSED), *made])


def without_exclusions(settled: Settled) -> pl.DataFrame:
    """The stays whose severity would be another if no other diagnosis were ruled out as MCC or CC.

    Frame ``SUPPOSED``; all other stays would be in the group that they are in.
    """
    made = [part.unexcluded for part in settled.chs_parts]
    return pl.concat([grouping.empty(SUPPOSED), *made])


def kinds(settled: Settled) -> pl.DataFrame:
    """The kind of each stay's ADRG and the codes unknown to its scheme; frame ``KINDS``."""
    return pl.concat([grouping.empty(KINDS), *(part.kinds for part in settled.chs_parts)])


def complications(settled: Settled, codes: pl.Series) -> pl.Series:
    """Those of the codes that a scheme of the batch calls MCC or CC, or translates."""
    listed = [part.walked.batch.facts.scheme.complications for part in settled.chs_parts]
    distinct = codes.unique()
    able = [any(code in one for one in listed) for code in distinct.to_list()]
    return distinct.filter(pl.Series(able, dtype=pl.Boolean))
