"""How often each check hit, passed or could not judge, over the decisions that count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from store.state_tables import SHADOW_DECISIONS_SQL as SHADOW
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import DECISIONS_SQL as DECISIONS
from store.tables import RULESETS_SQL as RULESETS

_LETTERS: Final = {"P": "passed", "H": "hit", "U": "unknown", "O": "out_of_force"}


@dataclass(slots=True)
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


def read(connection: sa.Connection) -> dict[str, Tally]:
    """Tallies by check id of the checks that decide."""
    return _add_up(
        connection,
        sa.select(DECISIONS.c.rules_sha256, DECISIONS.c.verdicts, sa.func.count().label("claims"))
        .join(STATES, STATES.c.decision_id == DECISIONS.c.decision_id)
        .group_by(DECISIONS.c.rules_sha256, DECISIONS.c.verdicts),
    )


def read_shadow(connection: sa.Connection) -> dict[str, Tally]:
    """Tallies by check id of what checks said on trial; of a decision judged by several sets the last."""
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
        .subquery()
    )
    return _add_up(
        connection,
        sa.select(last.c.rules_sha256, last.c.verdicts, sa.func.count().label("claims"))
        .where(last.c.place == 1)
        .group_by(last.c.rules_sha256, last.c.verdicts),
    )


def _add_up(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, Tally]:
    rulesets = connection.execute(sa.select(RULESETS.c.sha256, RULESETS.c.ids)).all()
    ids = {row.sha256: row.ids for row in rulesets}
    tallies: dict[str, Tally] = {}
    # Many claims are judged alike: each line of letters is taken apart once.
    for row in connection.execute(query):
        for rule_id, letter in zip(ids[row.rules_sha256], row.verdicts, strict=True):
            tally = tallies.setdefault(rule_id, Tally())
            name = _LETTERS[letter]
            setattr(tally, name, getattr(tally, name) + row.claims)
    return tallies
