"""A plan as plain data: findings, suggestions and drivers in words (``domain.plans.plan_schema``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import rules
from domain.claim import ORDERS
from domain.codes import CHARGE_CATEGORY
from domain.results import Severity, identifier
from streaming.orders.changes import canonical
from streaming.plans import texts
from streaming.plans.outlay import moved_fen
from streaming.plans.reassessing import Offer, verdicts_of
from streaming.plans.variants import PLANNED, Moment

Json = dict[str, Any]

MOST_CATEGORIES: Final = 5
MOST_ORDERS: Final = 5
"""Drivers named: more are a bill, not an answer to what drives the cost."""
_ORDER_FIELDS: Final = frozenset(f.name for f in ORDERS.columns) - {"stay_id"}
_RANK: Final = {str(s): s.rank for s in Severity}


def tell_findings(
    hits: Sequence[tuple[str, Mapping[str, Any]]], stay_id: str, ruleset: rules.RuleSet
) -> list[Json]:
    """Findings in the order of their weight: now before later, then severity, check, subject."""
    told = [_finding(when, row, stay_id, ruleset) for when, row in hits]
    return sorted(
        told,
        key=lambda f: (f["when"] != "now", -_RANK[f["severity"]], f["rule_id"], f["subject_id"]),
    )


def _finding(when: str, row: Mapping[str, Any], stay_id: str, ruleset: rules.RuleSet) -> Json:
    rule = ruleset[row["rule_id"]]
    action = texts.ACTIONS.get(rule.id, (rule.action.zh, rule.action.en))
    subject = subject_of(row, stay_id)
    return {
        "finding_id": finding_id(row, stay_id),
        "rule_id": rule.id,
        "rule_sha256": row["rule_sha256"],
        "name": {"zh": rule.name.zh, "en": rule.name.en},
        "severity": row["severity"],
        "cause": row["cause"],
        "unit": "order"
        if subject != row["subject_id"] and row["unit"] == "charge"
        else row["unit"],
        "subject_id": subject,
        "when": when,
        "finding": {"zh": row["finding_zh"], "en": row["finding_en"]},
        "why": {"zh": rule.why.zh, "en": rule.why.en},
        "action": {"zh": action[0], "en": action[1]},
        "basis": basis_of(rule),
        "facts": row["facts"],
        "thresholds": row["thresholds"],
    }


def subject_of(row: Mapping[str, Any], stay_id: str) -> str:
    """What a hit is on, in words of the stay: its plans were judged under other names."""
    if row["subject_id"] == row["stay_id"]:
        return stay_id
    return str(row["subject_id"]).removeprefix(PLANNED)


def finding_id(row: Mapping[str, Any], stay_id: str) -> str:
    """The identifier of a finding: the same check on the same subject of a stay has the same."""
    return identifier("plan-finding", stay_id, row["rule_id"], subject_of(row, stay_id))


def tell_offers(
    offers: Iterable[Offer],
    claim: Json,
    signed: Json,
    ruleset: rules.RuleSet,
    *,
    moment: Moment,
    projected_fen: int | None,
) -> list[Json]:
    """The suggestions of a plan, each with the cost projected for the stay before and after it.

    ``signed`` is the claim with its drafts as signed, whose plans were judged.
    """
    told = []
    waits: set[tuple[str, str | None]] = set()
    for offer in offers:
        if offer.change.kind == "wait_interval":
            # Of several days to wait for, the first that clears is the answer.
            if (offer.cause.subject_id, offer.change.order_id) in waits:
                continue
            waits.add((offer.cause.subject_id, offer.change.order_id))
        moved = moved_fen(signed, offer.after, moment)
        after = None if projected_fen is None else max(0, projected_fen + moved)
        told.append(tell_offer(offer, claim, ruleset, (projected_fen, after)))
    return told


def tell_offer(
    offer: Offer, claim: Json, ruleset: rules.RuleSet, projected: tuple[int | None, int | None]
) -> Json:
    """A change as a suggestion of the plan of a stay, with the projected cost before and after."""
    change, cause, stay_id = offer.change, offer.cause, claim["stay_id"]
    was, will = verdicts_of(cause)
    basis = [b for rule_id in cause.rule_ids for b in basis_of(ruleset[rule_id])]
    basis += list(change.basis)
    findings = list(dict.fromkeys(finding_id(row, stay_id) for row in cause.hits))
    key = (change.kind, change.order_id or "", change.item_code or "", *cause.rule_ids)
    return {
        "suggestion_id": identifier("plan-suggestion", stay_id, cause.subject_id, *key),
        "kind": change.kind,
        "rule_ids": cause.rule_ids,
        "finding_ids": findings,
        "order_id": change.order_id,
        "item_code": change.item_code,
        "at": None if change.at is None else canonical(change.at),
        "text": {"zh": change.text[0], "en": change.text[1]},
        "condition": {"zh": change.condition[0], "en": change.condition[1]},
        "basis": [b for place, b in enumerate(basis) if b not in basis[:place]],
        "before": {"verdicts": was, "projected_fen": projected[0]},
        "after": {"verdicts": will, "projected_fen": projected[1]},
        "actions": actions_of(claim, offer.after),
    }


def actions_of(before: Json, after: Json) -> list[Json]:
    """What happens to orders between a stay and its changed plan.

    Plans are judged with drafts as signed. An action signs nothing: a new order is a draft, and
    a draft that is changed stays one.
    """
    old = {o["order_id"]: o for o in before["orders"]}
    told = []
    for signed in after["orders"]:
        was = old.get(signed["order_id"])
        drafted = was is not None and was["status"] == "draft" and signed["status"] == "active"
        order = signed | {"status": "draft"} if drafted else signed
        if was == order:
            continue
        row = {k: v for k, v in order.items() if k in _ORDER_FIELDS and v is not None}
        if was is None:
            told.append(("create", row | {"status": "draft"}))
        elif order["status"] in ("revoked", "entered-in-error"):
            told.append(("revoke", row))
        elif order["status"] == "completed" or order.get("stop_time") != was.get("stop_time"):
            told.append(("stop", row))
        else:
            told.append(("change", row))
    return [{"type": kind, "order_id": row["order_id"], "order": row} for kind, row in told]


def tell_drivers(claim: Json) -> Json:
    """What the cost so far is made of, by category and by order: not what is too much."""
    whole = sum(line["amount_fen"] for line in claim["charges"])
    by_category: dict[str, int] = {}
    by_order: dict[tuple[str | None, str], int] = {}
    names: dict[str, str] = {}
    for order in claim["orders"]:
        if order.get("item_name"):
            names[order["item_code"]] = order["item_name"]
    for line in claim["charges"]:
        amount = line["amount_fen"]
        by_category[line["category"]] = by_category.get(line["category"], 0) + amount
        key = line.get("order_id"), line["item_code"]
        by_order[key] = by_order.get(key, 0) + amount
        if line.get("item_name"):
            names.setdefault(line["item_code"], line["item_name"])

    def share(amount: int) -> float | None:
        return round(amount / whole, 4) if whole > 0 and amount <= whole else None

    return {
        "categories": [
            {
                "category": category,
                "name": dict(zip(("zh", "en"), CHARGE_CATEGORY[category], strict=True)),
                "amount_fen": amount,
                "share": share(amount),
            }
            for category, amount in sorted(by_category.items(), key=lambda x: (-x[1], x[0]))[
                :MOST_CATEGORIES
            ]
            if amount > 0
        ],
        "orders": [
            {
                "order_id": order_id,
                "item_code": code,
                "item_name": names.get(code),
                "amount_fen": amount,
                "share": share(amount),
            }
            for (order_id, code), amount in sorted(
                by_order.items(), key=lambda x: (-x[1], x[0][0] or "", x[0][1])
            )[:MOST_ORDERS]
            if amount > 0
        ],
    }


def basis_of(rule: rules.Rule) -> list[Json]:
    """What a check rests on."""
    return [
        {"document": b.document, "clause": b.clause, "unverified": b.unverified} for b in rule.basis
    ]
