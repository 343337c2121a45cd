"""FHIR for a waiting caller: read a body, and keep its order events as the stream would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from domain.errors import Refusal
from domain.service import FhirTold, Refused, Told
from store import Store, StoreBusyError, StoreError
from streaming.fhir.naming import Names
from streaming.fhir.texts import read
from streaming.orders.events import decode
from streaming.orders.handler import OrdersHandler
from streaming.orders.judging import judge_orders

_TRIES: Final = 3
"""How often events are judged again because another writer changed the stay meanwhile."""


@dataclass(frozen=True, slots=True)
class FhirDesk:
    """The real ``domain.service.Fhir``.

    ``time_zone`` is that in which the hospitals' dates are calendar dates, ``names`` are
    their own URIs of our code systems.
    """

    handler: OrdersHandler
    store: Store
    time_zone: str = "Asia/Shanghai"
    names: Names = field(default_factory=Names)

    def read(self, body: bytes, /, *, provider_id: str | None) -> FhirTold:
        """Read a resource or Bundle; nothing is stored."""
        found = read(
            body,
            provider_id=provider_id,
            time_zone=self.time_zone,
            at=datetime.now(UTC),
            names=self.names,
        )
        told = (*found.events, *found.claims)
        return FhirTold(
            events=tuple(msgspec.json.encode(event) for event in found.events),
            claims=tuple(msgspec.json.encode(claim) for claim in found.claims),
            refused=tuple(found.refused),
            notes=tuple(found.notes),
            read=found.read,
            taken=found.taken,
            identifier=found.identifier,
            form=found.form,
            providers=frozenset(str(one["provider_id"]) for one in told),
        )

    def keep(self, events: Sequence[bytes], /) -> Told:
        """Judge and store events: all of them, or none if one is refused.

        StoreError if other writers keep changing the same stays.
        """
        found, refused = decode(events, key=self.handler.key)
        if refused:
            return Told([], tuple(refused))
        taken = [event for _, event in found]
        for left in reversed(range(_TRIES)):
            try:
                return self._try(taken)
            except StoreBusyError:
                raise
            except StoreError:
                # Another writer changed a stay between reading and writing; it is read again.
                if not left:
                    raise
        raise AssertionError(_TRIES)

    def _try(self, taken: list[Any]) -> Told:
        states = self.handler.look_up(event.stay_id for event in taken)
        outcome = judge_orders(taken, states, self.handler.engine)
        if outcome.refused:
            places = {(e.stay_id, e.event_id): i for i, e in enumerate(taken)}
            reasons: list[tuple[int, Refusal]] = [
                (places[e.stay_id, e.event_id], reason) for e, reason in outcome.refused
            ]
            return Told([], tuple(Refused(i, (reason,)) for i, reason in sorted(reasons, key=lambda r: r[0])))  # fmt: skip
        for write in self.handler.writes(outcome, states):
            self.store.open_stays.commit(write, datetime.now(UTC))
        results = [
            {
                "stay_id": stay_id,
                "phase": str(state.phase),
                "findings": sum(row["stay_id"] == stay_id for row in outcome.decisions),
                "suggestions": sum(s["stay_id"] == stay_id for s in outcome.suggestions),
            }
            for stay_id, state in outcome.states.items()
        ]
        return Told(results, ())
