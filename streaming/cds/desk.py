"""The real ``domain.service.Advise``: calls that wait together are judged together, and answered with cards.

One thread judges. While it works, calls gather, and the next batch takes them all: the busier the service,
the larger its batches and the less each call costs. A discharge asks for more than orders do and has a
thread of its own, so that nobody who signs an order waits for it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from domain.access import Rows
from domain.cards import ACCEPTED, DEFAULT_BUDGET, OVERRIDE_REASONS, CardAnswer
from domain.cds import REASON_SYSTEM
from domain.errors import SentinelError
from domain.service import Advice, HookCall, QueueFullError, UnreadableError, Wording
from explain.wording import reword
from store import Store
from streaming.cds import cards as making
from streaming.cds.cards import Moment, Proposed
from streaming.cds.events import Call, prepare
from streaming.cds.judging import Judge, Question
from streaming.cds.rendering import render
from streaming.cds.request import missing, take_apart, writer
from streaming.fhir import Names
from streaming.orders.state import OpenStay, Phase
from streaming.orders.stored import load
from streaming.pipeline import Engine
from streaming.plans.desk import PlanDesk
from streaming.pseudonym import PseudonymKey

Json = dict[str, Any]

MOST_AT_ONCE: Final = 24
"""Calls of one batch: beyond it the last waits longer than a batch of its own would take."""
WINDOW_S: Final = 0.002
"""How long the first of a batch waits for others: a record system calls several services at one moment."""
MOST_WAITING: Final = 200
"""Calls that may wait: those beyond it would be answered after their caller gave up."""


@dataclass(slots=True)
class _Waiting:
    call: HookCall
    answer: Future[Advice] = field(default_factory=Future)


class CdsDesk:
    """Cards for calls of CDS Hooks, judged on top of the stays that a store holds.

    ``names`` are a site's own URIs of code systems and identifiers, ``budget`` the cards that a
    physician is shown on a day; ``words`` gives the words of cards, without it they are the templates'.
    """

    def __init__(
        self,
        engine: Engine,
        store: Store,
        key: PseudonymKey,
        plans: PlanDesk,
        *,
        names: Names | None = None,
        budget: int = DEFAULT_BUDGET,
        words: Wording | None = None,
    ) -> None:
        self._store, self._key, self._plans = store, key, plans
        self._names, self._budget = names or Names(), budget
        self._words = words
        self._judge = Judge(engine)
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(MOST_WAITING)
        self._later = ThreadPoolExecutor(1, thread_name_prefix="cds-discharge")
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ask(self, call: HookCall, /) -> Future[Advice]:
        """The answer to a call, when its batch is judged."""
        self._start()
        one = _Waiting(call)
        try:
            self._waiting.put_nowait(one)
        except queue.Full:
            one.answer.set_exception(
                QueueFullError(
                    f"{MOST_WAITING} calls wait already",
                    where=call.hook,
                    cure="Go on without cards; the next call may find less to do.",
                )
            )
        return one.answer

    def work(self, calls: Sequence[HookCall]) -> list[Future[Advice]]:
        """Answer these calls as one batch, in this thread: for measuring; nothing else may ask meanwhile."""
        batch = [_Waiting(call) for call in calls]
        self._work(batch)
        return [one.answer for one in batch]

    def close(self) -> None:
        """Answer what waits, and stop."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join()
        self._later.shutdown()

    def feedback(
        self, told: Sequence[Mapping[str, Any]], rows: Rows, now: datetime, /
    ) -> list[dict[str, Any]]:
        """Keep each item by itself: one that names no card of the caller's does not lose the others."""
        refused = []
        for index, one in enumerate(told):
            try:
                self._store.cards.feedback([_answer(one)], now=now, rows=rows)
            except SentinelError as error:
                if not hasattr(error, "card_id"):
                    raise
                refused.append({"index": index, "card": one["card"], "reason": error.what, "cure": error.cure})  # fmt: skip
        return refused

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cds-judge", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            batch, over = [first], False
            while len(batch) < MOST_AT_ONCE and not over:
                try:
                    one = self._waiting.get(timeout=WINDOW_S)
                except queue.Empty:
                    break
                over = one is None
                if one is not None:
                    batch.append(one)
            self._work(batch)
            if over:
                return

    def _work(self, batch: Sequence[_Waiting]) -> None:
        """Answer a batch; what fails fails alone, and a defect is told to all who waited for it."""
        calls: list[tuple[_Waiting, Call]] = []
        for one in batch:
            if not one.answer.set_running_or_notify_cancel():
                continue
            try:
                asked = take_apart(one.call, self._names)
            except SentinelError as error:
                one.answer.set_exception(error)
                continue
            except Exception as error:
                one.answer.set_exception(error)
                continue
            if asked is None or asked.physician_id is None:
                # No stay, or the patient looks: nothing of ours is for them.
                one.answer.set_result(Advice([], []))
            else:
                calls.append((one, Call(asked)))
        for part in _each_stay_once(calls):
            try:
                self._answer(part)
            except Exception as error:
                for one, _ in part:
                    with suppress(InvalidStateError):
                        one.answer.set_exception(error)

    def _answer(self, part: Sequence[tuple[_Waiting, Call]]) -> None:
        """Answer calls about different stays, judged in one batch."""
        found = self._store.open_stays.read(sorted({c.asked.stay_id for _, c in part}))
        for _, call in part:
            stored = found.get(call.asked.stay_id)
            call.known = None if stored is None else _in_sight(load(stored), call.asked.call.rows)
        prepare([call for _, call in part], self._key, self._names)
        now: list[tuple[_Waiting, Call, OpenStay]] = []
        for one, call in part:
            if call.error is not None:
                one.answer.set_exception(call.error)
            elif call.state is None or call.state.phase is Phase.WAITING:
                one.answer.set_exception(
                    missing(f"nothing is known of the stay {call.asked.stay_id}")
                )
            elif call.state.phase is not Phase.OPEN:
                one.answer.set_result(Advice([], call.asked.set_aside))
            elif call.asked.call.hook == "encounter-discharge":
                self._later.submit(self._discharge, one, call, call.state)
            else:
                now.append((one, call, call.state))
        if not now:
            return
        plans = self._judge([Question(state, _subjects(call)) for _, call, state in now])
        proposed = [
            _cards(call, self._worded(plan, call), _moment(call))
            for (_, call, _), plan in zip(now, plans, strict=True)
        ]
        self._offer(
            [(one, call, cards) for (one, call, _), cards in zip(now, proposed, strict=True)]
        )

    def _discharge(self, one: _Waiting, call: Call, state: OpenStay) -> None:
        try:
            plan = self._plans.of_claim(state.claim(), state.judged_as_of)
            cards = making.of_discharge(self._worded(plan, call), _moment(call))
            self._offer([(one, call, cards)])
        except Exception as error:
            with suppress(InvalidStateError):
                one.answer.set_exception(error)

    def _worded(self, plan: Json, call: Call) -> Json:
        return reword(plan, self._words, call.asked.call.language)

    def _offer(self, made: Sequence[tuple[_Waiting, Call, Sequence[Proposed]]]) -> None:
        """Let the store say which cards are shown, in one transaction, and answer with these."""
        flat = [proposed.card for _, _, cards in made for proposed in cards]
        shown: set[str] = set()
        if flat:
            at = max(call.asked.call.at for _, call, _ in made)
            offered = self._store.cards.offer(flat, budget=self._budget, now=at)
            shown = {o.card.card_id for o in offered if o.shown}
        for one, call, cards in made:
            write = writer(call.asked)
            answer = [
                render(proposed, call.asked.call, call.sent, write)
                for proposed in cards
                if proposed.card.card_id in shown
            ]
            one.answer.set_result(Advice(answer, call.asked.set_aside))


def _each_stay_once(
    calls: Sequence[tuple[_Waiting, Call]],
) -> Iterable[list[tuple[_Waiting, Call]]]:
    """The calls in parts in which no stay stands twice: two sessions on one stay do not see each other's drafts."""
    left = list(calls)
    while left:
        seen: set[str] = set()
        part: list[tuple[_Waiting, Call]] = []
        rest: list[tuple[_Waiting, Call]] = []
        for one in left:
            stay_id = one[1].asked.stay_id
            (rest if stay_id in seen else part).append(one)
            seen.add(stay_id)
        yield part
        left = rest


def _in_sight(state: OpenStay, rows: Rows) -> OpenStay | None:
    """The stored stay, if the caller may see it."""
    if state.closed or state.who.value is None:
        return state if state.closed else None
    head = state.head.value or {}
    seen = rows.allow(
        state.who.value["provider_id"],
        head.get("admission_department"),
        head.get("attending_physician_id"),
    )
    return state if seen else None


def _subjects(call: Call) -> frozenset[str] | None:
    return None if call.asked.call.hook == "patient-view" else call.subjects


def _moment(call: Call) -> Moment:
    asked = call.asked.call
    return Moment(
        asked.hook,
        str(asked.request["hookInstance"]).lower(),
        asked.client,
        str(call.asked.physician_id),
        asked.at,
    )


def _cards(call: Call, plan: Json, moment: Moment) -> list[Proposed]:
    """What is said at the moment of a hook."""
    match moment.hook:
        case "patient-view":
            one = making.of_patient(plan, moment)
            return [] if one is None else [one]
        case "order-sign":
            cost = making.of_cost(plan, moment)
            return [
                *making.of_orders(plan, moment, call.subjects),
                *([] if cost is None else [cost]),
            ]
        case _:
            return making.of_orders(plan, moment, call.subjects)


def _answer(one: Mapping[str, Any]) -> CardAnswer:
    """An item of feedback as the store keeps it; a reason of the client's own counts as another one."""
    given = one.get("overrideReason") or {}
    coded = given.get("reason")
    reason, comment = None, given.get("userComment")
    if coded is not None:
        ours = coded["system"] == REASON_SYSTEM and coded["code"] in OVERRIDE_REASONS
        reason = coded["code"] if ours else "other"
        if not ours and comment is None:
            comment = f"{coded.get('display') or coded['code']} ({coded['system']})"
    accepted = one["outcome"] == ACCEPTED
    try:
        at = datetime.fromisoformat(one["outcomeTimestamp"])
    except ValueError as error:  # such as a 60th second, which RFC 3339 knows and no clock of ours
        raise UnreadableError(
            "outcomeTimestamp is no time",
            where="feedback",
            cure="Write it such as 2026-03-03T11:02:00Z.",
        ) from error
    return CardAnswer(
        card_id=str(one["card"]).lower(),
        outcome=one["outcome"],
        answered_at=at,
        accepted=tuple(s["id"].lower() for s in one.get("acceptedSuggestions") or ())
        if accepted
        else (),
        reason=None if accepted else reason,
        comment=None if accepted else comment,
    )
