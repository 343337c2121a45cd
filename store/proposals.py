"""Proposed values of parameters: added, ended once by another person, and read as what is in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.proposals import (
    APPROVED,
    OPEN,
    WITHDRAWN,
    Ending,
    ParameterValue,
    Proposal,
    parse_number,
)
from store.engine import take_turns
from store.errors import StoreError, StoreRuleError, translate
from store.events import emit
from store.proposal_tables import PROPOSAL_ENDINGS_SQL as ENDINGS
from store.proposal_tables import PROPOSALS_SQL as PROPOSALS

After = tuple[datetime, str]
"""When and id of the last proposal of a page."""

_PLACE: Final = ("rule_id", "parameter", "region")


class ProposalError(StoreRuleError):
    """A proposal that cannot be added or ended so; ``name`` is stable, such as ``two-persons``."""

    def __init__(self, name: str, message: str, *, cure: str) -> None:
        self.name = name
        super().__init__(message, where="proposals", cure=cure)


class Proposals:
    """The proposals of one database; get it from ``Store.proposals``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers = readers
        self._writers = writers
        self._where = where

    def add(self, given: Proposal, *, today: date) -> bool:
        """Keep an open proposal; False if one of its id is there already.

        ProposalError if it begins by ``today``, or not after every value that is approved there.
        """
        with translate(self._where), self._writers.begin() as connection:
            # Two who approve at once would each find no later value.
            take_turns(connection, ENDINGS)
            if _read(connection, PROPOSALS.c.proposal_id == given.proposal_id):
                return False
            _check_day(connection, given.change, today)
            change = given.change
            connection.execute(
                sa.insert(PROPOSALS).values(
                    proposal_id=given.proposal_id,
                    rule_id=change.rule_id,
                    parameter=change.parameter,
                    region=change.region,
                    since=change.since,
                    value=str(change.value),
                    unit=given.unit,
                    value_before=given.before,
                    why=given.why,
                    rule_sha256=given.rule_sha256,
                    backtest_id=given.backtest_id,
                    proposed_by=given.by,
                    proposed_name=given.by_name,
                    proposed_at=given.at,
                )
            )
            emit(
                connection, "proposal.opened", given.proposal_id, at=given.at, actor=given.by_name,
                data={"rule_id": change.rule_id, "parameter": change.parameter},
            )  # fmt: skip
        return True

    def end(
        self, proposal_id: str, ending: Ending, *, today: date, version: int | None = None
    ) -> Proposal:
        """Approve, refuse or withdraw a proposal, once; ProposalError if it may not be.

        Approved and refused by another person than proposed it, withdrawn by its proposer. An
        approval must come before the day from which the value holds. ``version`` is what the
        caller saw (``stale`` if it has changed).
        """
        with translate(self._where), self._writers.begin() as connection:
            take_turns(connection, ENDINGS)
            found = _read(connection, PROPOSALS.c.proposal_id == proposal_id)
            if not found:
                raise StoreError(
                    f"there is no proposal {proposal_id}",
                    where=self._where,
                    cure="Take an id from the list of proposals.",
                )
            held = found[0]
            if version is not None and version != held.version:
                raise ProposalError(
                    "stale",
                    f"The proposal is at version {held.version} and no longer at {version}.",
                    cure="Read it again, then decide.",
                )
            _check_ending(held, ending)
            if ending.outcome == APPROVED:
                _check_day(connection, held.change, today)
            connection.execute(
                sa.insert(ENDINGS).values(
                    proposal_id=proposal_id,
                    proposed_by=held.by,
                    outcome=ending.outcome,
                    ended_by=ending.by,
                    ended_name=ending.by_name,
                    reason=ending.reason,
                    ended_at=ending.at,
                )
            )
            emit(
                connection, "proposal.decided", proposal_id, at=ending.at, actor=ending.by_name,
                data={"rule_id": held.change.rule_id, "outcome": ending.outcome},
            )  # fmt: skip
            return _read(connection, PROPOSALS.c.proposal_id == proposal_id)[0]

    def get(self, proposal_id: str) -> Proposal | None:
        """One proposal; None if there is none of that id."""
        with translate(self._where), self._readers.connect() as connection:
            found = _read(connection, PROPOSALS.c.proposal_id == proposal_id)
        return found[0] if found else None

    def page(
        self,
        *,
        status: str | None = None,
        rule_id: str | None = None,
        after: After | None = None,
        limit: int = 50,
    ) -> list[Proposal]:
        """Proposals, the latest first; ``after`` is when and id of the last one of the page before."""
        wanted: list[sa.ColumnElement[bool]] = []
        if status == OPEN:
            wanted.append(ENDINGS.c.outcome.is_(None))
        elif status is not None:
            wanted.append(ENDINGS.c.outcome == status)
        if rule_id is not None:
            wanted.append(PROPOSALS.c.rule_id == rule_id)
        if after is not None:
            at, last = after
            wanted.append(
                sa.or_(
                    PROPOSALS.c.proposed_at < at,
                    sa.and_(PROPOSALS.c.proposed_at == at, PROPOSALS.c.proposal_id < last),
                )
            )
        with translate(self._where), self._readers.connect() as connection:
            return _read(connection, *wanted, limit=limit)

    def in_force(self) -> tuple[ParameterValue, ...]:
        """Every approved value, sorted; those of a day to come are among them, with their day."""
        with translate(self._where), self._readers.connect() as connection:
            return _approved(connection)


def _approved(connection: sa.Connection) -> tuple[ParameterValue, ...]:
    rows = _read(connection, ENDINGS.c.outcome == APPROVED)
    return tuple(sorted(one.change for one in rows))


def _check_day(connection: sa.Connection, change: ParameterValue, today: date) -> None:
    """A change adds a later day: what claims of the past were judged by is never edited."""
    if change.since <= today:
        raise ProposalError(
            "past-day",
            f"The value would hold from {change.since}, and that day is not after today ({today}).",
            cure="Propose a day from tomorrow on: a value that has been in force is never edited.",
        )
    place = [getattr(change, name) for name in _PLACE]
    for held in _approved(connection):
        if [getattr(held, name) for name in _PLACE] == place and held.since >= change.since:
            raise ProposalError(
                "past-day",
                f"A value is approved there from {held.since}, which is not before {change.since}.",
                cure="Propose a later day: what is approved is never edited.",
            )


def _check_ending(held: Proposal, ending: Ending) -> None:
    if held.ending is not None:
        raise ProposalError(
            "already-ended",
            f"The proposal was {held.ending.outcome} on {held.ending.at:%Y-%m-%d}.",
            cure="Propose anew if it should be otherwise.",
        )
    own = ending.by == held.by
    if ending.outcome == WITHDRAWN and not own:
        raise ProposalError(
            "not-yours",
            "Only who proposed it may withdraw it.",
            cure="Refuse it, with a reason.",
        )
    if ending.outcome != WITHDRAWN and own:
        raise ProposalError(
            "two-persons",
            "Nobody decides on what they proposed themselves.",
            cure="Ask another person who may approve changes of checks; you may withdraw it.",
        )


def _read(
    connection: sa.Connection, *wanted: sa.ColumnElement[bool], limit: int | None = None
) -> list[Proposal]:
    query = (
        sa.select(PROPOSALS, *[ENDINGS.c[n] for n in ("outcome", "ended_by", "ended_name", "reason", "ended_at")])
        .outerjoin(ENDINGS, ENDINGS.c.proposal_id == PROPOSALS.c.proposal_id)
        .where(*wanted)
        .order_by(PROPOSALS.c.proposed_at.desc(), PROPOSALS.c.proposal_id.desc())
    )  # fmt: skip
    if limit is not None:
        query = query.limit(limit)
    return _proposals(connection.execute(query).all())


def _proposals(rows: Sequence[Any]) -> list[Proposal]:
    made = []
    for row in rows:
        value = parse_number(row.value)
        if value is None:
            raise StoreError(
                f"the value of proposal {row.proposal_id} is no number",
                where="proposals",
                cure="Somebody changed the row: restore it from a backup.",
            )
        ending = None
        if row.outcome is not None:
            ending = Ending(row.outcome, row.ended_by, row.ended_name, row.reason, row.ended_at)
        made.append(
            Proposal(
                proposal_id=row.proposal_id,
                change=ParameterValue(row.rule_id, row.parameter, row.region, row.since, value),
                unit=row.unit,
                before=row.value_before,
                why=row.why,
                by=row.proposed_by,
                by_name=row.proposed_name,
                at=row.proposed_at,
                rule_sha256=row.rule_sha256,
                backtest_id=row.backtest_id,
                ending=ending,
            )
        )
    return made
