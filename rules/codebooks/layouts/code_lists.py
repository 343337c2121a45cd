"""Lists of codes: diagnoses that are grey or no principal ones, procedures, day surgery."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from rules.codebooks.layouts.layout import (
    Cells,
    Field,
    Given,
    Layout,
    Made,
    NothingToSayError,
    NotTakenError,
    code_start,
    marked,
    needed,
    plain_code,
    plain_name,
    several,
)

_DIAGNOSES, _PROCEDURES = "ICD-10-CN", "ICD-9-CM-3-CN"
_LEVELS: Final = {"一级": "1", "二级": "2", "三级": "3", "四级": "4", "1": "1", "2": "2", "3": "3", "4": "4", "1级": "1", "2级": "2", "3级": "3", "4级": "4"}  # fmt: skip


def _forbidden(row: Cells) -> bool:
    """Whether a row says that its code is grey or no principal diagnosis."""
    return marked(row, "grey") or _never_principal(row)


def _never_principal(row: Cells) -> bool:
    if "principal" in row and row["principal"].strip():
        return not marked(row, "principal")
    return marked(row, "not_principal")


def _marks(row: Cells) -> tuple[str, bool]:
    return plain_code(row.get("code", "")), _forbidden(row)


def _diagnosis(row: Cells, given: Given) -> Sequence[Made]:
    code = code_start(needed(row, "code", "the code"))
    if not re.match(r"[A-Z]\d", code):
        raise NotTakenError(f"{code!r} is no code of a diagnosis")
    grey, never = marked(row, "grey"), _never_principal(row)
    if not grey and not never:
        raise NothingToSayError("the code may be used, and be the principal diagnosis")
    whole = plain_code(code)
    freer = _first_freer(whole, given)
    if freer:
        raise NotTakenError(
            f"{code} is the start of {freer}, which is not marked: our table goes by the start of a code"
        )
    meanings = [*(["grey"] if grey else []), "unacceptable_principal"]
    return [
        Made("diagnoses", {"meaning": m, "system": _DIAGNOSES, "prefix": code}) for m in meanings
    ]


def _first_freer(code: str, given: Given) -> str:
    """The first code of the file that begins with this one, is another, and is not marked; or empty."""
    for place in range(bisect_right(given.ordered, code), len(given.ordered)):
        other = given.ordered[place]
        if not other.startswith(code):
            break
        if not given.codes[other]:
            return other
    return ""


def _procedure(row: Cells, given: Given) -> Sequence[Made]:
    code = code_start(needed(row, "code", "the code"))
    if not re.match(r"\d\d", code):
        raise NotTakenError(f"{code!r} is no code of a procedure")
    name = needed(row, "name", "the name")
    made: list[Made] = []
    level = plain_name(row.get("level", "")).removesuffix("手术").strip("-—/")
    if level:
        if level not in _LEVELS:
            raise NotTakenError(f"the level {row['level']!r} is none of 一级 to 四级")
        plain = plain_code(code)
        starts = (plain[:length] for length in range(len(plain), 0, -1))
        anaesthesia = next((given.levels[s] for s in starts if s in given.levels), False)
        made.append(
            Made("operations", {"prefix": code, "name_zh": name, "name_en": name, "level": _LEVELS[level],
                                "anaesthesia": "true" if anaesthesia else "false"})
        )  # fmt: skip
    if marked(row, "day"):
        made.append(
            Made(
                "day_surgery",
                {"system": _PROCEDURES, "prefix": code, "name_zh": name, "name_en": name},
            )
        )
    for mark in ("interventional", "minimal", "grey"):
        marked(row, mark)  # understood, though no table takes it
    if not made:
        raise NothingToSayError("neither a level nor day surgery is given")
    return made


def _day_surgery(row: Cells, given: Given) -> Sequence[Made]:
    name = needed(row, "name", "the name")
    codes = several(needed(row, "procedures", "the code of the operation"))
    if wrong := [c for c in codes if not re.match(r"\d\d", c)]:
        raise NotTakenError(f"{wrong[0]!r} is no code of a procedure")
    diagnoses = several(row.get("diagnoses", ""))
    return [
        Made("day_surgery", {"system": _PROCEDURES, "prefix": code, "name_zh": name, "name_en": name,
                             "diagnoses": " ".join(diagnoses)})
        for code in codes
    ]  # fmt: skip


ALL: Final = (
    Layout(
        "diagnosis-codes", "疾病诊断分类与代码（灰码、不可作主诊）", "ICD-10 insurance edition 2.0 with its grey codes and codes that are no principal diagnosis",
        (
            Field("code", ("诊断代码", "疾病诊断代码", "医保诊断代码", "诊断编码", "疾病编码", "ICD编码", "编码", "代码"), required=True, meaning="code"),
            Field("name", ("诊断名称", "疾病诊断名称", "疾病名称", "名称"), meaning="name"),
            Field("grey", ("灰码", "是否灰码", "灰码标识", "灰码标志"), meaning="marked: not for settlement"),
            Field("principal", ("可否作为主要诊断", "可作主诊", "可做主诊", "是否可作为主要诊断", "可作为主要诊断"), meaning="no: not a principal diagnosis"),
            Field("not_principal", ("不可作为主要诊断", "不可作主诊", "不可做主诊", "不作为主要诊断", "主要诊断不可用"), meaning="marked: not a principal diagnosis"),
        ),
        ("diagnoses",), _diagnosis,
        assumed=(
            "one code a row; a file of grey codes only may lack the column if --set grey=是 is given",
            "a grey code may not be a principal diagnosis either",
            "a mark is 是, Y, 1, √; empty, 否, N, 0 are none",
        ),
        untaken=("chapter, section, category names", "grey codes are kept (meaning grey), but no check reads that meaning yet"),
        marks=_marks,
    ),
    Layout(
        "procedure-codes", "手术操作分类与代码", "ICD-9-CM-3 insurance edition with its flags",
        (
            Field("code", ("手术操作代码", "手术操作编码", "手术代码", "手术编码", "医保手术操作代码", "编码", "代码"), required=True, meaning="code"),
            Field("name", ("手术操作名称", "手术名称", "名称"), required=True, meaning="name"),
            Field("kind", ("手术操作类型", "操作类型", "类别", "手术类别"), meaning="operation, therapeutic, diagnostic"),
            Field("level", ("手术级别", "手术分级", "级别", "手术等级"), meaning="一级 to 四级"),
            Field("day", ("日间手术", "是否日间手术", "日间", "日间手术标识"), meaning="marked: day surgery"),
            Field("interventional", ("介入", "介入治疗", "是否介入", "介入标识"), meaning="marked: interventional"),
            Field("minimal", ("微创", "微创手术", "是否微创", "微创标识"), meaning="marked: minimally invasive"),
            Field("grey", ("灰码", "是否灰码", "灰码标识"), meaning="marked: not for settlement"),
        ),
        ("operations", "day_surgery"), _procedure,
        assumed=("anaesthesia is that of the longest start in operations.csv, else not asked for", "codes are written with their dot, as on claims or without"),
        untaken=("手术操作类型", "介入 and 微创 flags", "灰码 of procedures"),
    ),
    Layout(
        "day-surgery", "日间手术病种目录", "a list of day surgery",
        (
            Field("number", ("序号", "编号"), meaning="number in the list"),
            Field("name", ("病种名称", "手术名称", "手术操作名称", "日间手术名称", "名称", "病种"), required=True, meaning="name"),
            Field("procedures", ("手术编码", "手术代码", "手术操作编码", "手术操作代码", "ICD9编码", "ICD9CM3编码", "ICD9CM3"), required=True, meaning="codes of the operation"),
            Field("diagnoses", ("诊断编码", "诊断代码", "疾病编码", "主要诊断编码", "ICD10编码", "ICD10"), meaning="codes of the principal diagnosis"),
        ),
        ("day_surgery",), _day_surgery,
        assumed=("several codes of a cell are separated by blanks, commas, semicolons or strokes",),
        untaken=("序号", "付费标准, 住院时限"),
    ),
)  # fmt: skip
"""The layouts of this module."""
