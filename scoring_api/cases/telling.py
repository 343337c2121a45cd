"""Cases as in answers: what a caller may see of them, with names in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import Field

from domain import case_actions as actions
from domain.access import Principal
from domain.casework import APPEAL_OUTCOMES, SHARED, STAGE_NAMES, STATUS_NAMES, Event, Terms
from domain.review import OUTCOMES, REASONS
from scoring_api.access import masked
from scoring_api.answers import FEN, Answer, Bilingual
from scoring_api.cases.desk import outside
from store.cases import CaseRecord

Row = dict[str, Any]

_HIDDEN: Final = ("assignee", "assignee_name", "opened_by")
"""What the hospital is not told: who of the officers works on it."""


class CaseRow(Answer):
    """A case as in lists."""

    case_id: str
    number: str = Field(examples=["2026-000123"])
    """What people call it by; stands for the id in every address."""
    title: str
    status: str
    """`open`, `awaiting_information`, `awaiting_approval`, `closed` or `appealed`."""
    status_name: Bilingual
    provider_id: str
    department: str | None
    """Where all its stays have the same one."""
    physician_id: str | None
    """Where all its stays have the same one."""
    currency: str
    exposure_fen: int = Field(description=f"Money at stake, each stay once. {FEN}")
    recovered_fen: int | None = Field(description=f"Empty until it is closed. {FEN}")
    alert_count: int
    assignee: str | None
    assignee_name: str | None
    due_at: datetime
    clock_at: datetime | None
    """When the clock that runs now ends; empty once nobody has to act."""
    overdue: bool
    opened_at: datetime
    closed_at: datetime | None
    changed_at: datetime
    version: int
    """Rises with every change; the ETag of the case."""


class CaseSum(Answer):
    """What the filter finds in one currency."""

    currency: str
    cases: int
    exposure_fen: int
    recovered_fen: int


class CaseList(Answer):
    """One page of cases."""

    cases: list[CaseRow]
    sums: list[CaseSum] | None
    """Of all that the filter finds; on the first page only."""
    cursor: str | None
    next: str | None


class CaseAnswer(CaseRow):
    """A case with all that the caller may see of it."""

    alerts: list[dict[str, Any]]
    """Its alerts: decision, stay, checks that hit, money at stake."""
    dispositions: list[dict[str, Any]]
    """The conclusions that count, one a check; for the hospital once it is closed."""
    undecided: list[dict[str, str]]
    """Checks that wait for a conclusion."""
    needs_approval: bool
    """Money at stake or recovered is above the limit: a second person has to approve the closing."""
    limit_fen: int
    concluded_fen: int | None = Field(description=f"Recovered by the conclusions so far. {FEN}")
    proposed_by: str | None
    approved_by: str | None
    information_due_at: datetime | None
    appeals: list[dict[str, Any]]
    next_stage: str | None
    """The stage of appeal that could be lodged now, until `lodge_until`."""
    lodge_until: datetime | None
    comments: list[dict[str, Any]]
    attachments: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    """What happened, oldest first."""


class Timeline(Answer):
    """What happened to a case, oldest first."""

    timeline: list[dict[str, Any]]


def tell_row(row: Row, principal: Principal, now: datetime | None = None) -> Row:
    """A case of a list."""
    clock = row["clock_at"]
    told = {
        **row,
        "status_name": both(STATUS_NAMES[row["status"]]),
        "overdue": clock is not None and clock < (now or datetime.now(UTC)),
    }
    if outside(principal):
        told |= dict.fromkeys(_HIDDEN)
    return masked(principal, told)


def tell(record: CaseRecord, principal: Principal, terms: Terms) -> Row:
    """A whole case."""
    state, out = record.state, outside(principal)
    shown = not out or state.ended
    stage = actions.next_stage(state)
    people = (state.proposed_by, state.approved_by)
    told = {
        **tell_row(record.row, principal),
        "alerts": [_tell_alert(one) for one in state.alerts.values()],
        "dispositions": [
            {
                "decision_id": one.decision_id,
                "stay_id": _stay_of(record, one.decision_id),
                "rule_id": one.rule_id,
                "outcome": one.outcome,
                "outcome_name": both(OUTCOMES[one.outcome]),
                "reason": one.reason,
                "reason_name": both(REASONS[one.reason]),
                "recovered_fen": one.recovered_fen,
                "note": None if out else one.note,
                "by": None if out else one.by_name,
            }
            for one in state.dispositions.values()
            if shown
        ],
        "undecided": [{"decision_id": d, "rule_id": r} for d, r in state.undecided if not out],
        "needs_approval": actions.needs_second(state, terms),
        "limit_fen": terms.limit_fen,
        "concluded_fen": state.recovered_fen if shown else None,
        "proposed_by": None if out or people[0] is None else people[0].name,
        "approved_by": None if out or people[1] is None else people[1].name,
        "information_due_at": state.information_due_at,
        "appeals": [
            {
                "stage": str(one.stage),
                "stage_name": both(STAGE_NAMES[one.stage]),
                "lodged_at": one.lodged_at,
                "statement": one.statement,
                "late": one.late,
                "due_at": one.due_at,
                "outcome": one.outcome,
                "outcome_name": None if one.outcome is None else both(APPEAL_OUTCOMES[one.outcome]),
                "decided_at": one.decided_at,
                "note": one.note,
                "before_fen": one.before_fen,
                "after_fen": one.after_fen,
            }
            for one in state.appeals
        ],
        "next_stage": None if stage is None else str(stage),
        "lodge_until": actions.lodge_until(state, terms),
        "comments": _said(record.comments, principal),
        "attachments": _said(record.attachments, principal),
        "timeline": tell_timeline(record, principal),
    }
    return masked(principal, told)


def _said(rows: Sequence[Row], principal: Principal) -> list[Row]:
    """Comments or files as far as the caller sees them; the hospital is told no officer's name."""
    if not outside(principal):
        return list(rows)
    return [
        row if row["author"] == principal.user_id else {**row, "author": None, "author_name": None}
        for row in rows
        if row["visibility"] == SHARED
    ]


def tell_timeline(record: CaseRecord, principal: Principal) -> list[Row]:
    """What happened, as far as the caller may know of it."""
    out = outside(principal)
    return [
        {
            "event_id": entry.event_id,
            "version": entry.version,
            "kind": entry.event.kind,
            "at": entry.event.at,
            "by": None
            if out and entry.event.by.user_id != principal.user_id
            else entry.event.by.name,
            "visibility": entry.event.visibility,
            "data": _tell_data(entry.event, principal),
        }
        for entry in record.timeline
        if not out or entry.event.visibility == SHARED
    ]


def both(words: tuple[str, str]) -> dict[str, str]:
    """A pair of texts as in answers."""
    return {"zh": words[0], "en": words[1]}


def _tell_alert(one: Any) -> Row:
    return {name: getattr(one, name) for name in one.__slots__} | {"checks": list(one.checks)}


def _tell_data(event: Event, principal: Principal) -> Row:
    data = dict(event.data)
    if outside(principal):
        data.pop("assignee", None)
        if "items" in data:
            data["items"] = [{**item, "note": None} for item in data["items"]]
    if "alerts" in data:
        data["alerts"] = [
            {k: one[k] for k in ("alert_id", "stay_id", "checks", "exposure_fen")}
            for one in data["alerts"]
        ]
    return data


def _stay_of(record: CaseRecord, decision_id: str) -> str | None:
    return next(
        (a.stay_id for a in record.state.alerts.values() if a.decision_id == decision_id), None
    )
