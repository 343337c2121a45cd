"""The answers of the entity graph, made one way from the reads of any back end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from domain.graph import (
    LISTED,
    ClonedBill,
    Edge,
    Found,
    GraphStats,
    Neighbourhood,
    Node,
    NodeKind,
    SharedIdentifier,
    Triangle,
    id_of,
    kind_of,
)
from domain.graph_questions import (
    SECONDS,
    AskCircularTransfers,
    AskClonedBills,
    AskCommunities,
    AskCompanions,
    AskNeighbourhood,
    AskPath,
    AskSharedIdentifiers,
    AskTriangles,
    GraphNodeError,
    Question,
)
from store.graph import communities, paths, rings
from store.graph.reading import GraphReader, Reads


class Answers:
    """Answers the questions of ``domain.graph_questions`` over any back end."""

    def __init__(self, reader: GraphReader) -> None:
        self._reader = reader

    def ask(self, question: Question, /) -> Any:
        """The answer to a question; see ``domain.graph_questions.Graph.ask``."""
        answer = _ANSWERS[type(question)]
        since = getattr(question, "since", None)
        with self._reader.begin(upto=question.upto, since=since, seconds=question.seconds) as reads:
            return answer(reads, question)

    def stats(self, *, seconds: float = SECONDS) -> GraphStats:
        """How many nodes and edges of each kind it has."""
        with self._reader.begin(upto=None, since=None, seconds=seconds) as reads:
            return reads.stats()


def _neighbourhood(reads: Reads, asked: AskNeighbourhood) -> Neighbourhood:
    if not reads.exists(asked.of):
        raise unknown(asked.of)
    distances = {asked.of: 0}
    expanded: dict[str, str] = {}
    edges: dict[tuple[str, ...], Edge] = {}
    cut = False
    frontier = [asked.of]
    for distance in range(1, asked.hops + 1):
        through = [k for k in frontier if k == asked.of or kind_of(k) in asked.through]
        found = reads.expand(through, asked.fan)
        frontier = []
        for key in through:
            expanded[key] = "part" if len(found[key]) > asked.fan else "whole"
            for edge in found[key][: asked.fan]:
                other = edge.target if edge.source == key else edge.source
                if other not in distances:
                    if len(distances) == asked.limit:
                        expanded[key], cut = "part", True
                        continue
                    distances[other] = distance
                    frontier.append(other)
                edges[edge.order] = edge
        frontier.sort()
    kept = tuple(edges[place] for place in sorted(edges))
    cut = cut or "part" in expanded.values()
    return Neighbourhood(asked.of, nodes_of(reads, distances, expanded), kept, cut)


def nodes_of(
    reads: Reads, distances: Mapping[str, int], expanded: Mapping[str, str]
) -> tuple[Node, ...]:
    """Nodes with what is known of stays, by distance and key."""
    stays = reads.stays([id_of(key) for key in distances if kind_of(key) is NodeKind.STAY])
    return tuple(
        Node(
            key, kind_of(key), id_of(key), distance, expanded.get(key, "no"),
            stays.get(id_of(key)) if kind_of(key) is NodeKind.STAY else None,
        )
        for key, distance in sorted(distances.items(), key=lambda pair: (pair[1], pair[0]))
    )  # fmt: skip


def unknown(key: str) -> GraphNodeError:
    """The refusal of a node that is not there."""
    return GraphNodeError(
        f"the graph has no {kind_of(key)} of that id",
        where="graph",
        cure="Take the id from a claim, an alert or another answer; a claim that has just come in is in "
        "the graph once its follower has brought it in.",
    )


def _shared(reads: Reads, asked: AskSharedIdentifiers) -> Found[SharedIdentifier]:
    kinds = [NodeKind(kind) for kind in asked.kind]
    rows = reads.shared(kinds, asked.min_patients, asked.within, asked.limit)
    shown = rows[: asked.limit]
    patients = reads.sharers([key for key, _ in shown], LISTED)
    items = tuple(
        SharedIdentifier(
            key, kind_of(key), found.patients, found.stays, found.providers,
            tuple(patients[key]), found.first_day, found.last_day, found.money,
        )
        for key, found in shown
    )  # fmt: skip
    return Found(items, len(rows) > len(shown))


def _triangles(reads: Reads, asked: AskTriangles) -> Found[Triangle]:
    rows = reads.triangles(
        asked.min_stays, asked.provider, asked.physician, asked.patient, asked.limit
    )
    return Found(tuple(rows[: asked.limit]), len(rows) > asked.limit)


def _cloned(reads: Reads, asked: AskClonedBills) -> Found[ClonedBill]:
    rows = reads.clones(asked.min_patients, asked.min_items, asked.limit)
    shown = rows[: asked.limit]
    stays = reads.billed([one.bill for one in shown], LISTED)
    items = []
    for one in shown:
        listed, found = stays[one.bill], one.sum
        items.append(
            ClonedBill(
                one.bill, one.items, found.patients, found.stays,
                tuple(sorted({stay.patient_id for stay in listed})),
                tuple(stay.stay_id for stay in listed),
                tuple(sorted({stay.provider_id for stay in listed})),
                found.first_day, found.last_day, found.money,
            )
        )  # fmt: skip
    return Found(tuple(items), len(rows) > len(shown))


_ANSWERS: Final[Mapping[type[Question], Callable[[Reads, Any], Any]]] = {
    AskNeighbourhood: _neighbourhood,
    AskSharedIdentifiers: _shared,
    AskTriangles: _triangles,
    AskCompanions: rings.companions,
    AskCircularTransfers: rings.circular_transfers,
    AskClonedBills: _cloned,
    AskPath: paths.shortest,
    AskCommunities: communities.communities,
}
