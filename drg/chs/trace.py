"""What decided the group of each stay, as the frames ``DIAGNOSES`` and ``STEPS``."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from drg import grouping
from drg.arrays import Bools, Ids, names, pick
from drg.chs.batch import Batch
from drg.chs.walk import ADRG, ENTERED, GROUP, LEFT, MDC, TAKEN, Paths

_OWNERS: Final = {MDC: "mdc", ADRG: "adrg", GROUP: "group"}
_OUTCOMES: Final = {LEFT: "left", ENTERED: "entered", TAKEN: "taken"}
_LEVELS: Final = names(["mcc", "cc"])


def trace_diagnoses(batch: Batch) -> pl.DataFrame:
    """Frame ``DIAGNOSES``: all diagnoses of the inpatient stays.

    ``counted`` is null for stays that were not grouped, since nothing was judged there.
    """
    listed, facts, made = batch.diagnoses, batch.facts, batch.facts.scheme
    walked = np.zeros(len(batch.stay_ids), dtype=np.bool_)
    walked[batch.rows] = True
    judged = walked[listed.stay]
    known = (listed.code >= 0) & ~listed.first
    code = np.maximum(listed.code, -1)
    # The facts have the known codes of the walked stays, in this order.
    at = np.flatnonzero(judged & (listed.code >= 0))
    counts = {level: _scatter(facts.counting[level], at, len(code)) for level in made.levels}
    named = {level: known & (of_code[code] > -2) for level, of_code in made.levels.items()}
    is_cc = named["cc"] & (~named["mcc"] | (counts["cc"] & ~counts["mcc"]))
    level = np.where(is_cc, 1, np.where(named["mcc"], 0, -1))
    counted = counts["mcc"] | counts["cc"]
    table = np.where(is_cc, made.levels["cc"][code], made.levels["mcc"][code])
    taken_out = judged & (level >= 0) & ~counted
    frame = pl.DataFrame(
        {
            "stay_id": batch.stay_ids.gather(listed.stay),
            "ordinal": pl.Series(listed.ordinal, dtype=pl.Int32),
            "code": listed.claimed,
            "used_code": pick(made.diagnoses.listed, code),
            "level": pick(_LEVELS, level),
            "counted": pl.Series(counted).set(pl.Series(~judged), None),
            "excluded_by": pick(made.tables, np.where(taken_out, table, -1)),
        },
        schema_overrides=grouping.DIAGNOSES,
    )
    inpatient = batch.inpatient[listed.stay]
    return frame if inpatient.all() else frame.filter(pl.Series(inpatient))


def trace_steps(batch: Batch, paths: Paths) -> pl.DataFrame:
    """Frame ``STEPS``: the way of each stay, in the order of the batch and of time.

    A category or ADRG that was ``left`` had been entered; ``entered`` alone is the category
    in which the stay became ambiguous.
    """
    made, steps = batch.facts.scheme, paths.steps or []
    if not steps:
        return grouping.empty(grouping.STEPS)
    stay = batch.rows[np.concatenate([step[0] for step in steps])]
    lengths = [len(step[0]) for step in steps]
    # One list of all names, so that each step is a single look-up.
    begin = {MDC: 0, ADRG: len(made.mdcs), GROUP: len(made.mdcs) + len(made.adrgs)}
    listed = pl.concat([made.mdcs, made.adrgs, made.groups])
    position = np.concatenate([step[2] + begin[step[1]] for step in steps])
    order = np.argsort(stay, kind="stable")
    stay = stay[order]
    number = np.arange(len(stay)) - np.searchsorted(stay, stay) + 1
    by = pl.Series(np.concatenate([step[3] for step in steps])[order], dtype=pl.Int32)

    def repeated(values: list[int], texts: dict[int, str]) -> pl.Series:
        at = np.repeat(np.array(values), lengths)[order]
        return pl.Series(list(texts.values())).gather(at)

    return pl.DataFrame(
        {
            "stay_id": batch.stay_ids.gather(stay),
            "step": pl.Series(number, dtype=pl.Int32),
            "owner": repeated([step[1] for step in steps], _OWNERS),
            "code": listed.gather(position[order]),
            "alternative": by.set(by < 0, None),
            "outcome": repeated([step[4] for step in steps], _OUTCOMES),
        },
        schema_overrides=grouping.STEPS,
    )


def _scatter(values: Bools, at: Ids, length: int) -> Bools:
    out = np.zeros(length, dtype=np.bool_)
    out[at] = values
    return out
