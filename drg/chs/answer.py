"""Groups a batch of stays: reads it, walks it through the scheme, and writes the answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from domain.tables import Tables
from drg import grouping
from drg.arrays import Ids, names, pick
from drg.chs.batch import REASONS, Batch, read
from drg.chs.compiled import Compiled, compiled
from drg.chs.facts import Facts
from drg.chs.trace import trace_diagnoses, trace_steps
from drg.chs.walk import Paths, walk
from drg.grouping import Grouping, Status
from drg.schemes.scheme import Scheme

_STATUSES: Final = tuple(Status)
STATUS_NAMES: Final = names([status.value for status in _STATUSES])
"""The words for statuses, in the order of ``Status``."""
_GROUPED, _AMBIGUOUS, _UNGROUPABLE = (
    _STATUSES.index(status) for status in (Status.GROUPED, Status.AMBIGUOUS, Status.UNGROUPABLE)
)
_OF_REASON: Final = np.array([_STATUSES.index(status) for _, status in REASONS])
_REASONS: Final = (*(name for name, _ in REASONS), "no_mdc", "no_adrg", "unrelated_procedure")
_REASON_NAMES: Final = names(_REASONS)
SEVERITIES: Final = names(["none", "cc", "mcc"])
"""The words for severities 0, 1 and 2."""


@dataclass(frozen=True)
class Walked:
    """A batch of stays with their ways through a scheme, one path a row of ``batch.facts``."""

    scheme: Scheme
    batch: Batch
    paths: Paths

    @cached_property
    def grouped(self) -> tuple[Ids, Facts, Paths]:
        """The positions in the batch, the facts and the paths of the stays of a group."""
        at = np.flatnonzero((self.paths.mdc >= 0) & ~self.paths.ambiguous)
        if len(at) == len(self.batch.rows):
            return self.batch.rows, self.batch.facts, self.paths
        return self.batch.rows[at], self.batch.facts.take(at), self.paths.take(at)


def walked(tables: Tables, scheme: Scheme, *, trace: bool = False) -> Walked:
    """Read a batch and walk its stays; ``trace`` keeps their steps.

    SchemeError if the scheme is for another engine or names a list that it has not.
    """
    batch = read(tables, compiled(scheme), subset=scheme.manifest.subset)
    paths = walk(batch.facts, retry=scheme.manifest.retry_other_procedures, trace=trace)
    return Walked(scheme, batch, paths)


def group(tables: Tables, scheme: Scheme, *, trace: bool = True) -> Grouping:
    """The group of every stay of the batch, or why it has none.

    Frames as in ``drg.grouping``; without ``trace`` only ``stays`` is filled. SchemeError
    as ``walked``.
    """
    return tell(walked(tables, scheme, trace=trace), trace=trace)


def tell(made: Walked, *, trace: bool = False) -> Grouping:
    """The answer for a batch that was walked, as ``group`` gives it."""
    batch, paths = made.batch, made.paths
    stays = _tell_stays(batch, paths, made.scheme)
    diagnoses, steps = grouping.empty(grouping.DIAGNOSES), grouping.empty(grouping.STEPS)
    if trace:
        diagnoses, steps = trace_diagnoses(batch), trace_steps(batch, paths)
    return Grouping(stays, diagnoses, steps, grouping.empty(grouping.EDITS))


def endings(paths: Paths, scheme: Compiled) -> Ids:
    """Where each path ends, as a position in ``scheme.endings``."""
    groups, adrgs, mdcs = (len(listed) - 1 for listed in (scheme.groups, scheme.adrgs, scheme.mdcs))
    at = np.where(paths.group >= 0, paths.group, groups + paths.adrg)
    at = np.where(paths.ambiguous, groups + adrgs + paths.mdc, at)
    return np.where(paths.mdc < 0, groups + adrgs + mdcs, at)


def statuses(paths: Paths) -> Ids:
    """The status of each path, in ``STATUS_NAMES``: grouped, ambiguous or ungroupable."""
    at = np.where(paths.ambiguous, _AMBIGUOUS, _GROUPED)
    return np.where(paths.mdc < 0, _UNGROUPABLE, at)


def severities(facts: Facts) -> tuple[Ids, Ids]:
    """The severity of each stay (0 none, 1 cc, 2 mcc) and its first diagnosis of that level."""
    levels, entries = facts.levels, facts.diagnoses
    severity = np.where(levels["mcc"], 2, np.where(levels["cc"], 1, 0))
    decisive = np.full(len(facts), -1, dtype=np.intp)
    for value, level in ((1, "cc"), (2, "mcc")):
        at = np.flatnonzero(facts.counting[level])
        at = at[severity[entries.stay[at]] == value][::-1]
        # The last one written stays: from the end, that is the first diagnosis.
        decisive[entries.stay[at]] = entries.code[at]
    return severity, decisive


def _tell_stays(batch: Batch, paths: Paths, scheme: Scheme) -> pl.DataFrame:
    made, rows, count = batch.facts.scheme, batch.rows, len(batch.stay_ids)

    def wide(values: Ids) -> Ids:
        """The value of each stay that was walked, and -1 for the others."""
        if len(rows) == count:
            return values
        out = np.full(count, -1, dtype=np.intp)
        out[rows] = values
        return out

    status = _OF_REASON[batch.reason]
    status[rows] = statuses(paths)
    reason = batch.reason.copy()
    reason[rows] = _reasons(paths, subset=scheme.manifest.subset)
    severity, decisive = severities(batch.facts)
    by = pl.Series(wide(paths.by), dtype=pl.Int32)
    principal = np.where(batch.inpatient, batch.diagnoses.leading(count), -1)
    main = np.where(batch.inpatient, batch.procedures.leading(count), -1)
    instead = wide(paths.main)
    main = np.where(instead >= 0, instead, main)
    return pl.DataFrame(
        {
            "stay_id": batch.stay_ids,
            "scheme_code": pl.Series([scheme.manifest.code], dtype=pl.String).new_from_index(
                0, count
            ),
            "status": STATUS_NAMES.gather(status),
            "reason": pick(_REASON_NAMES, reason),
            "mdc": pick(made.mdcs, wide(paths.mdc)),
            "adrg": pick(made.adrgs, wide(paths.adrg)),
            "group_code": pick(made.endings, wide(endings(paths, made))),
            "alternative": by.set(by < 0, None),
            "severity": pick(SEVERITIES, wide(severity)),
            "severity_diagnosis": pick(made.diagnoses.listed, wide(decisive)),
            "principal_diagnosis": pick(made.diagnoses.listed, principal),
            "main_procedure": pick(made.procedures.listed, main),
        }
    )


def _reasons(paths: Paths, *, subset: bool) -> Ids:
    no_mdc, no_adrg, unrelated = (
        _REASONS.index(name) for name in ("no_mdc", "no_adrg", "unrelated_procedure")
    )
    lost = np.where(paths.related, no_adrg, no_mdc)
    if subset:
        lost = np.full(len(lost), _REASONS.index("outside_subset"))
    return np.where(paths.mdc < 0, lost, np.where(paths.ambiguous, unrelated, -1))
