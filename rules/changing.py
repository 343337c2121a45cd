"""Another value of a parameter: whether it may be, and the check as it would be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from domain.proposals import Fault, Number, ParameterValue, parse_number
from rules import cases
from rules.compiled import Compiled, compile_rule
from rules.form import REGION
from rules.overlay import lay_values
from rules.rule import DEFAULT_REGION, Param, Rule, Status
from rules.ruleset import RuleSet

LARGEST: Final = 10**12
"""Beyond any threshold: ten milliards of yuan in fen."""


def value_before(param: Param, region: str, since: date) -> Number | None:
    """The value that holds on that day in the region as things are: its own, or that of a wider one."""
    return param.value(region or None, since)


def check_change(  # noqa: PLR0917
    ruleset: RuleSet, rule_id: str, name: str, region: str, since: date, text: str, today: date
) -> tuple[list[Fault], ParameterValue | None]:
    """What speaks against a value, or the value; the rule set holds all that is in force.

    The day lies after today and after every day on which a value of the region begins; the value
    is of the parameter's kind and within its bounds; the check still compiles, and each of its
    cases still holds that is not dated where the value would hold.
    """
    try:
        rule = ruleset[rule_id]
    except KeyError:
        return [_fault("rule_id", "没有这项检查。", f"No check is named {rule_id}.",
                       "请从检查项目录中选择。", "Take an id from the catalogue.")], None  # fmt: skip
    param = rule.params.get(name)
    if param is None:
        return [_no_parameter(rule, name)], None
    value = parse_number(text)
    faults = [
        *_of_region(region),
        *_of_day(rule, param, region, since, today),
        *_of_value(param, region, since, text, value),
    ]
    if faults or value is None:
        return faults, None
    change = ParameterValue(rule_id, name, region, since, value)
    faults = list(_of_cases(rule, change))
    return faults, None if faults else change


def check_tried(rule: Rule, name: str, region: str, text: str) -> tuple[list[Fault], Number | None]:
    """What speaks against trying a value in a backtest, or the value; no day is asked for."""
    param = rule.params.get(name)
    if param is None:
        return [_no_parameter(rule, name)], None
    value = parse_number(text)
    faults = [*_of_region(region), *_of_kind(param, text, value)]
    return faults, None if faults else value


def with_tried(ruleset: RuleSet, rule_id: str, tried: Sequence[tuple[str, str, Number]]) -> RuleSet:
    """The rule set in which values (parameter, region, value) hold on every day."""
    rule = ruleset[rule_id]
    params = dict(rule.params)
    for name, region, value in tried:
        param = params[name]
        params[name] = replace(param, values={**param.values, region: ((date(1900, 1, 1), value),)})
    changed = replace(rule, params=params)
    return replace(
        ruleset, rules=tuple(changed if one.id == rule_id else one for one in ruleset.rules)
    )


def _no_parameter(rule: Rule, name: str) -> Fault:
    known = ", ".join(rule.params) or "none"
    return _fault(
        "parameter", f"该检查没有参数 {name}。", f"{rule.id} has no parameter {name}.",
        f"它的参数：{known}。", f"It has: {known}.",
    )  # fmt: skip


def _of_region(region: str) -> Iterator[Fault]:
    if region != DEFAULT_REGION and not REGION.match(region):
        yield _fault(
            "region", f"地区 {region} 不是区划代码。", f"The region {region} is no region code.",
            "请填写区划代码的前两位至十二位，如 330100；不填则为默认值。",
            "Write the start of a region code, such as 330100, or nothing for the default.",
        )  # fmt: skip


def _of_day(rule: Rule, param: Param, region: str, since: date, today: date) -> Iterator[Fault]:
    last = max((day for day, _ in param.values.get(region, ())), default=None)
    if since <= today:
        yield _fault(
            "since", f"起始日期 {since} 不晚于今天（{today}）。",
            f"The day {since} is not after today ({today}).",
            "请填写明天或以后的日期：已经生效的取值不作更改。",
            "Name a day from tomorrow on: a value that has been in force is never edited.",
        )  # fmt: skip
    elif last is not None and since <= last:
        yield _fault(
            "since", f"该地区自 {last} 起已有取值。", f"The region already has a value from {last}.",
            "请填写更晚的日期：更改只增加日期，不改动已有日期。",
            "Name a later day: a change adds a date and never edits one.",
        )  # fmt: skip
    if rule.status is Status.RETIRED or (rule.until is not None and since >= rule.until):
        yield _fault(
            "since", "该检查届时已停用。", "The check is no longer in force then.",
            "停用的检查不再更改参数。", "A check that has ended is not changed.",
        )  # fmt: skip


def _of_value(
    param: Param, region: str, since: date, text: str, value: Number | None
) -> Iterator[Fault]:
    kind = list(_of_kind(param, text, value))
    yield from kind
    if not kind and value == value_before(param, region, since):
        yield _fault(
            "value", "与届时的取值相同。", "It is the value that would hold anyway.",
            "请填写另一个取值。", "Write another value.",
        )  # fmt: skip


def _of_kind(param: Param, text: str, value: Number | None) -> Iterator[Fault]:
    if value is None:
        yield _fault(
            "value", f"{text[:32]!r} 不是数值。", f"{text[:32]!r} is no number.",
            "请填写 15 或 0.30 形式的数值，小数最多六位。",
            "Write a number such as 15 or 0.30, with at most six decimal places.",
        )  # fmt: skip
        return
    held: list[Number] = [number for dated in param.values.values() for _, number in dated]
    if all(isinstance(number, int) for number in held) and isinstance(value, Decimal):
        yield _fault(
            "value", "该参数只取整数。", "The parameter takes whole numbers.",
            f"请填写整数（单位：{param.unit}）。", f"Write a whole number ({param.unit}).",
        )  # fmt: skip
    # The few thresholds below zero (a fall) stay there, all others at or above it.
    below = any(number < 0 for number in held)
    if (value < 0) is not below and value != 0:
        yield _fault(
            "value", "正负号与现有取值不同。", "Its sign is not that of the present values.",
            f"现有取值：{held[-1]}。", f"The present value is {held[-1]}.",
        )  # fmt: skip
    elif param.unit == "share" and not -1 <= value <= 1:
        yield _fault(
            "value", "比例应在 0 与 1 之间。", "A share lies between 0 and 1.",
            "30 % 请写作 0.30。", "Write 30 % as 0.30.",
        )  # fmt: skip
    elif not -LARGEST <= value <= LARGEST:
        yield _fault(
            "value", "数值过大。", "The value is too large.",
            f"请填写不大于 {LARGEST} 的数值。", f"Write at most {LARGEST}.",
        )  # fmt: skip


def _of_cases(rule: Rule, change: ParameterValue) -> Iterator[Fault]:
    (changed,) = lay_values([rule], [change])
    made = compile_rule(changed)
    if not isinstance(made, Compiled):
        for problem in made:
            yield _fault("value", problem.message, problem.message, problem.cure, problem.cure)
        return
    for outcome in cases.run(made):
        case = outcome.case
        touched = case.date >= change.since and (case.region or "").startswith(change.region)
        if not outcome.held and not touched:
            yield _fault(
                "value", f"用例“{case.it}”不再成立。", f"The case {case.it!r} no longer holds.",
                "该取值改变了不应受影响的判定，请联系规则维护者。",
                "The value changes a judgement that it should not touch: ask whoever keeps the checks.",
            )  # fmt: skip


def _fault(field: str, zh: str, en: str, cure_zh: str, cure_en: str) -> Fault:
    return Fault(field, zh, en, cure_zh, cure_en)
