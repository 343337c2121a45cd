"""The register of models: kept with all their files, appointed to roles, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from domain.registry import CHAMPION, PROVIDER, SINGLE, Appointment, Registered, level_of
from store.engine import take_turns
from store.errors import StoreRuleError
from store.inserting import insert
from store.model_tables import MODEL_FILES_SQL as FILES
from store.model_tables import MODEL_ROLES_SQL as ROLES
from store.model_tables import SHADOW_SCORES_SQL as SHADOW_SCORES
from store.tables import MODELS_SQL as MODELS
from store.tables import SCORES_SQL as SCORES


def keep(
    connection: sa.Connection,
    sha256: str,
    manifest: Mapping[str, Any],
    files: Mapping[str, bytes],
    now: datetime,
) -> bool:
    """Store a model with its files; False if it was registered before."""
    insert(connection, MODELS, {"sha256": [sha256], "manifest": [manifest], "created_at": [now]})
    names = sorted(files)
    new = insert(
        connection,
        FILES,
        {
            "model_sha256": [sha256] * len(names),
            "name": names,
            "body": [files[name] for name in names],
        },
    )
    return new > 0


def appoint(connection: sa.Connection, given: Appointment) -> list[Appointment]:
    """Give a registered model a role; what that changed, in this order.

    Whoever of its level had a role that one model has at a time is retired. Nothing is changed if the
    model has the role already.
    """
    # Two who appoint at once would both find no champion.
    take_turns(connection, ROLES)
    registered = connection.execute(
        sa.select(sa.func.count()).where(FILES.c.model_sha256 == given.model_sha256)
    ).scalar_one()
    if not registered:
        raise StoreRuleError(
            f"model {given.model_sha256} is not in the register",
            where="model_roles",
            cure="Register its folder first: sentinel models register FOLDER.",
        )
    made: list[Appointment] = []
    have = {one.model_sha256: one for one in _last(connection)}
    current = have.get(given.model_sha256)
    if current is not None and current.role == given.role:
        return made
    if given.role in SINGLE:
        level = _levels(connection)
        made += [
            Appointment(
                sha256, "retired", given.by, f"{given.model_sha256[:12]} is {given.role}", given.at
            )
            for sha256, one in sorted(have.items())
            if one.role == given.role and level[sha256] == level[given.model_sha256]
        ]
    made.append(given)
    for one in made:
        connection.execute(
            sa.insert(ROLES).values(
                model_sha256=one.model_sha256,
                role=one.role,
                reason=one.reason,
                appointed_by=one.by,
                appointed_at=one.at,
            )
        )
    return made


def in_role(connection: sa.Connection, role: str = CHAMPION, level: str = PROVIDER) -> str | None:
    """The model of a level that has the role now; None if none has."""
    has = [one.model_sha256 for one in _last(connection) if one.role == role]
    of = _levels(connection) if has else {}
    return next((sha256 for sha256 in has if of[sha256] == level), None)


def files(connection: sa.Connection, sha256: str) -> dict[str, bytes]:
    """The files of a registered model by name; none if it is not registered."""
    query = sa.select(FILES.c.name, FILES.c.body).where(FILES.c.model_sha256 == sha256)
    return {row.name: row.body for row in connection.execute(query)}


def listing(connection: sa.Connection) -> list[Registered]:
    """Every registered model with its role, the last appointed first."""
    query = sa.select(MODELS).where(
        MODELS.c.sha256.in_([o.model_sha256 for o in _last(connection)])
    )
    rows = {row.sha256: row for row in connection.execute(query)}
    return [
        Registered(
            one.model_sha256,
            rows[one.model_sha256].manifest,
            rows[one.model_sha256].created_at,
            one,
        )
        for one in reversed(_last(connection))
    ]


def appointments(connection: sa.Connection, sha256: str) -> list[Appointment]:
    """What a model was appointed to, oldest first."""
    query = sa.select(ROLES).where(ROLES.c.model_sha256 == sha256)
    return [_appointment(r) for r in connection.execute(query.order_by(ROLES.c.appointment_id))]


def _levels(connection: sa.Connection) -> dict[str, str]:
    """What each registered model scores."""
    rows = connection.execute(sa.select(MODELS.c.sha256, MODELS.c.manifest))
    return {row.sha256: level_of(row.manifest) for row in rows}


def _last(connection: sa.Connection) -> list[Appointment]:
    """The last appointment of each model, oldest first."""
    last = sa.select(sa.func.max(ROLES.c.appointment_id)).group_by(ROLES.c.model_sha256)
    query = sa.select(ROLES).where(ROLES.c.appointment_id.in_(last))
    return [_appointment(r) for r in connection.execute(query.order_by(ROLES.c.appointment_id))]


def _appointment(row: Any) -> Appointment:
    return Appointment(row.model_sha256, row.role, row.appointed_by, row.reason, row.appointed_at)


def scores(connection: sa.Connection, sha256: str) -> dict[str, float]:
    """The last score that a model gave each subject, as champion or as challenger."""
    found: dict[str, tuple[Any, float]] = {}
    for table in (SCORES, SHADOW_SCORES):
        query = sa.select(table.c.subject_id, table.c.upto, table.c.score)
        for row in connection.execute(query.where(table.c.model_sha256 == sha256)):
            if row.subject_id not in found or row.upto >= found[row.subject_id][0]:
                found[row.subject_id] = (row.upto, float(row.score))
    return {subject: score for subject, (_, score) in sorted(found.items())}
