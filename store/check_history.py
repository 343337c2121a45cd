"""How the checks did, a month at a time: added up from the decisions that count, and kept.

Counting one check's hits among millions takes longer than a page may. The months are therefore
added up once, and again when a claim of theirs changed; a page reads some hundreds of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from domain.access import ALL_ROWS, Rows
from domain.calendar import month_after
from domain.review import Reviewed
from store.engine import take_turns
from store.errors import translate
from store.history import COUNTS, SERVED
from store.proposal_tables import CHECK_MONTHS_SQL as MONTHS
from store.proposal_tables import CHECK_ROLLUPS_SQL as ROLLUPS
from store.proposal_tables import CHECK_VERDICTS_SQL as VERDICTS
from store.reviews import days as reviewed_days
from store.rows import within
from store.state_tables import SHADOW_DECISIONS_SQL as SHADOW
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import DECISIONS_SQL as DECISIONS
from store.tables import FINDINGS_SQL as FINDINGS
from store.tables import HITS_SQL as HITS
from store.tables import RULESETS_SQL as RULESETS

OVERLAP: Final = timedelta(minutes=10)
"""How long a transaction may take between noting its instant and being seen."""
MOST_PROVIDERS: Final = 10
_ROLLUP: Final = "checks"
_LETTERS: Final = (("passed", "P"), ("hit", "H"), ("unknown", "U"), ("out_of_force", "O"))
_CHUNK: Final = 20_000


@dataclass(frozen=True, slots=True)
class Tally:
    """Claims by verdict of one check."""

    passed: int = 0
    hit: int = 0
    unknown: int = 0
    out_of_force: int = 0

    @property
    def judged(self) -> int:
        """Claims on a day on which the check was in force."""
        return self.passed + self.hit + self.unknown

    def told(self) -> dict[str, Any]:
        """As plain data, with the share of the claims judged that could not be."""
        rate = self.unknown / self.judged if self.judged else None
        return {**asdict(self), "judged": self.judged, "unknown_rate": rate}


class CheckHistory:
    """What the months of checks add up to; get it from ``Store.check_history``."""

    def __init__(self, readers: sa.Engine, writers: sa.Engine, where: str) -> None:
        self._readers = readers
        self._writers = writers
        self._where = where

    def told_upto(self) -> datetime | None:
        """Up to when changes of claims are counted; None if nothing was added up yet."""
        with translate(self._where), self._readers.connect() as connection:
            return connection.execute(sa.select(ROLLUPS.c.told_upto)).scalar_one_or_none()

    def refresh(self) -> int:
        """Add up again every month of which a claim changed since; how many. One transaction a month."""
        now = datetime.now(UTC)
        with translate(self._where), self._readers.connect() as connection:
            upto = connection.execute(sa.select(ROLLUPS.c.told_upto)).scalar_one_or_none()
            months = _changed(connection, None if upto is None else upto - OVERLAP)
        for month in months:
            with translate(self._where), self._writers.begin() as connection:
                take_turns(connection, ROLLUPS)
                _add_up(connection, month)
        with translate(self._where), self._writers.begin() as connection:
            take_turns(connection, ROLLUPS)
            held = connection.execute(sa.select(ROLLUPS.c.told_upto)).scalar_one_or_none()
            if held is None:
                connection.execute(sa.insert(ROLLUPS).values(rollup=_ROLLUP, told_upto=now))
            elif held < now:
                connection.execute(sa.update(ROLLUPS).values(told_upto=now))
        return len(months)

    def tallies(self, *, on_trial: bool = False) -> dict[str, Tally]:
        """Claims by verdict of each check over all months, as far as they are added up."""
        sums = [sa.func.sum(VERDICTS.c[name]).label(name) for name, _ in _LETTERS]
        query = (
            sa.select(VERDICTS.c.rule_id, *sums)
            .where(VERDICTS.c.on_trial.is_(on_trial))
            .group_by(VERDICTS.c.rule_id)
        )
        with translate(self._where), self._readers.connect() as connection:
            return {row.rule_id: _tally(row) for row in connection.execute(query)}

    def exposures(self) -> dict[str, dict[str, int]]:
        """Money at risk by the hits of each check, by currency, over all months."""
        query = sa.select(
            MONTHS.c.rule_id, MONTHS.c.currency, sa.func.sum(MONTHS.c.exposure_fen)
        ).group_by(MONTHS.c.rule_id, MONTHS.c.currency)
        found: dict[str, dict[str, int]] = {}
        with translate(self._where), self._readers.connect() as connection:
            for rule_id, currency, fen in connection.execute(query):
                found.setdefault(rule_id, {})[currency] = int(fen)
        return found

    def months(self, rule_id: str) -> list[dict[str, Any]]:
        """The months of a check, oldest first: hits, claims hit, exposure by currency, verdicts.

        ``unknown_rate`` is the share of the claims judged that could not be; ``on_trial`` holds the
        verdicts that count in no decision.
        """
        sums = [sa.func.sum(MONTHS.c[n]).label(n) for n in ("hits", "claims", "exposure_fen")]
        hits = (
            sa.select(MONTHS.c.month, MONTHS.c.currency, *sums)
            .where(MONTHS.c.rule_id == rule_id)
            .group_by(MONTHS.c.month, MONTHS.c.currency)
        )
        found: dict[date, dict[str, Any]] = {}
        with translate(self._where), self._readers.connect() as connection:
            for row in connection.execute(hits):
                held = found.setdefault(row.month, _blank(row.month))
                held["hits"] += int(row.hits)
                held["claims_hit"] += int(row.claims)
                held["exposure_fen"][row.currency] = int(row.exposure_fen)
            for row in connection.execute(sa.select(VERDICTS).where(VERDICTS.c.rule_id == rule_id)):
                held = found.setdefault(row.month, _blank(row.month))
                held["on_trial" if row.on_trial else "verdicts"] = _tally(row).told()
        return [found[month] for month in sorted(found)]

    def providers(self, rule_id: str, rows: Rows = ALL_ROWS) -> list[dict[str, Any]]:
        """The hospitals with most hits of a check, at most ten, among those that may be seen."""
        sums = [sa.func.sum(MONTHS.c[n]).label(n) for n in ("hits", "claims", "exposure_fen")]
        query = (
            sa.select(MONTHS.c.provider_id, MONTHS.c.currency, *sums)
            .where(MONTHS.c.rule_id == rule_id, *within(rows, MONTHS.c.provider_id))
            .group_by(MONTHS.c.provider_id, MONTHS.c.currency)
        )
        found: dict[str, dict[str, Any]] = {}
        with translate(self._where), self._readers.connect() as connection:
            for row in connection.execute(query):
                held = found.setdefault(
                    row.provider_id,
                    {
                        "provider_id": row.provider_id,
                        "hits": 0,
                        "claims_hit": 0,
                        "exposure_fen": {},
                    },
                )
                held["hits"] += int(row.hits)
                held["claims_hit"] += int(row.claims)
                held["exposure_fen"][row.currency] = int(row.exposure_fen)
        ranked = sorted(found.values(), key=lambda one: (-one["hits"], one["provider_id"]))
        return ranked[:MOST_PROVIDERS]

    def finding_months(self, rule_id: str) -> list[dict[str, Any]]:
        """The same of a check of hospitals' months or physicians' days: findings that stand, by month."""
        query = (
            sa.select(
                FINDINGS.c.period_start, FINDINGS.c.currency, sa.func.count().label("number"),
                sa.func.coalesce(sa.func.sum(FINDINGS.c.exposure_fen), 0).label("fen"),
            )
            .where(FINDINGS.c.rule_id == rule_id, FINDINGS.c.closed_at.is_(None))
            .group_by(FINDINGS.c.period_start, FINDINGS.c.currency)
        )  # fmt: skip
        found: dict[date, dict[str, Any]] = {}
        with translate(self._where), self._readers.connect() as connection:
            for row in connection.execute(query):
                month = row.period_start.replace(day=1)
                held = found.setdefault(month, _blank(month))
                held["hits"] += int(row.number)
                fen = held["exposure_fen"]
                fen[row.currency] = fen.get(row.currency, 0) + int(row.fen)
        return [found[month] for month in sorted(found)]

    def quarters(self, rule_id: str) -> dict[str, Reviewed]:
        """How the reviews of one check that count came out, by quarter of the review in China."""
        with translate(self._where), self._readers.connect() as connection:
            days = reviewed_days(connection, rule_id)
        found: dict[str, dict[str, int]] = {}
        for day, outcome, number in days:
            held = found.setdefault(f"{day.year}-Q{(day.month + 2) // 3}", {})
            held[outcome] = held.get(outcome, 0) + number
        return {quarter: Reviewed(**found[quarter]) for quarter in sorted(found)}


def _blank(month: date) -> dict[str, Any]:
    return {
        "month": month, "hits": 0, "claims_hit": 0, "exposure_fen": {}, "verdicts": None,
        "on_trial": None,
    }  # fmt: skip


def _tally(row: Any) -> Tally:
    return Tally(**{name: int(row._mapping[name]) for name, _ in _LETTERS})


def _changed(connection: sa.Connection, since: datetime | None) -> list[date]:
    """The months in which a claim lies, or lay, that changed since then; all if never told."""
    if since is None:
        days: sa.Select[Any] | sa.CompoundSelect[Any] = sa.select(SERVED).where(COUNTS).distinct()
    else:
        # Every decision on the claim: a correction may have moved it to another month.
        served = sa.func.coalesce(DECISIONS.c.discharge_date, DECISIONS.c.admission_date)
        days = sa.union(
            sa.select(served)
            .join(STATES, STATES.c.stay_id == DECISIONS.c.stay_id)
            .where(STATES.c.changed_at >= since),
            sa.select(served)
            .join(SHADOW, SHADOW.c.decision_id == DECISIONS.c.decision_id)
            .where(SHADOW.c.judged_at >= since),
        )
    return sorted({_day(day).replace(day=1) for day in connection.execute(days).scalars()})


def _of_month(month: date) -> sa.ColumnElement[bool]:
    after = month_after(month)
    # As two ranges: an index helps with each, and with the expression not.
    return COUNTS & sa.or_(
        (STATES.c.ended_on >= month) & (STATES.c.ended_on < after),
        STATES.c.ended_on.is_(None)
        & (STATES.c.admission_date >= month)
        & (STATES.c.admission_date < after),
    )


def _add_up(connection: sa.Connection, month: date) -> None:
    connection.execute(sa.delete(MONTHS).where(MONTHS.c.month == month))
    connection.execute(sa.delete(VERDICTS).where(VERDICTS.c.month == month))
    found = (
        sa.select(
            HITS.c.rule_id, sa.literal(month, sa.Date()), DECISIONS.c.provider_id,
            DECISIONS.c.currency, sa.func.count(), sa.func.count(HITS.c.stay_id.distinct()),
            sa.func.coalesce(sa.func.sum(HITS.c.exposure_fen), 0),
        )
        .select_from(STATES)
        .join(DECISIONS, DECISIONS.c.decision_id == STATES.c.decision_id)
        .join(HITS, HITS.c.decision_id == STATES.c.decision_id)
        .where(_of_month(month))
        .group_by(HITS.c.rule_id, DECISIONS.c.provider_id, DECISIONS.c.currency)
    )  # fmt: skip
    names = ["rule_id", "month", "provider_id", "currency", "hits", "claims", "exposure_fen"]
    connection.execute(sa.insert(MONTHS).from_select(names, found))
    rulesets = connection.execute(sa.select(RULESETS.c.sha256, RULESETS.c.ids)).all()
    ids = {row.sha256: row.ids for row in rulesets}
    decided = (
        sa.select(DECISIONS.c.rules_sha256, DECISIONS.c.verdicts)
        .join(STATES, STATES.c.decision_id == DECISIONS.c.decision_id)
        .where(_of_month(month))
    )
    place = (
        sa.func.row_number()
        .over(
            partition_by=SHADOW.c.decision_id,
            order_by=(SHADOW.c.judged_at.desc(), SHADOW.c.shadow_id),
        )
        .label("place")
    )
    last = (
        sa.select(SHADOW.c.rules_sha256, SHADOW.c.verdicts, place)
        .join(STATES, STATES.c.decision_id == SHADOW.c.decision_id)
        .where(_of_month(month))
        .subquery()
    )
    tried = sa.select(last.c.rules_sha256, last.c.verdicts).where(last.c.place == 1)
    rows = [
        {"month": month, "on_trial": on_trial, **row}
        for on_trial, query in ((False, decided), (True, tried))
        for row in _counts(connection.execute(query, execution_options={"yield_per": _CHUNK}), ids)
    ]
    if rows:
        connection.execute(sa.insert(VERDICTS), rows)


def _counts(rows: Iterable[Any], ids: dict[str, list[str]]) -> Iterator[dict[str, Any]]:
    """Verdicts by check from lines of letters, each counted by column and not one by one."""
    waiting: dict[str, list[str]] = {}
    counts: dict[str, dict[str, int]] = {}

    def take(sha256: str) -> None:
        lines = waiting.pop(sha256)
        known = ids[sha256]
        letters = np.frombuffer("".join(lines).encode(), dtype="S1").reshape(len(lines), len(known))
        for name, letter in _LETTERS:
            for rule_id, number in zip(
                known, (letters == letter.encode()).sum(axis=0).tolist(), strict=True
            ):
                held = counts.setdefault(rule_id, dict.fromkeys((n for n, _ in _LETTERS), 0))
                held[name] += number

    for sha256, verdicts in rows:
        held = waiting.setdefault(sha256, [])
        held.append(verdicts)
        if len(held) >= _CHUNK:
            take(sha256)
    for sha256 in list(waiting):
        take(sha256)
    for rule_id, found in sorted(counts.items()):
        yield {"rule_id": rule_id, **found}


def _day(value: Any) -> date:
    # SQLite gives the value of an expression as the text that it keeps.
    return value if isinstance(value, date) else date.fromisoformat(value)
