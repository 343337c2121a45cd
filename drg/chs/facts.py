"""What the conditions look at: the stays of a batch as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from drg.arrays import Bools, Ids, Numbers, mark, spread
from drg.chs.compiled import Compiled


@dataclass(frozen=True)
class Entries:
    """The codes of all stays, in the order of stay and ordinal; only codes that are used.

    ``stay`` and ``code`` have one value a code; ``first`` says whether it is the principal
    diagnosis or main procedure; ``starts`` and ``counts`` have one value a stay.
    """

    stay: Ids
    code: Ids
    first: Bools
    starts: Ids
    counts: Ids

    @classmethod
    def of(cls, stay: Ids, code: Ids, first: Bools, stays: int) -> Entries:
        """Entries that are already in order, of so many stays."""
        counts = np.bincount(stay, minlength=stays).astype(np.intp)
        return cls(stay, code, first, np.cumsum(counts) - counts, counts)

    @cached_property
    def leading(self) -> Ids:
        """The first code of each stay, or -1."""
        out = np.full(len(self.counts), -1, dtype=np.intp)
        out[self.stay[self.first]] = self.code[self.first]
        return out

    @classmethod
    def concat(cls, parts: Sequence[Entries]) -> Entries:
        """The entries of several parts as of one, whose stays follow each other."""
        begin = np.cumsum([0, *(len(part.counts) for part in parts)])
        return cls.of(
            np.concatenate([part.stay + at for part, at in zip(parts, begin, strict=False)]),
            np.concatenate([part.code for part in parts]),
            np.concatenate([part.first for part in parts]),
            int(begin[-1]),
        )

    def keep(self, kept: Bools) -> Entries:
        """The same stays with only some of their entries."""
        return Entries.of(self.stay[kept], self.code[kept], self.first[kept], len(self.counts))

    def take(self, rows: Ids) -> Entries:
        """The entries of some stays, which are numbered anew in that order."""
        at, owner = spread(self.starts[rows], self.counts[rows])
        return Entries.of(owner, self.code[at], self.first[at], len(rows))


@dataclass(frozen=True)
class Words:
    """A text of each stay: ``index`` into ``listed``, -1 where it is empty."""

    listed: tuple[str, ...]
    index: Ids

    def among(self, words: tuple[str, ...]) -> Bools:
        """Whether the text is one of the words."""
        hits = np.array([*(word in words for word in self.listed), False], dtype=np.bool_)
        return hits[self.index]


@dataclass(frozen=True)
class Facts:
    """The facts of stays, one value a stay.

    ``numbers`` has NaN where a number is not known. ``levels`` holds for mcc and cc whether
    a secondary diagnosis of that level counts.
    """

    scheme: Compiled = field(repr=False)
    diagnoses: Entries
    procedures: Entries
    numbers: Mapping[str, Numbers]
    words: Mapping[str, Words]

    def __len__(self) -> int:
        return len(self.diagnoses.counts)

    @cached_property
    def counting(self) -> dict[str, Bools]:
        """For mcc and cc whether each diagnosis (entry) counts at that level."""
        entries, scheme = self.diagnoses, self.scheme
        out = {}
        for level, of_code in scheme.levels.items():
            table = of_code[entries.code]
            counts = (table > -2) & ~entries.first
            at = np.flatnonzero(counts & (table >= 0))
            principal = entries.leading[entries.stay[at]]
            counts[at[scheme.excludes(table[at], principal)]] = False
            out[level] = counts
        return out

    @cached_property
    def levels(self) -> dict[str, Bools]:
        """For mcc and cc whether a secondary diagnosis of each stay counts at that level."""
        return {
            level: mark(self.diagnoses.stay[counts], len(self))
            for level, counts in self.counting.items()
        }

    def take(self, rows: Ids) -> Facts:
        """The facts of some stays; a stay may be taken twice."""
        taken = Facts(
            self.scheme,
            self.diagnoses.take(rows),
            self.procedures.take(rows),
            {name: values[rows] for name, values in self.numbers.items()},
            {name: Words(w.listed, w.index[rows]) for name, w in self.words.items()},
        )
        if "levels" in self.__dict__:
            # Handed on, since what counts does not depend on the other stays.
            taken.__dict__["levels"] = {name: held[rows] for name, held in self.levels.items()}
        return taken

    @classmethod
    def concat(cls, parts: Sequence[Facts]) -> Facts:
        """The facts of several parts of one batch as of one: a stay may stand in several."""
        first = parts[0]
        out = cls(
            first.scheme,
            Entries.concat([part.diagnoses for part in parts]),
            Entries.concat([part.procedures for part in parts]),
            {
                name: np.concatenate([part.numbers[name] for part in parts])
                for name in first.numbers
            },
            {
                name: Words(words.listed, np.concatenate([p.words[name].index for p in parts]))
                for name, words in first.words.items()
            },
        )
        out.__dict__["levels"] = {
            level: np.concatenate([part.levels[level] for part in parts]) for level in ("mcc", "cc")
        }
        return out

    def without_complications(self) -> Facts:
        """The same stays as if no secondary diagnosis counted."""
        return self.with_levels({level: np.zeros(len(self), np.bool_) for level in ("mcc", "cc")})

    def with_levels(self, levels: dict[str, Bools]) -> Facts:
        """The same stays as if for mcc and cc these counted; one value a stay."""
        out = replace(self)
        out.__dict__["levels"] = levels
        return out

    def with_diagnoses(self, diagnoses: Entries) -> Facts:
        """The same stays with other diagnoses."""
        return replace(self, diagnoses=diagnoses)

    def with_procedures(self, procedures: Entries) -> Facts:
        """The same stays with other procedures."""
        out = replace(self, procedures=procedures)
        if "levels" in self.__dict__:
            out.__dict__["levels"] = self.levels
        return out
