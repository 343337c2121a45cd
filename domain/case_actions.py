"""What may be done with a case, when and by whom: each action gives the events that it makes.

Nothing is stored here. CaseError says why something cannot be done. Whether somebody has the
permission at all is asked before; here it is who did what in this very case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from domain.casework import (
    APPEAL_OUTCOMES,
    CONFIRMING,
    SHARED,
    STATUS_NAMES,
    CaseAlert,
    CaseError,
    Disposition,
    Event,
    Person,
    Stage,
    State,
    Status,
    Terms,
    apportion,
    places,
    tell_alert,
)
from domain.review import LONGEST_NOTE, OUTCOMES, REASONS_OF

LONGEST_TITLE: Final = 200
MOST_ALERTS: Final = 200
"""Alerts of one case: more is no case but a campaign."""
LARGEST_FEN: Final = 10**13
"""A hundred milliards of yuan: more is a slip of the keyboard."""


@dataclass(frozen=True, slots=True)
class Act:
    """Who acts, and when."""

    by: Person
    at: datetime

    def event(self, kind: str, visibility: str = "internal", **data: Any) -> Event:
        """An event of this act."""
        return Event(kind, self.at, self.by, data, visibility)


def open_case(  # noqa: PLR0917
    act: Act,
    alerts: Sequence[CaseAlert],
    title: str,
    terms: Terms,
    assignee: Person | None = None,
    due_at: datetime | None = None,
) -> list[Event]:
    """A new case of alerts of one hospital and one currency."""
    if not alerts:
        raise _value("alerts", "A case needs an alert.", "Name at least one.")
    _check_alerts(State(), alerts)
    due = due_at or act.at + timedelta(days=terms.case_days)
    _check_due(due)
    return [
        act.event(
            "opened",
            SHARED,
            title=_text(title, "title", LONGEST_TITLE),
            due_at=due.isoformat(),
            assignee=_tell(assignee),
        ),
        act.event("alerts_added", SHARED, alerts=[tell_alert(one) for one in alerts]),
    ]


def change(state: State, act: Act, **given: Any) -> list[Event]:
    """Another ``title``, ``due_at`` or ``assignee`` (a Person or None); what stays is left out."""
    if state.status is Status.CLOSED:
        raise _state(state, "It can no longer be changed.", "Add a comment instead.")
    data: dict[str, Any] = {}
    if "title" in given and given["title"] != state.title:
        data["title"] = _text(given["title"], "title", LONGEST_TITLE)
    if "due_at" in given and given["due_at"] != state.due_at:
        _check_due(given["due_at"])
        data["due_at"] = given["due_at"].isoformat()
    if "assignee" in given and given["assignee"] != state.assignee:
        data["assignee"] = _tell(given["assignee"])
    return [act.event("changed", **data)] if data else []


def add_alerts(state: State, act: Act, alerts: Sequence[CaseAlert]) -> list[Event]:
    """Take more alerts of the same hospital in; those that are there already are left out."""
    _working(state)
    new = [one for one in alerts if one.alert_id not in state.alerts]
    _check_alerts(state, new)
    return [act.event("alerts_added", SHARED, alerts=[tell_alert(a) for a in new])] if new else []


def remove_alert(state: State, act: Act, alert_id: str) -> list[Event]:
    """Take an alert out, with what was disposed of it; not the last one."""
    _working(state)
    if alert_id not in state.alerts:
        raise _value("alert_id", "The case does not hold this alert.", "Name one that it holds.")
    if len(state.alerts) == 1:
        raise _state(state, "It has no other alert.", "Dispose of the alert and close the case.")
    return [act.event("alert_removed", SHARED, alert_id=alert_id)]


def dispose(state: State, act: Act, items: Sequence[Disposition], terms: Terms) -> list[Event]:
    """Conclude checks; one that needs information starts the clock for it, and stops the case's own."""
    _working(state)
    if not items:
        raise _value("items", "Nothing is concluded.", "Give an outcome and a reason for a check.")
    hit = set(places(state.alerts.values()))
    for one in items:
        check_disposition(one)
        if (one.decision_id, one.rule_id) not in hit:
            raise _value(
                "rule_id", f"{one.rule_id} did not hit there.", "Name a check that hit on a stay of the case."
            )  # fmt: skip
    if len({(one.decision_id, one.rule_id) for one in items}) < len(items):
        raise _value("items", "A check is concluded twice at once.", "Give each check once.")
    events = [act.event("disposed", items=[_item(one) for one in items])]
    counting = {**state.dispositions, **{(o.decision_id, o.rule_id): o for o in items}}
    waits = any(one.outcome == "needs_information" for one in counting.values())
    asks = any(one.outcome == "needs_information" for one in items)
    if asks and state.status is Status.OPEN:
        due = act.at + timedelta(days=terms.information_days)
        events.append(act.event("information_asked", SHARED, due_at=due.isoformat()))
    if not waits and state.status is Status.AWAITING_INFORMATION:
        events.append(act.event("information_received", SHARED))
    return events


def receive_information(state: State, act: Act) -> list[Event]:
    """What was asked for has come: the officer is to act again."""
    if state.status is not Status.AWAITING_INFORMATION:
        raise _state(state, "It does not wait for information.", "Dispose of its checks.")
    return [act.event("information_received", SHARED)]


def needs_second(state: State, terms: Terms) -> bool:
    """Whether a second person has to approve the closing: money at stake or recovered above the limit."""
    return max(state.exposure_fen, state.recovered_fen) > terms.limit_fen


def close(state: State, act: Act, terms: Terms) -> list[Event]:
    """Close it, or above the limit propose to."""
    _working(state)
    if open_checks := state.undecided:
        raise _state(
            state,
            f"{len(open_checks)} of its checks are not concluded.",
            "Conclude each check: confirmed, partly or not confirmed.",
        )
    sums: dict[str, Any] = {
        "exposure_fen": state.exposure_fen,
        "recovered_fen": state.recovered_fen,
    }
    if needs_second(state, terms):
        return [act.event("close_proposed", **sums)]
    return [act.event("closed", SHARED, **sums)]


def approve(state: State, act: Act) -> list[Event]:
    """Close it as a second person: neither who proposed nor who concluded one of its checks."""
    _proposed(state)
    if act.by.user_id in concluded_by(state):
        raise CaseError(
            "person",
            "Whoever proposed the closing or concluded one of the checks does not approve it.",
            where="case.approval",
            cure="Ask another person who may approve cases.",
        )
    sums: dict[str, Any] = {
        "exposure_fen": state.exposure_fen,
        "recovered_fen": state.recovered_fen,
    }
    return [act.event("closed", SHARED, **sums)]


def send_back(state: State, act: Act, reason: str) -> list[Event]:
    """Do not approve: back to work, with the reason. Whoever proposed may take it back likewise."""
    _proposed(state)
    return [act.event("sent_back", reason=_text(reason, "reason", LONGEST_NOTE))]


def concluded_by(state: State) -> set[str]:
    """Ids of all who had a part in how the case ends."""
    people = {one.by for one in state.dispositions.values()}
    people |= {p.user_id for p in (state.proposed_by, state.approved_by) if p is not None}
    return people | {one.decided_by for one in state.appeals if one.decided_by is not None}


def next_stage(state: State) -> Stage | None:
    """The stage that the hospital could lodge now; None if there is none left or nothing to contest."""
    if state.status is not Status.CLOSED or not state.confirmed:
        return None
    stages = list(Stage)
    return stages[len(state.appeals)] if len(state.appeals) < len(stages) else None


def lodge_until(state: State, terms: Terms) -> datetime | None:
    """Until when the next stage may be lodged; None if there is none."""
    stage = next_stage(state)
    before = state.appeals[-1].decided_at if state.appeals else state.closed_at
    if stage is None or before is None:
        return None
    return before + timedelta(days=terms.lodge_days[stage])


def lodge(state: State, act: Act, statement: str, terms: Terms, *, recorded: bool) -> list[Event]:
    """Contest a closed case: the next stage, with what the hospital says.

    Too late for the hospital itself; an officer who records it for the hospital (``recorded``) may
    still do so, and the timeline says that it was late.
    """
    stage, until = next_stage(state), lodge_until(state, terms)
    if stage is None or until is None:
        raise _state(
            state,
            "There is no stage of appeal left to it now.",
            "Only a closed case in which something was confirmed can be contested, one stage after the other.",
        )
    late = act.at > until
    if late and not recorded:
        raise _state(
            state,
            f"The time for it ended at {until.isoformat(timespec='minutes')}.",
            "Ask the officer of the case, who can record it as late.",
        )
    due = act.at + timedelta(days=terms.decide_days[stage])
    return [
        act.event(
            "appeal_lodged",
            SHARED,
            stage=str(stage),
            due_at=due.isoformat(),
            statement=_text(statement, "statement", LONGEST_NOTE),
            late=late,
            recorded=recorded,
        )
    ]


def decide_appeal(  # noqa: PLR0917
    state: State,
    act: Act,
    outcome: str,
    note: str,
    reason: str | None = None,
    recovered_fen: int | None = None,
) -> list[Event]:
    """Decide the stage under way, by somebody who had no part in the case so far.

    ``partly`` needs the money that stays recovered in all, which is parted over the checks in
    proportion; ``overturned`` needs a ``reason`` of "not confirmed", and nothing stays recovered.
    """
    if state.status is not Status.APPEALED:
        raise _state(state, "No appeal is under way.", "An appeal is lodged first.")
    if act.by.user_id in concluded_by(state) | {state.appeals[-1].lodged_by}:
        raise CaseError(
            "person",
            "Whoever concluded, proposed, approved, lodged or decided before in this case does not decide the appeal.",
            where="case.appeal",
            cure="Ask another person who may decide appeals.",
        )
    if outcome not in APPEAL_OUTCOMES:
        raise _value("outcome", "The outcome is not known.", f"Write one of {', '.join(APPEAL_OUTCOMES)}.")  # fmt: skip
    items = _after_appeal(state, outcome, reason, recovered_fen)
    return [
        act.event(
            "appeal_decided",
            SHARED,
            stage=str(state.appeals[-1].stage),
            outcome=outcome,
            note=_text(note, "note", LONGEST_NOTE),
            items=[_item(one) for one in items],
        )
    ]


def check_disposition(one: Disposition) -> None:
    """Refuse what cannot be a disposition; CaseError names the field."""
    allowed = REASONS_OF.get(one.outcome)
    if allowed is None:
        raise _value("outcome", "The outcome is not known.", f"Write one of {', '.join(OUTCOMES)}.")
    if one.reason not in allowed:
        raise _value("reason", f"{one.outcome} does not have this reason.", f"Write one of {', '.join(allowed)}.")  # fmt: skip
    if one.note is not None:
        _text(one.note, "note", LONGEST_NOTE)
    if one.recovered_fen is None:
        return
    if one.outcome not in CONFIRMING:
        raise _value("recovered_fen", "Nothing is recovered where nothing was confirmed.", "Leave it out.")  # fmt: skip
    if not 0 <= one.recovered_fen <= LARGEST_FEN:
        raise _value("recovered_fen", "The amount is out of bounds.", f"Write 0 to {LARGEST_FEN}.")


def _after_appeal(
    state: State, outcome: str, reason: str | None, recovered_fen: int | None
) -> list[Disposition]:
    standing, before = state.confirmed, state.recovered_fen
    if outcome == "partly":
        if recovered_fen is None or not 0 <= recovered_fen <= before:
            raise _value(
                "recovered_fen",
                "How much stays recovered is not said, or it is more than before.",
                f"Write 0 to {before}.",
            )
        parts = apportion(recovered_fen, [one.recovered_fen or 0 for one in standing])
        return [
            Disposition(one.decision_id, one.rule_id, "partly", one.reason, part)
            for one, part in zip(standing, parts, strict=True)
        ]
    if recovered_fen is not None:
        raise _value("recovered_fen", "An amount is given only where a part changes.", "Leave it out.")  # fmt: skip
    if outcome == "upheld":
        return []
    if reason not in REASONS_OF["not_confirmed"]:
        raise _value(
            "reason", "Why nothing is confirmed is not said.", f"Write one of {', '.join(REASONS_OF['not_confirmed'])}."
        )  # fmt: skip
    return [Disposition(o.decision_id, o.rule_id, "not_confirmed", str(reason)) for o in standing]


def _check_alerts(state: State, alerts: Sequence[CaseAlert]) -> None:
    everything = [*state.alerts.values(), *alerts]
    if len({one.alert_id for one in everything}) > MOST_ALERTS:
        raise _value("alerts", f"A case holds at most {MOST_ALERTS} alerts.", "Open another case for the rest.")  # fmt: skip
    if len({one.provider_id for one in everything}) > 1:
        raise _value("alerts", "The alerts are of several hospitals.", "Open a case for each hospital.")  # fmt: skip
    if len({one.currency for one in everything}) > 1:
        raise _value("alerts", "The alerts are in several currencies.", "Open a case for each currency.")  # fmt: skip


def _check_due(due: datetime) -> None:
    if due.tzinfo is None:
        raise _value(
            "due_at", "The instant has no zone.", "Write it with its offset, such as +08:00."
        )
    if not 2000 <= due.year <= 2200:
        raise _value("due_at", "The year is out of bounds.", "Write a day from now on.")


def _working(state: State) -> None:
    if state.status not in (Status.OPEN, Status.AWAITING_INFORMATION):
        raise _state(
            state,
            "Its alerts and conclusions stand still.",
            "A case that awaits approval can be sent back to work; a closed one can be contested.",
        )


def _proposed(state: State) -> None:
    if state.status is not Status.AWAITING_APPROVAL:
        raise _state(state, "Nobody has proposed to close it.", "It is closed by its officer first.")  # fmt: skip


def _state(state: State, what: str, cure: str) -> CaseError:
    name = STATUS_NAMES[state.status][1]
    return CaseError("state", f"The case is {name}. {what}", where="case", cure=cure)


def _value(where: str, what: str, cure: str) -> CaseError:
    return CaseError("value", what, where=where, cure=cure)


def _text(given: str, where: str, longest: int) -> str:
    text = given.strip().replace("\x00", "")
    if not 1 <= len(text) <= longest:
        raise _value(where, f"The text of {where} is missing or too long.", f"Write 1 to {longest} characters.")  # fmt: skip
    return text


def _item(one: Disposition) -> dict[str, Any]:
    return {
        "decision_id": one.decision_id,
        "rule_id": one.rule_id,
        "outcome": one.outcome,
        "reason": one.reason,
        "recovered_fen": one.recovered_fen,
        "note": (one.note or "").strip().replace("\x00", "") or None,
    }


def _tell(person: Person | None) -> dict[str, str] | None:
    return None if person is None else {"user_id": person.user_id, "name": person.name}
