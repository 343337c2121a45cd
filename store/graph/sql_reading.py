"""The graph kept in SQL: the reads of ``store.graph.reading`` as queries.

Runs unchanged on SQLite and PostgreSQL. Every statement has the time that is left to its
question: PostgreSQL's own limit, and SQLite's progress handler.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa

from domain.codes import CURRENCY
from domain.graph import (
    ENDS,
    IDENTIFIERS,
    Edge,
    EdgeKind,
    GraphStats,
    Money,
    NodeKind,
    StayFacts,
    Triangle,
    id_of,
    key_of,
    kind_of,
)
from store.errors import translate
from store.graph.deadline import Deadline
from store.graph.reading import Clones, PatientSum, Sum
from store.graph.tables import GRAPH_EDGES_SQL as EDGES
from store.graph.tables import GRAPH_STAYS_SQL as STAYS
from store.inserting import in_parts

_FACTS: Final = tuple(STAYS.c[one.name] for one in fields(StayFacts))
_EDGE: Final = tuple(EDGES.c[one.name] for one in fields(Edge))
_STEPS: Final = 20_000
"""SQLite instructions between two looks at the clock: a few milliseconds."""
_CANCELLED: Final = ("interrupted", "statement timeout")
_LAST_DAY: Final = sa.func.coalesce(STAYS.c.ended_on, STAYS.c.admission_date)


class SqlReader:
    """Reads the graph in the store's own database; see ``store.graph.reading.GraphReader``."""

    def __init__(self, readers: sa.Engine, where: str) -> None:
        self._readers = readers
        self._where = where

    @contextmanager
    def begin(
        self, *, upto: datetime | None, since: date | None, seconds: float
    ) -> Iterator[SqlReads]:
        """The reads of one question, all of one state of the database."""
        deadline = Deadline(seconds)
        with translate(self._where), self._readers.connect() as connection:
            postgres = connection.dialect.name == "postgresql"
            if postgres:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            raw: Any = None if postgres else connection.connection.driver_connection
            if raw is not None:
                raw.set_progress_handler(lambda: int(deadline.passed), _STEPS)
            try:
                yield SqlReads(connection, deadline, upto, since)
            except sa.exc.DBAPIError as error:
                if any(word in str(error.orig) for word in _CANCELLED):
                    raise deadline.error() from None
                raise
            finally:
                if raw is not None:
                    raw.set_progress_handler(None, 0)


class SqlReads:
    """See ``store.graph.reading.Reads``."""

    def __init__(
        self,
        connection: sa.Connection,
        deadline: Deadline,
        upto: datetime | None,
        since: date | None,
    ) -> None:
        self._connection = connection
        self._deadline = deadline
        self._postgres = connection.dialect.name == "postgresql"
        self._upto = upto
        self._seen = sa.and_(
            sa.true() if upto is None else STAYS.c.known_at <= upto,
            sa.true() if since is None else STAYS.c.admission_date >= since,
        )

    def exists(self, key: str) -> bool:
        """Whether the graph has the node."""
        if kind_of(key) is NodeKind.STAY:
            query = sa.select(STAYS.c.stay_id).where(STAYS.c.stay_id == id_of(key))
        else:
            query = sa.select(EDGES.c.stay_id).where(
                (EDGES.c.source == key) | (EDGES.c.target == key)
            )
        return self._run(query.limit(1)).first() is not None

    def expand(self, keys: Sequence[str], fan: int) -> Mapping[str, list[Edge]]:
        """The newest edges of each node."""
        found: dict[str, list[Edge]] = {key: [] for key in keys}
        seen = sa.true() if self._upto is None else EDGES.c.known_at <= self._upto
        for part in in_parts(keys, 500):
            both = sa.union_all(
                *(
                    sa.select(end.label("node"), EDGES.c.known_at, *_EDGE).where(
                        end.in_(part), seen
                    )
                    for end in (EDGES.c.source, EDGES.c.target)
                )
            ).subquery()
            order = [
                both.c.known_at.desc(),
                *(self._text(both.c[n]) for n in ("kind", "source", "target", "stay_id", "role")),
            ]
            place = sa.func.row_number().over(partition_by=both.c.node, order_by=order)
            ranked = sa.select(both, place.label("place")).subquery()
            query = (
                sa.select(ranked)
                .where(ranked.c.place <= fan + 1)
                .order_by(self._text(ranked.c.node), ranked.c.place)
            )
            for row in self._run(query):
                found[row.node].append(_edge(row))
        return found

    def stays(self, stay_ids: Sequence[str]) -> Mapping[str, StayFacts]:
        """These stays."""
        found = {}
        for part in in_parts(stay_ids):
            for row in self._run(sa.select(*_FACTS).where(STAYS.c.stay_id.in_(part))):
                found[row.stay_id] = _stay(row)
        return found

    def shared(
        self, kinds: Sequence[NodeKind], least: int, within: str | None, limit: int
    ) -> list[tuple[str, Sum]]:
        """Identifiers with at least so many patients."""
        patients = sa.func.count(sa.distinct(STAYS.c.patient_id))
        query = self._identified(kinds, EDGES.c.target.label("key"), *_sums())
        if within is not None:
            query = query.where(
                EDGES.c.target.in_(self._identified(kinds, EDGES.c.target).where(_within(within)))
            )
        query = (
            query.group_by(EDGES.c.target)
            .having(patients >= least)
            .order_by(patients.desc(), sa.func.count().desc(), self._text(EDGES.c.target))
            .limit(limit + 1)
        )
        return [(row.key, _sum(row)) for row in self._run(query)]

    def sharers(self, identifiers: Sequence[str], limit: int) -> Mapping[str, list[str]]:
        """The first patients of each identifier."""
        found: dict[str, list[str]] = {key: [] for key in identifiers}
        kinds = sorted({kind_of(key) for key in identifiers})
        for part in in_parts(identifiers):
            pairs = (
                self._identified(kinds, EDGES.c.target.label("key"), STAYS.c.patient_id)
                .where(EDGES.c.target.in_(part))
                .distinct()
                .subquery()
            )
            for row in self._run(self._first(pairs, pairs.c.key, pairs.c.patient_id, limit)):
                found[row.key].append(row.patient_id)
        return found

    def triangles(
        self,
        least: int,
        provider: str | None,
        physician: str | None,
        patient: str | None,
        limit: int,
    ) -> list[Triangle]:
        """Provider, physician and patient with at least so many stays."""
        treated = sa.select(EDGES.c.source, EDGES.c.stay_id).where(EDGES.c.kind == EdgeKind.TREATED)
        if physician is not None:
            treated = treated.where(EDGES.c.source == key_of(NodeKind.PHYSICIAN, physician))
        once = treated.distinct().subquery()
        corners = (STAYS.c.provider_id, once.c.source, STAYS.c.patient_id)
        query = (
            sa.select(*corners, *_sums())
            .join(once, once.c.stay_id == STAYS.c.stay_id)
            .where(self._seen)
        )
        if provider is not None:
            query = query.where(STAYS.c.provider_id == provider)
        if patient is not None:
            query = query.where(STAYS.c.patient_id == patient)
        query = (
            query.group_by(*corners)
            .having(sa.func.count() >= least)
            .order_by(sa.func.count().desc(), *(self._text(corner) for corner in corners))
            .limit(limit + 1)
        )
        found = []
        for row in self._run(query):
            made = _sum(row)
            found.append(
                Triangle(
                    row.provider_id, id_of(row.source), row.patient_id,
                    made.stays, made.first_day, made.last_day, made.money,
                )
            )  # fmt: skip
        return found

    def companion_pairs(self, least: int, limit: int) -> list[tuple[str, str]]:
        """Pairs of patients who were admitted and ended together."""
        cell = ("provider_id", "admission_date", "ended_on")
        nights = (
            sa.select(STAYS.c.patient_id, *(STAYS.c[name] for name in cell))
            .where(*self._ended(), STAYS.c.ended_on > STAYS.c.admission_date)
            .distinct()
            .cte("nights")
        )
        one, other = nights.alias("one"), nights.alias("other")
        first, second = self._text(one.c.patient_id), self._text(other.c.patient_id)
        query = (
            sa.select(one.c.patient_id, other.c.patient_id)
            .join(other, sa.and_(*(one.c[n] == other.c[n] for n in cell), first < second))
            .group_by(one.c.patient_id, other.c.patient_id)
            .having(sa.func.count() >= least)
            .order_by(first, second)
            .limit(limit + 1)
        )
        return [(row[0], row[1]) for row in self._run(query)]

    def travellers(self, limit: int) -> list[StayFacts]:
        """Ended inpatient stays of patients who moved between providers."""
        who = (
            sa.select(STAYS.c.patient_id)
            .where(*self._ended())
            .group_by(STAYS.c.patient_id)
            .having(sa.func.count() >= 3, sa.func.count(sa.distinct(STAYS.c.provider_id)) >= 2)
        )
        return self._journeys(STAYS.c.patient_id.in_(who), limit)

    def inpatient(self, patient_ids: Sequence[str], limit: int) -> list[StayFacts]:
        """Ended inpatient stays of these patients."""
        found: list[StayFacts] = []
        for part in in_parts(patient_ids):
            found += self._journeys(STAYS.c.patient_id.in_(part), limit - len(found))
        return found

    def clones(self, patients: int, items: int, limit: int) -> list[Clones]:
        """Bills that several patients have."""
        number = sa.func.count(sa.distinct(STAYS.c.patient_id))
        query = (
            sa.select(STAYS.c.bill, sa.func.min(STAYS.c.bill_items).label("items"), *_sums())
            .where(self._seen, STAYS.c.bill_items >= items)
            .group_by(STAYS.c.bill)
            .having(number >= patients)
            .order_by(number.desc(), sa.func.count().desc(), self._text(STAYS.c.bill))
            .limit(limit + 1)
        )
        return [Clones(row.bill, int(row.items), _sum(row)) for row in self._run(query)]

    def billed(self, bills: Sequence[str], limit: int) -> Mapping[str, list[StayFacts]]:
        """The first stays of each bill."""
        found: dict[str, list[StayFacts]] = {bill: [] for bill in bills}
        for part in in_parts(bills):
            rows = sa.select(*_FACTS).where(self._seen, STAYS.c.bill.in_(part)).subquery()
            for row in self._run(self._first(rows, rows.c.bill, rows.c.stay_id, limit)):
                found[row.bill].append(_stay(row))
        return found

    def links(self, kinds: Sequence[NodeKind], most: int, limit: int) -> list[tuple[str, str]]:
        """Identifiers that tie a few patients together."""
        pairs = (
            self._identified(kinds, EDGES.c.target.label("key"), STAYS.c.patient_id)
            .distinct()
            .cte("pairs")
        )
        ties = sa.select(pairs.c.key).group_by(pairs.c.key).having(sa.func.count().between(2, most))
        query = (
            sa.select(pairs)
            .where(pairs.c.key.in_(ties))
            .order_by(self._text(pairs.c.key), self._text(pairs.c.patient_id))
            .limit(limit + 1)
        )
        return [(row.key, row.patient_id) for row in self._run(query)]

    def sums(self, patient_ids: Sequence[str]) -> list[PatientSum]:
        """What the stays of these patients come to."""
        found = []
        who = (STAYS.c.patient_id, STAYS.c.provider_id)
        for part in in_parts(patient_ids):
            query = (
                sa.select(*who, *_sums())
                .where(self._seen, STAYS.c.patient_id.in_(part))
                .group_by(*who)
                .order_by(*(self._text(one) for one in who))
            )
            found += [PatientSum(r.patient_id, r.provider_id, _sum(r)) for r in self._run(query)]
        return found

    def stats(self) -> GraphStats:
        """Nodes and edges by kind."""
        edges = dict.fromkeys((str(kind) for kind in EdgeKind), 0)
        by_kind = sa.select(EDGES.c.kind, sa.func.count()).group_by(EDGES.c.kind)
        edges |= {kind: int(number) for kind, number in self._run(by_kind)}
        nodes = {str(kind): self._count_nodes(kind) for kind in NodeKind}
        return GraphStats(nodes, edges)

    def _count_nodes(self, kind: NodeKind) -> int:
        if kind is NodeKind.STAY:
            return int(self._run(sa.select(sa.func.count()).select_from(STAYS)).scalar_one())
        prefix = f"{kind}:%"
        ends = [
            sa.select(end.label("key")).where(EDGES.c.kind == edge, end.like(prefix)).distinct()
            for edge, kinds in ENDS.items()
            for end, of in zip((EDGES.c.source, EDGES.c.target), kinds, strict=True)
            if kind in of
        ]
        keys = sa.union(*ends).subquery()
        return int(self._run(sa.select(sa.func.count()).select_from(keys)).scalar_one())

    # What several reads share

    def _identified(
        self, kinds: Iterable[NodeKind], *columns: sa.ColumnElement[Any]
    ) -> sa.Select[Any]:
        """Columns of the seen stays that state an identifier of these kinds, and of that edge."""
        edges = [str(IDENTIFIERS[kind]) for kind in kinds]
        return (
            sa.select(*columns)
            .select_from(EDGES.join(STAYS, STAYS.c.stay_id == EDGES.c.stay_id))
            .where(EDGES.c.kind.in_(edges), self._seen)
        )

    def _ended(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (self._seen, STAYS.c.claim_type == "inpatient", STAYS.c.ended_on.is_not(None))

    def _journeys(self, which: sa.ColumnElement[bool], limit: int) -> list[StayFacts]:
        query = (
            sa.select(*_FACTS)
            .where(*self._ended(), which)
            .order_by(
                self._text(STAYS.c.patient_id), STAYS.c.admission_date, STAYS.c.ended_on,
                self._text(STAYS.c.stay_id),
            )
            .limit(limit + 1)
        )  # fmt: skip
        return [_stay(row) for row in self._run(query)]

    def _first(
        self, rows: sa.Subquery, key: sa.ColumnElement[Any], by: sa.ColumnElement[Any], limit: int
    ) -> sa.Select[Any]:
        """The first rows of each key."""
        place = sa.func.row_number().over(partition_by=key, order_by=self._text(by))
        ranked = sa.select(rows, place.label("place")).subquery()
        return (
            sa.select(ranked)
            .where(ranked.c.place <= limit)
            .order_by(self._text(ranked.c[key.key or ""]), ranked.c.place)
        )

    def _text(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The column ordered by code points, whatever the database's language."""
        return sa.collate(column, "C") if self._postgres else column

    def _run(self, query: sa.Executable) -> sa.CursorResult[*tuple[Any, ...]]:
        left = self._deadline.left()
        if self._postgres:
            milliseconds = max(1, int(left * 1000))
            self._connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")
        return self._connection.execute(query)


def _sums() -> list[sa.ColumnElement[Any]]:
    """The columns of a ``Sum`` over the stays of a group."""
    made: list[sa.ColumnElement[Any]] = [
        sa.func.count(sa.distinct(STAYS.c.patient_id)).label("patients"),
        sa.func.count().label("stays"),
        sa.func.count(sa.distinct(STAYS.c.provider_id)).label("providers"),
        sa.func.min(STAYS.c.admission_date).label("first_day"),
        sa.func.max(_LAST_DAY).label("last_day"),
    ]
    for code in CURRENCY:
        own = STAYS.c.currency == code
        made += [
            sa.func.sum(sa.case((own, value), else_=0)).label(f"{name}_{code}")
            for name, value in (
                ("stays", sa.literal(1)),
                ("total", sa.func.coalesce(STAYS.c.total_fen, 0)),
                ("fund", sa.func.coalesce(STAYS.c.fund_fen, 0)),
                ("total_unknown", sa.case((STAYS.c.total_fen.is_(None), 1), else_=0)),
                ("fund_unknown", sa.case((STAYS.c.fund_fen.is_(None), 1), else_=0)),
            )
        ]
    return made


def _sum(row: Any) -> Sum:
    values = row._mapping
    money = tuple(
        Money(
            code,
            *(
                int(values[f"{name}_{code}"])
                for name in ("stays", "total", "fund", "total_unknown", "fund_unknown")
            ),
        )
        for code in sorted(CURRENCY)
        if values[f"stays_{code}"]
    )
    return Sum(
        int(row.patients), int(row.stays), int(row.providers),
        _day(row.first_day), _day(row.last_day), money,
    )  # fmt: skip


def _within(key: str) -> sa.ColumnElement[bool]:
    """The stays of a node."""
    kind, own = kind_of(key), id_of(key)
    columns = {
        NodeKind.PATIENT: STAYS.c.patient_id,
        NodeKind.PROVIDER: STAYS.c.provider_id,
        NodeKind.STAY: STAYS.c.stay_id,
    }
    if kind in columns:
        return columns[kind] == own
    return STAYS.c.stay_id.in_(
        sa.select(EDGES.c.stay_id).where(EDGES.c.kind == EdgeKind.TREATED, EDGES.c.source == key)
    )


def _edge(row: Any) -> Edge:
    values = {one.name: row._mapping[one.name] for one in fields(Edge)}
    return Edge(**(values | {"kind": EdgeKind(values["kind"])}))


def _stay(row: Any) -> StayFacts:
    return StayFacts(*(row._mapping[one.name] for one in fields(StayFacts)))


def _day(value: Any) -> date:
    # SQLite gives the value of an expression as the text that it keeps.
    return value if isinstance(value, date) else date.fromisoformat(value)
