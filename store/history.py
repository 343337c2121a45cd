"""Earlier claims of the patients and code vectors of a batch, for checks that look back.

Only claims that count are seen: of each stay the content named by its state, and none that is
withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

import sqlalchemy as sa

from domain.tables import Tables
from store import bodies
from store.inserting import among
from store.state_tables import PHYSICIANS_SQL, PROVIDERS_SQL
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import CLAIMS_SQL as CLAIMS
from store.tables import HITS_SQL as HITS

NEWEST_PER_FINGERPRINT: Final = 200
"""Claims read for one code vector. A vector that thousands share (one common diagnosis, no
procedure) tells nothing more by its thousandth claim, and would load the whole store."""

COUNTS: Final[sa.ColumnElement[bool]] = STATES.c.decision_id.is_not(None)
"""The claim counts: it was judged and is not withdrawn."""

SERVED: Final[sa.ColumnElement[Any]] = sa.func.coalesce(STATES.c.ended_on, STATES.c.admission_date)
"""Day of service: the end of the claim, or the admission of a patient in hospital."""


def read(
    connection: sa.Connection,
    patient_ids: Sequence[str],
    fingerprints: Sequence[str] = (),
    *,
    excluding: Sequence[str] = (),
    newest_per_fingerprint: int = NEWEST_PER_FINGERPRINT,
    admitted_to: date | None = None,
) -> Tables:
    """All claims of the patients, and the newest of each code vector, but the stays excluded.

    With ``admitted_to`` only claims that began by that day.
    """
    left_out = set(excluding)
    seen = COUNTS if admitted_to is None else COUNTS & (STATES.c.admission_date <= admitted_to)
    found: dict[str, bytes] = {}
    for here in among(connection, STATES.c.patient_id, patient_ids):
        for row in connection.execute(_bodies().where(here, seen)):
            found[row.stay_id] = row.body
    place = (
        sa.func.row_number()
        .over(
            partition_by=STATES.c.code_fingerprint,
            order_by=(STATES.c.admission_date.desc(), STATES.c.stay_id),
        )
        .label("place")
    )
    for here in among(connection, STATES.c.code_fingerprint, fingerprints):
        ranked = sa.select(STATES.c.stay_id, place).where(here, seen).subquery()
        chosen = sa.select(ranked.c.stay_id).where(ranked.c.place <= newest_per_fingerprint)
        for row in connection.execute(_bodies().where(STATES.c.stay_id.in_(chosen))):
            found[row.stay_id] = row.body
    return bodies.decode(found[stay_id] for stay_id in sorted(found) if stay_id not in left_out)


def read_stays(connection: sa.Connection, stay_ids: Sequence[str]) -> Tables:
    """These stays as they count now; one that is withdrawn or unknown is left out."""
    found = {row.stay_id: row.body for row in counting(connection, stay_ids)}
    return bodies.decode(found[stay_id] for stay_id in sorted(found))


def counting(connection: sa.Connection, stay_ids: Sequence[str]) -> Iterator[Any]:
    """Those of these stays that count: rows of ``stay_id``, ``input_sha256``, ``body``."""
    for here in among(connection, STATES.c.stay_id, stay_ids):
        yield from connection.execute(_bodies(CLAIMS.c.input_sha256).where(here, COUNTS))


def read_period(connection: sa.Connection, first: date, last: date) -> Tables:
    """The claims whose service (discharge, else admission) lies in the period, each stay once."""
    rows = connection.execute(
        _bodies().where(SERVED.between(first, last), COUNTS).order_by(STATES.c.stay_id)
    )
    return bodies.decode(row.body for row in rows)


def read_ended(connection: sa.Connection, first: date, before: date) -> Tables:
    """The claims that ended from ``first`` to the day before ``before``, with all known parties."""
    rows = connection.execute(
        _bodies()
        .where(STATES.c.ended_on >= first, STATES.c.ended_on < before, COUNTS)
        .order_by(STATES.c.stay_id)
    )
    claims = bodies.decode(row.body for row in rows)
    return bodies.with_parties(
        claims,
        providers=_plain(connection, PROVIDERS_SQL),
        physicians=_plain(connection, PHYSICIANS_SQL),
    )


def read_days(connection: sa.Connection, first: date, last: date) -> list[tuple[date, int]]:
    """The days of service in the period, with the number of claims of each."""
    query = (
        sa.select(SERVED.label("day"), sa.func.count())
        .where(SERVED.between(first, last), COUNTS)
        .group_by(SERVED)
        .order_by(SERVED)
    )
    return [(_day(row[0]), int(row[1])) for row in connection.execute(query)]


def last_end(connection: sa.Connection) -> date | None:
    """The last day on which a stored claim ended; None if none has."""
    found: date | None = connection.execute(
        sa.select(sa.func.max(STATES.c.ended_on)).where(COUNTS)
    ).scalar_one()
    return found


def read_hits(connection: sa.Connection, stay_ids: Sequence[str]) -> list[tuple[str, str]]:
    """(stay_id, rule_id) of the hits of the decision that counts of each stay."""
    found: set[tuple[str, str]] = set()
    for here in among(connection, STATES.c.stay_id, stay_ids):
        query = (
            sa.select(HITS.c.stay_id, HITS.c.rule_id)
            .join(STATES, STATES.c.decision_id == HITS.c.decision_id)
            .where(here)
        )
        found |= {(row.stay_id, row.rule_id) for row in connection.execute(query)}
    return sorted(found)


def _bodies(*more: sa.Column[Any]) -> sa.Select[Any]:
    """The stays that have a state, with the body (and more) of the content that it names."""
    return sa.select(STATES.c.stay_id, CLAIMS.c.body, *more).join(CLAIMS, content_of(STATES))


def content_of(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether a stored claim is the content that a row of states or decisions names."""
    names = ("stay_id", "claim_version", "input_sha256")
    return sa.and_(*(CLAIMS.c[name] == table.c[name] for name in names))


def _plain(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    for row in connection.execute(sa.select(table)).mappings():
        yield {name: value for name, value in row.items() if name != "changed_at"}


def _day(value: Any) -> date:
    # SQLite gives the value of an expression as the text that it keeps.
    return value if isinstance(value, date) else date.fromisoformat(value)
