"""Because of whom a claim has its score: each kind of connection taken away, and scored again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from explain.reasons import MIN_RAISE, MOST
from graph_models.stays import Desk
from graph_models.stays.reading import RELATIONS

SHOWN: Final = 20
"""Claims that a connection lists; the count is of all."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One thing that a claim shares with others, and by how much its score falls without it."""

    relation: str
    fall: float
    claims: int
    stay_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resting:
    """A claim's score, at most four connections that it rests on, and its fall without all of them."""

    stay_id: str
    score: float
    connections: tuple[Connection, ...]
    together: float


def because_of(desk: Desk, stay_id: str) -> Resting:
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
    return Resting(stay_id, score, named, together)
