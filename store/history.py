"""Earlier claims of the patients and code vectors of a batch, for checks that look back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any, Final

import sqlalchemy as sa

from domain.tables import Tables
from store import bodies
from store.tables import CLAIMS_SQL as CLAIMS
from store.tables import DECISIONS_SQL as DECISIONS
from store.tables import HITS_SQL as HITS

CHUNK_KEYS: Final = 1_000
"""Keys of one IN list: well under SQLite's 32,766 and PostgreSQL's 65,535 bound values."""

NEWEST_PER_FINGERPRINT: Final = 200
"""Claims read for one code vector. A vector that thousands share (one common diagnosis, no
procedure) tells nothing more by its thousandth claim, and would load the whole store."""


def read(
    connection: sa.Connection,
    patient_ids: Sequence[str],
    fingerprints: Sequence[str] = (),
    *,
    excluding: Sequence[str] = (),
    newest_per_fingerprint: int = NEWEST_PER_FINGERPRINT,
) -> Tables:
    """All claims of the patients, and the newest of each code vector, but the stays excluded.

    Of a stay stored in several versions or contents the highest version counts, and of
    that the one stored last.
    """
    left_out = set(excluding)
    newest: dict[str, tuple[tuple[Any, ...], bytes]] = {}
    for row in _candidates(connection, patient_ids, fingerprints, newest_per_fingerprint):
        if row.stay_id in left_out:
            continue
        rank = (row.claim_version, row.created_at, row.input_sha256)
        if row.stay_id not in newest or newest[row.stay_id][0] < rank:
            newest[row.stay_id] = (rank, row.body)
    return bodies.decode(newest[stay_id][1] for stay_id in sorted(newest))


def read_period(connection: sa.Connection, first: date, last: date) -> Tables:
    """The claims whose service (discharge, else admission) lies in the period, each stay once."""
    served = sa.func.coalesce(CLAIMS.c.discharge_date, CLAIMS.c.admission_date)
    inside = sa.select(CLAIMS.c.stay_id).where(served.between(first, last))
    newest: dict[str, tuple[tuple[Any, ...], date, bytes]] = {}
    for row in connection.execute(
        sa.select(
            CLAIMS.c.stay_id, CLAIMS.c.claim_version, CLAIMS.c.input_sha256, CLAIMS.c.created_at,
            CLAIMS.c.body, CLAIMS.c.discharge_date, CLAIMS.c.admission_date,
        ).where(CLAIMS.c.stay_id.in_(inside))
    ):  # fmt: skip
        rank = (row.claim_version, row.created_at, row.input_sha256)
        if row.stay_id not in newest or newest[row.stay_id][0] < rank:
            newest[row.stay_id] = (rank, row.discharge_date or row.admission_date, row.body)
    # A correction may have moved the claim out of the period.
    return bodies.decode(
        body for _, (_, day, body) in sorted(newest.items()) if first <= day <= last
    )


def read_hits(connection: sa.Connection, stay_ids: Sequence[str]) -> list[tuple[str, str]]:
    """(stay_id, rule_id) of the hits of each stay's last decision."""
    last: dict[str, tuple[tuple[Any, ...], str]] = {}
    for keys in _chunks(stay_ids):
        for row in connection.execute(
            sa.select(
                DECISIONS.c.stay_id, DECISIONS.c.claim_version, DECISIONS.c.decided_at,
                DECISIONS.c.decision_id,
            ).where(DECISIONS.c.stay_id.in_(keys))
        ):  # fmt: skip
            age = (row.claim_version, row.decided_at, row.decision_id)
            if row.stay_id not in last or last[row.stay_id][0] < age:
                last[row.stay_id] = (age, row.decision_id)
    found: set[tuple[str, str]] = set()
    for keys in _chunks([decision for _, decision in last.values()]):
        found |= {
            (row.stay_id, row.rule_id)
            for row in connection.execute(
                sa.select(HITS.c.stay_id, HITS.c.rule_id).where(HITS.c.decision_id.in_(keys))
            )
        }
    return sorted(found)


def _candidates(
    connection: sa.Connection,
    patient_ids: Sequence[str],
    fingerprints: Sequence[str],
    newest_per_fingerprint: int,
) -> Iterator[Any]:
    wanted = (
        CLAIMS.c.stay_id, CLAIMS.c.claim_version, CLAIMS.c.input_sha256,
        CLAIMS.c.created_at, CLAIMS.c.body,
    )  # fmt: skip
    for keys in _chunks(patient_ids):
        yield from connection.execute(sa.select(*wanted).where(CLAIMS.c.patient_id.in_(keys)))
    place = (
        sa.func.row_number()
        .over(
            partition_by=CLAIMS.c.code_fingerprint,
            order_by=(CLAIMS.c.admission_date.desc(), CLAIMS.c.stay_id),
        )
        .label("place")
    )
    for keys in _chunks(fingerprints):
        ranked = (
            sa.select(CLAIMS.c.stay_id, CLAIMS.c.claim_version, CLAIMS.c.input_sha256, place)
            .where(CLAIMS.c.code_fingerprint.in_(keys))
            .subquery()
        )
        # All contents of a chosen stay are read, so that an older version, found by its
        # fingerprint, does not stand in for a newer one with other codes.
        chosen = sa.select(ranked.c.stay_id).where(ranked.c.place <= newest_per_fingerprint)
        yield from connection.execute(sa.select(*wanted).where(CLAIMS.c.stay_id.in_(chosen)))


def _chunks(keys: Sequence[str]) -> Iterator[list[str]]:
    unique = sorted(set(keys))
    for start in range(0, len(unique), CHUNK_KEYS):
        yield unique[start : start + CHUNK_KEYS]
