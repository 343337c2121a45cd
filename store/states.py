"""Which version of a claim counts, and what follows from a change of it.

A claim's state names the version, content and decision that count. It moves on to a higher
version, or to new content of the same version, never back; a withdrawal takes away every version
up to its own. Each change also moves the sums of its hospital's and physician's month, marks the
month as changed, lists the patient's later stays, whose look-back saw something else, and lists
the stay for the graphs that follow.
Everything happens in the transaction of the batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from domain.withdrawal import Withdrawn
from store import arrays, measures, months, pricing
from store.graph import feed
from store.inserting import columns_of, in_parts, insert, insert_missing, locked, upsert
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

_CAUSE: Final = ("patient_id", "admission_date", "stay_id")
_CAUSES: Final = pa.schema(
    [("patient_id", pa.string()), ("admission_date", pa.date32()), ("stay_id", pa.string())]
)
_LATER: Final = """
SELECT s.stay_id, g.cause FROM unnest(%b::text[], %b::date[], %b::text[]) AS g(patient, day, cause)
JOIN stay_states s ON s.patient_id = g.patient
WHERE s.decision_id IS NOT NULL AND greatest(s.admission_date, coalesce(s.ended_on, 'infinity')) >= g.day
AND NOT EXISTS (SELECT 1 FROM unnest(%b::text[]) AS h(stay_id) WHERE h.stay_id = s.stay_id)
"""

Row = Mapping[str, Any]
Change = tuple[Row | None, Row | None]
"""A claim that counted before and the one that counts now; None stands for nothing."""


def ended_on(stays: pa.Table) -> pa.ChunkedArray:
    """The day on which each claim ended: the discharge, or the day of a visit; null while in hospital."""
    inpatient = pc.equal(stays["claim_type"], "inpatient")
    visited = pc.coalesce(stays["discharge_date"], stays["admission_date"])
    return pc.if_else(inpatient, stays["discharge_date"], visited)


def settle(
    connection: sa.Connection, rows: pa.Table, old: Collection[tuple[Any, ...]], now: datetime
) -> None:
    """Let the judged claims count, where they do.

    The rows have the columns of ``stay_states`` but ``withdrawn_version`` and ``changed_at``.
    ``old`` holds (stay_id, claim_version, input_sha256) of the contents that had been stored
    before: old content that comes again does not win over what replaced it.
    """
    if not rows.num_rows:
        return
    rows = rows.select(["stay_id", "decision_id", *_CONTENT])
    known = insert_missing(
        connection, STATES, columns_of(rows, withdrawn_version=0, changed_at=now)
    )
    if not known:
        _follow(connection, rows, [], REASON_LATE, now)
        return
    again = pc.is_in(rows["stay_id"], value_set=pa.array(sorted(known)))
    before = locked(connection, STATES.c.stay_id, sorted(known))
    changes: list[Change] = []
    moved: list[Row] = []
    for row in rows.filter(again).to_pylist():
        _move(row, before[row["stay_id"]], old, moved, changes)
    _store(connection, moved, now)
    pricing.supersede(connection, known, now)
    _follow(connection, rows.filter(pc.invert(again)), changes, REASON_LATE, now)


def _move(
    row: Row,
    before: Row,
    old: Collection[tuple[Any, ...]],
    moved: list[Row],
    changes: list[Change],
) -> None:
    """Note what a judged claim changes of the state that its stay has already."""
    same = (row["claim_version"], row["input_sha256"]) == (
        before["claim_version"],
        before["input_sha256"],
    )
    key = (row["stay_id"], row["claim_version"], row["input_sha256"])
    newer = row["claim_version"] > before["claim_version"] or (
        row["claim_version"] == before["claim_version"] and key not in old
    )
    if not same and not newer:
        return
    counts = row["claim_version"] > before["withdrawn_version"]
    after = {**row, "decision_id": row["decision_id"] if counts else None}
    if same and after["decision_id"] == before["decision_id"]:
        return
    moved.append({**after, "withdrawn_version": before["withdrawn_version"]})
    if not same:
        changes.append((before if before["decision_id"] else None, after if counts else None))


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
    moved: list[Row] = []
    changes: list[Change] = []
    ended: list[str] = []
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
    pricing.supersede(connection, ended, now)
    _follow(connection, None, changes, REASON_WITHDRAWN, now)
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
        measures.mark(connection, None, rows)


def _follow(
    connection: sa.Connection,
    came: pa.Table | None,
    changes: Sequence[Change],
    reason: str,
    now: datetime,
) -> None:
    """What follows from claims that came, and from pairs of what counted before and what counts now."""
    changes = [pair for pair in changes if pair != (None, None)]
    if not changes and not (came is not None and came.num_rows):
        return
    _list_later(connection, came, changes, reason, now)
    months.move(connection, came, changes, now)
    measures.mark(connection, came, (row for pair in changes for row in pair))
    feed.list_changed(connection, _moved(came, changes), now)


def _moved(came: pa.Table | None, changes: Sequence[Change]) -> Iterator[str]:
    """The stays that came or changed."""
    if came is not None:
        yield from came["stay_id"].to_pylist()
    yield from (row["stay_id"] for pair in changes for row in pair if row is not None)


def _list_later(
    connection: sa.Connection,
    came: pa.Table | None,
    changes: Sequence[Change],
    reason: str,
    now: datetime,
) -> None:
    """List the patients' stays that began or ended on or after a changed claim began.

    Facts look at what came before; those that see visits during a stay look up to its end.
    """
    causes = [] if came is None else [came.select(list(_CAUSE))]
    rows = [{name: row[name] for name in _CAUSE} for pair in changes for row in pair if row]
    if rows:
        causes.append(pa.Table.from_pylist(rows, schema=_CAUSES))
    whole = pa.concat_tables([part.cast(_CAUSES) for part in causes])
    # Of a patient the first changed claim is the cause of all.
    ordered = whole.sort_by([(name, "ascending") for name in _CAUSE])
    first = ordered.group_by("patient_id", use_threads=False).aggregate(
        [("admission_date", "first"), ("stay_id", "first")]
    )
    since = {
        "patient_id": first["patient_id"],
        "admission_date": first["admission_date_first"],
        "stay_id": first["stay_id_first"],
    }
    later = _later(connection, since, whole["stay_id"])
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


def _later(
    connection: sa.Connection, since: Mapping[str, pa.ChunkedArray], here: pa.ChunkedArray
) -> dict[str, str]:
    """Stay and its cause: the patients' stays of then or later that count, but those at hand."""
    if connection.dialect.name == "postgresql":
        # The patients' stays are many and the later ones few: they are sorted out over there.
        given = [arrays.binary(since[name], STATES.c[name].type) for name in _CAUSE]
        own = arrays.binary(here, STATES.c.stay_id.type)
        return {row[0]: row[1] for row in connection.exec_driver_sql(_LATER, (*given, own))}
    found: dict[str, str] = {}
    own_ids = set(here.to_pylist())
    first = {
        patient: (day, cause)
        for patient, day, cause in zip(*(since[n].to_pylist() for n in _CAUSE), strict=True)
    }
    for keys in in_parts(list(first)):
        query = sa.select(
            STATES.c.stay_id, STATES.c.patient_id, STATES.c.admission_date, STATES.c.ended_on
        ).where(STATES.c.patient_id.in_(keys), STATES.c.decision_id.is_not(None))
        for row in connection.execute(query):
            day, cause = first[row.patient_id]
            last = row.ended_on or date.max
            if row.stay_id not in own_ids and max(row.admission_date, last) >= day:
                found[row.stay_id] = cause
    return found
