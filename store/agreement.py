"""A check on trial beside the checks that decide, over the same claims."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from store.errors import translate
from store.state_tables import SHADOW_DECISIONS_SQL as SHADOW
from store.state_tables import SHADOW_HITS_SQL as SHADOW_HITS
from store.state_tables import STAY_STATES_SQL as STATES
from store.tables import HITS_SQL as HITS
from store.tables import RULESETS_SQL as RULESETS

MOST_BESIDE: Final = 10
"""Active checks named that hit the same claims, the most frequent first."""
MOST_SHOWN: Final = 20


class Agreement:
    """What checks said on trial, against what was decided; get it from ``Store.agreement``."""

    def __init__(self, readers: sa.Engine, where: str) -> None:
        self._readers = readers
        self._where = where

    def read(self, rule_id: str, cause: str) -> dict[str, Any] | None:
        """The claims that a check judged on trial by what it and the deciding checks said; None without any.

        Where the check itself decided on these claims too (an earlier or later version), it is
        compared with itself (``against`` is ``itself``); else with the deciding checks of its
        cause (``cause``). Each claim counts once, by its last judgement on trial and the decision
        that counts. ``both``, ``only_active`` and ``only_shadow`` are claims hit, ``neither`` the
        rest; ``beside`` names the deciding checks that hit the claims it hit, ``alone`` counts
        those that none hit.
        """
        with translate(self._where), self._readers.connect() as connection:
            sets = connection.execute(sa.select(RULESETS.c.sha256, RULESETS.c.ids)).all()
            having = [row.sha256 for row in sets if rule_id in row.ids]
            if not having:
                return None
            return _compare(connection, rule_id, cause, having)


def _judged(sets: list[str]) -> sa.CTE:
    """(stay_id, decision_id that counts, shadow_id) of each claim judged on trial, each once."""
    place = (
        sa.func.row_number()
        .over(
            partition_by=SHADOW.c.stay_id,
            order_by=(SHADOW.c.judged_at.desc(), SHADOW.c.shadow_id),
        )
        .label("place")
    )
    last = (
        sa.select(SHADOW.c.stay_id, SHADOW.c.shadow_id, STATES.c.decision_id, place)
        .join(STATES, STATES.c.stay_id == SHADOW.c.stay_id)
        .where(SHADOW.c.rules_sha256.in_(sets), STATES.c.decision_id.is_not(None))
        .subquery()
    )
    return (
        sa.select(last.c.stay_id, last.c.shadow_id, last.c.decision_id)
        .where(last.c.place == 1)
        .cte("judged")
    )


def _compare(
    connection: sa.Connection, rule_id: str, cause: str, sets: list[str]
) -> dict[str, Any] | None:
    judged = _judged(sets)
    shadow = (
        sa.select(judged.c.stay_id, judged.c.decision_id)
        .where(
            judged.c.shadow_id.in_(
                sa.select(SHADOW_HITS.c.shadow_id).where(SHADOW_HITS.c.rule_id == rule_id)
            )
        )
        .cte("found")
    )

    itself = connection.execute(
        sa.select(sa.literal(1))
        .select_from(HITS)
        .join(STATES, STATES.c.decision_id == HITS.c.decision_id)
        .where(
            HITS.c.rule_id == rule_id,
            STATES.c.stay_id.in_(
                sa.select(SHADOW.c.stay_id).where(SHADOW.c.rules_sha256.in_(sets))
            ),
        )
        .limit(1)
    ).first()
    chosen = HITS.c.rule_id == rule_id if itself else HITS.c.cause == cause

    def holds(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.case((condition, 1), else_=0)

    # One pass over the claims, each looked up by key: joining millions of hits takes minutes.
    said = (
        sa.select(
            judged.c.stay_id,
            holds(
                sa.exists().where(
                    SHADOW_HITS.c.shadow_id == judged.c.shadow_id, SHADOW_HITS.c.rule_id == rule_id
                )
            ).label("tried"),
            holds(sa.exists().where(HITS.c.decision_id == judged.c.decision_id, chosen)).label(
                "decided"
            ),
        )
        .select_from(judged)
        .subquery()
    )
    tried, decided = said.c.tried, said.c.decided
    total, by_shadow, by_active, both = (
        int(number or 0)
        for number in connection.execute(
            sa.select(
                sa.func.count(), sa.func.sum(tried), sa.func.sum(decided), sa.func.sum(tried * decided)
            ).select_from(said)
        ).one()
    )  # fmt: skip
    if not total:
        return None
    beside = connection.execute(
        sa.select(HITS.c.rule_id, sa.func.count(HITS.c.stay_id.distinct()).label("claims"))
        .join(shadow, shadow.c.decision_id == HITS.c.decision_id)
        .group_by(HITS.c.rule_id)
        .order_by(sa.desc("claims"), HITS.c.rule_id)
        .limit(MOST_BESIDE)
    ).all()
    others = sa.exists().where(HITS.c.decision_id == shadow.c.decision_id)
    alone = sa.select(sa.func.count()).select_from(shadow).where(~others)
    unlike = sa.exists().where(HITS.c.decision_id == shadow.c.decision_id, chosen)
    shown = connection.execute(
        sa.select(shadow.c.stay_id).where(~unlike).order_by(shadow.c.stay_id).limit(MOST_SHOWN)
    ).scalars()
    return {
        "against": "itself" if itself else "cause",
        "claims": total,
        "both": both,
        "only_active": by_active - both,
        "only_shadow": by_shadow - both,
        "neither": total - by_active - by_shadow + both,
        "beside": [{"rule_id": row.rule_id, "claims": int(row.claims)} for row in beside],
        "alone": int(connection.execute(alone).scalar_one()),
        "only_shadow_stays": list(shown),
    }
