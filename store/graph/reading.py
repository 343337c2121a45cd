"""What a graph's back end can be asked for: the small reads that every answer is made of.

``store.graph.answers`` makes the answers from these, one way for all back ends, so a back
end only has to agree on sets, counts, sums and order. Where a read takes a limit it gives one
entry more if there is more. Text is ordered by code points. "Seen" means: complete by the
question's ``upto``, and admitted on ``since`` or later where that is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from domain.graph import Edge, GraphStats, Money, NodeKind, StayFacts, Triangle


@dataclass(frozen=True, slots=True)
class Sum:
    """What some stays come to: counts, days from the first admission to the last end, money."""

    patients: int
    stays: int
    providers: int
    first_day: date
    last_day: date
    money: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Clones:
    """Stays of one bill."""

    bill: str
    items: int
    sum: Sum


@dataclass(frozen=True, slots=True)
class PatientSum:
    """What one patient's stays at one provider come to."""

    patient_id: str
    provider_id: str
    sum: Sum


class Reads(Protocol):
    """The reads of one question, within its time; GraphTimeoutError or GraphAwayError otherwise."""

    def exists(self, key: str) -> bool:
        """Whether the graph has the node, seen or not."""
        ...

    def expand(self, keys: Sequence[str], fan: int) -> Mapping[str, list[Edge]]:
        """The edges of each node, newest claims first (then by ``Edge.order``), at most ``fan`` + 1."""
        ...

    def stays(self, stay_ids: Sequence[str]) -> Mapping[str, StayFacts]:
        """These stays, seen or not."""
        ...

    def shared(
        self, kinds: Sequence[NodeKind], least: int, within: str | None, limit: int
    ) -> list[tuple[str, Sum]]:
        """Identifiers with at least so many patients: most patients first, then most stays, then by key."""
        ...

    def sharers(self, identifiers: Sequence[str], limit: int) -> Mapping[str, list[str]]:
        """The first patients of each identifier, by pseudonym."""
        ...

    def triangles(
        self,
        least: int,
        provider: str | None,
        physician: str | None,
        patient: str | None,
        limit: int,
    ) -> list[Triangle]:
        """Provider, physician and patient with at least so many stays: most first, then by name."""
        ...

    def companion_pairs(self, least: int, limit: int) -> list[tuple[str, str]]:
        """Two patients who shared at least so many (provider, admission, end) of over a night, by name."""
        ...

    def travellers(self, limit: int) -> list[StayFacts]:
        """Ended inpatient stays of patients with three or more at two or more providers.

        By patient, admission, end and stay.
        """
        ...

    def inpatient(self, patient_ids: Sequence[str], limit: int) -> list[StayFacts]:
        """Ended inpatient stays of these patients, in the same order."""
        ...

    def clones(self, patients: int, items: int, limit: int) -> list[Clones]:
        """Bills with so many patients and items: most patients first, then most stays, then by bill."""
        ...

    def billed(self, bills: Sequence[str], limit: int) -> Mapping[str, list[StayFacts]]:
        """The first stays of each bill, by stay."""
        ...

    def links(self, kinds: Sequence[NodeKind], most: int, limit: int) -> list[tuple[str, str]]:
        """(identifier, patient) of identifiers with 2 to ``most`` patients, by both."""
        ...

    def sums(self, patient_ids: Sequence[str]) -> list[PatientSum]:
        """What the stays of each of these patients come to, by patient and provider."""
        ...

    def stats(self) -> GraphStats:
        """Nodes and edges by kind, seen or not."""
        ...


class GraphReader(Protocol):
    """Reads one graph."""

    def begin(
        self, *, upto: datetime | None, since: date | None, seconds: float
    ) -> AbstractContextManager[Reads]:
        """The reads of one question; they see one state of the graph as far as the back end can."""
        ...
