"""The real ``domain.service.Plans``: plans of stays as stored, with order events or changes on top."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from domain.service import Refused, Told
from store import Store
from streaming.orders.events import Event, decode
from streaming.orders.judging import as_signed, overfull_reason
from streaming.orders.state import OpenStay, Phase, apply_events, digest
from streaming.orders.stored import load
from streaming.pipeline import Engine
from streaming.plans import documents, questions, telling
from streaming.plans.changed import change
from streaming.plans.comparison import compare
from streaming.plans.judges import Judges, judges_of
from streaming.plans.kept import Kept
from streaming.plans.outlay import moved_fen
from streaming.plans.pricing import group_names, price, tell_cost, tell_group
from streaming.plans.reassessing import causes_of, likely, name_of, offers
from streaming.plans.variants import Moment, judge
from streaming.pseudonym import PseudonymKey

Json = dict[str, Any]

MOST_KEPT: Final = 2_000
"""Stays whose prices and documents are kept: a large hospital's beds; some kilobytes each."""
MOST_PLANS: Final = 500
"""Whole plans kept, some 30 kB each: a client asks again with the same orders when they are signed."""
_SORTED: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True)
class PlanDesk:
    """Plans from a store of open stays; nothing is stored.

    What follows from charges, diagnoses and procedures is kept for the next call on the same
    stay: while a physician orders, only the checks of orders are judged anew.
    """

    engine: Engine
    store: Store
    key: PseudonymKey
    _kept: Kept = field(default_factory=lambda: Kept(MOST_KEPT), repr=False, compare=False)
    _events: Kept = field(default_factory=lambda: Kept(MOST_KEPT), repr=False, compare=False)
    _found: Kept = field(default_factory=lambda: Kept(MOST_KEPT), repr=False, compare=False)
    _plans: Kept = field(default_factory=lambda: Kept(MOST_PLANS), repr=False, compare=False)

    def of_stay(
        self, stay_id: str, changes: Sequence[Mapping[str, Any]] = (), /
    ) -> dict[str, Any] | None:
        """The plan of a stay as stored, beside the one with changes; None if no open stay has the id."""
        state = self._look_up([stay_id]).get(stay_id)
        if state is None or state.phase is not Phase.OPEN:
            return None
        claim, as_of = state.claim(), state.judged_as_of
        if not changes:
            return self.of_claim(claim, as_of)
        made = change(claim, changes, as_of)
        before = self.of_claim(claim, as_of)
        after = self.of_claim(made.claim, made.as_of, made.leaving)
        known = made.leaving or _day(before["cost"]["projected_discharge"])
        moment = Moment(as_of, known, self._judges)
        moved = moved_fen(as_signed(claim), as_signed(made.claim), moment)
        return compare(claim, changes, before, _moved(after, moved), self.engine)

    def of_events(self, records: Sequence[bytes], /) -> Told:
        """The plans of the stays that order events name, with the events on top of what is stored."""
        events, refused = self._decode(records)
        taken = [event for _, event in events]
        states = self._look_up(sorted({e.stay_id for e in taken}))
        new, _, overfull = apply_events(taken, states)
        places = {(e.stay_id, e.event_id): index for index, e in events}
        refused += [
            Refused(places[e.stay_id, e.event_id], (overfull_reason(member),))
            for e, member in overfull
        ]
        plans = [
            self.of_claim(state.claim(), state.judged_as_of)
            for _, state in sorted(new.items())
            if state.phase is Phase.OPEN
        ]
        return Told(plans, tuple(sorted(refused, key=lambda r: r.index)))

    def _decode(self, records: Sequence[bytes]) -> tuple[list[tuple[int, Event]], list[Refused]]:
        """``decode``, each record once: a client sends what stands with every call."""
        names = [_record_name(record) for record in records]
        known = {name: event for name in set(names) if (event := self._events.find(name))}
        new = [i for i, name in enumerate(names) if name not in known]
        read, refused = decode([records[i] for i in new], key=self.key) if new else ([], [])
        events = [(i, known[name]) for i, name in enumerate(names) if name in known]
        for place, event in read:
            self._events.keep(names[new[place]], event)
            events.append((new[place], event))
        return sorted(events, key=lambda e: e[0]), [
            Refused(new[r.index], r.reasons) for r in refused
        ]

    def of_claim(self, claim: Json, as_of: datetime, leaving: date | None = None) -> Json:
        """The plan of a stay in hospital in the layout of a claim, as of the latest event.

        ``leaving`` is the day of discharge to suppose; without it the projected one.
        """
        sha256 = digest(claim)
        encoded = self._plans.get(
            (sha256, as_of, leaving),
            lambda: msgspec.json.encode(self._plan(claim, as_of, leaving, sha256)),
        )
        # Decoded for each caller, who may change it.
        plan: Json = msgspec.json.decode(encoded)
        return plan

    def _plan(self, claim: Json, as_of: datetime, leaving: date | None, sha256: str) -> Json:
        judges = self._judges
        signed = as_signed(claim)
        day = as_of.astimezone(ZoneInfo(claim["time_zone"])).date().isoformat()
        priced = self._kept.get(
            ("price", day, leaving, _sha256({k: v for k, v in claim.items() if k != "orders"})),
            lambda: price(signed, as_of, self.engine, judges, leaving),
        )
        papers = self._kept.get(
            ("papers", day, _sha256({k: v for k, v in claim.items() if k not in _NO_PAPERS})),
            lambda: documents.judge(claim, as_of, judges),
        )
        moment = Moment(as_of, leaving or priced.projected_discharge, judges)
        drafts = [o["order_id"] for o in claim["orders"] if o["status"] == "draft"]
        before = self._found.find(claim["stay_id"]) or ()
        plans = [signed, *likely(signed, drafts, before, moment)]
        judged = judge(plans, moment)
        verdicts = judged[0]
        found = causes_of(verdicts, signed, as_of)
        self._found.keep(claim["stay_id"], found)
        hits = [("now", row) for cause in found for row in cause.now]
        hits += [("discharge", row) for cause in found for row in cause.later]
        hits += [*priced.hits, *(("discharge", row) for row in papers)]
        stay_id = claim["stay_id"]
        ruleset = self.engine.ruleset
        findings = telling.tell_findings(hits, stay_id, ruleset)
        cost = tell_cost(priced, sum(line["amount_fen"] for line in claim["charges"]))
        offered = offers(
            found, signed, verdicts, moment, dict(zip(map(name_of, plans), judged, strict=True))
        )
        return {
            "stay_id": stay_id,
            "provider_id": claim["provider_id"],
            "patient_id": claim["patient_id"],
            "physician_id": claim.get("attending_physician_id"),
            "department": claim.get("admission_department"),
            "currency": claim["currency"],
            "admitted_on": claim["admission_date"],
            "judged_as_of": as_of.isoformat().replace("+00:00", "Z"),
            "state_sha256": sha256,
            "rules_sha256": ruleset.sha256,
            "pack_sha256": self.engine.pack_sha256,
            "group": tell_group(priced, self._group_names),
            "cost": cost,
            "drivers": telling.tell_drivers(claim),
            "findings": findings,
            "suggestions": telling.tell_offers(
                offered, claim, signed, ruleset, moment=moment, projected_fen=cost["projected_fen"]
            ),
            "questions": questions.ask(claim, findings, priced),
        }

    @property
    def _judges(self) -> Judges:
        return judges_of(self.engine.ruleset)

    @cached_property
    def _group_names(self) -> Mapping[str, Mapping[str, Json]]:
        """Scheme -> group -> its names."""
        return group_names(self.engine.library)

    def _look_up(self, stay_ids: Sequence[str]) -> dict[str, OpenStay]:
        return {s: load(one) for s, one in self.store.open_stays.read(stay_ids).items()}


_NO_PAPERS: Final = frozenset({"orders", "charges", "total_amount_fen"})


def _moved(plan: Json, fen: int) -> Json:
    """The plan with its projection moved by what orders end or add; its spread stays."""
    cost = plan["cost"]
    moved = {
        name: max(cost["running_fen"], cost[name] + fen)
        for name in ("projected_fen", "low_fen", "high_fen")
        if cost[name] is not None
    }
    return plan | {"cost": cost | moved} if fen else plan


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _record_name(record: bytes) -> str:
    """What stands for a record: its text holds identifiers in the clear, which are not kept."""
    return hashlib.sha256(record).hexdigest()


def _sha256(content: Any) -> str:
    return hashlib.sha256(_SORTED.encode(content)).hexdigest()
