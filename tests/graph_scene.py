"""A store with claims and an entity graph that follows it, for the tests of both back ends."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from threading import Event
from typing import Any

import store
from domain.graph import Found
from domain.graph_questions import AskSharedIdentifiers, Question
from domain.tables import Tables, concat
from domain.withdrawal import Withdrawn
from store.graph.entity_graph import EntityGraph
from streaming import intake
from streaming.following import Followed, Follower
from streaming.graph_watch import GraphWatch
from tests import intake_claims
from tests import service_samples as samples


def claim(
    number: int,
    patient: str = "A",
    provider: str = "H1",
    first: str = "2024-03-01",
    last: str | None = "2024-03-05",
    **changes: Any,
) -> dict[str, Any]:
    """A clear claim, as a hospital sends it; ``...`` takes a field out."""
    given = {
        "stay_id": f"S{number:06d}",
        "patient_id": patient,
        "provider_id": provider,
        "admission_date": first,
        "admission_time": ...,
        "discharge_date": ... if last is None else last,
        "total_amount_fen": 1_000 * (number + 1),
        "fund_payment_fen": 700 * (number + 1),
        "phone": ...,
        "address": ...,
        "identity_number": ...,
        "attending_physician_id": "D1",
        "charges": ...,
        "orders": ...,
    }
    return intake_claims.claim(**(given | changes))


def lines(*quantities: int, day: str = "2024-03-01") -> list[dict[str, Any]]:
    """Charge lines of items I1, I2, ... in these quantities; every third item is a drug."""
    return [
        {
            "line_id": f"L{number}",
            "item_code": f"I{number}",
            "category": "09" if number % 3 == 0 else "04",
            "quantity": str(quantity),
            "unit_price": "10.00",
            "amount_fen": 1_000 * quantity,
            "charge_date": day,
        }
        for number, quantity in enumerate(quantities, start=1)
    ]


def hidden(field: str, value: str) -> str:
    """The pseudonym under which intake stores a clear value."""
    found = samples.KEY.pseudonym(field, value)
    assert found is not None
    return found


def tables_of(claims: Iterable[Mapping[str, Any]]) -> Tables:
    """Clear claims through the real intake; none may be refused."""
    records = [json.dumps(one, ensure_ascii=False).encode() for one in claims]
    tables, refused = intake.decode(records, key=samples.KEY)
    assert not refused, refused
    return tables


@dataclass
class Scene:
    """A store and one graph of it."""

    opened: store.Store
    graph: EntityGraph

    def __post_init__(self) -> None:
        self.graph.feed.register()

    def put(self, *claims: Mapping[str, Any]) -> None:
        """Store claims; of a stay that comes twice the later comes after the earlier."""
        rounds: list[dict[str, Mapping[str, Any]]] = []
        for one in claims:
            fit = next((r for r in rounds if one["stay_id"] not in r), None)
            if fit is None:
                rounds.append(fit := {})
            fit[one["stay_id"]] = one
        for batch in rounds:
            tables = tables_of(batch.values())
            self.opened.write(
                claims=tables, results=decided(tables), ruleset=samples.RULESET, model=samples.MODEL
            )

    def withdraw(self, number: int, version: int = 1) -> None:
        """Withdraw a claim up to that version."""
        self.opened.withdraw([Withdrawn(f"S{number:06d}", version, "reversed")])

    def follower(self, **changes: Any) -> Follower:
        """A follower of the graph."""
        watch = GraphWatch(graph=self.graph.name, worker="test", version="0", logged=False)
        given = {"feed": self.graph.feed, "writer": self.graph.writer(), "watch": watch}
        return Follower(**{**given, "owner": "test", "patient": False, **changes})

    def catch_up(self, **changes: Any) -> Followed:
        """Bring everything that waits into the graph."""
        return self.follower(**changes).run(Event(), until_empty=True)

    def show(self, *claims: Mapping[str, Any]) -> None:
        """Store claims and bring them in."""
        self.put(*claims)
        self.catch_up()

    def ask(self, question: Question) -> Any:
        """The answer."""
        return self.graph.ask(question)

    def shared(self, **changes: Any) -> list[str]:
        """The identifiers that at least two patients share."""
        asked = AskSharedIdentifiers(**{"min_patients": 2, **changes})
        found: Found[Any] = self.ask(asked)
        return [one.identifier for one in found.items]


def decided(batch: Tables) -> Any:
    """Decisions for these claims, made up; those of claims of one number are alike."""
    return samples.assess(batch)


def renumbered(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Records of the generator under stay ids that ``service_samples.assess`` reads."""
    return [{**one, "stay_id": f"S{number:06d}"} for number, one in enumerate(records)]


def day(text: str) -> date:
    """A date."""
    return date.fromisoformat(text)


__all__ = [
    "Scene",
    "claim",
    "concat",
    "day",
    "decided",
    "hidden",
    "lines",
    "renumbered",
    "tables_of",
]
