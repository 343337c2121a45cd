"""Lists of drugs: the national catalogue, key-monitored drugs, grades of antibacterials."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from rules.codebooks.layouts.layout import (
    Cells,
    Field,
    Given,
    Layout,
    Made,
    NothingToSayError,
    NotTakenError,
    needed,
    plain_name,
    several,
)
from rules.codebooks.layouts.restriction import understand

_NAME: Final = Field(
    "name", ("药品名称", "药品通用名", "通用名", "通用名称", "药品通用名称", "中文名称", "医保药品名称", "名称"),
    required=True, meaning="通用名 generic name",
)  # fmt: skip
_CODE: Final = Field(
    "code", ("医保药品代码", "国家医保药品代码", "国家药品代码", "药品代码", "医保编码", "药品编码"),
    meaning="item code as on charge lines; without it drugs are found by name",
)  # fmt: skip
_FORM: Final = Field("form", ("剂型", "药品剂型", "注册剂型"), meaning="剂型 form")
_NUMBER: Final = Field("number", ("编号", "序号", "目录编号"), meaning="number in the list")
_GROUP: Final = Field(
    "group", ("药品分类代码", "分类代码", "药品分类"), meaning="class of the list"
)
_GRADES: Final = {
    "非限制": "non-restricted", "非限制使用": "non-restricted", "非限制使用级": "non-restricted", "非限制级": "non-restricted",
    "限制": "restricted", "限制使用": "restricted", "限制使用级": "restricted", "限制级": "restricted",
    "特殊": "special", "特殊使用": "special", "特殊使用级": "special", "特殊级": "special",
}  # fmt: skip
_CLASSES: Final = {"甲": "01", "甲类": "01", "乙": "02", "乙类": "02", "丙": "03", "丙类": "03", "自费": "03"}  # fmt: skip
_STRENGTH: Final = re.compile(r"\d+(\.\d+)?(万)?(mg|g|ml|μg|ug|mcg|iu|u|单位|l|%|片|粒|支|袋|瓶|丸)(:|/|\*|×|x)?")  # fmt: skip
_FORMS: Final = {
    "injection": ("注射用", "注射液", "注射剂", "粉针剂", "针剂", "氯化钠注射液", "葡萄糖注射液"),
    "oral": ("肠溶片", "缓释片", "控释片", "分散片", "咀嚼片", "口崩片", "泡腾片", "缓释胶囊", "肠溶胶囊",
             "软胶囊", "胶囊", "颗粒", "滴丸", "丸", "口服溶液", "口服液", "干混悬剂", "混悬液", "糖浆", "片",
             "口服常释剂型", "缓释控释剂型", "口服液体剂", "散剂", "合剂"),
    "other": ("滴眼液", "滴眼剂", "眼膏", "乳膏", "软膏", "凝胶", "贴剂", "贴膏", "栓", "栓剂", "吸入剂",
              "雾化液", "吸入溶液", "气雾剂", "喷雾剂", "滴鼻液", "洗剂"),
}  # fmt: skip


def generic_names(name: str) -> tuple[frozenset[str], str]:
    """(names without strength and form, kind of form) of an item or a drug; the kind may be empty.

    There are several where a form may be part of the name: 甲硝唑氯化钠注射液 is 甲硝唑 and
    甲硝唑氯化钠.
    """
    plain = _STRENGTH.sub("", plain_name(name))
    found, kind = {plain}, ""
    for of, forms in _FORMS.items():
        for form in forms:
            if len(plain) > len(form) and plain.startswith(form):
                found.add(plain[len(form) :])
            elif len(plain) > len(form) and plain.endswith(form):
                found.add(plain[: -len(form)])
            else:
                continue
            kind = kind or of
    return frozenset(found), kind


def find_items(row: Cells, given: Given) -> list[str]:
    """The items of the tariff that a row of a list names; NotTakenError if there is none.

    By code where the file has one, else by generic name: equal without strength and form,
    and of the same kind of form where both say it.
    """
    code = row.get("code", "").strip()
    if code:
        codes = re.split(r"[\s、,，;；]+", code)
        strange = [c for c in codes if c not in given.items]
        if strange:
            raise NotTakenError(f"the tariff (items.csv) has no item {strange[0]}")
        return codes
    names, own_kind = generic_names(needed(row, "name", "the name of the drug"))
    form = row.get("form", "")
    kind = own_kind or _kind(form)
    named = _by_name(given)
    found = sorted(
        {
            item
            for name in names
            for item, of in named.get(name, ())
            if not kind or not of or kind == of
        }
    )
    if not found:
        said = f" ({form})" if form else ""
        raise NotTakenError(
            f"the tariff (items.csv) has no item called {row['name'].strip()}{said}"
        )
    return found


def _by_name(given: Given) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Name without strength and form -> (item, kind of form) of all items; made at the first row."""
    if not given.memo:
        for item, called in given.items.items():
            names, kind = generic_names(called)
            for name in names:
                given.memo.setdefault(name, []).append((item, kind))
    return given.memo


def _kind(form: str) -> str:
    plain = plain_name(form)
    for kind, forms in _FORMS.items():
        if any(f in plain or (plain and plain in f) for f in forms):
            return kind
    return ""


def _catalogue(row: Cells, given: Given) -> Sequence[Made]:
    if not any(row.get(f, "").strip() for f in ("class", "form", "code", "remark")):
        raise NothingToSayError("a heading of the list, no drug")
    said = plain_name(row.get("class", ""))
    if said and said not in _CLASSES:
        raise NotTakenError(f"the class {row['class']!r} is none of 甲, 乙, 丙")
    remark = row.get("remark", "").strip().strip("-—/")
    restriction = understand(remark, given.words) if remark and remark not in ("无", "限") else None
    items = find_items(row, given)
    made: list[Made] = []
    for item in items:
        if said:
            made.append(Made("items", {"item_code": item, "insurance_class": _CLASSES[said]}))
        if restriction is not None and restriction.limits:
            made.append(Made("drugs", {"item_code": item, **restriction.limits}))
        if restriction is not None and restriction.diagnoses:
            made.append(
                Made(
                    "drug_indications",
                    {
                        "item_code": item,
                        "purpose": "payable",
                        "prefixes": " ".join(restriction.diagnoses),
                    },
                )
            )
    if not made:
        raise NothingToSayError("the drug has neither class nor restriction")
    return made


def _monitored(row: Cells, given: Given) -> Sequence[Made]:
    items = find_items(row, given)
    listed = several(row.get("diagnoses", ""))
    made = []
    for item in items:
        starts = " ".join(listed) or given.justified.get(item, "")
        if not starts:
            raise NotTakenError(
                f"no diagnosis is known that justifies {item}: give its codes in a column 适应症编码, "
                "or import the drug list first"
            )
        made.append(
            Made(
                "drug_indications",
                {"item_code": item, "purpose": "key_monitored", "prefixes": starts},
            )
        )
    return made


def _graded(row: Cells, given: Given) -> Sequence[Made]:
    said = plain_name(needed(row, "grade", "the grade"))
    if said not in _GRADES:
        raise NotTakenError(f"the grade {row['grade']!r} is none of 非限制使用, 限制使用, 特殊使用")
    made: list[Made] = []
    for item in find_items(row, given):
        made.append(Made("drugs", {"item_code": item, "grade": _GRADES[said]}))
        made.append(Made("items", {"item_code": item, "flags": "+antibacterial"}))
    return made


ALL: Final = (
    Layout(
        "drug-catalogue", "国家医保药品目录", "the national drug catalogue",
        (
            _GROUP, _NUMBER, _NAME, _FORM, _CODE,
            Field("class", ("甲乙", "甲乙类", "甲乙类别", "类别", "医保类别", "报销类别", "费用等级"), meaning="甲 or 乙"),
            Field("remark", ("备注", "限定支付范围", "限制支付范围", "支付范围", "医保限制", "限制使用范围"), required=True, meaning="限制支付 restriction of payment"),
        ),
        ("items", "drugs", "drug_indications"), _catalogue,
        assumed=(
            "one drug and form a row; 甲乙 in a column of its own",
            "限儿童 means under 18 years",
            "a restriction of diagnoses is read by the words of condition_words.csv",
        ),
        untaken=("编号, 药品分类代码", "协议期内谈判药品 terms: 支付标准, 协议有效期", "restrictions that are not understood (set aside)"),
    ),
    Layout(
        "key-monitored-drugs", "重点监控合理用药药品目录", "the catalogue of key-monitored drugs",
        (
            _NUMBER, _NAME, _FORM, _CODE,
            Field("diagnoses", ("适应症编码", "适应证编码", "限定诊断编码", "诊断编码"), meaning="codes that justify the drug, if the file has been completed with them"),
        ),
        ("drug_indications",), _monitored,
        assumed=("the published list has names only: the diagnoses that justify a drug are those for which it is payable",),
        untaken=("序号",),
    ),
    Layout(
        "antibacterial-grades", "抗菌药物分级管理目录", "the catalogue of graded antibacterials",
        (
            _NUMBER, _NAME, _FORM, _CODE,
            Field("grade", ("分级", "管理级别", "抗菌药物分级", "分级管理", "分级管理级别", "级别", "使用级别"), required=True, meaning="非限制使用级, 限制使用级, 特殊使用级"),
            Field("kind", ("类别", "药品类别", "抗菌药物类别", "分类"), meaning="class of the antibacterial"),
        ),
        ("drugs", "items"), _graded,
        assumed=("one drug a row with its grade in a column; lists with one column a grade have to be turned",),
        untaken=("类别",),
    ),
)  # fmt: skip
"""The layouts of this module."""
