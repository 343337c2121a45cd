"""Plan suggestions: what a physician reads about a finding, and what would clear it.

A change is shown only if the stay with it, judged again, passes the check that found it
and hits no other: before and after are computed, not supposed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import rules
from domain.codes import CHARGE_CATEGORY
from domain.orders import SUMMARY_LENGTH
from domain.results import Severity, Verdict, identifier
from streaming.orders import checks
from streaming.orders.changes import Change, propose
from streaming.orders.state import OpenStay, tables_of
from streaming.pipeline import Engine

Json = dict[str, Any]
Told = tuple[Json, Json]
"""A decision and the stay as judged, in the layout of a claim."""

MOST_DRIVERS: Final = 4
"""Categories named as drivers of the cost so far."""
_RANK: Final = {str(s): s.rank for s in Severity}
_WARN_FROM: Final = Severity.MEDIUM


def suggest(
    fresh: Sequence[Told],
    states: Mapping[str, OpenStay],
    live: rules.RuleSet,
    engine: Engine,
) -> list[Json]:
    """One suggestion for the new findings of one cause on one subject."""
    groups: dict[tuple[str, str, str], list[Told]] = {}
    for row, claim in fresh:
        groups.setdefault((row["stay_id"], row["subject_id"], row["cause"]), []).append(
            (row, claim)
        )
    offered = _reassess(list(groups.values()), states, checks.of_orders(engine.ruleset))
    return [
        _tell(told, offered[place], states[key[0]], live, engine)
        for place, (key, told) in enumerate(groups.items())
    ]


def _reassess(
    groups: Sequence[Sequence[Told]], states: Mapping[str, OpenStay], judges: rules.RuleSet
) -> list[list[Change]]:
    """For each group the changes after which all its checks pass and no other hits; judged in one batch."""
    asked: list[tuple[int, Change]] = []
    variants: list[Json] = []
    for place, told in enumerate(groups):
        row, claim = told[0]
        # What is charged plays no part in checks of orders, and would be read for every variant.
        plain = claim | {"charges": []}
        for change in _proposed(told, claim, states[row["stay_id"]], judges.reference):
            asked.append((place, change))
            variants += [
                plain | {"stay_id": f"b{len(asked)}"},
                change.make(plain) | {"stay_id": f"a{len(asked)}"},
            ]
    offered: list[list[Change]] = [[] for _ in groups]
    if not asked:
        return offered
    judged = rules.judge(judges, tables_of(variants))
    letters = {row["stay_id"]: row for row in judged.verdicts.iter_rows(named=True)}
    hits: dict[str, set[tuple[str, str]]] = {}
    for stay_id, rule_id, subject_id in judged.hits.select(
        "stay_id", "rule_id", "subject_id"
    ).iter_rows():
        # A finding on the stay itself has the stay's identifier, which is another in each variant.
        subject = "" if subject_id == stay_id else subject_id
        hits.setdefault(stay_id, set()).add((rule_id, subject))
    for number, (place, change) in enumerate(asked, start=1):
        before, after = hits.get(f"b{number}", set()), hits.get(f"a{number}", set())
        found = {(row["rule_id"], row["subject_id"]) for row, _ in groups[place]}
        unknown = any(letters[f"a{number}"][rule] == Verdict.UNKNOWN for rule, _ in found)
        if found <= before and not found & after and not unknown and after <= before:
            offered[place].append(change)
    return offered


def _proposed(told: Sequence[Told], claim: Json, state: OpenStay, folder: Path) -> Iterable[Change]:
    """The proposals of all checks of a group, each once."""
    seen: dict[tuple[Any, ...], Change] = {}
    for row, _ in told:
        for change in propose(row, json.loads(row["facts"]), claim, state.judged_as_of, folder):
            seen.setdefault((change.kind, change.order_id, change.item_code, change.at), change)
    return seen.values()


def _tell(
    told: Sequence[Told],
    changes: Sequence[Change],
    state: OpenStay,
    live: rules.RuleSet,
    engine: Engine,
) -> Json:
    rows = sorted((row for row, _ in told), key=lambda r: (-_RANK[r["severity"]], r["rule_id"]))
    first = rows[0]
    rule = live[first["rule_id"]]
    names = [live[row["rule_id"]] for row in rows]
    kinds = {c.kind: c for c in reversed(changes) if c.kind == "wait_interval"}
    # Of several days to wait for, the first that clears is the answer.
    shown = [c for c in changes if c.kind != "wait_interval" or c is kinds["wait_interval"]]
    return {
        "suggestion_id": identifier("suggestion", *sorted(row["decision_id"] for row in rows)),
        "stay_id": first["stay_id"],
        "patient_id": first["patient_id"],
        "provider_id": first["provider_id"],
        "physician_id": first["physician_id"],
        "department": first["department"],
        "subject": first["unit"],
        "subject_id": first["subject_id"],
        "cause": first["cause"],
        "indicator": "warning" if _RANK[first["severity"]] >= _WARN_FROM.rank else "info",
        "summary": {
            "zh": shorten(first["finding_zh"], rule.name.zh),
            "en": shorten(first["finding_en"], rule.name.en),
        },
        "detail": {
            "zh": "\n".join([*(row["finding_zh"] for row in rows), rule.why.zh]),
            "en": "\n".join([*(row["finding_en"] for row in rows), rule.why.en]),
        },
        "action": {
            "zh": "\n".join(dict.fromkeys(n.action.zh for n in names)),
            "en": "\n".join(dict.fromkeys(n.action.en for n in names)),
        },
        "evidence": [
            {
                "decision_id": row["decision_id"],
                "rule_id": row["rule_id"],
                "rule_sha256": row["rule_sha256"],
                "severity": row["severity"],
                "finding": {"zh": row["finding_zh"], "en": row["finding_en"]},
                "facts": json.loads(row["facts"]),
                "thresholds": json.loads(row["thresholds"]),
            }
            for row in rows
        ],
        "changes": [
            {
                "kind": c.kind,
                "order_id": c.order_id,
                "item_code": c.item_code,
                "at": None if c.at is None else _instant(c.at),
                "text": {"zh": c.text[0], "en": c.text[1]},
                "condition": {"zh": c.condition[0], "en": c.condition[1]},
                "before": "hit",
                "after": "pass",
            }
            for c in shown
        ],
        "drivers": _drivers(state) if first["unit"] == "stay" and rule.family == "CST" else [],
        "rules_sha256": engine.ruleset.sha256,
        "pack_sha256": engine.pack_sha256,
        "state_sha256": first["state_sha256"],
        "event_id": first["event_id"],
        "judged_as_of": _instant(first["judged_as_of"]),
    }


def shorten(finding: str, name: str) -> str:
    """The finding if it fits on a card, else the name of the check."""
    return finding if len(finding) <= SUMMARY_LENGTH else name[:SUMMARY_LENGTH]


def _drivers(state: OpenStay) -> list[Json]:
    """The dearest categories so far: what the cost is made of, not what is too much."""
    dearest = sorted(state.costs().items(), key=lambda part: (-part[1], part[0]))
    return [
        {
            "category": category,
            "name": dict(zip(("zh", "en"), CHARGE_CATEGORY[category], strict=True)),
            "amount_fen": amount,
        }
        for category, amount in dearest[:MOST_DRIVERS]
        if amount > 0
    ]


def _instant(at: Any) -> str:
    return str(at.isoformat().replace("+00:00", "Z"))
