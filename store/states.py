"""Which version of a claim counts, and what follows from a change of it.

A claim's state names the version, content and decision that count. It moves on to a higher
version, or to new content of the same version, never back; a withdrawal takes away every version
up to its own. Each change also moves the sums of its hospital's and physician's month, marks the
month as changed, lists the patient's later stays, whose look-back saw something else, and lists
the stay for the graphs that follow.
Everything happens in the transaction of the batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.withdrawal import Withdrawn
from store import months
from store.graph import feed
from store.inserting import in_parts, insert, insert_new, locked, upsert
from store.state_tables import STAY_STATES_SQL as STATES
from store.state_tables import STAYS_TO_JUDGE_SQL as TO_JUDGE
from store.state_tables import WITHDRAWALS_SQL as WITHDRAWALS

REASON_LATE: Final = "earlier claim came or changed"
"""Why a stay is to be judged again: what its look-back sees came in after it was judged."""
REASON_WITHDRAWN: Final = "earlier claim was withdrawn"

_CONTENT: Final = (
    "claim_version", "input_sha256", "patient_id", "provider_id", "physician_id", "claim_type",
    "currency", "admission_date", "ended_on", "total_amount_fen", "fund_payment_fen",
    "code_fingerprint",
)  # fmt: skip

Row = Mapping[str, Any]


def ended_on(claim_type: str, admission: date, discharge: date | None) -> date | None:
    """The day on which a claim ended: the discharge, or the day of a visit; None while in hospital."""
    return discharge if claim_type == "inpatient" else discharge or admission


def settle(
    connection: sa.Connection, rows: Sequence[Row], new: Collection[tuple[Any, ...]], now: datetime
) -> None:
    """Let the judged claims count, where they do.

    Each row has the columns of ``stay_states`` but ``withdrawn_version`` and ``changed_at``.
    ``new`` holds (stay_id, claim_version, input_sha256) of the contents that had not been stored
    before: old content that comes again does not win over what replaced it.
    """
    if not rows:
        return
    fresh = {
        **{name: [row[name] for row in rows] for name in ("stay_id", "decision_id", *_CONTENT)},
        "withdrawn_version": [0] * len(rows),
        "changed_at": [now] * len(rows),
    }
    first = insert_new(connection, STATES, fresh)
    known = locked(
        connection, STATES.c.stay_id, [r["stay_id"] for r in rows if r["stay_id"] not in first]
    )
    changes: list[tuple[Row | None, Row | None]] = []
    moved: list[Row] = []
    for row in rows:
        before = known.get(row["stay_id"])
        if before is None:
            changes.append((None, row))
            continue
        same = (row["claim_version"], row["input_sha256"]) == (
            before["claim_version"],
            before["input_sha256"],
        )
        key = (row["stay_id"], row["claim_version"], row["input_sha256"])
        newer = row["claim_version"] > before["claim_version"] or (
            row["claim_version"] == before["claim_version"] and key in new
        )
        if not same and not newer:
            continue
        counts = row["claim_version"] > before["withdrawn_version"]
        after = {**row, "decision_id": row["decision_id"] if counts else None}
        if same and after["decision_id"] == before["decision_id"]:
            continue
        moved.append({**after, "withdrawn_version": before["withdrawn_version"]})
        if not same:
            changes.append((before if before["decision_id"] else None, after if counts else None))
    _store(connection, moved, now)
    _follow(connection, changes, REASON_LATE, now)


def withdraw(connection: sa.Connection, given: Sequence[Withdrawn], now: datetime) -> list[str]:
    """Take claims back; the ids of the stays whose decision no longer counts, sorted.

    A withdrawal may come before the claim that it withdraws: it is remembered. The same one
    again changes nothing. Decisions and alerts stay readable.
    """
    if not given:
        return []
    insert(
        connection,
        WITHDRAWALS,
        {
            "stay_id": [w.stay_id for w in given],
            "claim_version": [w.claim_version for w in given],
            "reason": [w.reason for w in given],
            "withdrawn_time": [w.withdrawn_time for w in given],
            "created_at": [now] * len(given),
        },
    )
    upto: dict[str, int] = {}
    for one in given:
        upto[one.stay_id] = max(upto.get(one.stay_id, 0), one.claim_version)
    insert(
        connection,
        STATES,
        {
            "stay_id": list(upto),
            "claim_version": [0] * len(upto),
            "withdrawn_version": [0] * len(upto),
            "changed_at": [now] * len(upto),
        },
    )
    moved, changes, ended = [], [], []
    for stay_id, before in locked(connection, STATES.c.stay_id, list(upto)).items():
        if before["withdrawn_version"] >= upto[stay_id]:
            continue
        counts = before["claim_version"] > upto[stay_id]
        moved.append(
            {
                **before,
                "withdrawn_version": upto[stay_id],
                "decision_id": before["decision_id"] if counts else None,
            }
        )
        if before["decision_id"] and not counts:
            changes.append((before, None))
            ended.append(stay_id)
    _store(connection, moved, now)
    _follow(connection, changes, REASON_WITHDRAWN, now)
    return sorted(ended)


def forget(connection: sa.Connection, taken: Iterable[tuple[str, datetime]]) -> None:
    """Take stays off the list of those to judge again, unless they came onto it anew meanwhile.

    ``taken`` are (stay_id, since) as the list gave them.
    """
    for stay_id, since in sorted(taken):
        connection.execute(
            sa.delete(TO_JUDGE).where(TO_JUDGE.c.stay_id == stay_id, TO_JUDGE.c.since == since)
        )


def to_judge(connection: sa.Connection, limit: int) -> list[Row]:
    """Stays whose look-back changed since they were judged, longest waiting first."""
    query = sa.select(TO_JUDGE).order_by(TO_JUDGE.c.since, TO_JUDGE.c.stay_id).limit(limit)
    return [dict(row._mapping) for row in connection.execute(query)]


def _store(connection: sa.Connection, rows: Sequence[Row], now: datetime) -> None:
    if rows:
        names = ("stay_id", "decision_id", "withdrawn_version", *_CONTENT)
        columns = {name: [row[name] for row in rows] for name in names}
        upsert(connection, STATES, {**columns, "changed_at": [now] * len(rows)})


def _follow(
    connection: sa.Connection,
    changes: Sequence[tuple[Row | None, Row | None]],
    reason: str,
    now: datetime,
) -> None:
    """What follows from claims that counted before, and those that count now."""
    changes = [pair for pair in changes if pair != (None, None)]
    if not changes:
        return
    _list_later(connection, changes, reason, now)
    months.move(connection, changes, now)
    moved = {row["stay_id"] for pair in changes for row in pair if row is not None}
    feed.list_changed(connection, sorted(moved), now)


def _list_later(
    connection: sa.Connection,
    changes: Sequence[tuple[Row | None, Row | None]],
    reason: str,
    now: datetime,
) -> None:
    """List the patients' stays that began or ended on or after a changed claim began.

    Facts look at what came before; those that see visits during a stay look up to its end.
    """
    here: set[str] = set()
    since: dict[str, tuple[date, str]] = {}
    for change in changes:
        for row in change:
            if row is None:
                continue
            here.add(row["stay_id"])
            cause = (row["admission_date"], row["stay_id"])
            if row["patient_id"] not in since or cause < since[row["patient_id"]]:
                since[row["patient_id"]] = cause
    later: dict[str, str] = {}
    for keys in in_parts(list(since)):
        query = sa.select(
            STATES.c.stay_id, STATES.c.patient_id, STATES.c.admission_date, STATES.c.ended_on
        ).where(STATES.c.patient_id.in_(keys), STATES.c.decision_id.is_not(None))
        for found in connection.execute(query):
            day, cause_id = since[found.patient_id]
            last = found.ended_on or date.max
            if found.stay_id not in here and max(found.admission_date, last) >= day:
                later[found.stay_id] = cause_id
    if later:
        upsert(
            connection,
            TO_JUDGE,
            {
                "stay_id": list(later),
                "reason": [reason] * len(later),
                "because_of": list(later.values()),
                "since": [now] * len(later),
            },
        )
