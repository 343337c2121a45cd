"""The neighbourhood of a stay as a drawing made here: rings of nodes around the first one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from threading import BoundedSemaphore
from typing import Any, Final

from domain.graph import NAMES, Neighbourhood, NodeKind, key_of
from domain.graph_questions import (
    AskNeighbourhood,
    Graph,
    GraphAwayError,
    GraphError,
    GraphNodeError,
    GraphQuestionError,
    GraphTimeoutError,
    read_upto,
)

SIZE: Final = 760
SECONDS: Final = 5.0
"""How long a person waits for the picture before a notice takes its place."""
HOPS: Final = 2
FAN: Final = 25
MOST: Final = 90
"""Nodes of one picture: more is no picture."""

_TURN: Final = BoundedSemaphore(2)
_RINGS: Final = (0, 170, 310, 365)
_TOP: Final = -math.pi / 2
_APART: Final = 0.26
"""Radians between two nodes of an outer ring, so that their labels do not meet."""
_PERSONAL: Final = ("patient", "phone", "address", "bank_account", "employer")


@dataclass(frozen=True, slots=True)
class Dot:
    """A node in its place."""

    key: str
    kind: str
    label: str
    left: float
    top: float
    distance: int
    expanded: str


@dataclass(frozen=True, slots=True)
class Line:
    """An edge in its place, with the days on which it holds."""

    kind: str
    source: str
    target: str
    left: float
    top: float
    to_left: float
    to_top: float
    first_day: date | None
    stay_id: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn and listed; ``problem`` names why there is nothing."""

    of: str
    upto: str
    problem: str | None = None
    dots: tuple[Dot, ...] = ()
    lines: tuple[Line, ...] = ()
    truncated: bool = False
    days: tuple[date, ...] = ()


def ask(
    graph: Graph | None,
    stay_id: str,
    of: str,
    upto: str,
    hide: Callable[[list[str]], list[str]] = list,
) -> Picture:
    """The picture around a node (the stay, if ``of`` is empty); never an error but a named problem.

    ``hide`` gives the keys of nodes as the caller may see them.
    """
    centre = of or key_of(NodeKind.STAY, stay_id)
    if graph is None:
        return Picture(centre, upto, "absent")
    # A picture waits for its turn no longer than a person would, and leaves threads to others.
    if not _TURN.acquire(timeout=SECONDS):
        return Picture(centre, upto, "slow")
    try:
        found: Neighbourhood = graph.ask(
            AskNeighbourhood(
                of=centre,
                hops=HOPS,
                fan=FAN,
                limit=MOST,
                seconds=SECONDS,
                upto=read_upto(upto) if upto else None,
            )
        )
    # A day so early that it is none in UTC overflows.
    except (GraphQuestionError, OverflowError):
        return Picture(centre, "", "question")
    except GraphNodeError:
        return Picture(centre, upto, "unknown")
    except GraphTimeoutError:
        return Picture(centre, upto, "slow")
    except (GraphAwayError, GraphError):
        return Picture(centre, upto, "away")
    finally:
        _TURN.release()
    return lay_out(_hidden(found, hide), upto)


def lay_out(found: Neighbourhood, upto: str) -> Picture:
    """Rings by distance; on each ring nodes stand near what they hang on."""
    near: dict[str, list[str]] = {}
    for edge in found.edges:
        near.setdefault(edge.source, []).append(edge.target)
        near.setdefault(edge.target, []).append(edge.source)
    distance = {node.key: node.distance for node in found.nodes}
    angle: dict[str, float] = {found.of: _TOP}
    for ring in range(1, max(distance.values(), default=0) + 1):
        members = [node for node in found.nodes if node.distance == ring]
        wished = {n.key: _wish(near.get(n.key, ()), angle, ring, distance) for n in members}
        ordered = sorted(members, key=lambda n: (wished[n.key], n.kind, n.key))
        for node, turn in zip(
            ordered, _spread([wished[n.key] for n in ordered], ring), strict=True
        ):
            angle[node.key] = turn
    places: dict[str, tuple[float, float]] = {}
    for node in found.nodes:
        radius = _RINGS[min(node.distance, len(_RINGS) - 1)]
        places[node.key] = (
            round(SIZE / 2 + radius * math.cos(angle.get(node.key, 0.0)), 1),
            round(SIZE / 2 + radius * math.sin(angle.get(node.key, 0.0)), 1),
        )
    dots = tuple(
        Dot(n.key, str(n.kind), _label(str(n.kind), n.id), *places[n.key], n.distance, n.expanded)
        for n in found.nodes
    )
    lines = tuple(
        Line(
            str(e.kind),
            e.source,
            e.target,
            *places[e.source],
            *places[e.target],
            first_day=e.first_day,
            stay_id=e.stay_id,
        )
        for e in found.edges
    )
    days = sorted({line.first_day for line in lines if line.first_day is not None})
    return Picture(found.of, upto, None, dots, lines, found.truncated, tuple(days))


def names() -> Mapping[str, Any]:
    """Names of kinds for people."""
    return NAMES


def _hidden(found: Neighbourhood, hide: Callable[[list[str]], list[str]]) -> Neighbourhood:
    """The same with other keys; a node whose key is another one is called by that."""
    keys = [found.of, *(node.key for node in found.nodes)]
    shown = dict(zip(keys, hide(keys), strict=True))
    return replace(
        found,
        of=shown[found.of],
        nodes=tuple(
            n if shown[n.key] == n.key else replace(n, key=shown[n.key], id=shown[n.key].partition(":")[2])
            for n in found.nodes
        ),
        edges=tuple(
            replace(e, source=shown[e.source], target=shown[e.target])
            for e in found.edges
            if e.source in shown and e.target in shown
        ),
    )  # fmt: skip


def _wish(
    keys: Iterable[str], angle: Mapping[str, float], ring: int, distance: Mapping[str, int]
) -> float:
    """Where a node would like to stand: at the angle of a node further in that it hangs on."""
    inner = [angle[key] for key in keys if key in angle and distance.get(key, 0) < ring]
    return min(inner) if inner else _TOP


def _spread(wished: Sequence[float], ring: int) -> list[float]:
    """The angles wished for (rising), moved apart as far as labels need; evenly where it is full."""
    number = len(wished)
    gap = min(_APART, 2 * math.pi / number)
    if ring == 1 or number * _APART > 2 * math.pi:
        return [_TOP + 2 * math.pi * place / number for place in range(number)]
    placed: list[float] = []
    for wish in wished:
        placed.append(wish if not placed else max(wish, placed[-1] + gap))
    over = placed[-1] - placed[0] - (2 * math.pi - gap)
    return [one - over * place / number for place, one in enumerate(placed)] if over > 0 else placed


def _label(kind: str, name: str) -> str:
    """A short text beside the node; pseudonyms are told apart by their beginning."""
    last = name.rpartition("|")[2] if kind != "order" else name
    most = 9 if kind in _PERSONAL else 14
    return last if len(last) <= most else f"{last[:most]}…"
