"""The patients in hospital as a list: whose they are, what stands on them, in which version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from domain.access import Rows
from store import inserting
from store.errors import translate
from store.open_tables import OPEN_STAYS_SQL as STAYS
from store.open_tables import ORDER_DECISIONS_SQL as DECISIONS
from store.open_tables import PLAN_SUGGESTIONS_SQL as SUGGESTIONS
from store.rows import within

_OPEN = "open"
_SHOWN = (
    STAYS.c.stay_id, STAYS.c.version, STAYS.c.provider_id, STAYS.c.patient_id, STAYS.c.physician_id,
    STAYS.c.department, STAYS.c.currency, STAYS.c.running_cost_fen, STAYS.c.active_orders,
    STAYS.c.last_event_time,
)  # fmt: skip


class WardStays:
    """Reads the list of patients in hospital; get it from ``Store.ward``."""

    def __init__(self, readers: sa.Engine, where: str) -> None:
        self._readers, self._where = readers, where

    def stays(
        self, rows: Rows, *, department: str | None = None, most: int
    ) -> list[dict[str, Any]]:
        """The open stays in sight, at most so many: those that cost most first."""
        query = sa.select(*_SHOWN).where(STAYS.c.phase == _OPEN, *_within(rows))
        if department is not None:
            query = query.where(STAYS.c.department == department)
        query = query.order_by(STAYS.c.running_cost_fen.desc(), STAYS.c.stay_id).limit(most)
        with translate(self._where), self._readers.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def departments(self, rows: Rows) -> list[tuple[str, int]]:
        """The departments of the open stays in sight, each with how many there are."""
        query = (
            sa.select(STAYS.c.department, sa.func.count())
            .where(STAYS.c.phase == _OPEN, STAYS.c.department.is_not(None), *_within(rows))
            .group_by(STAYS.c.department)
            .order_by(STAYS.c.department)
        )
        with translate(self._where), self._readers.connect() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def standing(self, stay_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """The suggestions of these stays that still stand, the weightier first: message bodies with ``created_at``."""
        found: dict[str, list[dict[str, Any]]] = {}
        with translate(self._where), self._readers.connect() as connection:
            for here in inserting.among(connection, SUGGESTIONS.c.stay_id, stay_ids):
                stands = sa.exists().where(
                    DECISIONS.c.suggestion_id == SUGGESTIONS.c.suggestion_id,
                    DECISIONS.c.cleared_by.is_(None),
                )
                query = sa.select(
                    SUGGESTIONS.c.stay_id, SUGGESTIONS.c.body, SUGGESTIONS.c.created_at
                ).where(here, stands)
                for stay_id, body, created_at in connection.execute(
                    # "warning" sorts after "info".
                    query.order_by(SUGGESTIONS.c.indicator.desc(), SUGGESTIONS.c.suggestion_id)
                ):
                    found.setdefault(stay_id, []).append({**body, "created_at": created_at})
        return found

    def there(self, stay_ids: Sequence[str]) -> frozenset[str]:
        """Those of the stays that are still in hospital."""
        found: set[str] = set()
        with translate(self._where), self._readers.connect() as connection:
            for here in inserting.among(connection, STAYS.c.stay_id, stay_ids):
                query = sa.select(STAYS.c.stay_id).where(here, STAYS.c.phase == _OPEN)
                found |= set(connection.execute(query).scalars())
        return frozenset(found)

    def stands(self, stay_ids: Sequence[str]) -> dict[tuple[str, str], bool]:
        """(stay, check) -> whether a finding of the check still stands; what was never found is left out."""
        found: dict[tuple[str, str], bool] = {}
        with translate(self._where), self._readers.connect() as connection:
            for here in inserting.among(connection, DECISIONS.c.stay_id, stay_ids):
                query = sa.select(DECISIONS.c.stay_id, DECISIONS.c.rule_id, DECISIONS.c.cleared_by)
                for stay_id, rule_id, cleared_by in connection.execute(query.where(here)):
                    key = (stay_id, rule_id)
                    found[key] = found.get(key, False) or cleared_by is None
        return found


def _within(rows: Rows) -> list[sa.ColumnElement[bool]]:
    return within(rows, STAYS.c.provider_id, STAYS.c.department, STAYS.c.physician_id)
