"""The reads of ``store.graph.reading`` as Cypher: fixed texts, values as parameters.

One transaction a question, which the server ends when the question's time is over. Neo4j reads
what is committed at each moment, so a stay brought in between two reads of one question may be
in the later one only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final

import neo4j

from domain.graph import (
    IDENTIFIERS,
    Edge,
    EdgeKind,
    GraphStats,
    NodeKind,
    StayFacts,
    Triangle,
    kind_of,
)
from store.graph.bolt.connection import Bolt
from store.graph.bolt.rows import EDGE, KINDS, NAMES, STAY, SUMS, edge_of, read, stay_of, sum_of
from store.graph.bolt.schema import LABELS, TYPES
from store.graph.deadline import Deadline
from store.graph.reading import Clones, PatientSum, Sum

_SEEN: Final = (
    "($upto IS NULL OR {0}.known_at <= $upto) AND ($since IS NULL OR {0}.admission_date >= $since)"
)
_ENDED: Final = f"s.claim_type = 'inpatient' AND s.ended_on IS NOT NULL AND {_SEEN.format('s')}"
_JOURNEY: Final = (
    f"RETURN {STAY} ORDER BY s.patient_id, s.admission_date, s.ended_on, s.stay_id LIMIT $limit"
)
_WITHIN: Final = {
    NodeKind.PATIENT: "MATCH (:Patient {key: $within})-[:HAD]->(w:Stay)",
    NodeKind.PROVIDER: "MATCH (:Provider {key: $within})<-[:AT]-(w:Stay)",
    NodeKind.PHYSICIAN: "MATCH (:Physician {key: $within})-[:TREATED]->(w:Stay)",
    NodeKind.STAY: "MATCH (w:Stay {key: $within})",
}


class BoltReader:
    """Reads one site of a Neo4j database; see ``store.graph.reading.GraphReader``."""

    def __init__(self, bolt: Bolt) -> None:
        self._bolt = bolt

    @contextmanager
    def begin(
        self, *, upto: datetime | None, since: date | None, seconds: float
    ) -> Iterator[BoltReads]:
        """The reads of one question."""
        deadline = Deadline(seconds)
        with self._bolt.transaction(
            write=False, seconds=deadline.left(), late=deadline.error
        ) as tx:
            yield BoltReads(tx, deadline, self._bolt.address.site, upto, since)


class BoltReads:
    """See ``store.graph.reading.Reads``."""

    def __init__(
        self,
        tx: neo4j.Transaction,
        deadline: Deadline,
        site: str,
        upto: datetime | None,
        since: date | None,
    ) -> None:
        self._tx = tx
        self._deadline = deadline
        self._site = site
        self._common = {"site": site, "upto": upto, "since": since}

    def exists(self, key: str) -> bool:
        """Whether the graph has the node."""
        label = LABELS[kind_of(key)]
        text = f"MATCH (n:{label} {{key: $key}}) RETURN 1 AS one LIMIT 1"
        return bool(self._run(text, key=self._key(key)))

    def expand(self, keys: Sequence[str], fan: int) -> Mapping[str, list[Edge]]:
        """The newest edges of each node."""
        found: dict[str, list[Edge]] = {key: [] for key in keys}
        for kind, label in LABELS.items():
            own = [self._key(key) for key in keys if kind_of(key) is kind]
            if not own:
                continue
            rows = self._run(
                f"""
                UNWIND $keys AS key MATCH (n:{label} {{key: key}})
                CALL (n) {{
                  MATCH (n)-[r]-() WHERE $upto IS NULL OR r.known_at <= $upto
                  WITH r, startNode(r).node AS source, endNode(r).node AS target
                  ORDER BY r.known_at DESC, toLower(type(r)), source, target, r.stay_id, r.role
                  LIMIT $fan
                  RETURN collect([type(r), source, target, {read("r", EDGE)}]) AS edges
                }}
                RETURN n.node AS node, edges
                """,
                keys=own,
                fan=fan + 1,
            )
            for row in rows:
                found[row["node"]] = [edge_of(*one) for one in row["edges"]]
        return found

    def stays(self, stay_ids: Sequence[str]) -> Mapping[str, StayFacts]:
        """These stays."""
        keys = [self._key(f"{NodeKind.STAY}:{stay_id}") for stay_id in stay_ids]
        rows = self._run(f"MATCH (s:Stay) WHERE s.key IN $keys RETURN {STAY}", keys=keys)
        return {stay.stay_id: stay for stay in (stay_of(row["stay"]) for row in rows)}

    def shared(
        self, kinds: Sequence[NodeKind], least: int, within: str | None, limit: int
    ) -> list[tuple[str, Sum]]:
        """Identifiers with at least so many patients."""
        labels, types = _identified(kinds)
        begin = f"MATCH (i:{labels} {{site: $site}})"
        if within is not None:
            begin = (
                f"{_WITHIN[kind_of(within)]} WHERE {_SEEN.format('w')} "
                f"MATCH (w)-[:{types}]->(i) WITH DISTINCT i"
            )
        rows = self._run(
            f"""
            {begin} MATCH (i)<-[:{types}]-(s:Stay) WHERE {_SEEN.format("s")}
            WITH i.node AS key, {SUMS} WHERE patients >= $least
            RETURN key, {NAMES} ORDER BY patients DESC, stays DESC, key LIMIT $limit
            """,
            least=least,
            limit=limit + 1,
            within=None if within is None else self._key(within),
        )
        return [(row["key"], sum_of(row)) for row in rows]

    def sharers(self, identifiers: Sequence[str], limit: int) -> Mapping[str, list[str]]:
        """The first patients of each identifier."""
        found: dict[str, list[str]] = {key: [] for key in identifiers}
        for kind in sorted({kind_of(key) for key in identifiers}):
            rows = self._run(
                f"""
                UNWIND $keys AS key
                MATCH (i:{LABELS[kind]} {{key: key}})<-[:{TYPES[IDENTIFIERS[kind]]}]-(s:Stay)
                WHERE {_SEEN.format("s")}
                WITH DISTINCT i.node AS node, s.patient_id AS patient ORDER BY node, patient
                RETURN node, collect(patient)[..$limit] AS patients
                """,
                keys=[self._key(key) for key in identifiers if kind_of(key) is kind],
                limit=limit,
            )
            found |= {row["node"]: row["patients"] for row in rows}
        return found

    def triangles(
        self,
        least: int,
        provider: str | None,
        physician: str | None,
        patient: str | None,
        limit: int,
    ) -> list[Triangle]:
        """Provider, physician and patient with at least so many stays."""
        begin = "MATCH (d:Physician {site: $site})-[:TREATED]->(s:Stay)"
        if patient is not None:
            begin = (
                "MATCH (:Patient {key: $patient_key})-[:HAD]->(s:Stay)<-[:TREATED]-(d:Physician)"
            )
        elif physician is not None:
            begin = "MATCH (d:Physician {key: $physician_key})-[:TREATED]->(s:Stay)"
        elif provider is not None:
            begin = (
                "MATCH (:Provider {key: $provider_key})<-[:AT]-(s:Stay)<-[:TREATED]-(d:Physician)"
            )
        rows = self._run(
            f"""
            {begin} WHERE {_SEEN.format("s")}
            AND ($provider IS NULL OR s.provider_id = $provider)
            AND ($physician IS NULL OR d.id = $physician)
            WITH DISTINCT d, s
            WITH d, s.provider_id AS provider, s.patient_id AS patient, count(*) AS times
            WHERE times >= $least
            WITH d, provider, patient, times
            ORDER BY times DESC, provider, d.id, patient LIMIT $limit
            CALL (d, provider, patient) {{
              MATCH (d)-[:TREATED]->(s:Stay)
              WHERE s.provider_id = provider AND s.patient_id = patient AND {_SEEN.format("s")}
              WITH DISTINCT s
              RETURN {SUMS}
            }}
            RETURN provider, d.id AS physician, patient, {NAMES}
            ORDER BY stays DESC, provider, physician, patient
            """,
            least=least,
            limit=limit + 1,
            provider=provider,
            physician=physician,
            provider_key=self._key(f"{NodeKind.PROVIDER}:{provider}"),
            physician_key=self._key(f"{NodeKind.PHYSICIAN}:{physician}"),
            patient_key=self._key(f"{NodeKind.PATIENT}:{patient}"),
        )
        found = []
        for row in rows:
            made = sum_of(row)
            corners = (row["provider"], row["physician"], row["patient"])
            found.append(Triangle(*corners, made.stays, made.first_day, made.last_day, made.money))
        return found

    def companion_pairs(self, least: int, limit: int) -> list[tuple[str, str]]:
        """Pairs of patients who were admitted and ended together."""
        rows = self._run(
            f"""
            MATCH (s:Stay {{site: $site}}) WHERE s.cell IS NOT NULL AND {_SEEN.format("s")}
            WITH s.cell AS cell, collect(DISTINCT s.patient_id) AS people WHERE size(people) > 1
            UNWIND people AS one UNWIND people AS other
            WITH one, other WHERE one < other
            WITH one, other, count(*) AS times WHERE times >= $least
            RETURN one, other ORDER BY one, other LIMIT $limit
            """,
            least=least,
            limit=limit + 1,
        )
        return [(row["one"], row["other"]) for row in rows]

    def travellers(self, limit: int) -> list[StayFacts]:
        """Ended inpatient stays of patients who moved between providers."""
        rows = self._run(
            f"""
            MATCH (s:Stay {{site: $site}}) WHERE {_ENDED}
            WITH s.patient_id AS patient, collect(s) AS own, count(DISTINCT s.provider_id) AS places
            WHERE size(own) >= 3 AND places >= 2
            UNWIND own AS s {_JOURNEY}
            """,
            limit=limit + 1,
        )
        return [stay_of(row["stay"]) for row in rows]

    def inpatient(self, patient_ids: Sequence[str], limit: int) -> list[StayFacts]:
        """Ended inpatient stays of these patients."""
        rows = self._run(
            f"""
            UNWIND $keys AS key MATCH (:Patient {{key: key}})-[:HAD]->(s:Stay) WHERE {_ENDED}
            {_JOURNEY}
            """,
            keys=self._patients(patient_ids),
            limit=limit + 1,
        )
        return [stay_of(row["stay"]) for row in rows]

    def clones(self, patients: int, items: int, limit: int) -> list[Clones]:
        """Bills that several patients have."""
        rows = self._run(
            f"""
            MATCH (s:Stay {{site: $site}})
            WHERE s.bill IS NOT NULL AND s.bill_items >= $items AND {_SEEN.format("s")}
            WITH s.bill AS bill, min(s.bill_items) AS items, {SUMS} WHERE patients >= $least
            RETURN bill, items, {NAMES} ORDER BY patients DESC, stays DESC, bill LIMIT $limit
            """,
            least=patients,
            items=items,
            limit=limit + 1,
        )
        return [Clones(row["bill"], row["items"], sum_of(row)) for row in rows]

    def billed(self, bills: Sequence[str], limit: int) -> Mapping[str, list[StayFacts]]:
        """The first stays of each bill."""
        rows = self._run(
            f"""
            UNWIND $bills AS bill
            CALL (bill) {{
              MATCH (s:Stay {{site: $site, bill: bill}}) WHERE {_SEEN.format("s")}
              RETURN s ORDER BY s.stay_id LIMIT $limit
            }}
            RETURN bill, {STAY} ORDER BY bill, s.stay_id
            """,
            bills=list(bills),
            limit=limit,
        )
        found: dict[str, list[StayFacts]] = {bill: [] for bill in bills}
        for row in rows:
            found[row["bill"]].append(stay_of(row["stay"]))
        return found

    def links(self, kinds: Sequence[NodeKind], most: int, limit: int) -> list[tuple[str, str]]:
        """Identifiers that tie a few patients together."""
        labels, types = _identified(kinds)
        rows = self._run(
            f"""
            MATCH (i:{labels} {{site: $site}})<-[:{types}]-(s:Stay) WHERE {_SEEN.format("s")}
            WITH i.node AS node, collect(DISTINCT s.patient_id) AS people
            WHERE size(people) >= 2 AND size(people) <= $most
            UNWIND people AS patient
            RETURN node, patient ORDER BY node, patient LIMIT $limit
            """,
            most=most,
            limit=limit + 1,
        )
        return [(row["node"], row["patient"]) for row in rows]

    def sums(self, patient_ids: Sequence[str]) -> list[PatientSum]:
        """What the stays of these patients come to."""
        rows = self._run(
            f"""
            UNWIND $keys AS key MATCH (:Patient {{key: key}})-[:HAD]->(s:Stay) WHERE {_SEEN.format("s")}
            WITH s.patient_id AS patient, s.provider_id AS provider, {SUMS}
            RETURN patient, provider, {NAMES} ORDER BY patient, provider
            """,
            keys=self._patients(patient_ids),
        )
        return [PatientSum(row["patient"], row["provider"], sum_of(row)) for row in rows]

    def stats(self) -> GraphStats:
        """Nodes and edges by kind."""
        nodes = {}
        for kind, label in LABELS.items():
            (row,) = self._run(f"MATCH (n:{label} {{site: $site}}) RETURN count(n) AS n")
            nodes[str(kind)] = row["n"]
        edges = dict.fromkeys((str(kind) for kind in EdgeKind), 0)
        for text in (
            "MATCH (:Stay {site: $site})-[r]-() RETURN type(r) AS kind, count(*) AS n",
            "MATCH (:Order {site: $site})-[r:ASKS_FOR|PRESCRIBED]-() "
            "RETURN type(r) AS kind, count(*) AS n",
        ):
            edges |= {str(KINDS[row["kind"]]): row["n"] for row in self._run(text)}
        return GraphStats(nodes, edges)

    def _run(self, text: str, **values: Any) -> list[neo4j.Record]:
        self._deadline.left()
        return list(self._tx.run(text, {**self._common, **values}))

    def _key(self, key: str) -> str:
        return f"{self._site}|{key}"

    def _patients(self, patient_ids: Sequence[str]) -> list[str]:
        return [self._key(f"{NodeKind.PATIENT}:{one}") for one in sorted(set(patient_ids))]


def _identified(kinds: Sequence[NodeKind]) -> tuple[str, str]:
    """Labels and types of identifiers, for a pattern."""
    chosen = sorted(set(kinds))
    return (
        "|".join(LABELS[kind] for kind in chosen),
        "|".join(TYPES[IDENTIFIERS[kind]] for kind in chosen),
    )
