"""What may be done with cases over HTTP, for routes and pages alike: finding, acting, telling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import Request

from domain import case_actions as actions
from domain.access import Permission, Principal
from domain.case_actions import Act
from domain.casework import (
    INTERNAL,
    SHARED,
    CaseError,
    Disposition,
    Event,
    Person,
    State,
    Terms,
    places,
)
from domain.results import identifier
from domain.review import LONGEST_NOTE
from scoring_api.access import Access, who
from scoring_api.cases.refusals import told
from scoring_api.problems import ProblemError
from scoring_api.record import Record
from store import Store
from store.cases import Attachment, CaseRecord

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """The cases of a store under certain terms."""

    store: Store
    record: Record
    terms: Terms

    def find(self, case: str, principal: Principal) -> CaseRecord:
        """The case of that id or number; a 404 problem if there is none that the caller may see."""
        found = self.store.cases.find(case, principal.rows)
        if found is None:
            raise ProblemError(
                404,
                "not-found",
                f"No case has the id or number {case}.",
                cure="Take one from the list of cases (GET /v1/cases).",
            )
        return found

    def open(self, request: Request, given: Mapping[str, Any], key: str) -> Row:
        """A new case of alerts that the caller may see; its row."""
        principal = who(request)
        wanted = list(dict.fromkeys(given["alert_ids"]))
        alerts = self.store.cases.alerts(wanted, principal.rows)
        if missing := set(wanted) - {one.alert_id for one in alerts}:
            raise ProblemError(
                422,
                "case-value",
                f"There is no alert {min(missing)}.",
                cure="Take ids from the list of alerts (GET /v1/alerts).",
                more={"field": "alert_ids"},
            )
        case_id = identifier("case", principal.user_id, key)
        title = given.get("title") or (self._title(wanted[0]) if wanted else "")
        with told():
            events = actions.open_case(
                self.act(principal),
                alerts,
                title,
                self.terms,
                self.assignee(request, given.get("assignee", principal.user_id)),
                given.get("due_at"),
            )
            return self.store.cases.open(case_id, events, key)

    def do(
        self,
        request: Request,
        case: str,
        decide: Callable[[State, Act], Sequence[Event]],
        version: int | None,
        key: str | None = None,
    ) -> CaseRecord:
        """Let something happen to a case that the caller may see; the case after it."""
        principal = who(request)
        found = self.find(case, principal)
        act = self.act(principal)
        with told():
            self.store.cases.act(
                found.row["case_id"], lambda state: decide(state, act), version=version, key=key
            )
        self.record.forget()
        return self.find(found.row["case_id"], principal)

    def change(
        self,
        request: Request,
        case: str,
        given: Mapping[str, Any],
        version: int | None,
        key: str | None,
    ) -> CaseRecord:
        """Another title, due time or assignee."""
        changes = dict(given)
        if "assignee" in changes:
            changes["assignee"] = self.assignee(request, changes["assignee"])
        return self.do(
            request, case, lambda s, act: actions.change(s, act, **changes), version, key
        )

    def add_alerts(
        self,
        request: Request,
        case: str,
        alert_ids: Sequence[str],
        version: int | None,
        key: str | None,
    ) -> CaseRecord:
        """Take more alerts in."""
        alerts = self.store.cases.alerts(alert_ids, who(request).rows)
        if len(alerts) < len(set(alert_ids)):
            raise ProblemError(
                422,
                "case-value",
                "There is no alert of one of these ids.",
                cure="Take ids from the list of alerts (GET /v1/alerts).",
                more={"field": "alert_ids"},
            )
        return self.do(
            request, case, lambda s, act: actions.add_alerts(s, act, alerts), version, key
        )

    def dispose(
        self,
        request: Request,
        case: str,
        items: Sequence[Mapping[str, Any]],
        version: int | None,
        key: str | None,
    ) -> CaseRecord:
        """Conclude checks: one of them, all of a decision, or all of the case."""

        def decide(state: State, act: Act) -> list[Event]:
            return actions.dispose(state, act, list(spread(state, items)), self.terms)

        return self.do(request, case, decide, version, key)

    def comment(
        self, request: Request, case: str, text: str, visibility: str | None, key: str
    ) -> CaseRecord:
        """Add a comment; the hospital's own are always shared."""
        principal = who(request)
        found = self.find(case, principal)
        allow_voice(principal)
        words = text.strip().replace("\x00", "")
        if not 1 <= len(words) <= LONGEST_NOTE:
            raise ProblemError(
                422,
                "case-value",
                "The comment is empty or too long.",
                cure=f"Write 1 to {LONGEST_NOTE} characters.",
                more={"field": "text"},
            )
        case_id = found.row["case_id"]
        comment_id = identifier("comment", case_id, principal.user_id, key)
        seen = _visibility(principal, visibility)
        self.store.cases.comment(case_id, comment_id, self.act(principal), seen, words)
        return self.find(case_id, principal)

    def attach(
        self, request: Request, case: str, given: Attachment, visibility: str | None, key: str
    ) -> CaseRecord:
        """Add a file; the hospital's own are always shared."""
        principal = who(request)
        found = self.find(case, principal)
        allow_voice(principal)
        case_id = found.row["case_id"]
        attachment_id = identifier("attachment", case_id, principal.user_id, key)
        seen = _visibility(principal, visibility)
        with told():
            self.store.cases.attach(case_id, attachment_id, self.act(principal), seen, given)
        return self.find(case_id, principal)

    def attachment(self, request: Request, case: str, attachment_id: str) -> Row:
        """A file with its contents; a 404 problem if the caller may not see it."""
        principal = who(request)
        found = self.find(case, principal)
        row = self.store.cases.attachment(found.row["case_id"], attachment_id)
        if row is None or (outside(principal) and row["visibility"] != SHARED):
            raise ProblemError(
                404, "not-found", "The case has no such file.", cure="Take one that it lists."
            )
        return row

    def lodge(
        self, request: Request, case: str, statement: str, version: int | None, key: str | None
    ) -> CaseRecord:
        """Contest a closed case: by the hospital, or recorded for it by an officer."""
        principal = who(request)
        allow_voice(principal)
        recorded = principal.may(Permission.CASES_WORK)
        return self.do(
            request,
            case,
            lambda s, act: actions.lodge(s, act, statement, self.terms, recorded=recorded),
            version,
            key,
        )

    def assignee(self, request: Request, user_id: str | None) -> Person | None:
        """Whom a case is given to: oneself, or with the permission anybody who works on cases."""
        principal = who(request)
        if user_id is None:
            return None
        if user_id == principal.user_id:
            return Person(principal.user_id, principal.name)
        if not principal.may(Permission.ALERTS_ASSIGN):
            raise ProblemError(
                403,
                "forbidden",
                "Giving work to others needs the permission alerts.assign.",
                cure="Take the case yourself, or ask a senior officer to assign it.",
            )
        access: Access = request.app.state.access
        people = dict(access.people(Permission.CASES_WORK))
        if user_id not in people:
            raise ProblemError(
                422,
                "case-value",
                "The assignee is nobody who works on cases.",
                cure="Take one of those who do.",
                more={"field": "assignee"},
            )
        return Person(user_id, people[user_id])

    def act(self, principal: Principal) -> Act:
        """The caller, now."""
        return Act(Person(principal.user_id, principal.name), datetime.now(UTC))

    def _title(self, alert_id: str) -> str:
        found = self.store.alert(alert_id)
        return "" if found is None else str(found.alert["title_zh"])[: actions.LONGEST_TITLE]


def spread(state: State, items: Sequence[Mapping[str, Any]]) -> Iterator[Disposition]:
    """Dispositions of single checks: an item that names no check is of all (of its decision)."""
    given: dict[tuple[str, str], Disposition] = {}
    for item in items:
        named = [
            place
            for place in places(state.alerts.values())
            if item.get("decision_id") in (None, place[0])
            and item.get("rule_id") in (None, place[1])
        ]
        if not named:
            raise CaseError(
                "value",
                "A check is named that did not hit in this case.",
                where="rule_id",
                cure="Name a check that hit, and the decision on which it did.",
            )
        if item.get("recovered_fen") is not None and len(named) > 1:
            raise CaseError(
                "value",
                "One amount is given for several checks, and would count for each.",
                where="recovered_fen",
                cure="Name decision_id and rule_id beside each amount.",
            )
        for place in named:
            given[place] = Disposition(
                *place,
                item["outcome"],
                item["reason"],
                item.get("recovered_fen"),
                item.get("note"),
            )
    yield from given.values()


def outside(principal: Principal) -> bool:
    """Whether the caller answers for the hospital and does not work on cases."""
    return principal.may(Permission.APPEALS_LODGE) and not principal.may(Permission.CASES_WORK)


def allow_voice(principal: Principal) -> None:
    """Refuse whoever neither works on cases nor answers for the hospital; a 403 problem."""
    if not (principal.may(Permission.CASES_WORK) or principal.may(Permission.APPEALS_LODGE)):
        raise ProblemError(
            403,
            "forbidden",
            f"The role {principal.role} has neither the permission cases.work nor appeals.lodge.",
            cure="Ask an administrator of this service for an account that has one.",
        )


def _visibility(principal: Principal, given: str | None) -> str:
    if outside(principal):
        return SHARED
    if given not in (None, INTERNAL, SHARED):
        raise ProblemError(
            422,
            "case-value",
            "The visibility is not known.",
            cure=f"Write {INTERNAL} or {SHARED}.",
            more={"field": "visibility"},
        )
    return given or INTERNAL
