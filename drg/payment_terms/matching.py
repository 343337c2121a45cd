"""Which row of a table of terms holds for a stay: the most specific one in force on its day.

Texts become whole numbers first: those of the terms once a scheme, those of the stays once a
batch. A row is then found by a search in sorted numbers, which costs little for one stay and
for many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from drg.arrays import Bools, Ids, Numbers, numbers, spread

REGION: Final = "region_code"

SCOPE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("insurance_type", ("insurance_type",)),
    ("provider_id", ("provider_id",)),
    ("group_code", ("group_code", "adrg")),
    ("level", ("level",)),
    ("item_code", ("item_code",)),
    ("category", ("category",)),
)
"""What narrows a row, the strongest first, each with the columns of the stay that may meet
it, the stronger first. The division, the longer the stronger, goes before all of them."""

PERIOD: Final = ("effective_from", "effective_to")

Holds = Callable[[Ids, Ids], Bools]
"""Whether a row holds beyond scope and period: (places of stays, rows of the terms)."""


class Keys:
    """What terms are chosen by: ``day`` and texts of each row of a frame, as numbers.

    The frame has ``date``, ``region_code`` and those columns of ``SCOPE`` that terms use.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._coded: dict[str, tuple[list[str | None], Ids]] = {}
        self.day: Numbers = numbers(frame["date"].to_arrow())

    def __len__(self) -> int:
        return self._frame.height

    def codes(self, column: str, places: dict[str, int], length: int | None = None) -> Ids:
        """The place of each row's text among those given, -1 for none; of its first letters."""
        if column not in self._coded:
            coded = self._frame[column].to_arrow().dictionary_encode()
            index = coded.indices.fill_null(len(coded.dictionary))
            self._coded[column] = (
                [*coded.dictionary.to_pylist(), None],
                np.asarray(index.to_numpy(zero_copy_only=False), dtype=np.intp),
            )
        texts, index = self._coded[column]
        found = [-1 if text is None else places.get(text[:length], -1) for text in texts]
        return np.array(found, dtype=np.intp)[index]


@dataclass(frozen=True, slots=True, eq=False)
class _Pattern:
    """The rows of a table that are narrowed in one way.

    ``on`` names for each scope the column of the stay, how many of its letters count, and
    the place of each text that the rows name. ``keys`` are the rows' own places as one
    number, sorted and distinct; ``rows[starts:starts + counts]`` are the rows of a key.
    """

    strength: tuple[int, ...]
    on: tuple[tuple[str, int | None, dict[str, int]], ...]
    keys: Ids
    starts: Ids
    counts: Ids
    rows: Ids

    def find(self, keys: Keys, left: Ids) -> tuple[Ids, Ids]:
        """Places among ``left`` and rows that fit them by scope, whatever the day."""
        key = np.zeros(len(left), dtype=np.intp)
        known = np.ones(len(left), dtype=np.bool_)
        for column, length, places in self.on:
            code = keys.codes(column, places, length)[left]
            known &= code >= 0
            key = key * len(places) + code
        at = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        found = np.flatnonzero(known & (self.keys[at] == key))
        entry, owner = spread(self.starts[at[found]], self.counts[at[found]])
        return left[found[owner]], self.rows[entry]


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """The rows of a table of terms with the ways in which they are narrowed, strongest first.

    ``told`` holds what the rows say beyond scope and period, and a last row of nulls for
    stays without terms; ``since`` and ``until`` are days. ``covers`` says of a frame's
    ``region_code`` whether any of the terms, whatever its date, is for that division.
    Made once a scheme: working it out takes longer than matching a stay.
    """

    rows: pl.DataFrame
    patterns: tuple[_Pattern, ...]
    told: pl.DataFrame
    since: Numbers
    until: Numbers
    covers: pl.Expr

    def gather(self, rows: Ids) -> pl.DataFrame:
        """What the terms say for each stay; nulls for row -1."""
        return self.told[np.where(rows < 0, self.rows.height, rows)]


def rank(terms: pl.DataFrame, *, adrg: bool = True) -> Ranked:
    """The terms, ready to be matched; with ``adrg`` false a group is met by that group alone."""
    scope = [name for name, _ in SCOPE if name in terms.columns]
    told = terms.drop(REGION, *PERIOD, *scope)
    none = pl.DataFrame({name: [None] for name in told.columns}, schema=told.schema)
    since, until = (numbers(terms[name].to_arrow()) for name in PERIOD)
    return Ranked(
        terms,
        tuple(_patterns(terms, adrg=adrg)),
        pl.concat([told, none]) if told.width else told,
        since,
        np.where(np.isnan(until), np.inf, until),
        _covers(terms),
    )


def match(keys: Keys, terms: Ranked, *, holds: Holds | None = None) -> tuple[Ids, Ids]:
    """For each stay the terms of the strongest pattern that has any for it.

    A row holds if its division is empty or the start of the stay's, what it names is the
    stay's, its period contains the day, and ``holds`` is true. Returns places of stays and
    rows of the terms: several a stay where terms differ only in what is no scope.
    """
    found: list[tuple[Ids, Ids]] = []
    left = np.arange(len(keys))
    for pattern in terms.patterns:
        if not len(left):
            break
        places, rows = pattern.find(keys, left)
        if not len(places):
            continue
        kept = (terms.since[rows] <= keys.day[places]) & (keys.day[places] <= terms.until[rows])
        if holds is not None:
            kept &= holds(places, rows)
        places, rows = places[kept], rows[kept]
        if len(places):
            found.append((places, rows))
            answered = np.zeros(len(keys), dtype=np.bool_)
            answered[places] = True
            left = left[~answered[left]]
    if not found:
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    return np.concatenate([p for p, _ in found]), np.concatenate([r for _, r in found])


def match_one(keys: Keys, terms: Ranked) -> Ids:
    """The row of each stay, -1 for none; should periods overlap, the one that began last."""
    places, rows = match(keys, terms)
    return last_of(places, rows, terms.since[rows], len(keys))


def last_of(places: Ids, rows: Ids, order: Numbers, count: int) -> Ids:
    """For each of so many stays its row that comes last in that order, -1 for none."""
    out = np.full(count, -1, dtype=np.intp)
    at = np.argsort(order, kind="stable") if len(places) > 1 else slice(None)
    out[places[at]] = rows[at]
    return out


def _covers(terms: pl.DataFrame) -> pl.Expr:
    by_length: dict[int, list[str]] = {}
    for prefix in terms[REGION].unique().to_list():
        by_length.setdefault(len(prefix or ""), []).append(prefix or "")
    if not by_length:
        return pl.lit(False)
    return pl.any_horizontal(
        pl.col(REGION).str.slice(0, length).is_in(prefixes)
        for length, prefixes in sorted(by_length.items())
    ).fill_null(False)


def _patterns(terms: pl.DataFrame, *, adrg: bool) -> list[_Pattern]:
    """The ways in which the rows are narrowed, the strongest first."""
    if terms.is_empty():
        return []
    scope = [(name, met_by) for name, met_by in SCOPE if name in terms.columns]
    marked = terms.with_columns(
        pl.col(REGION).fill_null("").str.len_chars().alias("_length"),
        *(pl.col(name).is_not_null().alias(f"_{name}") for name, _ in scope),
    ).with_row_index("_row")
    marks = ["_length", *(f"_{name}" for name, _ in scope)]
    patterns = []
    for key, rows in marked.partition_by(marks, as_dict=True, maintain_order=True).items():
        length, *filled = key
        names = [one for one, is_filled in zip(scope, filled, strict=True) if is_filled]
        for on in _ways(names, adrg=adrg):
            strength = tuple(
                len(met_by) - met_by.index(on[name]) if name in on else 0 for name, met_by in scope
            )
            patterns.append(_pattern(rows, on, length, (length, *strength)))
    return sorted(patterns, key=lambda pattern: pattern.strength, reverse=True)


def _ways(names: list[tuple[str, tuple[str, ...]]], *, adrg: bool) -> Iterator[dict[str, str]]:
    """How the named columns may be met: a group by the stay's group or by its ADRG."""
    columns = {name: met_by[0] for name, met_by in names}
    yield columns
    if adrg and "group_code" in columns:
        yield {**columns, "group_code": "adrg"}


def _pattern(
    rows: pl.DataFrame, on: dict[str, str], length: int, strength: tuple[int, ...]
) -> _Pattern:
    met: list[tuple[str, int | None, dict[str, int]]] = []
    key = np.zeros(rows.height, dtype=np.intp)
    named: list[tuple[str, str, int | None]] = [(n, column, None) for n, column in on.items()]
    if length:
        named.append((REGION, REGION, length))
    for name, column, letters in named:
        texts = rows[name].to_list()
        places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        met.append((column, letters, places))
        key = key * len(places) + np.array([places[text] for text in texts], dtype=np.intp)
    order = np.argsort(key, kind="stable")
    keys, starts, counts = np.unique(key[order], return_index=True, return_counts=True)
    return _Pattern(
        strength,
        tuple(met),
        keys.astype(np.intp),
        starts.astype(np.intp),
        counts.astype(np.intp),
        rows["_row"].to_numpy().astype(np.intp)[order],
    )
