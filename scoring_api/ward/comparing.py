"""A plan beside the same with changes: the rows of figures, the checks, and a drawing in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scoring_api.pages.formats import format_amount, format_probability
from scoring_api.ward.attention import share

Json = dict[str, Any]
Words = Mapping[str, str]


def rows(compared: Json, words: Words, currency: str) -> list[Json]:
    """What a person compares: name, both values in words, the difference if it is money, and whether it changed."""
    before, after = compared["before"], compared["after"]

    def of_group(plan: Json, name: str) -> Any:
        return (plan["group"] or {}).get(name)

    def money(name: str, was: int | None, will: int | None) -> Json:
        change = None if was is None or will is None or was == will else will - was
        told = None if change is None else format_amount(abs(change), currency)
        return {
            "name": words[name],
            "before": format_amount(was, currency),
            "after": format_amount(will, currency),
            "difference": None if change is None else f"{'+' if change > 0 else '−'}{told}",
            "changed": was != will,
        }

    def text(name: str, was: Any, will: Any, tail: str = "") -> Json:
        def shown(value: Any) -> str:
            return "—" if value in (None, "") else f"{value}{tail}"

        return {
            "name": words[name],
            "before": shown(was),
            "after": shown(will),
            "difference": None,
            "changed": was != will,
        }

    cost, then = before["cost"], after["cost"]
    leaves = next(
        (c["date"] for c in compared["changes"] if c["kind"] == "set_discharge_date"), None
    )
    return [
        text("ward.try.group", of_group(before, "group"), of_group(after, "group")),
        text("ward.try.weight", of_group(before, "weight"), of_group(after, "weight")),
        money("ward.try.standard", cost["standard_fen"], then["standard_fen"]),
        money("ward.try.payment", of_group(before, "payment_fen"), of_group(after, "payment_fen")),
        money("ward.try.cost", cost["running_fen"], then["running_fen"]),
        text(
            "ward.try.share",
            share(cost["running_fen"], cost["standard_fen"]),
            share(then["running_fen"], then["standard_fen"]),
            "%",
        ),
        text("ward.try.pace", cost["pace_percent"], then["pace_percent"], "%"),
        money("ward.try.projected", cost["projected_fen"], then["projected_fen"]),
        text(
            "ward.over",
            format_probability(cost["probability_over_standard"]),
            format_probability(then["probability_over_standard"]),
        ),
        text("ward.try.leave", cost["projected_discharge"], leaves or then["projected_discharge"]),
    ]


def checks(compared: Json) -> list[Json]:
    """The findings of either side: rule_id, name, severity, when, text, and whether it hits before and after."""
    found: dict[tuple[str, str, str], Json] = {}
    for side in ("before", "after"):
        for one in compared[side]["findings"]:
            key = (one["rule_id"], one["subject_id"], one["when"])
            row = found.setdefault(key, {**one, "before": False, "after": False})
            row[side] = True
    return sorted(
        found.values(), key=lambda r: (r["before"] == r["after"], r["when"] != "now", r["rule_id"])
    )


def describe(record: Json, plan: Json, words: Words) -> str:
    """What the drawing of the cost's course says, in a sentence."""
    cost, currency = plan["cost"], str(record["currency"])
    told: Json = {
        "day": record["day_of_stay"],
        "cost": format_amount(cost["running_fen"], currency),
    }
    if cost["projected_fen"] is None or cost["standard_fen"] is None:
        return words["ward.course_alt_short"].format(**told)
    return words["ward.course_alt"].format(
        **told,
        **{
            name: format_amount(cost[f"{name}_fen"], currency)
            for name in ("standard", "projected", "low", "high")
        },
    )
