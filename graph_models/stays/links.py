"""What the other stays of a phone, an account, a bill or a companion say, as columns.

``columns`` may be given all stays or only those near one of them (``near``): a stay's row is the
same, since it looks at the members of its own entities and of its companions' alone, and of an
entity with more than ``MOST`` members only at the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graph_models.stays.reading import SMALL

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]

MOST: Final = 200
"""Members of an entity that are looked at: what more stays share is a hospital's own number."""
CROWD: Final = 12
"""People who come and leave together; a larger crowd is a fixed day of the ward."""
PARTIES: Final = ("patient", "provider", "physician")
"""Whose variety is counted among the others."""
STATS: Final = ("stays", "patients", "providers", "physicians", "days")
"""Columns a relation: other stays, other patients, other providers and physicians, days since the first."""
TOGETHER: Final = ("together", "companions")
"""Most earlier joint stays with one of those who came and left on the same days, and how many had any."""
NAMES: Final = (*(f"{r}:{s}" for r in SMALL for s in STATS), *TOGETHER)
SIGNS: Final = (
    "phone:patients", "bank_account:patients", "address:patients", "bill:patients",
    "circle:patients", "together",
)  # fmt: skip
"""Columns whose mean over the earlier stays of patient, physician and provider is a column too."""


def columns(codes: Mapping[str, Codes], known: Codes, *, again: bool) -> Numbers:
    """(stays, ``NAMES``): NaN where a stay states no such thing.

    ``codes`` has an entity's number a stay and relation, -1 for none; stays are in order. A stay
    looks at those before it, and with ``again`` at all others, as if it came last.
    """
    n = len(known)
    made = np.full((n, len(NAMES)), np.nan)
    for number, relation in enumerate(SMALL):
        _members(
            codes, relation, known, again, made[:, number * len(STATS) : (number + 1) * len(STATS)]
        )
    made[:, -2:] = _together(codes["joint"], codes["patient"], again)
    return made


def _members(
    codes: Mapping[str, Codes], relation: str, known: Codes, again: bool, out: Numbers
) -> None:
    entity = codes[relation]
    there = np.flatnonzero(entity >= 0)
    if not len(there):
        return
    rows = there[np.argsort(entity[there], kind="stable")]
    e = entity[rows]
    starts = np.flatnonzero(np.append(True, e[1:] != e[:-1]))
    sizes = np.diff(np.append(starts, len(e)))
    begin = np.repeat(starts, sizes)
    rank = np.arange(len(e)) - begin
    read = np.repeat(sizes, sizes) if again else rank
    shown = np.minimum(read, MOST)
    # With `again` a stay finds itself among the members; if it is among the first, it goes.
    out[rows, 0] = shown - (rank < shown)
    for column, party in enumerate(PARTIES, start=1):
        out[rows, column] = _others(e, codes[party][rows], begin, rank, shown)
    day = known[rows]
    latest = np.maximum.reduceat(day, starts)
    out[rows, 4] = (np.repeat(latest, sizes) if again else day) - day[begin]


def _others(e: Codes, party: Codes, begin: Codes, rank: Codes, shown: Codes) -> Numbers:
    """Different parties among the first ``shown`` members of the entity, a row's own not counted."""
    order = np.lexsort((np.arange(len(e)), party, e))
    fresh = np.append(
        True, (e[order][1:] != e[order][:-1]) | (party[order][1:] != party[order][:-1])
    )
    head = np.maximum.accumulate(np.where(fresh, np.arange(len(e)), 0))
    first = np.empty(len(e), dtype=np.int64)
    first[order] = rank[order[head]]
    new = (first == rank) & (party >= 0)
    running = np.append(0, np.cumsum(new))
    seen = running[begin + shown] - running[begin]
    return np.asarray(seen - ((first < shown) & (party >= 0)), dtype=np.float64)


def _together(joint: Codes, patient: Codes, again: bool) -> Numbers:
    n = len(joint)
    made = np.full((n, 2), np.nan)
    there = np.flatnonzero(joint >= 0)
    if not len(there):
        return made
    rows = there[np.argsort(joint[there], kind="stable")]
    e = joint[rows]
    starts = np.flatnonzero(np.append(True, e[1:] != e[:-1]))
    sizes = np.diff(np.append(starts, len(e)))
    size = np.repeat(sizes, sizes)
    made[rows] = 0.0
    ends = np.repeat(starts + sizes, sizes)
    left, right = [], []
    for step in range(1, CROWD):
        at = np.flatnonzero((np.arange(len(e)) + step < ends) & (size <= CROWD))
        left.append(rows[at])
        right.append(rows[at + step])
    one, two = np.concatenate(left), np.concatenate(right)
    apart = patient[one] != patient[two]
    one, two = one[apart], two[apart]
    if not len(one):
        return made
    low = np.minimum(patient[one], patient[two])
    high = np.maximum(patient[one], patient[two])
    order = np.lexsort((np.minimum(one, two), np.maximum(one, two), high, low))
    one, two, low, high = one[order], two[order], low[order], high[order]
    begins = np.append(True, (low[1:] != low[:-1]) | (high[1:] != high[:-1]))
    at = np.arange(len(one))
    starts = np.flatnonzero(begins)
    many = np.diff(np.append(starts, len(one)))
    before = at - np.repeat(starts, many)
    times = (np.repeat(many, many) - 1 if again else before).astype(np.float64)
    # The later of the two sees the earlier one; with `again` both see each other.
    for seer in (np.maximum(one, two), np.minimum(one, two))[: 2 if again else 1]:
        np.maximum.at(made[:, 0], seer, times)
        np.add.at(made[:, 1], seer, (times > 0).astype(np.float64))
    return made


def near(
    members: Mapping[str, tuple[Codes, Codes]], asked: Mapping[str, int], joint: Codes
) -> Codes:
    """The stays that a new one's row depends on, in order.

    ``members`` has, for each small relation, where an entity's stays begin and the stays; ``asked``
    the new stay's entities, -1 for none or one never seen; ``joint`` the joint entity of each stay.
    """

    def of(relation: str, entity: int) -> Codes:
        begin, stays = members[relation]
        if not 0 <= entity < len(begin) - 1:
            return np.empty(0, dtype=np.int64)
        return stays[begin[entity] : min(begin[entity + 1], begin[entity] + MOST + 1)]

    found = [of(relation, asked[relation]) for relation in SMALL]
    own = found[SMALL.index("patient")]
    found += [of("joint", int(j)) for j in np.unique(joint[own]) if j >= 0]
    return np.unique(np.concatenate(found))
