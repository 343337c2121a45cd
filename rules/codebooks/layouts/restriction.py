"""Restrictions of payment in words (限制支付): what they limit, or that they are not understood."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from rules.codebooks.layouts.layout import NotTakenError

_FILLERS: Final = re.compile(
    r"(?:限|仅限|仅|用于|治疗|的|及其|及|或|和|与|并|伴有|合并|患者|病人|时|有|明确|诊断|确诊|临床|使用|支付|适应症|适应证|发作|并发|引起|所致|、|,|:)"
)
_CHINESE: Final = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}  # fmt: skip
_LEVEL: Final = re.compile(
    r"(?:限|仅限)?(二|三|2|3)级(?:及|和)?(?:以上|及以上)?(?:定点)?(?:医疗机构|医院)?(?:使用|支付|住院)?"
)
_COURSE: Final = re.compile(
    r"(?:限|每次住院|每次|单次|疗程|治疗|使用|支付|累计|最多|最长|不超过|不得超过|限支付|时间|期)*(\d{1,3}|[一二两三四五六七八九十])(天|日|周)(?:内|以内|的?疗程)?(?:支付|使用)?"
)
_AGE: Final = re.compile(r"(?:限|仅限)?(\d{1,3})(?:周?岁)(及以上|以上|含以上|以下|及以下)(?:的?(?:患者|儿童|人群))?(?:使用|支付)?")  # fmt: skip
_PEOPLE: Final[Mapping[str, Mapping[str, str]]] = {
    "限男性": {"sex": "1"},
    "限男性患者": {"sex": "1"},
    "限女性": {"sex": "2"},
    "限女性患者": {"sex": "2"},
    "限儿童": {"max_age_years": "17"},
    "限儿童患者": {"max_age_years": "17"},
    "限成人": {"min_age_years": "18"},
    "限住院": {"setting": "inpatient"},
    "限住院使用": {"setting": "inpatient"},
    "限住院患者": {"setting": "inpatient"},
    "限门诊": {"setting": "outpatient"},
    "限门诊使用": {"setting": "outpatient"},
}


@dataclass(frozen=True, slots=True)
class Restriction:
    """What a restriction says: cells of ``drugs.csv``, and the starts of payable diagnoses."""

    limits: Mapping[str, str] = field(default_factory=dict)
    diagnoses: tuple[str, ...] = ()


def understand(text: str, words: Mapping[str, tuple[str, ...]]) -> Restriction:
    """The restriction of a remark; NotTakenError names the first part that is not understood.

    Every part between full stops and semicolons must be understood whole: half a
    restriction would refuse, or allow, what the list does not.
    """
    said = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).rstrip("。.;")
    limits: dict[str, str] = {}
    found: list[str] = []
    for part in [p for p in re.split(r"[。;]|(?<!\d)[.]", said) if p]:
        for clause in _clauses(part):
            read = _limit(clause)
            if read is not None:
                for column, value in read.items():
                    if limits.setdefault(column, value) != value:
                        raise NotTakenError(
                            f"the restriction says two things of {column}: {text!r}"
                        )
                continue
            starts = _conditions(clause, words)
            if starts is None:
                raise NotTakenError(f"the restriction {clause!r} is not understood")
            found.extend(s for s in starts if s not in found)
    return Restriction(limits, tuple(found))


def _clauses(part: str) -> list[str]:
    """A part as a whole if it is understood so, else cut at its commas."""
    if "," not in part:
        return [part]
    return [clause for clause in part.split(",") if clause]


def _limit(clause: str) -> dict[str, str] | None:
    plain = clause if clause.startswith("限") else "限" + clause.removeprefix("仅限")
    if plain in _PEOPLE:
        return dict(_PEOPLE[plain])
    if match := _LEVEL.fullmatch(clause):
        level = {"二": "2", "三": "3"}.get(match[1], match[1])
        return {"min_level": level}
    if match := _AGE.fullmatch(clause):
        years = int(match[1])
        if match[2] == "以下":
            return {"max_age_years": str(years - 1)} if years else None
        return {"max_age_years" if match[2] == "及以下" else "min_age_years": str(years)}
    if match := _COURSE.fullmatch(clause):
        count = int(match[1]) if match[1].isdigit() else _CHINESE[match[1]]
        return {"course_days": str(count * (7 if match[2] == "周" else 1))}
    return None


def _conditions(clause: str, words: Mapping[str, tuple[str, ...]]) -> list[str] | None:
    """The starts of the conditions that a clause names; None if a word of it is not known."""
    rest, found = clause, list[str]()
    for word in sorted(words, key=len, reverse=True):
        if word in rest:
            rest = rest.replace(word, "、")
            found.extend(words[word])
    return found if found and not _FILLERS.sub("", rest) else None
