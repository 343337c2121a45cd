"""What people do with alerts of the queue: take, give, release, postpone, review many at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from domain.access import Permission, Principal
from scoring_api import reviewing
from scoring_api.access import Access
from scoring_api.problems import ProblemError
from scoring_api.record import Record
from scoring_api.reviewing import Given
from store import AlertFilter, ChangedMeanwhileError, Store, Wanted, Work, Worked, Worker

MOST_AT_ONCE: Final = 500
"""Alerts that one bulk action may change."""
MOST_EACH: Final = 20
"""Open alerts that automatic assignment leaves a person with, where nothing else is said."""
LARGEST_EACH: Final = 1_000
"""The most that can be said."""
LAST_DUE: Final = datetime(2100, 1, 1, tzinfo=UTC)


class Desk:
    """The work on alerts, with what it needs to know who may do it."""

    def __init__(self, store: Store, record: Record) -> None:
        self.store, self._record = store, record

    def assign(self, access: Access, me: Principal, given: Wanted, assignee: str | None) -> None:
        """Give an alert to somebody, or to nobody; a problem if the caller may not, or it changed."""
        self._may_give(access, me, [given], assignee)
        self._one(me, given, Work(me.name, assign=True, assignee=assignee))

    def postpone(self, me: Principal, given: Wanted, due_at: datetime) -> None:
        """Set when an alert is due."""
        self._one(me, given, Work(me.name, due_at=check_due(due_at)))

    def bulk(
        self,
        access: Access,
        me: Principal,
        given: Sequence[Wanted],
        work: Work,
        skip: bool,
    ) -> Worked:
        """Change many alerts in one transaction; a 409 problem names those that changed meanwhile."""
        if not 1 <= len(given) <= MOST_AT_ONCE:
            refuse(
                "alerts",
                f"The request names {len(given)} alerts.",
                f"Name 1 to {MOST_AT_ONCE} alerts; do more in several requests.",
            )
        if work.assign:
            self._may_give(access, me, given, work.assignee)
        if work.due_at is not None:
            need(me, Permission.ALERTS_ASSIGN)
        try:
            done = self.store.queue.work(given, work, me.rows, skip=skip)
        except ChangedMeanwhileError as error:
            raise ProblemError(
                409,
                "changed-meanwhile",
                f"{len(error.why)} of the {len(given)} alerts cannot be changed as wanted; nothing was changed.",
                cure="Look at them again, or ask for such alerts to be skipped.",
                more={"alerts": error.why},
            ) from error
        self._record.forget()
        return done

    def assign_automatically(
        self, access: Access, me: Principal, up_to: int
    ) -> list[tuple[str, str]]:
        """Give open alerts to the people who work on them, by load and by what they may see."""
        if not 1 <= up_to <= LARGEST_EACH:
            refuse("up_to", "The number is out of bounds.", f"Write 1 to {LARGEST_EACH}.")
        return self.store.queue.assign_automatically(
            workers(access), actor=me.name, up_to=up_to, wanted=AlertFilter(rows=me.rows)
        )

    def _one(self, me: Principal, given: Wanted, work: Work) -> None:
        try:
            self.store.queue.work([given], work, me.rows)
        except ChangedMeanwhileError as error:
            (why,) = error.why.values()
            if why == "gone":
                raise ProblemError(
                    404, "not-found", f"No alert has the id {given.alert_id}.",
                    cure="Take an id from the list of alerts (GET /v1/alerts).",
                ) from error  # fmt: skip
            if why == "changed":
                raise ProblemError(
                    412, "stale", "Somebody changed the alert since it was read.",
                    cure="Read it again and decide anew.",
                ) from error  # fmt: skip
            raise ProblemError(
                409, "no-work", f"There is no work to give on this alert: it is {why}.",
                cure="Take another one from the queue.",
            ) from error  # fmt: skip

    def _may_give(
        self, access: Access, me: Principal, given: Sequence[Wanted], assignee: str | None
    ) -> None:
        """Without the right to assign one takes what nobody has, and gives back what is one's own."""
        if not me.may(Permission.ALERTS_ASSIGN):
            if assignee not in (None, me.user_id):
                need(me, Permission.ALERTS_ASSIGN)
            held = self.store.queue.look([one.alert_id for one in given], me.rows)
            if any(row["assignee"] not in (None, me.user_id) for row in held):
                need(me, Permission.ALERTS_ASSIGN)
        if assignee is not None and assignee != me.user_id:
            people = dict(access.people(Permission.ALERTS_WORK))
            if assignee not in people:
                refuse(
                    "assignee", "No account of that name works on alerts.",
                    "Take one of GET /v1/alerts:people.",
                )  # fmt: skip


def review_of(me: Principal, given: Given, key: str) -> Callable[[Mapping[str, Any]], Any]:
    """What makes the reviews of an alert's row: one a check that hit, with one outcome and reason."""
    reviewing.check(given, ["any"], ["any"])
    now = datetime.now(UTC)
    reviewer = reviewing.reviewer(given, me)

    def make(row: Mapping[str, Any]) -> Any:
        rules = row["rule_ids"].split() or [reviewing.SCORE]
        of = {"decision_id": row["decision_id"], "stay_id": row["stay_id"]}
        return reviewing.make(
            given, reviewer, rules, key, row["currency"], row["decision_id"], of, now
        )

    return make


def workers(access: Access) -> list[Worker]:
    """Whom alerts can be given to, with what they may see."""
    return [
        Worker(user_id, name, access.rows_of(user_id))
        for user_id, name in access.people(Permission.ALERTS_WORK)
    ]


def check_due(due_at: datetime) -> datetime:
    """The due time; a 422 problem if it has no zone or is out of bounds."""
    if due_at.tzinfo is None:
        refuse("due_at", "The due time has no zone.", "Write it such as 2026-03-31T18:00:00+08:00.")
    if not datetime(2000, 1, 1, tzinfo=UTC) <= due_at <= LAST_DUE:
        refuse("due_at", "The due time is out of bounds.", "Write a time before the year 2100.")
    return due_at


def need(me: Principal, permission: Permission) -> None:
    """A 403 problem if the caller has not the permission."""
    if not me.may(permission):
        raise ProblemError(
            403,
            "forbidden",
            f"The role {me.role} does not have the permission {permission}.",
            cure="Ask somebody who may give work to others, or take alerts that nobody has.",
        )


def refuse(field: str, what: str, cure: str) -> NoReturn:
    """A 422 problem that names the field."""
    raise ProblemError(422, "queue", what, cure=cure, more={"field": field})
