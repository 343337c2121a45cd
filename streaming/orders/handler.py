"""The handler of topic ``orders``: order events in, states kept, alerts and suggestions out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from domain.errors import Refusal
from domain.service import Refused, Told
from store import Outgoing, Ruleset, Store
from store.journal import Write
from store.open_stays import save
from streaming.messages import Handled, Message, outgoing_headers, refuse_unread
from streaming.orders.events import decode
from streaming.orders.judging import Outcome, judge_orders
from streaming.orders.state import OpenStay
from streaming.orders.stored import change, load
from streaming.pipeline import Engine
from streaming.pseudonym import PseudonymKey
from streaming.watch import Batch

ALERTS: Final = "alerts"
SUGGESTIONS: Final = "plan-suggestions"
_ENCODE: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class OrdersHandler:
    """Judges the orders of patients in hospital, a batch of events at a time.

    A batch is judged as a whole: what was ordered and taken back within it is told to
    nobody. States, decisions and messages go into the one transaction of the batch.
    """

    engine: Engine
    store: Store
    key: PseudonymKey

    def __call__(self, messages: Sequence[Message], batch: Batch, /) -> Handled:
        """Decode, look the stays up, judge; nothing is written."""
        dead: list[tuple[Message, tuple[Refusal, ...]]] = []
        read: list[Message] = []
        for message in messages:
            reasons = refuse_unread(message)
            if reasons:
                dead.append((message, reasons))
            else:
                read.append(message)
        with batch.stage("decode"):
            events, refused = decode([m.value or b"" for m in read], key=self.key)
        dead += [(read[one.index], one.reasons) for one in refused]
        caused = {(e.stay_id, e.event_id): read[index] for index, e in events}
        with batch.stage("look_back"):
            states = self.look_up(e.stay_id for _, e in events)
        with batch.stage("judge"):
            outcome = judge_orders([e for _, e in events], states, self.engine)
        dead += [(caused[e.stay_id, e.event_id], (reason,)) for e, reason in outcome.refused]
        last = {e.stay_id: read[index] for index, e in events}
        with batch.stage("tell"):
            told = _tell(outcome, caused, last)
        return Handled(dead=dead, writes=self.writes(outcome, states), outgoing=told)

    def look_up(self, stay_ids: Iterable[str]) -> dict[str, OpenStay]:
        """The stored states of these stays."""
        stored = self.store.open_stays.read(sorted(set(stay_ids)))
        return {stay_id: load(one) for stay_id, one in stored.items()}

    def writes(self, outcome: Outcome, states: dict[str, OpenStay]) -> list[Write]:
        """What an outcome stores; nothing if no event changed anything."""
        if not outcome.states:
            return []
        ruleset = self.engine.ruleset
        return [
            save(
                [change(new, states.get(stay_id)) for stay_id, new in outcome.states.items()],
                decisions=outcome.decisions,
                cleared=outcome.cleared,
                suggestions=outcome.suggestions,
                ruleset=Ruleset(
                    ruleset.sha256, ruleset.ids, {r.id: r.sha256 for r in ruleset.rules}
                ),
            )
        ]

    def check(self, records: Sequence[bytes], /) -> Told:
        """Judge events on top of the stored stays and store nothing: an order before it is signed.

        The real ``domain.service.CheckOrders``. What was told before is not told again.
        """
        events, refused = decode(records, key=self.key)
        taken = [event for _, event in events]
        outcome = judge_orders(taken, self.look_up(e.stay_id for e in taken), self.engine)
        places = {(e.stay_id, e.event_id): index for index, e in events}
        refused += [
            Refused(places[e.stay_id, e.event_id], (reason,)) for e, reason in outcome.refused
        ]
        results = [
            {
                "stay_id": stay_id,
                "phase": str(state.phase),
                "currency": (state.head.value or {}).get("currency"),
                "running_cost_fen": sum(state.costs().values()),
                "costs": state.costs(),
                "decisions": [row for row in outcome.decisions if row["stay_id"] == stay_id],
                "suggestions": [s for s in outcome.suggestions if s["stay_id"] == stay_id],
                "cleared": [
                    told.decision_id
                    for told in state.told.values()
                    if (told.decision_id, state.last[1]) in set(outcome.cleared)
                ],
            }
            for stay_id, state in outcome.states.items()
        ]
        return Told(results, tuple(sorted(refused, key=lambda r: r.index)))


def _tell(
    outcome: Outcome, caused: dict[tuple[str, str], Message], last: dict[str, Message]
) -> list[Outgoing]:
    """The messages of an outcome: the suggestions of a stay, then its alert."""
    told = []
    patients = {s: state.who.value["patient_id"] for s, state in outcome.states.items()}
    for topic, name, rows in (
        (SUGGESTIONS, "suggestion_id", outcome.suggestions),
        (ALERTS, "alert_id", outcome.alerts),
    ):
        for row in rows:
            stay_id = row["stay_id"]
            # What was the last event of the stay may have come in an earlier batch.
            message = caused.get((stay_id, row.get("event_id", "")), last[stay_id])
            told.append(_outgoing(topic, row[name], row, patients[stay_id], message))
    return told


def _outgoing(
    topic: str, identity: str, row: dict[str, Any], patient_id: str, message: Message
) -> Outgoing:
    body = row if topic == SUGGESTIONS else {k: v for k, v in row.items() if v is not None}
    return Outgoing(
        topic=topic,
        message_id=identity,
        key=patient_id.encode(),
        value=_ENCODE(body),
        source=message.place,
        headers=outgoing_headers(identity, message.traceparent),
    )
