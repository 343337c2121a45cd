"""A set of stays ready to be learned from or scored: entities numbered, earlier stays found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graph_models.stays import links
from graph_models.stays.prefix import Prefix
from graph_models.stays.reading import OWN, RELATIONS, SMALL, Stays
from graph_models.training import CLIP, moments

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]

UNKNOWN: Final = -1
LOGGED: Final = ("total", "fund", "lines", "cost_ratio")
CARRIED: Final = ("patient",)
"""Through whom the signs of other stays come (``links.SIGNS``). Physicians, hospitals and the number
of known frauds were measured and made a later month's answer worse (docs/models.md)."""
HEARD: Final = tuple(f"{c}~{s}" for c in CARRIED for s in (*links.SIGNS, "hits"))
"""Columns that are means over an entity's earlier stays."""
COLUMNS: Final = (*OWN, *links.NAMES, *HEARD)
"""All columns of a stay but for the checks' and the networks'."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Mean and spread of what the network reads of a stay (``inputs``), learned without labels."""

    mean: Numbers
    spread: Numbers

    @classmethod
    def fit(cls, given: Numbers) -> Scaling:
        """A column that is constant or never known is switched off."""
        return cls(*moments(given))

    def apply(self, given: Numbers) -> Tensor:
        """(stays, 2 columns) float32: standard numbers, 0 where unknown, then flags "known"."""
        x = np.clip(np.nan_to_num((given - self.mean) / self.spread), -CLIP, CLIP)
        return torch.from_numpy(np.hstack([x, ~np.isnan(given)]).astype(np.float32))

    @property
    def width(self) -> int:
        """Columns after ``apply``."""
        return 2 * len(self.mean)


def logged(own: Numbers) -> Numbers:
    """The own numbers, of ``LOGGED`` ones log(1 + number): a few are thousands of times the others."""
    made = own.copy()
    at = [OWN.index(n) for n in LOGGED]
    made[:, at] = np.log1p(made[:, at])
    return made


def inputs(own: Numbers, linked: Numbers) -> Numbers:
    """What the network reads of a stay: ``logged``, and log(1 + link)."""
    return np.hstack([logged(own), np.log1p(linked)])


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of stays: 1 fraudulent, 0 honest, -1 nothing; and since which day."""

    label: Codes
    since: Codes

    @classmethod
    def of(cls, stays: Stays, labels: Mapping[str, tuple[bool, int]]) -> Known:
        """From stay -> (label, day number). Nothing is known of a stay before the stay itself."""
        label = np.full(len(stays), UNKNOWN, dtype=np.int64)
        since = np.zeros(len(stays), dtype=np.int64)
        for i, stay in enumerate(stays.ids):
            if stay in labels:
                fraud, day = labels[stay]
                label[i], since[i] = int(fraud), max(day, int(stays.known[i]))
        return cls(label, since)

    def before(self, day: int) -> Known:
        """Only what was known before the day."""
        return Known(np.where(self.since < day, self.label, UNKNOWN), self.since)


def number(stays: Stays) -> tuple[dict[str, dict[str, int]], dict[str, Codes]]:
    """A number for each entity of each relation, in order of appearance; and each stay's, -1 for none."""
    books: dict[str, dict[str, int]] = {}
    codes = {}
    for relation in RELATIONS:
        book: dict[str, int] = {}
        codes[relation] = np.array(
            [UNKNOWN if k is None else book.setdefault(k, len(book)) for k in stays.keys[relation]],
            dtype=np.int64,
        )
        books[relation] = book
    return books, codes


class Graph:
    """All stays with each other: who hears whom, at their own time or ``again`` at the end.

    ``again`` a stay hears all others that are known before day ``upto``.
    """

    def __init__(
        self,
        codes: Mapping[str, Codes],
        stays: Stays,
        known: Known,
        *,
        late: bool = False,
        upto: int | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.codes, self.stays, self.known, self._late = codes, stays, known, late
        self.upto, self.device = upto, device
        n = len(stays)
        place = np.arange(n, dtype=np.int64)
        end = np.full(n, n, dtype=np.int64)
        self.plain = {
            r: Prefix.of(
                codes[r], end if late else place, codes[r], times=place, rows=place, device=device
            )
            for r in RELATIONS
        }
        when = np.full(n, 2**31 if upto is None else upto) if late else stays.known
        self.apart = {}
        for r in RELATIONS:
            for value in (1, 0):
                rows = np.flatnonzero(known.label == value)
                self.apart[r, value] = Prefix.of(
                    codes[r],
                    when,
                    codes[r][rows],
                    times=known.since[rows],
                    rows=rows,
                    device=device,
                )

    def again(self, upto: int) -> Graph:
        """The same stays, each hearing all others as they are known before the day."""
        return Graph(self.codes, self.stays, self.known, late=True, upto=upto, device=self.device)

    def knowing(self, known: Known) -> Graph:
        """The same stays, of whose labels only these are known."""
        return Graph(
            self.codes, self.stays, known, late=self._late, upto=self.upto, device=self.device
        )

    def head(self, count: int) -> Graph:
        """The first stays, at their own time: what they hear is the same as among all."""
        return Graph(
            {r: c[:count] for r, c in self.codes.items()},
            self.stays.head(count),
            Known(self.known.label[:count], self.known.since[:count]),
            device=self.device,
        )

    def mean(self, step: int, relation: str, said: Tensor) -> tuple[Tensor, Tensor] | None:
        """See ``network.Heard``."""
        prefix = self.plain[relation]
        return None if prefix.silent else (prefix.mean(said), prefix.count)

    def labelled(self, relation: str, said: Tensor) -> Sequence[tuple[Tensor, Tensor] | None]:
        """See ``network.Heard``."""
        both = (self.apart[relation, value] for value in (1, 0))
        return [None if p.silent else (p.mean(said), p.count) for p in both]

    def links(self) -> Numbers:
        """(stays, ``links.NAMES``)."""
        return links.columns(self.codes, self.stays.known, again=self._late)

    def heard(self, first: Numbers) -> Numbers:
        """(stays, ``HEARD``); ``first`` are the stays' links at their own time."""
        signs = sign_columns(first, self.stays.own)
        made = []
        for relation in CARRIED:
            prefix = self.plain[relation]
            mean = prefix.mean(torch.from_numpy(signs).to(prefix.rows.device)).double()
            there = prefix.count.cpu().numpy()[:, None] > 0
            made.append(np.where(there, mean.cpu().numpy(), np.nan))
        return np.hstack(made)


def sign_columns(first: Numbers, own: Numbers) -> Numbers:
    """What a stay passes on: log(1 + sign), 0 where it states none; and its hits."""
    at = [links.NAMES.index(s) for s in links.SIGNS]
    hits = own[:, OWN.index("hits")]
    return np.log1p(np.nan_to_num(np.column_stack([first[:, at], hits])))


def members(codes: Mapping[str, Codes], count: Mapping[str, int]) -> dict[str, tuple[Codes, Codes]]:
    """For ``links.near``: where each entity's stays begin, and the stays in order."""
    made = {}
    for relation in SMALL:
        there = np.flatnonzero(codes[relation] >= 0)
        rows = there[np.argsort(codes[relation][there], kind="stable")]
        begin = np.zeros(count[relation] + 1, dtype=np.int64)
        begin[1:] = np.cumsum(np.bincount(codes[relation][rows], minlength=count[relation]))
        made[relation] = (begin, rows)
    return made
