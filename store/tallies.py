"""How often each check hit, passed or could not judge, over every claim's last decision."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

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


@dataclass(slots=True)
class _Last:
    """The last decision of each claim that was read so far."""

    age: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    said: dict[str, tuple[str, str]] = field(default_factory=dict)


def read(connection: sa.Connection) -> dict[str, Tally]:
    """Tallies by check id."""
    rulesets = connection.execute(sa.select(RULESETS.c.sha256, RULESETS.c.ids)).all()
    ids = {row.sha256: row.ids for row in rulesets}
    last = _Last()
    rows = connection.execute(
        sa.select(
            DECISIONS.c.stay_id, DECISIONS.c.claim_version, DECISIONS.c.decided_at,
            DECISIONS.c.decision_id, DECISIONS.c.rules_sha256, DECISIONS.c.verdicts,
        )
    )  # fmt: skip
    for row in rows:
        age = (row.claim_version, row.decided_at, row.decision_id)
        if row.stay_id not in last.age or last.age[row.stay_id] < age:
            last.age[row.stay_id] = age
            last.said[row.stay_id] = (row.rules_sha256, row.verdicts)
    tallies: dict[str, Tally] = {}
    # Many claims are judged alike: each line of letters is taken apart once.
    for (ruleset, letters), claims in Counter(last.said.values()).items():
        for rule_id, letter in zip(ids[ruleset], letters, strict=True):
            tally = tallies.setdefault(rule_id, Tally())
            name = _LETTERS[letter]
            setattr(tally, name, getattr(tally, name) + claims)
    return tallies
