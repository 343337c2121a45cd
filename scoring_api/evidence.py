"""From stored rows to answers: decisions, hits, scores and verdicts with the checks' texts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from domain.results import Severity, Verdict
from domain.service import Assessment, Refused
from scoring_api.problems import ProblemError
from store import AlertRecord, Store

Row = dict[str, Any]

WORDS = {
    Verdict.PASS: "pass",
    Verdict.HIT: "hit",
    Verdict.UNKNOWN: "unknown",
    Verdict.OUT_OF_FORCE: "out_of_force",
}
"""Verdict -> its word in answers."""


class Checks:
    """The checks of this service by id, as plain data; the order is that of the rule set."""

    def __init__(self, rules: Sequence[Mapping[str, Any]]) -> None:
        self.listed = [dict(rule) for rule in rules]
        self._by_id = {rule["id"]: rule for rule in self.listed}

    def get(self, rule_id: str) -> Row | None:
        """The check of that id; None if this service does not hold it."""
        return self._by_id.get(rule_id)

    def find(self, rule_id: str) -> Row:
        """The check of that id; a 404 problem if this service does not hold it."""
        rule = self.get(rule_id)
        if rule is None:
            raise ProblemError(
                404,
                "not-found",
                f"No check has the id {rule_id}.",
                cure="Take an id from the list of checks (GET /v1/rules).",
            )
        return rule

    def text(self, rule_id: str, name: str) -> Row | None:
        """A bilingual text of a check, such as its name or action; None if there is none."""
        found = self._by_id.get(rule_id, {}).get(name)
        return found if isinstance(found, dict) else None


def tell_alert(row: Row) -> Row:
    """An alert row of the store as in answers."""
    open_still = row["closed_at"] is None and row["superseded_at"] is None
    return {
        **row,
        "title": {"zh": row["title_zh"], "en": row["title_en"]},
        "overdue": open_still and row["due_at"] is not None and row["due_at"] < datetime.now(UTC),
    }


def tell_hit(row: Row, checks: Checks, currency: str) -> Row:
    """A hit row, whose thresholds and facts are objects, with its check's texts."""
    return {
        **row,
        "currency": currency,
        "finding": {"zh": row["finding_zh"], "en": row["finding_en"]},
        "name": checks.text(row["rule_id"], "name"),
        "action": checks.text(row["rule_id"], "action"),
    }


def tell_reason(row: Row) -> Row:
    """A reason row as in answers."""
    return {**row, "name": {"zh": row["name_zh"], "en": row["name_en"]}}


def tell_record(record: AlertRecord, checks: Checks) -> Row:
    """One alert with all its evidence."""
    decision, currency = record.decision, record.decision["currency"]
    scored = None
    if record.score is not None:
        scored = {
            **record.score,
            "contributions": [
                {**c, "name": {"zh": c["name_zh"], "en": c["name_en"]}}
                for c in record.score["contributions"]
            ],
            "reasons": [tell_reason(r) for r in record.reasons],
        }
    return {
        **decision,
        **tell_alert(record.alert),
        "money": {
            name: decision[name]
            for name in ("currency", "exposure_fen", "total_amount_fen", "fund_payment_fen")
        },
        "hits": [tell_hit(hit, checks, currency) for hit in record.hits],
        "scored": scored,
        "checks": [
            {"rule_id": i, "name": checks.text(i, "name"), "verdict": WORDS[verdict]}
            for i, verdict in record.verdicts
        ],
        "claim": record.claim,
        "superseded_by": record.superseded_by,
        "withdrawn": record.withdrawn,
    }


def by_check(hits: Sequence[Row], checks: Checks) -> list[Row]:
    """Hits of one check together, worst check first, with what the check says about itself."""
    grouped = []
    for rule_id, found in groupby(hits, key=lambda h: h["rule_id"]):
        of_check = list(found)
        rule = checks.get(rule_id) or {}
        grouped.append(
            {
                "rule_id": rule_id,
                "name": of_check[0]["name"],
                "severity": of_check[0]["severity"],
                "action": of_check[0]["action"],
                "why": rule.get("why"),
                "basis": rule.get("basis") or [],
                "false_positives": rule.get("false_positives") or [],
                # Names of facts and parameters for people, where the check gives them.
                "labels": rule.get("labels") or {},
                "sha256": of_check[0]["rule_sha256"],
                "changed": bool(rule) and rule.get("sha256") != of_check[0]["rule_sha256"],
                "hits": of_check,
            }
        )
    return grouped


def tell_assessment(done: Assessment, checks: Checks, store: Store) -> Row:
    """The answer to POST /v1/claims:assess."""
    results = done.results
    hits = _group(results.hits.to_pylist(), "decision_id")
    reasons = _group(results.reasons.to_pylist(), "score_id")
    alerts = {row["decision_id"]: row["alert_id"] for row in results.alerts.to_pylist()}
    decisions = []
    for row in results.decisions.to_pylist():
        ids = store.rule_ids(row["rules_sha256"]) or [rule["id"] for rule in checks.listed]
        found = [
            tell_hit(
                {**h, "thresholds": json.loads(h["thresholds"]), "facts": json.loads(h["facts"])},
                checks,
                row["currency"],
            )
            for h in hits.get(row["decision_id"], ())
        ]
        found.sort(key=lambda h: (-Severity(h["severity"]).rank, h["rule_id"], h["subject_id"]))
        decisions.append(
            {
                **row,
                "verdicts": dict(zip(ids, row["verdicts"], strict=True)),
                "hits": found,
                "reasons": sorted(
                    (tell_reason(r) for r in reasons.get(row["score_id"], ())),
                    key=lambda r: r["rank"],
                ),
                "alert_id": alerts.get(row["decision_id"]),
            }
        )
    return {
        "read": len(done.claims) + len(done.refused),
        "accepted": len(done.claims),
        "set_aside": len(done.refused),
        "decisions": decisions,
        "refused": tell_refused(done.refused),
    }


def refuse_all(refused: Sequence[Row], read: int) -> ProblemError:
    """The problem where not one claim of a request could be accepted; ``refused`` as told."""
    return ProblemError(
        422,
        "all-refused",
        f"None of the {read} claims could be accepted.",
        cure="Correct each claim as its reasons say; docs/fields.md describes every field.",
        more={"refused": refused, "read": read},
    )


def tell_refused(refused: Sequence[Refused]) -> list[Row]:
    """What was refused and why."""
    return [
        {
            "index": one.index,
            "reasons": [
                {"field": r.field, "value": r.value, "rule": r.rule, "cure": r.cure}
                for r in one.reasons
            ],
        }
        for one in refused
    ]


def _group(rows: Iterable[Row], key: str) -> dict[str | None, list[Row]]:
    grouped: dict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[key]].append(row)
    return grouped
