"""Saved views of the queue: a name for a filter and order, of one person or shared with a role."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from store.queue_tables import VIEWS_SQL as VIEWS


@dataclass(frozen=True, slots=True)
class View:
    """A saved view; ``query`` is that of the page, ``role`` the one that it is shared with."""

    view_id: str
    user_id: str
    name: str
    query: str
    role: str | None = None
    version: int = 1


_COLUMNS = tuple(
    VIEWS.c[name] for name in ("view_id", "user_id", "name", "query", "role", "version")
)


def listed(connection: sa.Connection, user_id: str, role: str) -> list[View]:
    """Somebody's own views and those shared with their role, by name."""
    mine = sa.or_(VIEWS.c.user_id == user_id, VIEWS.c.role == role)
    query = sa.select(*_COLUMNS).where(mine).order_by(VIEWS.c.name, VIEWS.c.view_id)
    return [View(*row) for row in connection.execute(query)]


def read(connection: sa.Connection, view_id: str) -> View | None:
    """The view of that id; None if there is none."""
    return _one(connection, VIEWS.c.view_id == view_id)


def keep(connection: sa.Connection, view: View, now: datetime) -> View:
    """Store a view; one of the same person and name takes its query and role instead."""
    own = sa.and_(VIEWS.c.user_id == view.user_id, VIEWS.c.name == view.name)
    changed = connection.execute(
        sa.update(VIEWS)
        .where(own)
        .values(query=view.query, role=view.role, version=VIEWS.c.version + 1, changed_at=now)
    )
    if not changed.rowcount:
        connection.execute(
            sa.insert(VIEWS).values(
                view_id=view.view_id,
                user_id=view.user_id,
                name=view.name,
                query=view.query,
                role=view.role,
                version=1,
                created_at=now,
                changed_at=now,
            )
        )
    found = _one(connection, own)
    if found is None:
        raise AssertionError("a view that was just stored is not there")
    return found


def change(connection: sa.Connection, view: View, now: datetime) -> bool:
    """Set a view that still has the version given; False if it has not."""
    changed = connection.execute(
        sa.update(VIEWS)
        .where(VIEWS.c.view_id == view.view_id, VIEWS.c.version == view.version)
        .values(
            name=view.name,
            query=view.query,
            role=view.role,
            version=view.version + 1,
            changed_at=now,
        )
    )
    return bool(changed.rowcount)


def drop(connection: sa.Connection, view_id: str) -> None:
    """Delete a view."""
    connection.execute(sa.delete(VIEWS).where(VIEWS.c.view_id == view_id))


def _one(connection: sa.Connection, condition: Any) -> View | None:
    row = connection.execute(sa.select(*_COLUMNS).where(condition)).one_or_none()
    return None if row is None else View(*row)
