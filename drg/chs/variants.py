"""The groups that a stay would be in if something on the claim were otherwise: facts for checks.

They say what rests on what. They are no advice on coding: which diagnosis is the principal
one, or documented at all, is a matter of the record and not of these frames.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from domain.tables import Tables
from drg.arrays import Ids, mark, pick, spread
from drg.chs.answer import endings, severities, statuses
from drg.chs.batch import Batch, read
from drg.chs.compiled import compiled
from drg.chs.facts import Entries, Facts
from drg.chs.walk import walk
from drg.grouping import Grouping, Status
from drg.schemes.scheme import Scheme

ALTERNATIVES: Final = pl.Schema(
    {
        "stay_id": pl.String(),
        "group_without_complications": pl.String(),
        "group_without_severity_diagnosis": pl.String(),
        "mcc_count": pl.Int32(),
        "cc_count": pl.Int32(),
        "sibling_groups": pl.String(),
    }
)
"""One row a grouped stay, in the order of the batch.

``group_without_complications``: its group if no secondary diagnosis counted as MCC or CC,
all else as claimed. ``group_without_severity_diagnosis``: its group if the one diagnosis
that alone decides the severity were not on the claim; null where several different
diagnoses count at that level, or none. The counts are of different codes.
``sibling_groups``: the other groups of its ADRG in their order, joined by ``|``.
"""

BY_DIAGNOSIS: Final = pl.Schema(
    {
        "stay_id": pl.String(),
        "ordinal": pl.Int32(),
        "code": pl.String(),
        "group_code": pl.String(),
        "adrg": pl.String(),
        "status": pl.String(),
    }
)
"""One row a secondary diagnosis of a grouped stay: the answer if it were the principal one
and the principal one came after it. ``code`` is the code after the crosswalk."""

_AT_ONCE: Final = 1_000_000
"""Diagnoses of the stays made up by ``by_diagnosis`` that are held at a time, for memory."""


def alternatives(tables: Tables, scheme: Scheme, grouping: Grouping | pl.DataFrame) -> pl.DataFrame:
    """For each grouped stay the groups that it is near to; frame ``ALTERNATIVES``.

    ``grouping`` is what ``group`` answered for these tables and this scheme (or its frame
    ``stays``): it says which stays are grouped.
    """
    batch, rows, facts = _grouped(tables, scheme, grouping)
    made, retry = facts.scheme, scheme.manifest.retry_other_procedures
    paths = walk(facts, retry=retry)
    severity, decisive = severities(facts)
    plain = np.flatnonzero(severity > 0)
    without = endings(paths, made)
    # A stay without complications is already in the group that it would have without them.
    if len(plain):
        bare = facts.take(plain).without_complications()
        without[plain] = endings(walk(bare, retry=retry), made)
    counts = {level: _count(facts, level) for level in ("mcc", "cc")}
    alone = np.where(severity == 2, counts["mcc"] == 1, (severity == 1) & (counts["cc"] == 1))
    lone = np.flatnonzero(alone)
    lighter = np.full(len(facts), -1, dtype=np.intp)
    if len(lone):
        part = facts.take(lone)
        fewer = part.with_diagnoses(_drop(part.diagnoses, decisive[lone]))
        lighter[lone] = endings(walk(fewer, retry=retry), made)
    siblings = pick(made.siblings, paths.group)
    unsplit = pick(made.unsplit, np.where(paths.group < 0, paths.adrg, -1))
    return pl.DataFrame(
        {
            "stay_id": batch.stay_ids.gather(rows),
            "group_without_complications": pick(made.endings, without),
            "group_without_severity_diagnosis": pick(made.endings, lighter),
            "mcc_count": counts["mcc"],
            "cc_count": counts["cc"],
            "sibling_groups": siblings.zip_with(siblings.is_not_null(), unsplit),
        },
        schema_overrides=ALTERNATIVES,
    )


def by_diagnosis(tables: Tables, scheme: Scheme, grouping: Grouping | pl.DataFrame) -> pl.DataFrame:
    """For each grouped stay the answer with each other diagnosis first; frame ``BY_DIAGNOSIS``.

    A diagnosis equal to the principal one, or one that the scheme leaves out, has no row.
    """
    batch, rows, facts = _grouped(tables, scheme, grouping)
    retry = scheme.manifest.retry_other_procedures
    entries = facts.diagnoses
    other = np.flatnonzero(~entries.first & (entries.code != entries.leading[entries.stay]))
    ordinals = _ordinals(batch, rows)
    parts: list[pl.DataFrame] = []
    for chosen in _portions(other, entries):
        variant = facts.take(entries.stay[chosen]).with_diagnoses(_lead(entries, chosen))
        paths = walk(variant, retry=retry)
        parts.append(
            pl.DataFrame(
                {
                    "stay_id": batch.stay_ids.gather(rows[entries.stay[chosen]]),
                    "ordinal": pl.Series(ordinals[chosen], dtype=pl.Int32),
                    "code": pick(facts.scheme.diagnoses.listed, entries.code[chosen]),
                    "group_code": pick(facts.scheme.endings, endings(paths, facts.scheme)),
                    "adrg": pick(facts.scheme.adrgs, paths.adrg),
                    "status": statuses(paths),
                },
                schema_overrides=BY_DIAGNOSIS,
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=BY_DIAGNOSIS)


def without_exclusions(
    tables: Tables, scheme: Scheme, grouping: Grouping | pl.DataFrame
) -> pl.DataFrame:
    """For each grouped stay (stay_id) its group_code if no secondary diagnosis were excluded."""
    batch, rows, facts = _grouped(tables, scheme, grouping)
    entries = facts.diagnoses
    levels = {
        level: mark(entries.stay[(of_code[entries.code] > -2) & ~entries.first], len(facts))
        for level, of_code in facts.scheme.levels.items()
    }
    paths = walk(facts.with_levels(levels), retry=scheme.manifest.retry_other_procedures)
    return pl.DataFrame(
        {
            "stay_id": batch.stay_ids.gather(rows),
            "group_code": pick(facts.scheme.endings, endings(paths, facts.scheme)),
        }
    )


def _grouped(
    tables: Tables, scheme: Scheme, grouping: Grouping | pl.DataFrame
) -> tuple[Batch, Ids, Facts]:
    """The batch, and the positions and facts of its grouped stays."""
    stays = grouping.stays if isinstance(grouping, Grouping) else grouping
    ids = stays.filter(pl.col("status") == Status.GROUPED.value)["stay_id"]
    batch = read(tables, compiled(scheme), subset=scheme.manifest.subset)
    mine = batch.stay_ids.gather(batch.rows).is_in(ids.implode()).to_numpy()
    at = np.flatnonzero(mine)
    facts = batch.facts if len(at) == len(batch.rows) else batch.facts.take(at)
    return batch, batch.rows[at], facts


def _count(facts: Facts, level: str) -> Ids:
    """How many different codes count at a level, for each stay."""
    entries, at = facts.diagnoses, np.flatnonzero(facts.counting[level])
    keys = np.unique(entries.stay[at] * len(facts.scheme.diagnoses) + entries.code[at])
    stays = keys // max(1, len(facts.scheme.diagnoses))
    return np.bincount(stays, minlength=len(facts)).astype(np.intp)


def _drop(entries: Entries, codes: Ids) -> Entries:
    """The entries without one code of each stay, wherever that is not the first."""
    kept = entries.first | (entries.code != codes[entries.stay])
    return Entries.of(entries.stay[kept], entries.code[kept], entries.first[kept], len(codes))


def _lead(entries: Entries, chosen: Ids) -> Entries:
    """A stay for each chosen entry, with all codes of its stay, of which that one is the first."""
    stays = entries.stay[chosen]
    at, owner = spread(entries.starts[stays], entries.counts[stays])
    return Entries.of(owner, entries.code[at], at == chosen[owner], len(chosen))


def _ordinals(batch: Batch, rows: Ids) -> Ids:
    """The ordinal of each entry of the facts of some stays."""
    listed = batch.diagnoses
    mine = np.zeros(len(batch.stay_ids), dtype=np.bool_)
    mine[rows] = True
    return listed.ordinal[mine[listed.stay] & (listed.code >= 0)]


def _portions(chosen: Ids, entries: Entries) -> list[Ids]:
    """The chosen entries in portions that stay within ``_AT_ONCE``."""
    if not len(chosen):
        return []
    portion = np.cumsum(entries.counts[entries.stay[chosen]]) // _AT_ONCE
    return np.split(chosen, np.flatnonzero(np.diff(portion)) + 1)
