"""Says the conditions of a pack in words, in Chinese and English."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import polars as pl

from domain import codes
from drg.schemes.conditions import LIST_TESTS
from drg.schemes.layout import OPERATING
from drg.schemes.scheme import Scheme, SchemeError

Language = Literal["zh", "en"]
"""A language of texts for people."""

_TESTS: Final[dict[str, tuple[str, str]]] = {
    "principal_diagnosis": ("主要诊断", "the principal diagnosis"),
    "any_diagnosis": ("任一诊断", "a diagnosis"),
    "other_diagnosis": ("任一其他诊断", "a secondary diagnosis"),
    "main_procedure": ("主要手术操作", "the main procedure"),
    "any_procedure": ("任一手术操作", "a procedure"),
    "other_procedure": ("任一其他手术操作", "a further procedure"),
    "body_sites": ("受伤部位数", "the number of injured body sites"),
    "age_years": ("年龄（岁）", "the age in years"),
    "age_days": ("年龄（天）", "the age in days"),
    "birth_weight_g": ("出生体重（克）", "the birth weight in grams"),
    "stay_days": ("住院天数", "the length of stay in days"),
    "icu_hours": ("重症监护小时数", "the hours in intensive care"),
    "sex": ("性别", "the sex"),
    "discharge_way": ("离院方式", "the way of discharge"),
    "department": ("科室", "the department"),
}
_NO_CODE: Final = {
    "any_diagnosis": "no diagnosis",
    "other_diagnosis": "no secondary diagnosis",
    "any_procedure": "no procedure",
    "other_procedure": "no further procedure",
}
_LEVELS: Final = {
    "mcc": ("有严重合并症或并发症（MCC）", "there is a major complication or comorbidity (MCC)"),
    "cc": ("有一般合并症或并发症（CC）", "there is a complication or comorbidity (CC)"),
    "mcc_or_cc": ("有 MCC 或 CC", "there is an MCC or a CC"),
}
_OPS: Final = {
    "<": ("小于", "is less than"),
    "<=": ("不超过", "is at most"),
    ">": ("大于", "is more than"),
    ">=": ("不少于", "is at least"),
    "==": ("等于", "is"),
}
_CODED: Final = {"sex": codes.SEX, "discharge_way": codes.DISCHARGE_WAY}


def describe(
    scheme: Scheme, owner: str, code: str, alternative: int | None, language: Language
) -> str:
    """One alternative of a category (``mdc``), ``adrg`` or ``group`` in words.

    Without a number all alternatives, joined by "or"; where there are no conditions the
    text says that everything is taken. SchemeError for a number that is not there.
    """
    rows = scheme.tables["conditions"].filter((pl.col("owner") == owner) & (pl.col("code") == code))
    if rows.is_empty():
        return ("无条件，全部收入", "no conditions: everything is taken")[language == "en"]
    numbers = sorted(set(rows["alternative"])) if alternative is None else [alternative]
    said = []
    for number in numbers:
        own = rows.filter(pl.col("alternative") == number).select("test", "op", "value")
        if own.is_empty():
            raise SchemeError(
                f"{owner} {code} has no alternative {number}",
                where=str(scheme.folder / "conditions.csv"),
                cure=f"Use one of {', '.join(map(str, sorted(set(rows['alternative']))))}.",
            )
        said.append(say_terms(own.sort(_order(), "op", "value").rows(), language))
    if len(said) == 1:
        return said[0]
    return ("；或者 ", "; or ")[language == "en"].join(said)


def say_terms(terms: Iterable[tuple[str, str, str]], language: Language) -> str:
    """Conditions that must all hold, as test, operator and value, in words."""
    return (" 且 ", " and ")[language == "en"].join(_say(*term, language) for term in terms)


def _order() -> pl.Expr:
    """The order in which a person reads the tests: what it is, then who, then how long."""
    ranks = {test: number for number, test in enumerate((*_TESTS, "complication"))}
    return pl.col("test").replace_strict(ranks, return_dtype=pl.Int32)


def _say(test: str, op: str, value: str, language: Language) -> str:
    english = language == "en"
    if test == "complication":
        return _LEVELS[value][english]
    subject = _TESTS[test][english]
    parts = value.split("|")
    if test in LIST_TESTS:
        return _say_list(test, op, parts, english)
    if test in _CODED or test == "department":
        names = _CODED.get(test, {})
        said = [names[part][english] if part in names else part for part in parts]
        return f"{subject} is {' or '.join(said)}" if english else f"{subject}为{'或'.join(said)}"
    word = _OPS[op][english]
    return f"{subject} {word} {value}" if english else f"{subject}{word} {value}"


def _say_list(test: str, op: str, lists: list[str], english: bool) -> str:
    subject = _TESTS[test][english]
    negated = op == "not_in"
    if not english:
        named = "或".join("手术操作目录" if name == OPERATING else f" {name} " for name in lists)
        named = named.strip() if OPERATING in lists else f"列表{named.rstrip()}"
        if negated and test in _NO_CODE:
            return f"没有{subject.removeprefix('任一')}属于{named}"
        return f"{subject}{'不' if negated else ''}属于{named}"
    named = " or ".join(
        "the operating procedures" if name == OPERATING else f"list {name}" for name in lists
    )
    if negated and test in _NO_CODE:
        return f"{_NO_CODE[test]} is in {named}"
    return f"{subject} is {'not ' if negated else ''}in {named}"
