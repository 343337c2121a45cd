"""A case (案件): its states, its clocks, and what each thing that happens makes of it.

A case is what its events say: ``replay`` of them gives its state. What may happen next, and who may
do it, is decided in ``domain.case_actions``. Amounts are in the hundredth of the case's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from domain.errors import SentinelError


class Status(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    AWAITING_INFORMATION = "awaiting_information"
    """A disposition needs information from the hospital."""
    AWAITING_APPROVAL = "awaiting_approval"
    """Somebody proposed to close it, and a second person has to approve."""
    CLOSED = "closed"
    APPEALED = "appealed"
    """Closed, and the hospital's appeal is not decided yet."""


STATUS_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    Status.OPEN: ("办理中", "open"),
    Status.AWAITING_INFORMATION: ("待补充材料", "awaiting information"),
    Status.AWAITING_APPROVAL: ("待审批", "awaiting approval"),
    Status.CLOSED: ("已结案", "closed"),
    Status.APPEALED: ("申诉中", "appealed"),
}
"""Status -> Chinese and English name."""


class Stage(StrEnum):
    """The steps by which a hospital may contest a closed case, in their order."""

    FIRST_REVIEW = "first_review"
    SECOND_REVIEW = "second_review"
    APPEAL = "appeal"
    DECISION = "decision"


STAGE_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    Stage.FIRST_REVIEW: ("初审", "first review"),
    Stage.SECOND_REVIEW: ("复审", "second review"),
    Stage.APPEAL: ("申诉", "appeal"),
    Stage.DECISION: ("裁决", "decision"),
}
"""Stage -> Chinese and English name."""

APPEAL_OUTCOMES: Final[Mapping[str, tuple[str, str]]] = {
    "upheld": ("维持", "upheld"),
    "partly": ("部分变更", "partly changed"),
    "overturned": ("撤销", "overturned"),
}
"""How an appeal ends -> Chinese and English; ``upheld`` leaves the case's conclusion as it was."""

CONFIRMING: Final = ("confirmed", "partly")
"""Outcomes of a disposition under which money may be recovered."""

INTERNAL: Final = "internal"
SHARED: Final = "shared"
"""Who sees a comment or file: those who work on cases, or the hospital too."""


def _days(*days: int) -> Mapping[Stage, int]:
    return MappingProxyType(dict(zip(Stage, days, strict=True)))


@dataclass(frozen=True, slots=True)
class Terms:
    """Limits and deadlines of cases, in days. They are defaults of ours, not of any law: set your own.

    ``limit_fen``: above it closing needs a second person. ``lodge_days``: from the closing or the
    stage before until when a stage may be lodged; ``decide_days``: from then until it is to be decided.
    """

    limit_fen: int = 5_000_000
    case_days: int = 30
    information_days: int = 15
    lodge_days: Mapping[Stage, int] = field(default_factory=lambda: _days(15, 15, 30, 30))
    decide_days: Mapping[Stage, int] = field(default_factory=lambda: _days(15, 15, 30, 30))


class CaseError(SentinelError):
    """Something that cannot be done with a case as it stands.

    ``kind``: ``state`` (not now), ``person`` (not by this one) or ``value`` (not like this).
    """

    def __init__(self, kind: str, what: str, *, where: str, cure: str) -> None:
        self.kind = kind
        super().__init__(what, where=where, cure=cure)


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: the account's id, and the name that people read."""

    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CaseAlert:
    """What a case keeps of one of its alerts; ``checks`` are the ids of those that hit."""

    alert_id: str
    decision_id: str
    stay_id: str
    provider_id: str
    currency: str
    exposure_fen: int
    department: str | None
    physician_id: str | None
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disposition:
    """What was concluded of one check on one decision; a later one counts instead of an earlier."""

    decision_id: str
    rule_id: str
    outcome: str
    reason: str
    recovered_fen: int | None = None
    note: str | None = None
    by: str = ""
    by_name: str = ""


@dataclass(frozen=True, slots=True)
class Appeal:
    """One stage of the hospital's objection. Empty ``outcome`` until it is decided."""

    stage: Stage
    lodged_at: datetime
    lodged_by: str
    due_at: datetime
    statement: str
    late: bool = False
    outcome: str | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    note: str | None = None
    before_fen: int = 0
    after_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a case; ``data`` is plain JSON. Events are added and never changed."""

    kind: str
    at: datetime
    by: Person
    data: Mapping[str, Any] = field(default_factory=dict)
    visibility: str = INTERNAL


@dataclass(frozen=True, slots=True)
class State:
    """A case as its events leave it."""

    status: Status = Status.OPEN
    title: str = ""
    assignee: Person | None = None
    due_at: datetime | None = None
    information_due_at: datetime | None = None
    alerts: Mapping[str, CaseAlert] = field(default_factory=dict)
    dispositions: Mapping[tuple[str, str], Disposition] = field(default_factory=dict)
    proposed_by: Person | None = None
    approved_by: Person | None = None
    closed_at: datetime | None = None
    appeals: tuple[Appeal, ...] = ()

    @property
    def exposure_fen(self) -> int:
        """Money at stake: each stay once, a stay judged twice by its larger amount.

        The amount of a decision counts each of its causes once.
        """
        by_stay: dict[str, int] = {}
        for one in self.alerts.values():
            by_stay[one.stay_id] = max(by_stay.get(one.stay_id, 0), one.exposure_fen)
        return sum(by_stay.values())

    @property
    def recovered_fen(self) -> int:
        """Money to be recovered by the dispositions that count."""
        return sum(one.recovered_fen or 0 for one in self.dispositions.values())

    @property
    def undecided(self) -> list[tuple[str, str]]:
        """(decision_id, rule_id) of the checks without a conclusion, in the order of the alerts."""
        return [
            place
            for place in places(self.alerts.values())
            if place not in self.dispositions
            or self.dispositions[place].outcome == "needs_information"
        ]

    @property
    def ended(self) -> bool:
        """Whether it was closed, also if an appeal is under way."""
        return self.status in (Status.CLOSED, Status.APPEALED)

    @property
    def clock(self) -> datetime | None:
        """Until when whoever has to act now should have acted; None once nobody has to."""
        match self.status:
            case Status.CLOSED:
                return None
            case Status.APPEALED:
                return self.appeals[-1].due_at
            case Status.AWAITING_INFORMATION:
                return self.information_due_at
            case _:
                return self.due_at

    @property
    def confirmed(self) -> list[Disposition]:
        """The dispositions that count and confirm, wholly or partly."""
        return [one for one in self.dispositions.values() if one.outcome in CONFIRMING]

    def common(self, name: str) -> str | None:
        """``department`` or ``physician_id`` of all its alerts, if they have the same."""
        values = {getattr(one, name) for one in self.alerts.values()}
        return next(iter(values)) if len(values) == 1 else None


def places(alerts: Iterable[CaseAlert]) -> list[tuple[str, str]]:
    """(decision_id, rule_id) of every check that hit, each once."""
    found = [(one.decision_id, rule_id) for one in alerts for rule_id in one.checks]
    return list(dict.fromkeys(found))


def replay(events: Iterable[Event]) -> State:
    """The state that events lead to, the oldest first."""
    state = State()
    for event in events:
        state = apply(state, event)
    return state


def apply(state: State, event: Event) -> State:
    """The state after one more event."""
    data = event.data
    match event.kind:
        case "opened" | "changed":
            return _changed(state, data)
        case "alerts_added":
            more = {one["alert_id"]: _alert(one) for one in data["alerts"]}
            return replace(state, alerts={**state.alerts, **more})
        case "alert_removed":
            kept = {k: v for k, v in state.alerts.items() if k != data["alert_id"]}
            there = set(places(kept.values()))
            left = {k: v for k, v in state.dispositions.items() if k in there}
            return _waiting(replace(state, alerts=kept, dispositions=left))
        case "disposed":
            return replace(state, dispositions={**state.dispositions, **_disposed(event)})
        case "information_asked":
            return replace(
                state,
                status=Status.AWAITING_INFORMATION,
                information_due_at=_instant(data["due_at"]),
            )
        case "information_received":
            return replace(state, status=Status.OPEN, information_due_at=None)
        case "close_proposed":
            return replace(state, status=Status.AWAITING_APPROVAL, proposed_by=event.by)
        case "sent_back":
            return replace(state, status=Status.OPEN, proposed_by=None)
        case "closed":
            proposer = state.proposed_by or event.by
            second = event.by if state.status is Status.AWAITING_APPROVAL else None
            return replace(
                state,
                status=Status.CLOSED,
                proposed_by=proposer,
                approved_by=second,
                closed_at=event.at,
                information_due_at=None,
            )
        case "appeal_lodged":
            lodged = Appeal(
                stage=Stage(data["stage"]),
                lodged_at=event.at,
                lodged_by=event.by.user_id,
                due_at=_instant(data["due_at"]),
                statement=data["statement"],
                late=data["late"],
                before_fen=state.recovered_fen,
            )
            return replace(state, status=Status.APPEALED, appeals=(*state.appeals, lodged))
        case "appeal_decided":
            return _decided(state, event)
        case _:
            return state


def tell_alert(one: CaseAlert) -> dict[str, Any]:
    """An alert as an event keeps it."""
    return {name: getattr(one, name) for name in one.__slots__} | {"checks": list(one.checks)}


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """Parts of ``total`` in proportion to the weights, whole and with just that sum.

    What rounding leaves over goes to the largest remainders, the earlier first. Weights that are
    all 0 count as equal; there must be one at least.
    """
    scale = weights if any(weights) else [1] * len(weights)
    whole = sum(scale)
    parts = [total * weight // whole for weight in scale]
    by_rest = sorted(range(len(scale)), key=lambda i: (-(total * scale[i] % whole), i))
    for place in by_rest[: total - sum(parts)]:
        parts[place] += 1
    return parts


def _changed(state: State, data: Mapping[str, Any]) -> State:
    changes: dict[str, Any] = {}
    if "title" in data:
        changes["title"] = data["title"]
    if "due_at" in data:
        changes["due_at"] = _instant(data["due_at"])
    if "assignee" in data:
        given = data["assignee"]
        changes["assignee"] = None if given is None else Person(given["user_id"], given["name"])
    return replace(state, **changes)


def _waiting(state: State) -> State:
    """Back to work where the only check that waited for information is gone."""
    waits = any(one.outcome == "needs_information" for one in state.dispositions.values())
    if state.status is Status.AWAITING_INFORMATION and not waits:
        return replace(state, status=Status.OPEN, information_due_at=None)
    return state


def _decided(state: State, event: Event) -> State:
    data = event.data
    *before, last = state.appeals
    changed = replace(state, dispositions={**state.dispositions, **_disposed(event)})
    decided = replace(
        last,
        outcome=data["outcome"],
        decided_at=event.at,
        decided_by=event.by.user_id,
        note=data["note"],
        after_fen=changed.recovered_fen,
    )
    return replace(changed, status=Status.CLOSED, appeals=(*before, decided))


def _disposed(event: Event) -> dict[tuple[str, str], Disposition]:
    return {
        (one["decision_id"], one["rule_id"]): Disposition(
            **one, by=event.by.user_id, by_name=event.by.name
        )
        for one in event.data["items"]
    }


def _alert(given: Mapping[str, Any]) -> CaseAlert:
    return CaseAlert(**{**given, "checks": tuple(given["checks"])})


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
