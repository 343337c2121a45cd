"""Earlier claims of the patients and code vectors of a batch, for checks that look back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import sqlalchemy as sa

from domain.tables import Tables
from store import bodies
from store.tables import CLAIMS_SQL as CLAIMS

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
