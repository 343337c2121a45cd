"""The groups that a stay would be in if something on the claim were otherwise: facts for checks.

They say what rests on what. They are no advice on coding: which diagnosis is the principal
one, or documented at all, is a matter of the record and not of these frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from drg.arrays import Bools, Ids, mark, pick, spread
from drg.chs.answer import STATUS_NAMES, Walked, endings, severities, statuses
from drg.chs.facts import Entries, Facts
from drg.chs.walk import Paths, walk

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
"""Diagnoses of the stays made up that are held at a time, for memory."""

_ORDINALS: Final = 1 << 21
"""Above all ordinals, so that a stay and an ordinal make one number."""


@dataclass(frozen=True)
class Answer:
    """The groups of supposed stays, one value each.

    ``stay`` is the position in the batch, ``ending`` in ``Compiled.endings``, ``adrg`` in
    ``Compiled.adrgs``, ``status`` in ``Status``; ``severity`` is 0 none, 1 cc, 2 mcc.
    """

    stay: Ids
    ending: Ids
    adrg: Ids
    status: Ids
    severity: Ids

    @classmethod
    def of(cls, stay: Ids, facts: Facts, paths: Paths) -> Answer:
        """What the paths say of the supposed stays of these facts."""
        mcc, cc = facts.levels["mcc"], facts.levels["cc"]
        severity = np.where(mcc, 2, np.where(cc, 1, 0))
        return cls(stay, endings(paths, facts.scheme), paths.adrg, statuses(paths), severity)

    @classmethod
    def concat(cls, parts: Sequence[Answer]) -> Answer:
        """Several answers as one."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))


class Variants:
    """The grouped stays of a batch as if something on their claims were otherwise.

    ``rows`` are their positions in the batch, ``facts`` and ``paths`` their own. What
    follows from the claim alone is asked in one walk, when it is first asked for: a walk
    costs much the same for one stay as for a hundred.
    """

    def __init__(self, walked: Walked) -> None:
        self.walked = walked
        self.rows, self.facts, self.paths = walked.grouped

    @property
    def bare(self) -> Answer:
        """The stays with complications as if no other diagnosis counted."""
        return self._of_claim["bare"]

    @property
    def lighter(self) -> Answer:
        """The stays whose severity one diagnosis decides, without that one."""
        return self._of_claim["lighter"]

    @property
    def led(self) -> Answer:
        """A stay for each entry of ``leads``, which is its principal diagnosis."""
        return self._of_claim["led"]

    @property
    def unoperated(self) -> Answer:
        """The stays of surgical groups without any procedure."""
        return self._of_claim["unoperated"]

    @property
    def unexcluded(self) -> Answer:
        """The stays whose severity would change if no other diagnosis were ruled out."""
        return self._of_claim["unexcluded"]

    @cached_property
    def leads(self) -> Ids:
        """The entries that could lead: other diagnoses unequal to the principal one."""
        entries = self.facts.diagnoses
        leading = entries.leading[entries.stay]
        return np.flatnonzero(~entries.first & (entries.code != leading))

    @cached_property
    def counts(self) -> dict[str, Ids]:
        """How many different codes count as mcc and as cc, for each grouped stay."""
        return {level: _count(self.facts, level) for level in ("mcc", "cc")}

    @cached_property
    def ordinals(self) -> Ids:
        """The ordinal of each diagnosis of the facts."""
        batch = self.walked.batch
        listed = batch.diagnoses
        mine = np.zeros(len(batch.stay_ids), dtype=np.bool_)
        mine[self.rows] = True
        return listed.ordinal[mine[listed.stay] & (listed.code >= 0)]

    def without(self, case: Ids, stay: Ids, ordinal: Ids) -> tuple[Ids, Answer]:
        """Stays without some of their diagnoses.

        The arguments have one value for each that is left out: the number of a case, the
        position of its stay in the batch (-1 for none), and the ordinal. A case of a
        grouped stay is one supposed stay. Returns the case of each, and the answer; in the
        order of cases and stays.
        """
        place = np.full(len(self.walked.batch.stay_ids) + 1, -1, dtype=np.intp)
        place[self.rows] = np.arange(len(self.rows))
        known = place[stay] >= 0
        pairs, pair = np.unique(case[known] * len(place) + place[stay[known]], return_inverse=True)
        rows = pairs % len(place)
        part, own = self.facts.take(rows), self.facts.diagnoses
        at, owner = spread(own.starts[rows], own.counts[rows])
        dropped = np.isin(owner * _ORDINALS + self.ordinals[at], pair * _ORDINALS + ordinal[known])
        part = part.with_diagnoses(part.diagnoses.keep(~dropped))
        return pairs // len(place), self._answer([("without", rows, part)])["without"]

    @cached_property
    def _of_claim(self) -> dict[str, Answer]:
        return self._answer(self._asked())

    def _asked(self) -> Iterator[tuple[str, Ids, Facts]]:
        """What follows from the claim alone: a name, the grouped stays, and their facts then."""
        facts = self.facts
        severity, decisive = severities(facts)
        plain = np.flatnonzero(severity > 0)
        yield "bare", plain, facts.take(plain).without_complications()
        counts = np.where(severity == 2, self.counts["mcc"], self.counts["cc"])
        lone = np.flatnonzero((severity > 0) & (counts == 1))
        part = facts.take(lone)
        yield "lighter", lone, part.with_diagnoses(_drop(part.diagnoses, decisive[lone]))
        surgical = (facts.scheme.kinds == "surgical").fill_null(value=False).to_numpy()
        operated = np.flatnonzero(surgical[self.paths.adrg] & (facts.procedures.counts > 0))
        part = facts.take(operated)
        none = part.procedures.keep(np.zeros(len(part.procedures.code), dtype=np.bool_))
        yield "unoperated", operated, part.with_procedures(none)
        levels = _unexcluded(facts)
        other = np.flatnonzero(np.any([levels[k] != facts.levels[k] for k in levels], axis=0))
        freed = {level: held[other] for level, held in levels.items()}
        yield "unexcluded", other, facts.take(other).with_levels(freed)
        entries = facts.diagnoses
        for chosen in _portions(self.leads, entries):
            stays = entries.stay[chosen]
            yield "led", stays, facts.take(stays).with_diagnoses(_lead(entries, chosen))

    def _answer(self, asked: Iterable[tuple[str, Ids, Facts]]) -> dict[str, Answer]:
        """What becomes of the supposed stays, in as few walks as memory allows."""
        found: dict[str, list[Answer]] = {}
        waiting: list[tuple[str, Ids, Facts]] = []
        retry = self.walked.scheme.manifest.retry_other_procedures

        def walk_waiting() -> None:
            whole = Facts.concat([facts for _, _, facts in waiting])
            paths, begin = walk(whole, retry=retry), 0
            for name, rows, facts in waiting:
                mine = paths.take(slice(begin, begin + len(rows)))
                found.setdefault(name, []).append(Answer.of(self.rows[rows], facts, mine))
                begin += len(rows)
            waiting.clear()

        for one in asked:
            held = sum(len(facts.diagnoses.code) for _, _, facts in waiting)
            if waiting and held + len(one[2].diagnoses.code) > _AT_ONCE:
                walk_waiting()
            waiting.append(one)
        walk_waiting()
        return {name: Answer.concat(parts) for name, parts in found.items()}


def alternatives(variants: Variants) -> pl.DataFrame:
    """For each grouped stay the groups that it is near to; frame ``ALTERNATIVES``."""
    stays, facts, paths = variants.rows, variants.facts, variants.paths
    made = facts.scheme
    place = np.full(len(variants.walked.batch.stay_ids), -1, dtype=np.intp)
    place[stays] = np.arange(len(stays))
    # A stay without complications is already in the group that it would have without them.
    without = endings(paths, made)
    without[place[variants.bare.stay]] = variants.bare.ending
    lighter = np.full(len(facts), -1, dtype=np.intp)
    lighter[place[variants.lighter.stay]] = variants.lighter.ending
    siblings = pick(made.siblings, paths.group)
    unsplit = pick(made.unsplit, np.where(paths.group < 0, paths.adrg, -1))
    return pl.DataFrame(
        {
            "stay_id": variants.walked.batch.stay_ids.gather(stays),
            "group_without_complications": pick(made.endings, without),
            "group_without_severity_diagnosis": pick(made.endings, lighter),
            "mcc_count": variants.counts["mcc"],
            "cc_count": variants.counts["cc"],
            "sibling_groups": siblings.zip_with(siblings.is_not_null(), unsplit),
        },
        schema_overrides=ALTERNATIVES,
    )


def by_diagnosis(variants: Variants) -> pl.DataFrame:
    """For each grouped stay the answer with each other diagnosis first; frame ``BY_DIAGNOSIS``.

    A diagnosis equal to the principal one, or one that the scheme leaves out, has no row.
    """
    made, led = variants.facts.scheme, variants.led
    return pl.DataFrame(
        {
            "stay_id": variants.walked.batch.stay_ids.gather(led.stay),
            "ordinal": variants.ordinals[variants.leads],
            "code": pick(made.diagnoses.listed, variants.facts.diagnoses.code[variants.leads]),
            "group_code": pick(made.endings, led.ending),
            "adrg": pick(made.adrgs, led.adrg),
            "status": STATUS_NAMES.gather(led.status),
        },
        schema_overrides=BY_DIAGNOSIS,
    )


def _unexcluded(facts: Facts) -> dict[str, Bools]:
    """Whether a secondary diagnosis of each level is on the claim, excluded or not."""
    entries = facts.diagnoses
    return {
        level: mark(entries.stay[(of_code[entries.code] > -2) & ~entries.first], len(facts))
        for level, of_code in facts.scheme.levels.items()
    }


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


def _portions(chosen: Ids, entries: Entries) -> list[Ids]:
    """The chosen entries in portions that stay within ``_AT_ONCE``; one at least."""
    portion = np.cumsum(entries.counts[entries.stay[chosen]]) // _AT_ONCE
    return np.split(chosen, np.flatnonzero(np.diff(portion)) + 1)
