"""What would clear a finding, computed: each changed plan is judged again before it is shown.

A change is shown only if, judged as it is and as if discharged, everything that it answers
passes, no check that it answers becomes unknown, and no other check hits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.plans import EXPIRED
from streaming.orders.changes import Change, propose
from streaming.plans import ways
from streaming.plans.variants import Moment, Verdicts, judge, keys

Json = dict[str, Any]


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
    """A change that clears its cause, with the plan as changed."""

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


def offers(causes: Sequence[Cause], claim: Json, verdicts: Verdicts, moment: Moment) -> list[Offer]:
    """The changes that clear their causes, judged in one batch; nothing is judged if none is proposed."""
    asked: list[tuple[Cause, Change, Json]] = []
    for cause in causes:
        seen: set[tuple[Any, ...]] = set()
        for change in _proposed(cause, claim, moment):
            key = (change.kind, change.order_id, change.item_code, change.at)
            if key not in seen:
                seen.add(key)
                asked.append((cause, change, change.make(claim)))
    if not asked:
        return []
    judged = judge([after for _, _, after in asked], moment)
    return [
        Offer(cause, change, after)
        for (cause, change, after), now in zip(asked, judged, strict=True)
        if _clears(cause, after, verdicts, now, moment.as_of)
    ]


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
