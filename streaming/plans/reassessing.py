"""What would clear a finding, computed: each changed plan is judged again before it is shown.

A change is shown only if, judged as it is and as if discharged, everything that it answers
passes, no check that it answers becomes unknown, and no other check hits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from domain.plans import EXPIRED
from rules.facts import codebook
from streaming.orders.changes import Change, propose
from streaming.plans import ways
from streaming.plans.variants import Moment, Verdicts, judge, keys

Json = dict[str, Any]

MOST_DRAFTS: Final = 5
"""Drafts whose likely changes are judged beforehand; of more, each is judged when it is needed."""
_SORTED: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Cause:
    """Findings of one cause on one subject: one change answers all of them or is not shown.

    ``hits`` are rows of ``rules.engine.HIT_COLUMNS`` by when they fire; an expired order has
    none, and stands for itself.
    """

    subject_id: str
    now: tuple[Json, ...] = ()
    later: tuple[Json, ...] = ()
    expired: bool = False

    @property
    def hits(self) -> tuple[Json, ...]:
        """All findings."""
        return (*self.now, *self.later)

    @property
    def rule_ids(self) -> list[str]:
        """The checks that found them, each once."""
        return sorted({row["rule_id"] for row in self.hits})


@dataclass(frozen=True, slots=True)
class Offer:
    """A change that is to clear its cause, with the plan as changed."""

    cause: Cause
    change: Change
    after: Json


def causes_of(verdicts: Verdicts, claim: Json, now: datetime) -> list[Cause]:
    """What may be answered: the findings of each cause on each order or test, and expired orders."""
    groups: dict[tuple[str, str], tuple[list[Json], list[Json]]] = {}
    standing = verdicts.found_now
    for row in verdicts.now:
        groups.setdefault((row["subject_id"], row["cause"]), ([], []))[0].append(row)
    for row in verdicts.later:
        if not keys([row]) <= standing:
            groups.setdefault((row["subject_id"], row["cause"]), ([], []))[1].append(row)
    found = [
        Cause(subject, tuple(early), tuple(late)) for (subject, _), (early, late) in groups.items()
    ]
    return [*found, *(Cause(o["order_id"], expired=True) for o in ways.expired(claim, now))]


def offers(
    causes: Sequence[Cause],
    claim: Json,
    verdicts: Verdicts,
    moment: Moment,
    known: Mapping[bytes, Verdicts] | None = None,
) -> list[Offer]:
    """The changes that clear their causes; those not ``known`` yet are judged in one batch.

    ``known`` holds verdicts on plans by ``name_of``.
    """
    asked = proposed(causes, claim, moment)
    judged = dict(known or {})
    new = {name: one.after for one in asked if (name := name_of(one.after)) not in judged}
    if new:
        judged |= zip(new, judge(list(new.values()), moment), strict=True)
    return clearing(asked, verdicts, judged, moment.as_of)


def proposed(causes: Iterable[Cause], claim: Json, moment: Moment) -> list[Offer]:
    """The changes that may clear their causes, each once and not judged yet."""
    asked: list[Offer] = []
    for cause in causes:
        seen: set[tuple[Any, ...]] = set()
        for change in _proposed(cause, claim, moment):
            key = (change.kind, change.order_id, change.item_code, change.at)
            if key not in seen:
                seen.add(key)
                asked.append(Offer(cause, change, change.make(claim)))
    return asked


def clearing(
    asked: Iterable[Offer], verdicts: Verdicts, judged: Mapping[bytes, Verdicts], as_of: datetime
) -> list[Offer]:
    """Those that clear their causes; ``judged`` holds verdicts on the changed plans by ``name_of``."""
    return [
        one
        for one in asked
        if _clears(one.cause, one.after, verdicts, judged[name_of(one.after)], as_of)
    ]


def likely(
    claim: Json, drafts: Collection[str], before: Sequence[Cause], moment: Moment
) -> list[Json]:
    """The plans that will probably be asked about, to be judged with the stay itself.

    Those that a finding on one of these drafts would propose, and those that answer what was
    found on the stay ``before``. A second batch costs as much as the first; a few rows more in
    the first cost little. What comes of them is decided by ``offers`` alone.
    """
    needed = _requirements(moment.folder)
    found: dict[bytes, Json] = {}
    for order in [o for o in claim["orders"] if o["order_id"] in drafts][:MOST_DRAFTS]:
        lacking = {f"lacks_{name}": True for name in needed.get(order["item_code"], ())}
        facts = {"overlap_hours_with_same_item": 0, **lacking}
        hit = {"unit": "order", "subject_id": order["order_id"], "cause": "drug_restriction"}
        for change in (
            *propose(hit, facts, claim, moment.as_of, moment.folder),
            *ways.alternatives(hit, claim, moment.as_of, moment.folder),
        ):
            after = change.make(claim)
            found[name_of(after)] = after
    for cause in before:
        for change in _proposed(cause, claim, moment):
            after = change.make(claim)
            found[name_of(after)] = after
    return list(found.values())


def name_of(plan: Json) -> bytes:
    """What tells two plans of one stay apart: their orders."""
    return _SORTED.encode(plan["orders"])


@lru_cache(maxsize=4)
def _requirements(folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Item -> what it needs beside it, at any time."""
    found: dict[str, tuple[str, ...]] = {}
    rows = codebook.read("order_requirements", folder).select("item_code", "requirement")
    for code, requirement in rows.iter_rows():
        found[code] = (*found.get(code, ()), requirement)
    return found


def _proposed(cause: Cause, claim: Json, moment: Moment) -> Iterable[Change]:
    now, folder = moment.as_of, moment.folder
    if cause.expired:
        yield from (c for one, c in ways.close_expired(claim, now) if one == cause.subject_id)
    for hit in cause.hits:
        yield from propose(hit, hit["facts"], claim, now, folder)
        yield from ways.later_tests(hit, claim, now)
        yield from ways.alternatives(hit, claim, now, folder)


def _clears(cause: Cause, after: Json, before: Verdicts, now: Verdicts, as_of: datetime) -> bool:
    early, late = keys(cause.now), keys(cause.later)
    rules_now = {rule for rule, _ in early}
    rules_later = {rule for rule, _ in late}
    if cause.expired and any(o["order_id"] == cause.subject_id for o in ways.expired(after, as_of)):
        return False
    return (
        not early & now.found_now
        and not late & now.found_later
        # What hits now would still hit at discharge.
        and not early & now.found_later
        and not rules_now & now.unknown_now
        and not rules_later & now.unknown_later
        and now.found_now <= before.found_now
        and now.found_later <= before.found_later | before.found_now
    )


def verdicts_of(cause: Cause) -> tuple[Json, Json]:
    """The verdicts before and after a change that clears the cause."""
    names = [EXPIRED] if cause.expired else cause.rule_ids
    return dict.fromkeys(names, "hit"), dict.fromkeys(names, "pass")
