"""Cards of a plan: what of it is said at which moment, in both languages, before anybody is shown it.

A card says one thing: the findings of one cause on one order, where the cost is heading, what the record
still lacks. What makes two cards the same (``suggestion_key``) and what they rest on (``digest``) leave out
numbers that move with every event: a stay that costs a little more today is not news.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from domain import cds
from domain.cards import Card, CardSuggestion
from domain.results import Severity, identifier
from streaming.cds.markdown import escape, listed, paragraphs, titled
from streaming.plans import texts

Json = Mapping[str, Any]
Both = dict[str, str]

LANGUAGES: Final = ("zh", "en")
NAMESPACE: Final = uuid.UUID("5b0b0a4e-9d0e-5e0c-8c6f-9a6a5b1d7c11")
"""Of our card ids: the same call proposes the same ids, so that a call made again gets the same answer."""
LIKELY: Final = 0.5
"""From this probability on the stay is said to be heading over its standard (docs/projection.md)."""
MOST_LISTED: Final = 8
"""Lines of a list in a card; more are on the ward's page."""
MOST_DRIVERS: Final = 3
_WARN_FROM: Final = Severity.MEDIUM
_QUESTIONS: Final = (
    ("documentation", ("documentation", "evidence")),
    ("special-case", ("special_case",)),
    ("discharge", ("discharge",)),
)
"""Topic -> kinds of the plan's questions that a card of it asks."""

_SUMMARY: Final[Mapping[str, tuple[str, str]]] = {
    "documentation": ("出院前还有{n}项记录或依据待补充", "{n} records or grounds to complete before discharge"),
    "special-case": ("本次住院可考虑申请特例单议", "This stay may be filed for a special-case review"),
    "discharge": ("出院前有{n}个问题待确认", "{n} questions to answer before discharge"),
}  # fmt: skip
_ALWAYS: Final = frozenset({texts.FOLLOW_UP[1], texts.DECIDE[1]})
_CARE: Final = {
    "zh": "费用仅供参考，不影响必要的诊疗；未记录的诊断与操作不得编码。",
    "en": "Cost is for information: needed care goes on, and what the record does not document is not coded.",
}
_HEADS: Final = {
    "found": {"zh": "发现", "en": "Found"},
    "why": {"zh": "原因", "en": "Why"},
    "do": {"zh": "建议", "en": "What to do"},
    "ways": {"zh": "可选做法", "en": "Ways to comply"},
    "basis": {"zh": "依据", "en": "Basis"},
    "drivers": {"zh": "费用构成前列", "en": "Largest parts of the cost"},
    "open": {"zh": "未处理的建议", "en": "Suggestions still open"},
}


@dataclass(frozen=True, slots=True)
class Moment:
    """The call that cards are made for: its hook and instance, who asks, when."""

    hook: str
    instance: str
    client: str
    physician_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Proposed:
    """A card as the store offers it, its topic, and the plan's suggestions behind its own by their uuid."""

    card: Card
    topic: str
    ways: Mapping[str, Json] = field(default_factory=dict)


def of_orders(plan: Json, moment: Moment, subjects: Iterable[str]) -> list[Proposed]:
    """One card for the findings of one cause on one of these orders, each with the ways to clear all of them."""
    wanted = set(subjects)
    groups: dict[tuple[str, str], list[Json]] = {}
    for one in plan["findings"]:
        if one["when"] == "now" and one["unit"] == "order" and one["subject_id"] in wanted:
            groups.setdefault((one["subject_id"], one["cause"]), []).append(one)
    return [_of_findings(plan, moment, found, cause) for (_, cause), found in groups.items()]


def of_cost(plan: Json, moment: Moment) -> Proposed | None:
    """The card that the cost is over its standard, or heading there; None if it is not."""
    heading = _heading(plan)
    if heading is None:
        return None
    summary, severity = _cost_line(plan, heading), _of_heading(heading)
    detail = {
        lang: paragraphs(
            [
                escape(summary[lang]),
                titled(_HEADS["drivers"][lang], listed(_drivers(plan, lang))),
                escape(_CARE[lang]),
            ]
        )
        for lang in LANGUAGES
    }
    rules = _cost_rules(plan)
    basis = [heading, (plan["group"] or {}).get("group"), rules]
    card = _card(
        plan, moment, ("cost", plan["stay_id"]), basis, rules, severity, summary, detail
    )  # fmt: skip
    return Proposed(card, "cost")


def of_discharge(plan: Json, moment: Moment) -> list[Proposed]:
    """A card for each topic that the plan has questions about."""
    made = []
    severities = {f["rule_id"]: Severity(f["severity"]) for f in plan["findings"]}
    for topic, kinds in _QUESTIONS:
        asked = [q for q in plan["questions"] if q["kind"] in kinds]
        # What is asked of every discharge is no news: it stands on the ward's page.
        if all(q["text"]["en"] in _ALWAYS for q in asked):
            continue
        rules = tuple(dict.fromkeys(q["rule_id"] for q in asked if q["rule_id"]))
        worst = max((severities.get(r, Severity.LOW) for r in rules), key=lambda s: s.rank, default=Severity.LOW)  # fmt: skip
        zh, en = _SUMMARY[topic]
        summary = {"zh": zh.format(n=len(asked)), "en": en.format(n=len(asked))}
        if len(asked) == 1:
            summary = {lang: _short(asked[0]["text"][lang], summary[lang]) for lang in LANGUAGES}
        detail = {
            lang: paragraphs(
                [
                    listed(_limited([escape(q["text"][lang]) for q in asked], lang)),
                    titled(_HEADS["basis"][lang], listed(_basis(asked, lang))),
                ]
            )
            for lang in LANGUAGES
        }
        basis = sorted([q["kind"], q["rule_id"] or "", q["subject_id"] or ""] for q in asked)
        key = (topic, plan["stay_id"])
        card = _card(plan, moment, key, basis, rules, worst, summary, detail)
        made.append(Proposed(card, topic))
    return made


def of_patient(plan: Json, moment: Moment) -> Proposed | None:
    """The one card on opening a record: the cost, if it is over or heading over, and what is still open."""
    heading = _heading(plan)
    open_ones = _one_an_order(plan["suggestions"])
    if heading is None and not open_ones:
        return None
    number = len(open_ones)
    counted = {
        "zh": f"本次住院有{number}条未处理的合规建议",
        "en": f"{number} open suggestion{'' if number == 1 else 's'} for this stay",
    }
    if heading is None:
        summary = counted
    else:
        cost = _cost_line(plan, heading)
        joined = {"zh": f"{cost['zh']}；{counted['zh']}", "en": f"{cost['en']}; {counted['en']}"}
        summary = {n: _short(joined[n], cost[n]) if number else cost[n] for n in LANGUAGES}
    detail = {
        lang: paragraphs(
            [
                titled(
                    _HEADS["open"][lang],
                    listed(_limited(list(dict.fromkeys(_way(s, lang) for s in open_ones)), lang)),
                ),
                titled(_HEADS["drivers"][lang], listed(_drivers(plan, lang))) if heading else "",
                escape(_CARE[lang]),
            ]
        )
        for lang in LANGUAGES
    }
    found = {f["finding_id"]: Severity(f["severity"]) for f in plan["findings"]}
    severities = [found[i] for s in open_ones for i in s["finding_ids"] if i in found]
    if heading is not None:
        severities.append(_of_heading(heading))
    worst = max(severities, key=lambda s: s.rank, default=Severity.LOW)
    rules = tuple(dict.fromkeys([r for s in open_ones for r in s["rule_ids"]] + list(_cost_rules(plan) if heading else ())))  # fmt: skip
    basis = [heading, sorted([s["kind"], s["order_id"] or "", s["item_code"] or ""] for s in open_ones)]  # fmt: skip
    card = _card(
        plan, moment, ("overview", plan["stay_id"]), basis, rules, worst, summary, detail
    )  # fmt: skip
    return Proposed(card, "cost" if heading is not None and not number else "order")


def _of_findings(plan: Json, moment: Moment, found: Sequence[Json], cause: str) -> Proposed:
    found = sorted(found, key=lambda f: (-Severity(f["severity"]).rank, f["rule_id"]))
    first, ids = found[0], {f["finding_id"] for f in found}
    # A way is offered only if it clears all that the card speaks of.
    ways = [s for s in plan["suggestions"] if s["finding_ids"] and ids <= set(s["finding_ids"])]
    key = (cause, first["subject_id"])
    detail = {
        lang: paragraphs(
            [
                titled(_HEADS["found"][lang], listed(escape(f["finding"][lang]) for f in found)),
                titled(_HEADS["why"][lang], escape(first["why"][lang])),
                titled(
                    _HEADS["do"][lang],
                    listed(dict.fromkeys(escape(f["action"][lang]) for f in found)),
                ),
                titled(_HEADS["ways"][lang], listed(_way(s, lang) for s in ways)),
                titled(_HEADS["basis"][lang], listed(_basis([*found, *ways], lang))),
            ]
        )
        for lang in LANGUAGES
    }
    summary = {n: _short(first["finding"][n], first["name"][n]) for n in LANGUAGES}
    basis = [
        [[f["rule_id"], f["rule_sha256"], f["thresholds"], _names(f["facts"])] for f in found],
        sorted([s["kind"], s["order_id"] or "", s["item_code"] or ""] for s in ways),
    ]
    rules = tuple(dict.fromkeys(f["rule_id"] for f in found))
    card = _card(
        plan, moment, key, basis, rules, Severity(first["severity"]), summary, detail, ways
    )
    return Proposed(
        card, "order", dict(zip((s.suggestion_id for s in card.suggestions), ways, strict=True))
    )


def _card(  # noqa: PLR0917
    plan: Json,
    moment: Moment,
    key: tuple[str, str],
    basis: Any,
    rule_ids: Sequence[str],
    severity: Severity,
    summary: Both,
    detail: Both,
    ways: Sequence[Json] = (),
) -> Card:
    suggestion_key = identifier("card", plan["stay_id"], *key)
    digest = hashlib.sha256(msgspec.json.encode(basis, order="sorted")).hexdigest()[:32]
    card_id = _uuid(moment.client, moment.instance, suggestion_key, digest)
    return Card(
        card_id=card_id,
        stay_id=plan["stay_id"],
        provider_id=plan["provider_id"],
        physician_id=moment.physician_id,
        department=plan["department"],
        hook=moment.hook,
        suggestion_key=suggestion_key,
        digest=digest,
        rule_ids=tuple(rule_ids),
        severity=severity,
        indicator="warning" if severity.rank >= _WARN_FROM.rank else "info",
        summary=summary,
        detail=detail,
        created_at=moment.at,
        suggestions=tuple(
            CardSuggestion(_uuid(card_id, s["suggestion_id"]), dict(s["text"]), s["kind"])
            for s in ways
        ),
        effect_fen=_effect(ways),
    )


def _uuid(*parts: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(parts)))


def _effect(ways: Sequence[Json]) -> int:
    """How much the best way is expected to change the stay's cost; it only orders cards."""
    changes = [
        abs(s["before"]["projected_fen"] - s["after"]["projected_fen"])
        for s in ways
        if None not in (s["before"]["projected_fen"], s["after"]["projected_fen"])
    ]
    return max(changes, default=0)


def _names(facts: Json) -> dict[str, str]:
    """The facts that are names: numbers, days and yes-or-no move with the stay."""
    return {name: value for name, value in facts.items() if isinstance(value, str)}


def _heading(plan: Json) -> str | None:
    """``over``, ``likely`` or nothing: where the cost stands against the standard."""
    cost = plan["cost"]
    if cost["standard_fen"] is None:
        return None
    if cost["running_fen"] > cost["standard_fen"]:
        return "over"
    probability = cost["probability_over_standard"]
    return "likely" if probability is not None and probability >= LIKELY else None


def _of_heading(heading: str) -> Severity:
    return Severity.MEDIUM if heading == "over" else Severity.LOW


def _cost_line(plan: Json, heading: str) -> Both:
    cost, currency = plan["cost"], plan["currency"]
    standard, running = (_money(cost[n], currency) for n in ("standard_fen", "running_fen"))
    if heading == "over":
        return {
            "zh": f"费用{running['zh']}已超支付标准{standard['zh']}",
            "en": f"Cost {running['en']} is over the standard {standard['en']}",
        }
    if cost["projected_fen"] is None:
        return {
            "zh": f"费用{running['zh']}，可能超过支付标准{standard['zh']}",
            "en": f"Cost {running['en']} may come to exceed the standard {standard['en']}",
        }
    ends = _money(cost["projected_fen"], currency)
    return {
        "zh": f"费用{running['zh']}，预计达{ends['zh']}，支付标准{standard['zh']}",
        "en": f"Cost {running['en']}, heading for {ends['en']}; the standard is {standard['en']}",
    }


def _cost_rules(plan: Json) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            f["rule_id"]
            for f in plan["findings"]
            if f["unit"] == "stay" and f["when"] == "now" and f["rule_id"].startswith("CST-")
        )
    )


def _drivers(plan: Json, lang: str) -> list[str]:
    return [
        f"{escape(c['name'][lang])} {_money(c['amount_fen'], plan['currency'])[lang]}"
        for c in plan["drivers"]["categories"][:MOST_DRIVERS]
    ]


def _money(fen: int, currency: str) -> Both:
    whole = f"{Decimal(fen) / 100:,.0f}"
    return (
        {"zh": f"{whole}元", "en": f"{whole} yuan"}
        if currency == "CNY"
        else {"zh": f"{whole} {currency}", "en": f"{whole} {currency}"}
    )


def _way(suggestion: Json, lang: str) -> str:
    """A way to comply with the condition under which it is one: neither stands without the other."""
    return f"{escape(suggestion['text'][lang])} {escape(suggestion['condition'][lang])}"


def _one_an_order(suggestions: Sequence[Json]) -> list[Json]:
    """Of several ways to clear the same findings the first: they are one open matter."""
    seen: dict[tuple[str, ...], Json] = {}
    for one in suggestions:
        seen.setdefault(tuple(one["finding_ids"]) or (one["suggestion_id"],), one)
    return list(seen.values())


def _basis(parts: Iterable[Json], lang: str) -> list[str]:
    unverified = {"zh": "（未核对原文）", "en": " (text not checked)"}[lang]
    told = {}
    for part in parts:
        for one in part.get("basis") or ():
            text = f"{escape(one['document'])} {escape(one['clause'])}"
            told[text] = text + (unverified if one.get("unverified") else "")
    return _limited(list(told.values()), lang)


def _limited(lines: list[str], lang: str) -> list[str]:
    if len(lines) <= MOST_LISTED:
        return lines
    more = len(lines) - MOST_LISTED
    return [*lines[:MOST_LISTED], f"另有{more}项" if lang == "zh" else f"{more} more"]


def _short(text: str, name: str) -> str:
    """The text if it fits on a card, else its name, cut if even that is too long."""
    return text if len(text) <= cds.SUMMARY_LENGTH else name[: cds.SUMMARY_LENGTH]
