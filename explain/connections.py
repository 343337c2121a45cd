"""Because of whom a claim has its score: each kind of connection taken away, and scored again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from explain.reasons import MIN_RAISE, MOST
from graph_models.stays import Desk
from graph_models.stays.reading import RELATIONS

SHOWN: Final = 20
"""Claims that a connection lists; the count is of all."""
DRAWS: Final = 5
"""Random choices of as many connections that the named ones are compared with."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One thing that a claim shares with others, and by how much its score falls without it."""

    relation: str
    fall: float
    claims: int
    stay_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Because:
    """A claim's score, at most four connections that it rests on, and its fall without all of them."""

    stay_id: str
    score: float
    connections: tuple[Connection, ...]
    together: float


def because_of(desk: Desk, stay_id: str) -> Because:
    """The connections of a claim that the desk knows, the one whose loss lowers its score most first.

    Exact: nothing is sampled, and the same claims give the same answer. What the claim hears from the
    other side of a connection is gone with it; the others stay as they are.
    """
    score = float(desk.again(stay_id).scores[0])
    found = []
    for relation in RELATIONS:
        others = desk.company(stay_id, relation)
        if others:
            fall = score - float(desk.again(stay_id, without={relation}).scores[0])
            if fall >= MIN_RAISE:
                found.append(Connection(relation, fall, len(others), tuple(others[:SHOWN])))
    found.sort(key=lambda c: (-c.fall, c.relation))
    named = tuple(found[:MOST])
    gone = {c.relation for c in named}
    together = score - float(desk.again(stay_id, without=gone).scores[0]) if gone else 0.0
    return Because(stay_id, score, named, together)


def measure_connections(desk: Desk, stay_ids: Sequence[str], *, seed: int) -> dict[str, Any]:
    """Whether the named connections carry the scores.

    ``named`` is the mean fall without them, ``random`` that without as many drawn from all that the
    claim has.
    """
    rng = np.random.default_rng(seed)
    named, drawn = [], []
    for stay_id in stay_ids:
        found = because_of(desk, stay_id)
        if not found.connections:
            continue
        has = [r for r in RELATIONS if desk.company(stay_id, r)]
        named.append(found.together)
        falls = [
            found.score - float(desk.again(stay_id, without=_draw(rng, has, found)).scores[0])
            for _ in range(DRAWS)
        ]
        drawn.append(float(np.mean(falls)))
    return {
        "claims": len(stay_ids),
        "with_connections": len(named),
        "named": _mean(named),
        "random": _mean(drawn),
    }


def _draw(rng: np.random.Generator, has: list[str], found: Because) -> set[str]:
    return set(rng.choice(has, min(len(found.connections), len(has)), replace=False).tolist())


def _mean(values: Iterable[float]) -> float | None:
    given = list(values)
    return round(float(np.mean(given)), 4) if given else None
