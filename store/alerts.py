"""Reading one alert with all its evidence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from domain.results import Severity, Verdict
from store import bodies
from store.state_tables import STAY_STATES_SQL as STATES
from store.state_tables import WITHDRAWALS_SQL as WITHDRAWALS
from store.tables import (
    ALERTS_SQL as ALERTS,
)
from store.tables import (
    CLAIMS_SQL as CLAIMS,
)
from store.tables import (
    DECISIONS_SQL as DECISIONS,
)
from store.tables import (
    HITS_SQL as HITS,
)
from store.tables import (
    REASONS_SQL as REASONS,
)
from store.tables import (
    RULESETS_SQL as RULESETS,
)
from store.tables import (
    SCORES_SQL as SCORES,
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One alert with everything that explains it.

    ``hits`` are worst first, with ``thresholds`` and ``facts`` as objects. ``score``
    holds ``contributions`` as a list; None where no model scored. ``claim`` is the
    head of the claim as stored. ``verdicts`` gives every check's verdict in the order
    of the rule set. ``superseded_by`` names the decision that counts now, and its alert if
    it raised one, where that is not this decision. ``withdrawn`` says by which withdrawal the
    claim no longer stands (``claim_version``, ``reason``, ``withdrawn_time``, ``created_at``).
    """

    alert: Row
    decision: Row
    hits: Sequence[Row]
    score: Row | None
    reasons: Sequence[Row]
    claim: Row
    verdicts: Sequence[tuple[str, Verdict]]
    superseded_by: Row | None = None
    withdrawn: Row | None = None


_LETTERS: Final = {verdict.letter: verdict for verdict in Verdict}


def read(connection: sa.Connection, alert_id: str) -> AlertRecord | None:
    """The alert of that id with its evidence; None if there is none."""
    alert = _one(connection, sa.select(ALERTS).where(ALERTS.c.alert_id == alert_id))
    if alert is None:
        return None
    decision = _one(
        connection,
        sa.select(DECISIONS).where(DECISIONS.c.decision_id == alert["decision_id"]),
    )
    if decision is None:
        raise AssertionError("the foreign key from alerts to decisions is not enforced")
    hits = [
        dict(row._mapping)
        for row in connection.execute(
            sa.select(HITS).where(HITS.c.decision_id == alert["decision_id"])
        )
    ]
    for hit in hits:
        hit["thresholds"] = json.loads(hit["thresholds"])
        hit["facts"] = json.loads(hit["facts"])
    hits.sort(key=lambda h: (-Severity(h["severity"]).rank, h["rule_id"], h["subject_id"]))
    score, reasons = _score(connection, decision["score_id"])
    body = connection.execute(
        sa.select(CLAIMS.c.body).where(
            CLAIMS.c.stay_id == decision["stay_id"],
            CLAIMS.c.claim_version == decision["claim_version"],
            CLAIMS.c.input_sha256 == decision["input_sha256"],
        )
    ).scalar_one()
    claim = {
        name: value for name, value in bodies.read(body).items() if not isinstance(value, list)
    }
    ids = connection.execute(
        sa.select(RULESETS.c.ids).where(RULESETS.c.sha256 == decision["rules_sha256"])
    ).scalar_one()
    alert["rule_ids"] = alert["rule_ids"].split()
    del alert["words"]
    return AlertRecord(
        alert=alert,
        decision=decision,
        hits=hits,
        score=score,
        reasons=reasons,
        claim=claim,
        verdicts=[
            (rule_id, _LETTERS[letter])
            for rule_id, letter in zip(ids, decision["verdicts"], strict=True)
        ],
        superseded_by=_superseding(connection, decision),
        withdrawn=_withdrawal(connection, decision),
    )


def _superseding(connection: sa.Connection, decision: Row) -> Row | None:
    last = _one(
        connection,
        sa.select(DECISIONS.c.decision_id, DECISIONS.c.decided_at, ALERTS.c.alert_id)
        .join(STATES, STATES.c.decision_id == DECISIONS.c.decision_id)
        .outerjoin(ALERTS, ALERTS.c.decision_id == DECISIONS.c.decision_id)
        .where(STATES.c.stay_id == decision["stay_id"]),
    )
    return None if last is None or last["decision_id"] == decision["decision_id"] else last


def _withdrawal(connection: sa.Connection, decision: Row) -> Row | None:
    """The first withdrawal that takes this version of the claim back."""
    return _one(
        connection,
        sa.select(
            WITHDRAWALS.c.claim_version, WITHDRAWALS.c.reason, WITHDRAWALS.c.withdrawn_time,
            WITHDRAWALS.c.created_at,
        )
        .where(
            WITHDRAWALS.c.stay_id == decision["stay_id"],
            WITHDRAWALS.c.claim_version >= decision["claim_version"],
        )
        .order_by(WITHDRAWALS.c.claim_version)
        .limit(1),
    )  # fmt: skip


def _score(connection: sa.Connection, score_id: str | None) -> tuple[Row | None, list[Row]]:
    if score_id is None:
        return None, []
    score = _one(connection, sa.select(SCORES).where(SCORES.c.score_id == score_id))
    if score is not None:
        score["contributions"] = json.loads(score["contributions"])
    reasons = connection.execute(
        sa.select(REASONS).where(REASONS.c.score_id == score_id).order_by(REASONS.c.rank)
    )
    return score, [dict(row._mapping) for row in reasons]


def _one(connection: sa.Connection, query: sa.Select[Any]) -> Row | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)
