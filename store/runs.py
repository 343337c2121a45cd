"""Replays: what other checks or another model say of stored claims, beside what was decided.

Rows of a run refer to nothing that is live and change nothing. A run goes on where it stopped:
each day is noted when it is whole, and a part of a day written twice is written once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from domain.results import Results
from store.errors import StoreError
from store.history import COUNTS, SERVED
from store.inserting import columns_of, in_parts, insert
from store.run_tables import (
    RUN_DAYS_SQL as DAYS,
)
from store.run_tables import (
    RUN_DECISIONS_SQL as DECISIONS,
)
from store.run_tables import (
    RUN_FINDINGS_SQL as FINDINGS,
)
from store.run_tables import (
    RUN_HITS_SQL as HITS,
)
from store.run_tables import (
    RUNS_SQL as RUNS,
)
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import ALERTS_SQL, DECISIONS_SQL, FINDINGS_SQL, HITS_SQL

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A replay: its name, its days of service, and what judged.

    ``manifest`` holds ``ids`` (checks in the order of the verdict letters) and
    ``aggregate_ids``.
    """

    name: str
    first_day: date
    last_day: date
    rules_sha256: str
    pack_sha256: str | None
    model_sha256: str | None
    manifest: Mapping[str, Any]


def begin(connection: sa.Connection, run: Run, now: datetime) -> set[date]:
    """Begin a run, or go on with the one of that name; the days that are done.

    StoreError if the name stands for other days, checks or another model.
    """
    row = {
        "run": run.name,
        "first_day": run.first_day,
        "last_day": run.last_day,
        "rules_sha256": run.rules_sha256,
        "pack_sha256": run.pack_sha256,
        "model_sha256": run.model_sha256,
        "manifest": dict(run.manifest),
        "created_at": now,
    }
    insert(connection, RUNS, {name: [value] for name, value in row.items()})
    stored = connection.execute(sa.select(RUNS).where(RUNS.c.run == run.name)).mappings().one()
    differs = [name for name in row if name != "created_at" and stored[name] != row[name]]
    if differs:
        raise StoreError(
            f"a replay named {run.name} exists and differs in {', '.join(differs)}",
            where=f"replay {run.name}",
            cure="Give another --name, or take the old one away: sentinel stream replay remove NAME.",
        )
    return set(connection.execute(sa.select(DAYS.c.day).where(DAYS.c.run == run.name)).scalars())


def stays_of_day(connection: sa.Connection, day: date) -> list[str]:
    """The ids of the claims that were served (ended, else admitted) that day, sorted."""
    query = sa.select(STATES.c.stay_id).where(SERVED.in_([day]), COUNTS).order_by(STATES.c.stay_id)
    return list(connection.execute(query).scalars())


def keep(connection: sa.Connection, name: str, day: date, results: Results) -> None:
    """Store a part of a day; what is there already stays."""
    decided = results.decisions.to_pylist()
    priority = {row["decision_id"]: row["priority"] for row in results.alerts.to_pylist()}
    live: dict[str, str] = {}
    for keys in in_parts([row["stay_id"] for row in decided]):
        query = sa.select(STATES.c.stay_id, STATES.c.decision_id).where(STATES.c.stay_id.in_(keys))
        live |= {row.stay_id: row.decision_id for row in connection.execute(query)}
    names = (
        "stay_id", "claim_version", "input_sha256", "provider_id", "currency", "verdicts",
        "hit_count", "unknown_count", "severity", "exposure_fen", "score",
    )  # fmt: skip
    insert(
        connection,
        DECISIONS,
        {
            "run": [name] * len(decided),
            "day": [day] * len(decided),
            **{column: [row[column] for row in decided] for column in names},
            "priority": [priority.get(row["decision_id"]) for row in decided],
            "live_decision_id": [live.get(row["stay_id"]) for row in decided],
        },
    )
    hits = results.hits.drop_columns(["decision_id"])
    insert(connection, HITS, columns_of(hits, run=name))


def end_day(connection: sa.Connection, name: str, day: date, stays: int, now: datetime) -> None:
    """Note that a day is whole."""
    row: dict[str, list[Any]] = {"run": [name], "day": [day], "stays": [stays], "done_at": [now]}
    insert(connection, DAYS, row)


def finish(connection: sa.Connection, name: str, findings: pa.Table, now: datetime) -> None:
    """Store what the run found on months and days, and note that it is whole."""
    insert(connection, FINDINGS, columns_of(findings, run=name))
    connection.execute(sa.update(RUNS).where(RUNS.c.run == name).values(finished_at=now))


def remove(connection: sa.Connection, name: str) -> bool:
    """Take a run away; whether there was one."""
    for table in (FINDINGS, HITS, DECISIONS, DAYS):
        connection.execute(sa.delete(table).where(table.c.run == name))
    return connection.execute(sa.delete(RUNS).where(RUNS.c.run == name)).rowcount > 0


def read(connection: sa.Connection, name: str | None = None) -> list[Row]:
    """The runs, latest first, each with the days and stays done."""
    done = (
        sa.select(
            DAYS.c.run,
            sa.func.count().label("days"),
            sa.func.sum(DAYS.c.stays).label("stays"),
        )
        .group_by(DAYS.c.run)
        .subquery()
    )
    query = (
        sa.select(RUNS, sa.func.coalesce(done.c.days, 0).label("days"), sa.func.coalesce(done.c.stays, 0).label("stays"))
        .outerjoin(done, done.c.run == RUNS.c.run)
        .order_by(RUNS.c.created_at.desc(), RUNS.c.run)
    )  # fmt: skip
    if name is not None:
        query = query.where(RUNS.c.run == name)
    return [dict(row._mapping) for row in connection.execute(query)]


def compare(connection: sa.Connection, name: str) -> list[Row]:
    """By check and currency: stays hit only by the run, only live, by both, with their money.

    ``new``, ``gone``, ``same`` count stays; ``new_fen``, ``gone_fen`` add up their exposure, and
    ``same_fen`` by how much that of the others moved.
    """
    found: dict[tuple[str, str], Row] = {}
    here, there, beside = _hits(name), _live_hits(name), DECISIONS
    match = sa.and_(here.c.stay_id == there.c.stay_id, here.c.rule_id == there.c.rule_id)
    for kind, pairs, counted, fen, only in (
        ("new", here.outerjoin(there, match), here, here.c.fen, there.c.stay_id.is_(None)),
        ("gone", there.outerjoin(here, match), there, there.c.fen, here.c.stay_id.is_(None)),
        ("same", here.join(there, match), here, here.c.fen - there.c.fen, sa.true()),
    ):
        of_run = sa.and_(beside.c.run == name, beside.c.stay_id == counted.c.stay_id)
        query = (
            sa.select(counted.c.rule_id, beside.c.currency, sa.func.count(), sa.func.sum(fen))
            .select_from(pairs.join(beside, of_run))
            .where(only)
            .group_by(counted.c.rule_id, beside.c.currency)
        )
        for rule_id, currency, number, amount in connection.execute(query):
            blank = dict.fromkeys(("new", "new_fen", "gone", "gone_fen", "same", "same_fen"), 0)
            entry = found.setdefault(
                (rule_id, currency), {"rule_id": rule_id, "currency": currency, **blank}
            )
            entry[kind] += int(number)
            entry[f"{kind}_fen"] += int(amount or 0)
    return [found[key] for key in sorted(found)]


def compare_decisions(connection: sa.Connection, name: str) -> Row:
    """How decisions differ: ``stays``, severities that changed, alerts new and gone, and money."""
    live = DECISIONS_SQL
    pairs = sa.select(DECISIONS, live.c.severity.label("live_severity"),
                      live.c.exposure_fen.label("live_fen"),
                      ALERTS_SQL.c.alert_id.label("live_alert")).select_from(
        DECISIONS.outerjoin(live, live.c.decision_id == DECISIONS.c.live_decision_id)
        .outerjoin(ALERTS_SQL, ALERTS_SQL.c.decision_id == DECISIONS.c.live_decision_id)
    ).where(DECISIONS.c.run == name).subquery()  # fmt: skip
    alert, had = pairs.c.priority.is_not(None), pairs.c.live_alert.is_not(None)

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    totals = connection.execute(
        sa.select(
            sa.func.count(), count(alert & ~had), count(~alert & had), count(alert & had),
            count(pairs.c.live_decision_id.is_(None)),
        ).select_from(pairs)
    ).one()  # fmt: skip
    severities = connection.execute(
        sa.select(pairs.c.live_severity, pairs.c.severity, sa.func.count())
        .where(pairs.c.live_severity.is_distinct_from(pairs.c.severity))
        .group_by(pairs.c.live_severity, pairs.c.severity)
    ).all()
    money = connection.execute(
        sa.select(pairs.c.currency, sa.func.sum(pairs.c.exposure_fen), sa.func.sum(pairs.c.live_fen))
        .group_by(pairs.c.currency)
        .order_by(pairs.c.currency)
    ).all()  # fmt: skip
    stays, new, gone, same, undecided = (int(n) for n in totals)
    return {
        "stays": stays,
        "alerts_new": new,
        "alerts_gone": gone,
        "alerts_same": same,
        "not_decided_live": undecided,
        "severity_changed": {
            f"{was or 'none'} -> {now or 'none'}": int(number)
            for was, now, number in sorted(severities, key=str)
        },
        "exposure_fen": {
            currency: {"run": int(run or 0), "live": int(then or 0)}
            for currency, run, then in money
        },
    }


def compare_findings(connection: sa.Connection, name: str) -> list[Row]:
    """By check: findings on months and days of the run only, live only, and both."""
    (run,) = read(connection, name)
    mine = sa.select(FINDINGS.c.finding_id, FINDINGS.c.rule_id).where(FINDINGS.c.run == name)
    theirs = sa.select(FINDINGS_SQL.c.finding_id, FINDINGS_SQL.c.rule_id).where(
        FINDINGS_SQL.c.closed_at.is_(None),
        FINDINGS_SQL.c.period_start >= run["first_day"],
        FINDINGS_SQL.c.period_end <= run["last_day"],
    )
    here = {row.finding_id: row.rule_id for row in connection.execute(mine)}
    there = {row.finding_id: row.rule_id for row in connection.execute(theirs)}
    rows: dict[str, Row] = {}
    for key, rule_id in sorted({**here, **there}.items(), key=lambda item: (item[1], item[0])):
        row = rows.setdefault(rule_id, {"rule_id": rule_id, "new": 0, "gone": 0, "same": 0})
        row["same" if key in here and key in there else "new" if key in here else "gone"] += 1
    return list(rows.values())


def differing(connection: sa.Connection, name: str, rule_id: str, limit: int) -> list[Row]:
    """Stays that only the run or only the live check hit, with what was found, by stay."""
    here, there = _hits(name), _live_hits(name)
    match = sa.and_(here.c.stay_id == there.c.stay_id, here.c.rule_id == there.c.rule_id)
    new = (
        sa.select(here.c.stay_id, here.c.fen, here.c.finding_zh, here.c.finding_en)
        .select_from(here.outerjoin(there, match))
        .where(here.c.rule_id == rule_id, there.c.stay_id.is_(None))
    )
    gone = (
        sa.select(there.c.stay_id, there.c.fen, there.c.finding_zh, there.c.finding_en)
        .select_from(there.outerjoin(here, match))
        .where(there.c.rule_id == rule_id, here.c.stay_id.is_(None))
    )
    rows = [
        {
            "stay_id": row.stay_id,
            "change": change,
            "exposure_fen": int(row.fen or 0),
            "finding_zh": row.finding_zh,
            "finding_en": row.finding_en,
        }
        for change, query in (("new", new), ("gone", gone))
        for row in connection.execute(query.order_by(sa.text("1")).limit(limit))
    ]
    return sorted(rows, key=lambda row: (row["stay_id"], row["change"]))[:limit]


def _hits(name: str) -> sa.Subquery:
    """The run's hits, one row a stay and check."""
    return _by_stay(HITS, HITS.c.run == name).subquery("mine")


def _live_hits(name: str) -> sa.Subquery:
    """The hits of the live decisions beside the run's, one row a stay and check."""
    beside = sa.exists().where(
        DECISIONS.c.run == name, DECISIONS.c.live_decision_id == HITS_SQL.c.decision_id
    )
    return _by_stay(HITS_SQL, beside).subquery("theirs")


def _by_stay(table: sa.Table, which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return (
        sa.select(
            table.c.stay_id,
            table.c.rule_id,
            sa.func.sum(sa.func.coalesce(table.c.exposure_fen, 0)).label("fen"),
            sa.func.min(table.c.finding_zh).label("finding_zh"),
            sa.func.min(table.c.finding_en).label("finding_en"),
        )
        .where(which)
        .group_by(table.c.stay_id, table.c.rule_id)
    )
