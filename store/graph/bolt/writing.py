"""Bringing stays into Neo4j: batches of UNWIND and MERGE, fenced by the site's own node."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any, Final

import neo4j

from domain.graph import EdgeKind, NodeKind, StayFacts, StayGraph, id_of, kind_of
from store.graph.bolt.connection import Bolt
from store.graph.bolt.schema import LABELS, TYPES, statements
from store.graph.writing import Applied, LostGraphError

WRITE_S: Final = 120.0
"""Longest transaction: a batch takes a second; one that takes minutes hangs and is tried again."""

PART: Final = 5_000
"""Nodes taken away in one transaction of a sweep, so that its memory stays small."""

_MIDDLES: Final = (NodeKind.STAY, NodeKind.ORDER)
"""Every edge begins or ends at one of these; a stay's edge to its order begins at the stay."""

_SEIZE: Final = """
MERGE (g:GraphSite {site: $site})
ON CREATE SET g.epoch = 0
SET g.epoch = g.epoch + 1
RETURN g.epoch AS epoch
"""
_HOLD: Final = """
MATCH (g:GraphSite {site: $site})
SET g.written_at = datetime.transaction()
RETURN g.epoch AS epoch
"""
_CONTENTS: Final = """
MATCH (s:Stay) WHERE s.key IN $keys
RETURN s.stay_id AS stay_id, s.content AS content, s.build AS build
"""
_NEIGHBOURS: Final = """
MATCH (s:Stay) WHERE s.key IN $keys
OPTIONAL MATCH (s)-[:ORDERED]->(o:Order)
WITH collect(DISTINCT s) + collect(DISTINCT o) AS own
UNWIND own AS x
MATCH (x)--(n) WHERE NOT n:Stay AND NOT n:Order
RETURN DISTINCT labels(n)[0] AS label, n.key AS key
"""
_REMOVE: Final = """
MATCH (s:Stay) WHERE s.key IN $keys
OPTIONAL MATCH (s)-[:ORDERED]->(o:Order)
WITH s, collect(o) AS orders
FOREACH (o IN orders | DETACH DELETE o)
DETACH DELETE s
"""


class BoltWriter:
    """Writes one site of a Neo4j database; see ``store.graph.writing.GraphWriter``."""

    def __init__(self, bolt: Bolt) -> None:
        self._bolt = bolt
        self._site = bolt.address.site

    @property
    def name(self) -> str:
        """The graph's name in the list of changes."""
        return self._bolt.address.name

    def seize(self) -> int:
        """Make constraints and indexes, and become the only writer; see ``GraphWriter.seize``."""
        for statement in statements():
            self._bolt.run(statement)
        with self._bolt.transaction(write=True, seconds=WRITE_S) as tx:
            return int(_single(tx, _SEIZE, site=self._site)["epoch"])

    def apply(
        self, epoch: int, build: int, placed: Sequence[StayGraph], removed: Sequence[str]
    ) -> Applied:
        """Let the graph show these stays so, and those no longer; see ``GraphWriter.apply``."""
        with self._bolt.transaction(write=True, seconds=WRITE_S) as tx:
            self._hold(tx, epoch)
            keys = self._stay_keys([*(g.facts.stay_id for g in placed), *removed])
            have = {r["stay_id"]: (r["content"], r["build"]) for r in tx.run(_CONTENTS, keys=keys)}
            new = [g for g in placed if have.get(g.facts.stay_id) != (g.content, build)]
            gone = set(removed) & have.keys()
            old = self._stay_keys(gone | ({g.facts.stay_id for g in new} & have.keys()))
            loose = [(r["label"], r["key"]) for r in tx.run(_NEIGHBOURS, keys=old)] if old else []
            if old:
                tx.run(_REMOVE, keys=old).consume()
            self._put_nodes(tx, new, build)
            self._put_edges(tx, new)
            _remove_loose(tx, loose)
        return Applied(len(new), len(gone), len(placed) - len(new))

    def sweep(self, epoch: int, build: int) -> int:
        """Take away what another build left; see ``GraphWriter.sweep``."""
        return self._remove_all(epoch, "n.build <> $build", build)

    def wipe(self, epoch: int) -> int:
        """Empty the site; see ``GraphWriter.wipe``."""
        return self._remove_all(epoch, "$build = 0", 0)

    def _remove_all(self, epoch: int, which: str, build: int) -> int:
        total = 0
        for label in LABELS.values():
            text = (
                f"MATCH (n:{label} {{site: $site}}) WHERE {which} "
                "WITH n LIMIT $part DETACH DELETE n"
            )
            while True:
                with self._bolt.transaction(write=True, seconds=WRITE_S) as tx:
                    self._hold(tx, epoch)
                    done = tx.run(text, site=self._site, build=build, part=PART).consume()
                total += done.counters.nodes_deleted
                if not done.counters.nodes_deleted:
                    break
        return total

    def _hold(self, tx: neo4j.Transaction, epoch: int) -> None:
        """Keep other writers out until the transaction ends, if we still are the last one."""
        found = tx.run(_HOLD, site=self._site).single()
        if found is None or found["epoch"] != epoch:
            raise LostGraphError(self.name)

    def _put_nodes(self, tx: neo4j.Transaction, graphs: Sequence[StayGraph], build: int) -> None:
        keys = sorted({key for g in graphs for e in g.edges for key in (e.source, e.target)})
        for kind, label in LABELS.items():
            if kind is NodeKind.STAY:
                rows = [self._stay(g) for g in graphs]
            else:
                rows = [self._node(key) for key in keys if kind_of(key) is kind]
            if rows:
                # Labels come from our closed list, values travel as parameters.
                text = f"UNWIND $rows AS row MERGE (n:{label} {{key: row.key}}) SET n += row, n.build = $build"
                tx.run(text, rows=rows, build=build).consume()

    def _put_edges(self, tx: neo4j.Transaction, graphs: Sequence[StayGraph]) -> None:
        """Edges by kind, each of them with its stay or order in the middle.

        Sent as bare lists, the middle once: packing names and repeated values costs this process
        more than the server needs to store them.
        """
        groups: dict[tuple[NodeKind, EdgeKind, NodeKind], dict[str, list[list[Any]]]] = {}
        for edge in (edge for graph in graphs for edge in graph.edges):
            source, target = kind_of(edge.source), kind_of(edge.target)
            middle, other = edge.source, edge.target
            if source not in _MIDDLES:
                middle, other = other, middle
            row = [
                self._key(other), edge.role, edge.first_day, edge.last_day,
                edge.amount_fen, edge.currency, edge.occurrences,
            ]  # fmt: skip
            of = groups.setdefault((source, edge.kind, target), {})
            of.setdefault(self._key(middle), []).append(row)
        # Stays' own edges first: those of orders find the stay by them.
        for place in sorted(groups, key=lambda g: (NodeKind.STAY not in g, g)):
            tx.run(_edges_text(*place), rows=list(groups[place].items())).consume()

    def _stay(self, graph: StayGraph) -> dict[str, Any]:
        facts = graph.facts
        return {
            **self._node(f"{NodeKind.STAY}:{facts.stay_id}"),
            **{one.name: getattr(facts, one.name) for one in fields(StayFacts)},
            "cell": _cell(facts),
            "content": graph.content,
        }

    def _node(self, key: str) -> dict[str, Any]:
        return {"key": self._key(key), "site": self._site, "node": key, "id": id_of(key)}

    def _key(self, key: str) -> str:
        return f"{self._site}|{key}"

    def _stay_keys(self, stay_ids: Iterable[str]) -> list[str]:
        return [self._key(f"{NodeKind.STAY}:{stay_id}") for stay_id in stay_ids]


def _edges_text(source: NodeKind, kind: EdgeKind, target: NodeKind) -> str:
    """The statement that makes edges of one kind; labels and types are of our closed lists."""
    if NodeKind.STAY in (source, target):
        middle = "MATCH (m:Stay {key: row[0]}) WITH row, m, m AS s"
    else:
        middle = "MATCH (m:Order {key: row[0]})<-[:ORDERED]-(s:Stay)"
    away = source in _MIDDLES
    other = LABELS[target if away else source]
    own = f"[r:{TYPES[kind]} {{stay_id: s.stay_id, role: e[1]}}]"
    arrow = f"(m)-{own}->(o)" if away else f"(m)<-{own}-(o)"
    return (
        f"UNWIND $rows AS row {middle} UNWIND row[1] AS e "
        f"MATCH (o:{other} {{key: e[0]}}) MERGE {arrow} "
        "SET r.first_day = e[2], r.last_day = e[3], r.amount_fen = e[4], r.currency = e[5], "
        "r.occurrences = e[6], r.known_at = s.known_at"
    )


def _remove_loose(tx: neo4j.Transaction, nodes: Sequence[tuple[str, str]]) -> None:
    """Take away, of these nodes, those that nothing touches any more."""
    for label in sorted({label for label, _ in nodes}):
        keys = [key for of, key in nodes if of == label]
        tx.run(f"MATCH (n:{label}) WHERE n.key IN $keys AND NOT (n)--() DELETE n", keys=keys)


def _cell(facts: StayFacts) -> str | None:
    """Where and when someone lay over a night: those of one cell came and left together."""
    if facts.claim_type != "inpatient" or facts.ended_on in (None, facts.admission_date):
        return None
    return f"{facts.admission_date}|{facts.ended_on}|{facts.provider_id}"


def _single(tx: neo4j.Transaction, text: str, **values: Any) -> neo4j.Record:
    found: neo4j.Record | None = tx.run(text, **values).single()
    if found is None:
        raise AssertionError(text)
    return found
