"""Price lists: medical services, and consumables with the national classification."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
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
)

_CATEGORIES: Final = {
    "1101": "13", "1102": "02", "1103": "02", "1109": "01", "11": "12",
    "1201": "07", "12": "05", "21": "03", "22": "03", "23": "03", "24": "05", "25": "04", "26": "04", "27": "04",
    "31": "05", "32": "05", "33": "06", "34": "05", "4": "05",
}  # fmt: skip
"""Start of a project code -> national charge category: the longest holds."""
_ORDERS: Final = {
    "01": "nursing", "02": "other", "03": "exam", "04": "lab", "05": "procedure", "06": "procedure",
    "07": "nursing", "08": "consumable", "09": "drug", "10": "drug", "11": "drug",
}  # fmt: skip
_CLASSES: Final = {"甲": "01", "甲类": "01", "乙": "02", "乙类": "02", "丙": "03", "丙类": "03", "自费": "03"}  # fmt: skip
_NURSING: Final = (
    (("特级护理", "特别护理", "重症监护"), "nursing_special"),
    (("ⅰ级护理", "一级护理", "i级护理"), "nursing_1"),
    (("ⅱ级护理", "二级护理", "ii级护理"), "nursing_2"),
    (("ⅲ级护理", "三级护理", "iii级护理"), "nursing_3"),
)
_DAY_LIMIT: Final = re.compile(
    r"(?:每日|每天|一日|日)(?:限|不超过|最多|限收|限计)(?:收费|计费|收|计)?(\d{1,3})次"
)
_LEVELS: Final = {"price_3": "3", "price_2": "2", "price_1": "1"}


def price(text: str) -> str:
    """A price in yuan as our tables write it; NotTakenError if it is none, or no whole fen."""
    plain = re.sub(r"[,\s¥元]", "", unicodedata.normalize("NFKC", text))
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", plain):
        raise NotTakenError(f"the price {text!r} is no amount in yuan")
    fen = Decimal(plain) * 100
    if fen != fen.to_integral_value():
        raise NotTakenError(f"the price {text!r} is not whole fen")
    return f"{Decimal(plain):.2f}"


def _service(row: Cells, given: Given) -> Sequence[Made]:
    code, name = row.get("code", "").strip(), row.get("name", "").strip()
    prices = {f: row[f] for f in ("price", *_LEVELS) if row.get(f, "").strip(" -—/")}
    if not prices and not row.get("unit", "").strip():
        raise NothingToSayError("a heading of the list: it has neither unit nor price")
    code = re.sub(r"\s", "", unicodedata.normalize("NFKC", needed(row, "code", "the code")))
    if not re.fullmatch(r"[0-9A-Za-z.\-]{4,30}", code):
        raise NotTakenError(f"{code!r} is no project code")
    unit = needed(row, "unit", "the unit")
    if not name:
        raise NotTakenError("the name is empty")
    if not prices:
        raise NotTakenError("there is no price")
    yuan = {f: price(text) for f, text in prices.items()}
    top = next(yuan[f] for f in ("price", *_LEVELS) if f in yuan)
    category = given.defaults.get("category") or _category(row, code)
    said = plain_name(row.get("class", ""))
    if said and said not in _CLASSES:
        raise NotTakenError(f"the class {row['class']!r} is none of 甲, 乙, 丙")
    item = {
        "item_code": code, "name_zh": name, "name_en": name, "category": category, "unit": unit,
        "unit_price_yuan": top, "order_type": _ORDERS.get(category, "other"),
        "flags": " ".join(_flags(name, unit, category)),
    }  # fmt: skip
    if said:
        item["insurance_class"] = _CLASSES[said]
    made = [Made("items", item)]
    texts = {f"{k}_zh": row.get(k, "").strip() for k in ("content", "excluded", "note")}
    if any(texts.values()):
        made.append(Made("item_texts", {"item_code": code, **texts}))
    limits = {m[1] for m in _DAY_LIMIT.finditer(unicodedata.normalize("NFKC", row.get("note", "")))}
    if len(limits) > 1:
        raise NotTakenError("the note gives two limits a day")
    in_region = {"item_code": code, "region_code": given.region}
    made += [
        Made("item_terms", in_region | {"term": "day_limit", "value": limit}) for limit in limits
    ]
    made += [
        Made("price_caps", in_region | {"provider_level": level, "cap_yuan": yuan[name_]})
        for name_, level in _LEVELS.items()
        if name_ in yuan
    ]
    return made


def _category(row: Cells, code: str) -> str:
    for length in (4, 2, 1):
        if code[:length] in _CATEGORIES:
            return _CATEGORIES[code[:length]]
    raise NotTakenError(f"no charge category is known for codes that begin with {code[:2]}: give --set category=05")  # fmt: skip


def _flags(name: str, unit: str, category: str) -> list[str]:
    plain, found = plain_name(name), set[str]()
    if re.search(r"小时|^h$|^时$", plain_name(unit)):
        found.add("hourly")
    if category == "01" and re.search(r"日|天", unit) and "床" in plain:
        found.add("newborn_bed" if "新生儿" in plain or "婴儿" in plain else "bed")
    if category in ("03", "04", "05", "06"):
        found.add("clinical")
    for words, flag in _NURSING:
        if category == "07" and any(word in plain for word in words):
            found.add(flag)
    return sorted(found)


def _consumable(row: Cells, given: Given) -> Sequence[Made]:
    code = re.sub(r"\s", "", unicodedata.normalize("NFKC", needed(row, "code", "the code"))).upper()
    if not re.fullmatch(r"C[0-9A-Z]{26}", code):
        raise NotTakenError(f"{code!r} is no code of 27 places that begins with C")
    names = [row.get(f, "").strip() for f in ("name", "third", "spec")]
    name = " ".join(dict.fromkeys(n for n in names if n))
    if not name:
        raise NotTakenError("neither name nor third class is given")
    item = {
        "item_code": code, "name_zh": name, "name_en": name, "category": "08",
        "unit": row.get("unit", "").strip() or "件", "order_type": "consumable",
    }  # fmt: skip
    if row.get("price", "").strip():
        item["unit_price_yuan"] = price(row["price"])
    return [Made("items", item)]


ALL: Final = (
    Layout(
        "service-prices", "医疗服务项目价格目录", "a price list of medical services",
        (
            Field("code", ("项目编码", "编码", "项目代码", "医疗服务项目编码", "医疗服务项目代码", "国家项目编码"), required=True, meaning="code as on charge lines"),
            Field("name", ("项目名称", "名称", "医疗服务项目名称"), required=True, meaning="name"),
            Field("content", ("项目内涵", "内涵", "服务内容", "价格构成"), meaning="what the price covers"),
            Field("excluded", ("除外内容", "除外内容及说明", "除外内涵"), meaning="what is charged apart"),
            Field("unit", ("计价单位", "单位", "收费单位"), required=True, meaning="unit of the price"),
            Field("price", ("价格", "价格元", "最高限价", "最高限价元", "单价", "收费标准", "政府指导价"), meaning="price in yuan, of all levels"),
            Field("price_3", ("三级", "三级医院", "三级价格", "三级医疗机构", "三甲"), meaning="price at hospitals of level 3"),
            Field("price_2", ("二级", "二级医院", "二级价格", "二级医疗机构", "二甲"), meaning="of level 2"),
            Field("price_1", ("一级", "一级医院", "一级价格", "一级及以下", "一级医疗机构"), meaning="of level 1"),
            Field("note", ("说明", "备注", "计价说明"), meaning="notes"),
            Field("class", ("医保类别", "医保等级", "甲乙类", "支付类别", "医保支付类别"), meaning="甲, 乙 or 丙"),
            Field("finance", ("财务分类", "财务分类代码"), meaning="class of the ledger"),
        ),
        ("items", "item_texts", "item_terms", "price_caps"), _service,
        assumed=(
            "the start of the code tells the charge category as in the national list of 2001 and 2012 (1109 bed, 1201 nursing, 21 to 24 examination or treatment, 25 to 27 laboratory, 33 operation); else --set category=..",
            "a price a level is a cap of the region that --region names; the highest level given is the price of the tariff",
            "a list without 甲乙丙 needs --set insurance_class=.. for items that are new",
        ),
        untaken=("财务分类", "项目内涵, 除外内容 and 说明 are kept as words in item_texts.csv; but for 每日限N次 no check reads them"),
    ),
    Layout(
        "consumable-codes", "医保医用耗材分类与代码", "the national codes of consumables",
        (
            Field("code", ("医用耗材代码", "耗材代码", "医保医用耗材代码", "医保耗材编码", "国家医保耗材编码", "27位编码", "耗材编码", "代码"), required=True, meaning="27 places, begins with C"),
            Field("name", ("医保通用名", "医保通用名称", "通用名", "通用名称", "耗材名称", "产品名称"), meaning="name"),
            Field("first", ("一级分类", "一级分类学科品类", "学科品类"), meaning="first class"),
            Field("second", ("二级分类", "二级分类用途品目", "用途品目"), meaning="second class"),
            Field("third", ("三级分类", "三级分类部位功能品种", "部位功能品种"), meaning="third class"),
            Field("material", ("耗材材质", "材质"), meaning="material"),
            Field("spec", ("规格", "特征参数", "规格特征参数", "规格型号"), meaning="specification"),
            Field("company", ("耗材企业", "企业名称", "生产企业", "注册备案人"), meaning="company"),
            Field("unit", ("单位", "计价单位", "最小计量单位"), meaning="unit"),
            Field("price", ("价格", "单价", "挂网价", "最高限价", "中选价"), meaning="price in yuan"),
        ),
        ("items",), _consumable,
        assumed=(
            "the code has C and 26 digits or capitals",
            "the published list has no price and no 甲乙丙: give --set unit_price_yuan=0 and --set insurance_class=02, or join them to the file",
        ),
        untaken=("一级分类, 二级分类, 材质, 企业",),
    ),
)  # fmt: skip
"""The layouts of this module."""
