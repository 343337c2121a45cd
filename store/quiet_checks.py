"""Checks that are quiet for physicians: proposed with their figures, confirmed by a person, taken back.

Nothing here changes what is judged: findings, alerts and decisions come as before. Only cards are
held back, from a day on, in one hospital or everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.cards import QuietCheck, QuietStep
from store.card_tables import QUIET_CHECKS_SQL as QUIETS
from store.card_tables import QUIET_STEPS_SQL as STEPS
from store.engine import take_turns
from store.errors import StoreError, StoreRuleError, translate
from store.events import emit

CONFIRMED: Final = "confirmed"
REFUSED: Final = "refused"
WITHDRAWN: Final = "withdrawn"
ENDED: Final = "ended"
OPEN: Final = "open"
_STEP: Final[Mapping[str, int]] = {CONFIRMED: 1, REFUSED: 1, WITHDRAWN: 1, ENDED: 2}


class QuietError(StoreRuleError):
    """A step that cannot be taken; ``name`` is stable, such as ``two-persons``."""

    def __init__(self, name: str, message: str, *, cure: str) -> None:
        self.name = name
        super().__init__(message, where="quiet checks", cure=cure)


class QuietChecks:
    """The quiet checks of one database; get it from ``Store.quiet_checks``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers, self._writers, self._where = readers, writers, where

    def propose(self, given: QuietCheck) -> bool:
        """Keep an open proposal; False if its check waits or is quiet there already, or the id is known."""
        with translate(self._where), self._writers.begin() as connection:
            # Two who propose or decide at once would each find nothing.
            take_turns(connection, STEPS)
            if _read(connection, QUIETS.c.quiet_id == given.quiet_id):
                return False
            same = _read(
                connection,
                QUIETS.c.rule_id == given.rule_id,
                QUIETS.c.provider_id.in_(["", given.provider_id]),
            )
            if any(one.status in (OPEN, CONFIRMED) for one in same):
                return False
            connection.execute(
                sa.insert(QUIETS).values(
                    quiet_id=given.quiet_id,
                    rule_id=given.rule_id,
                    provider_id=given.provider_id,
                    why=given.why,
                    figures=dict(given.figures),
                    proposed_by=given.by,
                    proposed_name=given.by_name,
                    proposed_at=given.at,
                )
            )
            _tell(connection, "quiet.proposed", given, actor=given.by_name, at=given.at)
        return True

    def decide(
        self, quiet_id: str, step: QuietStep, *, today: date, version: int | None = None
    ) -> QuietCheck:
        """Confirm, refuse, withdraw (by who proposed it) or end a quiet check; QuietError if it may not be.

        Confirmed by another person than proposed it, with a first day from today on. Taking a
        confirmed one back (``ended``) is anybody's: it brings cards back. ``version`` is what the
        caller saw.
        """
        with translate(self._where), self._writers.begin() as connection:
            take_turns(connection, STEPS)
            found = _read(connection, QUIETS.c.quiet_id == quiet_id)
            if not found:
                raise StoreError(
                    f"there is no quiet check {quiet_id}",
                    where=self._where,
                    cure="Take an id from the list of quiet checks.",
                )
            held = found[0]
            if version is not None and version != held.version:
                raise QuietError(
                    "stale",
                    f"It is at version {held.version} and no longer at {version}.",
                    cure="Read it again, then decide.",
                )
            _check(held, step, today)
            connection.execute(
                sa.insert(STEPS).values(
                    quiet_id=quiet_id,
                    step=_STEP[step.outcome],
                    proposed_by=held.by,
                    outcome=step.outcome,
                    since=step.since,
                    decided_by=step.by,
                    decided_name=step.by_name,
                    reason=step.reason,
                    decided_at=step.at,
                )
            )
            _tell(
                connection, "quiet.decided", held, actor=step.by_name, at=step.at,
                outcome=step.outcome,
            )  # fmt: skip
            return _read(connection, QUIETS.c.quiet_id == quiet_id)[0]

    def get(self, quiet_id: str) -> QuietCheck | None:
        """One of them; None if there is none of that id."""
        with translate(self._where), self._readers.connect() as connection:
            found = _read(connection, QUIETS.c.quiet_id == quiet_id)
        return found[0] if found else None

    def listed(self, providers: frozenset[str] | None = None, limit: int = 200) -> list[QuietCheck]:
        """All of them, the latest first; with ``providers`` those of these hospitals and of everywhere."""
        wanted = [] if providers is None else [QUIETS.c.provider_id.in_(["", *sorted(providers)])]
        with translate(self._where), self._readers.connect() as connection:
            return _read(connection, *wanted, limit=limit)


def in_force(connection: sa.Connection, day: date, rule_ids: Iterable[str]) -> set[tuple[str, str]]:
    """(check, hospital or "") of those that are quiet on a day, within the caller's transaction."""
    same = STEPS.c.quiet_id == QUIETS.c.quiet_id
    confirmed = sa.exists().where(same, STEPS.c.outcome == CONFIRMED, STEPS.c.since <= day)
    ended = sa.exists().where(same, STEPS.c.outcome == ENDED)
    query = sa.select(QUIETS.c.rule_id, QUIETS.c.provider_id).where(
        QUIETS.c.rule_id.in_(sorted(rule_ids)), confirmed, ~ended
    )
    return {(row.rule_id, row.provider_id) for row in connection.execute(query)}


def _check(held: QuietCheck, step: QuietStep, today: date) -> None:
    if step.outcome == ENDED:
        if held.status != CONFIRMED:
            raise QuietError(
                "not-quiet",
                "Only a check that was confirmed can be taken back.",
                cure="Refuse a proposal instead.",
            )
        return
    if held.status != OPEN:
        raise QuietError(
            "quiet-decided",
            f"It was {held.status} before.",
            cure="Propose anew if it should be otherwise.",
        )
    own = step.by == held.by
    if step.outcome == WITHDRAWN and not own:
        raise QuietError(
            "not-yours", "Only who proposed it may withdraw it.", cure="Refuse it, with a reason."
        )
    if step.outcome == CONFIRMED and own:
        raise QuietError(
            "two-persons",
            "Nobody confirms what they proposed themselves.",
            cure="Ask another person who reviews advice; you may withdraw it.",
        )
    if step.outcome == CONFIRMED and (step.since is None or step.since < today):
        raise QuietError(
            "quiet-past-day",
            f"It would hold from {step.since}, which is before today ({today}).",
            cure="Choose a day from today on.",
        )


def _tell(
    connection: sa.Connection,
    kind: str,
    one: QuietCheck,
    *,
    actor: str,
    at: datetime,
    outcome: str | None = None,
) -> None:
    data = {"rule_id": one.rule_id}
    emit(
        connection, kind, one.quiet_id, at=at, actor=actor, provider_id=one.provider_id or None,
        data=data if outcome is None else {**data, "outcome": outcome},
    )  # fmt: skip


def _read(
    connection: sa.Connection, *wanted: sa.ColumnElement[bool], limit: int | None = None
) -> list[QuietCheck]:
    query = (
        sa.select(QUIETS)
        .where(*wanted)
        .order_by(QUIETS.c.proposed_at.desc(), QUIETS.c.quiet_id.desc())
    )
    rows = connection.execute(query if limit is None else query.limit(limit)).all()
    steps: dict[str, list[QuietStep]] = {}
    found = sa.select(STEPS).where(STEPS.c.quiet_id.in_([row.quiet_id for row in rows]))
    for step in connection.execute(found.order_by(STEPS.c.quiet_id, STEPS.c.step)):
        steps.setdefault(step.quiet_id, []).append(
            QuietStep(
                step.outcome,
                step.decided_by,
                step.decided_name,
                step.reason,
                step.decided_at,
                step.since,
            )
        )
    return [_quiet(row, steps.get(row.quiet_id, ())) for row in rows]


def _quiet(row: Any, steps: Sequence[QuietStep]) -> QuietCheck:
    return QuietCheck(
        quiet_id=row.quiet_id,
        rule_id=row.rule_id,
        provider_id=row.provider_id,
        why=row.why,
        figures=row.figures,
        by=row.proposed_by,
        by_name=row.proposed_name,
        at=row.proposed_at,
        steps=tuple(steps),
    )
