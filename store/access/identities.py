"""The identifiers behind pseudonyms, encrypted; filled only where intake is told to keep them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from domain.access import Rows
from store import inserting
from store.access.keyring import Keyring
from store.access.transactions import Transactions
from store.access_tables import IDENTITIES_SQL as IDENTITIES
from store.open_tables import OPEN_STAYS_SQL as OPEN
from store.rows import within
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import DECISIONS_SQL as DECISIONS


class Identities:
    """The identities of a database."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def keep(self, kind: str, originals: Mapping[str, str], keys: Keyring, *, now: datetime) -> int:
        """Keep pseudonym -> identifier, encrypted; how many were new."""
        known: set[str] = set()
        with self._database.read() as connection:
            for here in inserting.among(connection, IDENTITIES.c.pseudonym, list(originals)):
                found = connection.execute(sa.select(IDENTITIES.c.pseudonym).where(here))
                known |= set(found.scalars())
        new = sorted(set(originals) - known)
        if not new:
            return 0
        with self._database.write() as connection:
            columns = {
                "pseudonym": new,
                "kind": [kind] * len(new),
                "original": [keys.encrypt(originals[one]) for one in new],
                "created_at": [now] * len(new),
            }
            return inserting.insert(connection, IDENTITIES, columns)

    def in_sight(self, pseudonym: str, rows: Rows) -> bool:
        """Whether a stay of the patient, settled or in hospital, is among the rows."""
        settled = (
            sa.select(STATES.c.stay_id)
            .join(DECISIONS, DECISIONS.c.decision_id == STATES.c.decision_id)
            .where(
                STATES.c.patient_id == pseudonym,
                *within(
                    rows,
                    DECISIONS.c.provider_id,
                    DECISIONS.c.department,
                    DECISIONS.c.attending_physician_id,
                ),
            )
        )
        waiting = sa.select(OPEN.c.stay_id).where(
            OPEN.c.patient_id == pseudonym,
            *within(rows, OPEN.c.provider_id, OPEN.c.department, OPEN.c.physician_id),
        )
        with self._database.read() as connection:
            return any(
                connection.execute(query.limit(1)).first() is not None
                for query in (settled, waiting)
            )

    def original(self, pseudonym: str, keys: Keyring) -> str | None:
        """The identifier behind a pseudonym; None if it was not kept."""
        query = sa.select(IDENTITIES.c.original).where(IDENTITIES.c.pseudonym == pseudonym)
        with self._database.read() as connection:
            kept = connection.execute(query).scalar_one_or_none()
        return None if kept is None else keys.decrypt(bytes(kept))

    def renew(self, keys: Keyring, chunk: int = 1_000) -> int:
        """Encrypt every identifier under the first key, a chunk a transaction; how many."""
        after, done = "", 0
        while True:
            with self._database.write() as connection:
                query = sa.select(IDENTITIES.c.pseudonym, IDENTITIES.c.original).where(
                    IDENTITIES.c.pseudonym > after
                )
                rows = connection.execute(
                    query.order_by(IDENTITIES.c.pseudonym).limit(chunk).with_for_update()
                ).all()
                for pseudonym, original in rows:
                    connection.execute(
                        sa.update(IDENTITIES)
                        .where(IDENTITIES.c.pseudonym == pseudonym)
                        .values(original=keys.renew(bytes(original)))
                    )
            if not rows:
                return done
            done += len(rows)
            after = rows[-1].pseudonym
