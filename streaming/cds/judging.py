"""Plans of several stays at once, as far as the cards of orders read them: judged in one batch.

A batch costs hardly more than one stay (docs/benchmarks.md), so calls that wait together are judged
together. What follows from charges and codes alone (group, price, outlook, checks of cost) is kept by its
content: while a physician orders, only the checks of orders are judged anew. What a plan says beyond
that (documents, questions) is for other moments: ``streaming.plans``.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

import drg
import rules
from streaming.orders import checks
from streaming.orders.judging import as_signed
from streaming.orders.state import OpenStay
from streaming.pipeline import Engine
from streaming.plans import telling
from streaming.plans.claim_tables import tables_of
from streaming.plans.judges import judges_of
from streaming.plans.pricing import Priced, tell_cost
from streaming.plans.reassessing import Cause, Offer, causes_of, clearing, likely, name_of, proposed
from streaming.plans.variants import PLANNED, Moment, Verdicts, judge_each, named, read

Json = dict[str, Any]

MOST_KEPT: Final = 4_000
"""Stays whose price is kept: those of a large hospital; about two kilobytes each."""
_SORTED: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Question:
    """A stay with its drafts, and the orders that the call is about; None asks about all that run."""

    state: OpenStay
    subjects: frozenset[str] | None


@dataclass(slots=True)
class _Stay:
    """One stay in the batch on its way."""

    question: Question
    claim: Json
    signed: Json
    moment: Moment
    price: Priced
    judged: dict[bytes, Verdicts] = field(default_factory=dict)
    """Verdicts on plans of the stay by ``name_of``; its own is among them."""
    causes: Sequence[Cause] = ()
    offers: list[Offer] = field(default_factory=list)

    @property
    def verdicts(self) -> Verdicts:
        """Those on the stay as it is."""
        return self.judged[name_of(self.signed)]


class Judge:
    """Judges batches of stays by one engine; to be asked by one thread at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._judges = judges_of(engine.ruleset)
        live, orders = checks.live(engine.ruleset), checks.of_orders(engine.ruleset)
        self._of_cost = live.only(*(i for i in live.ids if i not in orders.ids))
        self._kept: OrderedDict[str, Priced] = OrderedDict()

    def __call__(self, questions: Sequence[Question]) -> list[Json]:
        """The plan of each stay (``domain.plans.plan_schema``) without its questions and papers."""
        told = [q.state.claim() for q in questions]
        claims = [as_signed(claim) for claim in told]
        stays = [
            _Stay(
                question,
                claim,
                signed,
                Moment(question.state.judged_as_of, price.projected_discharge, self._judges),
                price,
            )
            for question, claim, signed, price in zip(
                questions, told, claims, self._price(claims), strict=True
            )
        ]
        self._look(stays)
        self._reassess(stays)
        return [self._tell(stay) for stay in stays]

    def _look(self, stays: Sequence[_Stay]) -> None:
        """Judge the stays as they are, together with the changes that will probably be asked about."""
        asked: list[tuple[_Stay, Json]] = []
        for stay in stays:
            subjects = stay.question.subjects or frozenset()
            drafts = [
                o["order_id"]
                for o in stay.claim["orders"]
                if o["status"] == "draft" and o["order_id"] in subjects
            ]
            plans = likely(stay.signed, drafts, (), stay.moment)
            asked += [(stay, stay.signed), *((stay, plan) for plan in plans)]
        found = judge_each([(plan, stay.moment) for stay, plan in asked], self._judges)
        for (stay, plan), verdicts in zip(asked, found, strict=True):
            stay.judged[name_of(plan)] = verdicts
        for stay in stays:
            stay.causes = [
                cause
                for cause in causes_of(stay.verdicts, stay.signed, stay.moment.as_of)
                if _meant(cause, stay.question.subjects)
            ]

    def _price(self, claims: Sequence[Json]) -> list[Priced]:
        """Group, price and projection of each stay; those not kept are worked out in one batch."""
        keys = [_key(claim) for claim in claims]
        missing = {
            key: claim for key, claim in zip(keys, claims, strict=True) if key not in self._kept
        }
        if missing:
            tables = tables_of(
                named(claim | {"orders": []}, f"p{place}")
                for place, claim in enumerate(missing.values())
            )
            settled = drg.settle(tables, self._engine.library, curves=self._engine.curves)
            priced = {row["stay_id"]: row for row in settled.priced.to_dicts()}
            outlook = {row["stay_id"]: row for row in settled.outlook.to_dicts()}
            hits: dict[str, list[tuple[str, Json]]] = {name: [] for name in priced}
            if self._engine.curves is not None and self._of_cost.ids:
                judged = rules.judge(self._of_cost, tables, settled=settled)
                for row in judged.hits.iter_rows(named=True):
                    hits[row["stay_id"]].append(("now", read(row)))
            for place, key in enumerate(missing):
                name = f"p{place}"
                self._kept[key] = Priced(
                    priced[name], priced[name], outlook.get(name), tuple(hits[name])
                )
        found = [self._kept[key] for key in keys]
        for key in keys:
            self._kept.move_to_end(key)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return found

    def _reassess(self, stays: Iterable[_Stay]) -> None:
        """Find the changes that clear what was found; those not judged yet are judged in one batch."""
        asked = [(stay, proposed(stay.causes, stay.signed, stay.moment)) for stay in stays]
        new = [
            (stay, name, one.after)
            for stay, offered in asked
            for one in offered
            if (name := name_of(one.after)) not in stay.judged
        ]
        if new:
            found = judge_each([(after, stay.moment) for stay, _, after in new], self._judges)
            for (stay, name, _), verdicts in zip(new, found, strict=True):
                stay.judged[name] = verdicts
        for stay, offered in asked:
            stay.offers = clearing(offered, stay.verdicts, stay.judged, stay.moment.as_of)

    def _tell(self, stay: _Stay) -> Json:
        claim, ruleset = stay.claim, self._engine.ruleset
        stay_id = claim["stay_id"]
        hits = [("now", row) for cause in stay.causes for row in cause.now]
        hits += [("discharge", row) for cause in stay.causes for row in cause.later]
        hits += stay.price.hits
        cost = tell_cost(stay.price, sum(line["amount_fen"] for line in claim["charges"]))
        return {
            "stay_id": stay_id,
            "provider_id": claim["provider_id"],
            "patient_id": claim["patient_id"],
            "physician_id": claim.get("attending_physician_id"),
            "department": claim.get("admission_department"),
            "currency": claim["currency"],
            "group": {"group": stay.price.now["group_code"]},
            "cost": cost,
            "drivers": telling.tell_drivers(claim),
            "findings": telling.tell_findings(hits, stay_id, ruleset),
            "suggestions": telling.tell_offers(
                stay.offers,
                claim,
                stay.signed,
                ruleset,
                moment=stay.moment,
                projected_fen=cost["projected_fen"],
            ),
            "questions": [],
        }


def _meant(cause: Cause, subjects: frozenset[str] | None) -> bool:
    """Whether a call is about it; of what no check found (an expired order) only the whole stay tells."""
    if subjects is None:
        return True
    return not cause.expired and cause.subject_id.removeprefix(PLANNED) in subjects


def _key(claim: Json) -> str:
    """What the price of a stay follows from: all but its orders."""
    content = {k: v for k, v in claim.items() if k != "orders"}
    return hashlib.sha256(_SORTED.encode(content)).hexdigest()
