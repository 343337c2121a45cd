"""Judging patients in hospital: what a batch of events makes new, and what was cleared by it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

import drg
import rules
from domain.errors import Refusal
from domain.results import Severity, identifier
from domain.tables import Tables
from rules.facts import facts_of
from rules.facts.fact import Kind
from streaming.alerts import ALERT_FROM
from streaming.orders import checks
from streaming.orders.events import Event
from streaming.orders.state import (
    MOST_LINES,
    MOST_ORDERS,
    RUNNING,
    OpenStay,
    Phase,
    Standing,
    apply_events,
    digest,
    tables_of,
)
from streaming.orders.suggestions import suggest
from streaming.pipeline import Engine

Json = dict[str, Any]
Hits = dict[str, list[Json]]
"""Hits of each stay, sorted by check and subject."""

_RANK: Final = {str(s): s.rank for s in Severity}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch of order events comes to; everything is plain data, ready to be stored and sent.

    ``states`` are the stays that the events changed. ``decisions`` are rows of
    ``domain.orders.ORDER_DECISIONS``, ``cleared`` pairs of a decision and the event after
    which it no longer stands, ``alerts`` rows of ``domain.results.ALERTS``,
    ``suggestions`` messages of topic ``plan-suggestions``. ``waiting`` are stays whose
    head has not come yet, ``late`` those that take no more events; ``refused`` are events
    that would grow a stay beyond its bounds.
    """

    states: dict[str, OpenStay] = field(default_factory=dict)
    decisions: list[Json] = field(default_factory=list)
    cleared: list[tuple[str, str]] = field(default_factory=list)
    alerts: list[Json] = field(default_factory=list)
    suggestions: list[Json] = field(default_factory=list)
    waiting: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    refused: list[tuple[Event, Refusal]] = field(default_factory=list)


def judge_orders(
    events: Iterable[Event],
    states: Mapping[str, OpenStay],
    engine: Engine,
    *,
    history: Tables | None = None,
) -> Outcome:
    """Take the events into the states and judge the stays that they changed.

    A finding is told once: again only after it was cleared, or if the check, a threshold,
    the order itself or a name among its facts changed. ``states`` holds the stored state
    of each stay named, if there is one; ``history`` is for checks that look back (none of
    the shipped ones of patients in hospital does).
    """
    new, changed, refused = apply_events(events, states)
    kept = {stay_id: new[stay_id] for stay_id in sorted(changed)}
    outcome = Outcome(
        states=kept,
        waiting=tuple(s for s, state in kept.items() if state.phase is Phase.WAITING),
        late=tuple(s for s, state in sorted(new.items()) if state.closed),
        refused=[(event, overfull_reason(member)) for event, member in refused],
    )
    for state in kept.values():
        if state.phase is Phase.VOID:
            _clear(state, set(), outcome)
    judged = {s: state for s, state in kept.items() if state.phase is Phase.OPEN}
    if not judged:
        return outcome
    # Without curves no check of costs can be judged, and nothing need be grouped or priced.
    priced = engine.curves is not None
    live = (checks.live if priced else checks.of_orders)(engine.ruleset)
    claims = {stay_id: as_signed(state.claim()) for stay_id, state in judged.items()}
    found = find(live, claims.values(), engine if priced else None, history=history)
    fresh: list[tuple[Json, Json]] = []
    for stay_id, state in judged.items():
        hits = found.get(stay_id, [])
        _clear(state, {_key(hit) for hit in hits}, outcome)
        sha256 = digest(state.claim())
        rows = [
            row for hit in hits if (row := _decide(hit, state, claims[stay_id], sha256, engine))
        ]
        outcome.decisions.extend(rows)
        outcome.alerts.extend(_alert(rows, claims[stay_id], live))
        fresh += [(row, claims[stay_id]) for row in rows if row["told"]]
    told = suggest(fresh, judged, live, engine)
    outcome.suggestions.extend(told)
    by_decision = {e["decision_id"]: s["suggestion_id"] for s in told for e in s["evidence"]}
    for row in outcome.decisions:
        row["suggestion_id"] = by_decision.get(row["decision_id"])
    return outcome


def find(
    ruleset: rules.RuleSet,
    claims: Iterable[Json],
    engine: Engine | None,
    *,
    history: Tables | None = None,
) -> Hits:
    """The hits of the checks on stays given in the layout of claims; without ``engine`` nothing is priced."""
    tables = tables_of(claims)
    settled = None if engine is None else drg.settle(tables, engine.library, curves=engine.curves)
    judged = rules.judge(ruleset, tables, history=history, settled=settled)
    found: Hits = {}
    for row in judged.hits.iter_rows(named=True):
        found.setdefault(row["stay_id"], []).append(row)
    return found


def as_signed(claim: Json) -> Json:
    """The stay as it would be with its drafts signed: an order is judged before it takes effect."""
    rows = [o | {"status": "active"} if o["status"] == "draft" else o for o in claim["orders"]]
    return claim | {"orders": rows}


def overfull_reason(member: str) -> Refusal:
    """Why an event that would grow a stay beyond its bounds is not taken: what is too long, and the cure."""
    most = MOST_LINES if member == "charges" else MOST_ORDERS
    cure = f"A stay has at most {most} of them: look for a sender that gives each a new identifier."
    return Refusal(member, "", "too-large", cure)


def _key(hit: Mapping[str, Any]) -> str:
    return f"{hit['rule_id']} {hit['subject_id']}"


def _clear(state: OpenStay, standing: set[str], outcome: Outcome) -> None:
    """Note the findings that no longer stand."""
    for key, told in state.told.items():
        if told.stands and key not in standing:
            told.stands = False
            outcome.cleared.append((told.decision_id, state.last[1]))


def _decide(hit: Json, state: OpenStay, claim: Json, sha256: str, engine: Engine) -> Json | None:
    """The decision on a hit; None if it was told before and nothing changed."""
    order = state.orders.get(hit["subject_id"]) if hit["unit"] == "order" else None
    content = _content(hit, None if order is None else order.body.value)
    before = state.told.get(_key(hit))
    if before is not None and before.stands and before.digest == content:
        return None
    occurrence = 1 if before is None else before.occurrence + 1
    decision_id = identifier("order-decision", state.stay_id, _key(hit), content, str(occurrence))
    state.told[_key(hit)] = Standing(decision_id, content, occurrence)
    row = None if order is None else order.row()
    return {
        "decision_id": decision_id,
        "stay_id": state.stay_id,
        "patient_id": claim["patient_id"],
        "provider_id": claim["provider_id"],
        "physician_id": (row or {}).get("ordering_physician_id") or claim.get("attending_physician_id"),
        "department": (row or {}).get("ordering_department") or claim.get("admission_department"),
        **{name: hit[name] for name in _OF_HIT},
        "rules_sha256": engine.ruleset.sha256,
        "pack_sha256": engine.pack_sha256,
        "state_sha256": sha256,
        "occurrence": occurrence,
        "told": row is None or row["status"] in RUNNING,
        "event_id": state.last[1],
        "judged_as_of": state.judged_as_of,
        "cleared_by": None,
        "suggestion_id": None,
    }  # fmt: skip


_OF_HIT: Final = (
    "rule_id", "rule_sha256", "unit", "subject_id", "severity", "cause", "thresholds", "facts",
    "finding_zh", "finding_en",
)  # fmt: skip


def _content(hit: Json, body: Json | None) -> str:
    """What a finding rests on: its check, thresholds, order and the names among its facts.

    Numbers and days among the facts move with every event; telling them anew each time
    would bury what is new.
    """
    kinds = facts_of(hit["unit"])
    names = {n: v for n, v in json.loads(hit["facts"]).items() if kinds[n].kind is Kind.TEXT}
    whole = msgspec.json.encode(
        [hit["rule_sha256"], hit["thresholds"], body, names], order="sorted"
    )
    return hashlib.sha256(whole).hexdigest()[:32]


def _alert(rows: Sequence[Json], claim: Json, live: rules.RuleSet) -> list[Json]:
    """One alert for what is new on a stay, if any of it is of the severity that makes an alert."""
    loud = [row for row in rows if _RANK[row["severity"]] >= ALERT_FROM.rank]
    if not loud:
        return []
    worst = sorted(rows, key=lambda r: (-_RANK[r["severity"]], r["rule_id"], r["subject_id"]))
    ids = list(dict.fromkeys(row["rule_id"] for row in worst))
    name, more = live[ids[0]].name, len(ids) - 1
    return [
        {
            "alert_id": identifier("order-alert", *sorted(row["decision_id"] for row in rows)),
            "decision_id": worst[0]["decision_id"],
            "stay_id": worst[0]["stay_id"],
            "provider_id": worst[0]["provider_id"],
            "severity": worst[0]["severity"],
            # As docs/alerts.md has it; before a claim no money is at stake and no score speaks.
            "priority": 20.0 * _RANK[worst[0]["severity"]],
            "exposure_fen": 0,
            "currency": claim["currency"],
            "score": None,
            "rule_ids": " ".join(ids),
            "admission_date": claim["admission_date"],
            "title_zh": f"在院：{name.zh}" + (f"，另有{more}项" if more else ""),
            "title_en": f"In hospital: {name.en}" + (f", and {more} more" if more else ""),
        }
    ]
