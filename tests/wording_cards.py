"""Cards of every kind for the tests of wording: the catalogue's own sentences with values in them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import rules
from explain.wording import Facts, Names, facts_of, known
from rules import template
from streaming.orders.suggestions import shorten

PERSON = {
    "stay_id": "H1-2025-77",
    "patient_id": "p3f9a1c07d5e24b6688aa01c2d3e4f506",
    "provider_id": "H33010000001",
    "physician_id": "D33010007",
    "department": "A03.04",
}
"""Who the cards are about; nothing of it may leave."""
ORDER_ID = "O-2025-4711"

VALUES: dict[str, Any] = {
    "item_name": ("注射用美罗培南0.5g", "注射用美罗培南0.5g"),
    "same_class_drug": ("注射用头孢曲松钠1g", "注射用头孢曲松钠1g"),
    "antibacterial_names": ("注射用美罗培南0.5g、注射用万古霉素0.5g、左氧氟沙星注射液0.5g",) * 2,
    "imaging_study": ("胸部CT", "CT of the chest"),
    "transfer_departments": ("A03>A04", "A03>A04"),
    "group_code": ("ES25", "ES25"),
    "drug_days_ordered": 18,
    "drug_course_days": 14,
    "drug_start_window_hours": 48,
    "hours_from_admission": 61,
    "overlap_hours_with_same_item": 37,
    "order_hours_so_far": 72,
    "ordered_daily_dose": "7.5",
    "drug_max_daily_dose": 6,
    "dose_limit_unit": "g",
    "antibacterials_at_once": 3,
    "same_studies_in_7_days": 2,
    "age_years": 83,
    "day_of_stay": 9,
    "standard_reached_day": 12,
    "standard_reached_on": "2025-03-15",
    "dearest_day_date": "2025-03-07",
    "mean_stay_days": "10.9",
    "stay_days": 16,
    "drug_min_level": 3,
    "hospital_level": 2,
    "drug_setting": ("inpatient", "inpatient"),
    "claim_type": ("outpatient", "outpatient"),
}


def _shown(name: str, form: str, lang: str) -> str:
    known_value = VALUES.get(name)
    if form == "yuan":
        amount = f"{len(name) * 1234}.{len(name) % 10}0"
        return f"CNY {amount}" if lang == "en" else f"{amount}元"
    if form == "percent":
        return f"{40 + len(name)}%"
    if isinstance(known_value, tuple):
        return str(known_value[lang == "en"])
    return str(known_value if known_value is not None else 20 + len(name))


def finding(rule_id: str) -> dict[str, Any]:
    """A finding as a plan tells it, in the words of the check."""
    rule = ruleset()[rule_id]
    both: dict[str, str] = {}
    facts: dict[str, Any] = {}
    for lang, text in (("zh", rule.finding.zh), ("en", rule.finding.en)):
        for name, form in template.names(text):
            shown = _shown(name, form, lang)
            text = text.replace("{" + name + (f":{form}" if form else "") + "}", shown)
            if not form:
                facts.setdefault(name, VALUES.get(name, shown))
        both[lang] = text
    facts = {name: v[0] if isinstance(v, tuple) else v for name, v in facts.items()}
    return {
        "finding_id": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
        "rule_id": rule_id,
        "rule_sha256": "0" * 64,
        "name": {"zh": rule.name.zh, "en": rule.name.en},
        "severity": str(rule.severity),
        "unit": str(rule.unit),
        "subject_id": ORDER_ID,
        "when": "now",
        "finding": both,
        "action": {"zh": rule.action.zh, "en": rule.action.en},
        "facts": facts,
        "thresholds": {},
    }


def stream_suggestion(rule_id: str) -> dict[str, Any]:
    """A suggestion as the order stream tells it."""
    told = finding(rule_id)
    rule = ruleset()[rule_id]
    return {
        **PERSON,
        "suggestion_id": "5a" * 16,
        "subject": "order",
        "subject_id": ORDER_ID,
        "cause": rule.cause,
        "indicator": "warning",
        "summary": {
            lang: shorten(text, told["name"][lang]) for lang, text in told["finding"].items()
        },
        "detail": {
            "zh": told["finding"]["zh"] + "\n" + rule.why.zh,
            "en": told["finding"]["en"] + "\n" + rule.why.en,
        },
        "action": told["action"],
        "evidence": [
            {
                "decision_id": "d4" * 16,
                "rule_id": rule_id,
                "rule_sha256": "0" * 64,
                "severity": told["severity"],
                "finding": told["finding"],
                "facts": told["facts"],
                "thresholds": {},
            }
        ],
        "changes": [],
    }


def plan_suggestion() -> dict[str, Any]:
    """A suggestion of a plan that stops one of two orders."""
    return {
        "suggestion_id": "5b" * 16,
        "kind": "stop_earlier",
        "rule_ids": ["ORD-011"],
        "order_id": ORDER_ID,
        "item_code": "S-0901002",
        "at": "2025-03-05T08:00:00+08:00",
        "text": {
            "zh": f"如为换药或重复：停用较早的医嘱{ORDER_ID}（注射用头孢曲松钠1g），本医嘱继续。",
            "en": f"If this replaces it: stop the earlier order {ORDER_ID} (注射用头孢曲松钠1g); this one goes on.",
        },
        "condition": {
            "zh": "确需并用的请保留并记录理由。",
            "en": "If both are meant, keep both and note why.",
        },
        "basis": [],
        "before": {},
        "after": {},
        "actions": [
            {"type": "stop", "order_id": ORDER_ID, "order": {"item_name": "注射用头孢曲松钠1g"}}
        ],
    }


@cache
def ruleset() -> rules.RuleSet:
    return rules.load()


@cache
def names() -> Names:
    return known()


def judged() -> Iterator[str]:
    """The checks that cards come from: those of orders, and those of stays that read the outlook."""
    for rule_id in ruleset().ids:
        if rule_id.startswith(("ORD-", "CST-")):
            yield rule_id


@cache
def cards(lang: str) -> tuple[Facts, ...]:
    """The facts of cards of every kind in a language."""
    found: list[Facts] = []
    for rule_id in judged():
        both = (stream_suggestion(rule_id), finding(rule_id))
        found += [facts_of(told, lang, names()) for told in both]
    found.append(facts_of(plan_suggestion(), lang, names()))
    return tuple(found)
