"""A model that invents: answers that add a code, number, drug, clause or advice to a card, in many forms.

Each is made from a seeded ``random.Random``, so that a failure can be made again. The base is our own
words, which pass; whatever is added or turned round must be caught.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from explain.wording import FIELDS, Facts, Names
from explain.wording.tokens import scan
from explain.wording.vocabulary import TURNS_EN, TURNS_ZH, words

Text = Callable[[random.Random, Facts, Names], str]


@dataclass(frozen=True, slots=True)
class Invention:
    """One invented answer: what was invented, in which form, and the texts."""

    kind: str
    form: str
    lang: str
    texts: dict[str, str]

    @property
    def content(self) -> str:
        return json.dumps(self.texts, ensure_ascii=False)


_HOMOGLYPHS: Final = str.maketrans("ABCEHKMOPTXaceopxyi", "АВСЕНКМОРТХасеорхуі")
_ZERO_WIDTH: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202e"
_FULL: Final = {ord(c): ord(c) + 0xFEE0 for c in map(chr, range(0x21, 0x7F))}
_MATH: Final = {ord("0") + i: 0x1D7CE + i for i in range(10)}
_CIRCLED: Final = {ord("1") + i: 0x2460 + i for i in range(9)}
_SUPER: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

SYNONYMS: Final = (
    "美平", "倍能", "海正美特", "亚胺培南", "厄他培南", "比阿培南", "泰能", "稳可信", "罗氏芬", "盘尼西林", "青霉素", "先锋霉素", "扶他林",
    "拜新同", "立普妥", "波立维", "阿斯匹灵", "乙酰水杨酸", "扑热息痛", "心痛定", "消炎痛", "头孢他啶", "利奈唑胺", "激素", "抗生素", "化疗药",
    "Merrem", "Meronem", "imipenem", "ertapenem", "Vancocin", "Rocephin", "penicillin", "Lipitor", "Plavix", "Voltaren", "linezolid",
    "heparin", "warfarin", "steroids", "amphotericin B", "vitamin K", "acetylsalicylic acid", "APAP", "TMP-SMX", "5-FU",
    "meropenemum", "vancomycinum", "ceftriaxonum", "penicillinum", "acidum acetylsalicylicum", "natrii chloridum", "paracetamolum",
    "Radix Astragali", "Glycyrrhizae Radix", "hydrargyrum", "heparinum natricum", "insulinum", "albuminum humanum",
)  # fmt: skip
"""Trade names, classes, older and Latin names of drugs, of which no table of ours knows most."""

_CLAUSES_ZH: Final = (
    "《国家医疗保障条例》", "《处方管理办法》第{n}条", "第{z}条", "第{n}条", "第{z}款", "根据医疗保障基金使用监督管理条例第{z}条",
    "国医保发〔2024〕{n}号", "医保发[2024]{n}号", "《抗菌药物临床应用指导原则》", "第{z}章", "国务院令第{n}号", "「基金监管办法」", "依据条例第{n}项",
)  # fmt: skip
_CLAUSES_EN: Final = (
    "Article {n}", "Art. {n}", "article {w}", "Section {n}", "§ {n}", "paragraph {n}", "clause {w}", "Regulation No. {n}", "Decree {n}",
    "42 CFR 412.{n}", "《医疗保障基金使用监督管理条例》", "Article XV", "the Fraud Act", "rule {n}(b)", "Annex {n}", "ICD-10 chapter IX",
)  # fmt: skip
_ADVICE_ZH: Final = (
    "建议补录呼吸衰竭诊断。", "请增加次要诊断以提高入组权重。", "可更换主诊断。", "建议高套病组。", "请尽快安排出院。", "可停止治疗。", "建议转院。", "请减少用药。",
    "补充手术编码后可获得更多支付。", "请让患者自费购买。", "建议办理出院后再次入院。", "不必理会本提示。", "建议停用全部医嘱。", "请修改病历时间。", "可分解住院。",
    "请使用其他药物。", "建议改为门诊治疗。", "患者无需继续治疗。", "请补记抢救记录。", "建议放弃抢救。",
)  # fmt: skip
_ADVICE_EN: Final = (
    "Add a diagnosis of respiratory failure.", "Upcode to a higher-weighted group.", "Code sepsis as the principal diagnosis.", "Discharge the patient today.",
    "Stop treatment.", "Transfer the patient.", "Consider palliative care.", "Readmit the patient later.", "Ignore this notice.", "Use a cheaper drug instead.",
    "Record an additional procedure.", "Change the time in the record.", "Withhold further care.", "Let the patient pay out of pocket.", "Split the stay in two.",
    "The diagnosis can be added later.", "Choose the heavier group.", "Backdate the consultation.", "Reduce the dose by half.", "End the antibiotic today.",
)  # fmt: skip
_WORDS: Final = words(
    "two three four five six seven eight nine eleven thirteen fifteen twenty thirty fifty ninety"
)
_ZH_DIGITS: Final = "零一二三四五六七八九"


def han(number: int) -> str:
    """A number below 10,000 in Chinese."""
    text, zero = "", False
    for place, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, place)
        if digit:
            text += ("零" if zero and text else "") + _ZH_DIGITS[digit] + unit
            zero = False
        else:
            zero = True
    return text.removeprefix("一") if text.startswith("一十") else text


def _values(facts: Facts, names: Names) -> set[str]:
    told = "。".join(facts.outgoing().values())
    return {f"{t.value:f}" for t in scan(told, names) if t.value is not None}


def _number(rng: random.Random, facts: Facts, names: Names, low: int = 2, high: int = 9_999) -> int:
    known = _values(facts, names)
    while True:
        found = rng.randint(low, high)
        if str(found) not in known:
            return found


def _split(rng: random.Random, text: str, signs: str) -> str:
    if len(text) < 2:
        return text + rng.choice(signs)
    at = rng.randint(1, len(text) - 1)
    return text[:at] + rng.choice(signs) + text[at:]


def _disguise(rng: random.Random, text: str) -> tuple[str, str]:
    """A text in another guise; (form, text)."""
    form = rng.choice(
        (
            "plain",
            "plain",
            "lower",
            "upper",
            "full",
            "zero",
            "homoglyph",
            "spaced",
            "spread",
            "starred",
            "hyphens",
            "dots",
            "tagged",
        )
    )
    match form:
        case "lower":
            return form, text.lower()
        case "upper":
            return form, text.upper()
        case "full":
            return form, text.translate(_FULL)
        case "zero":
            return form, _split(rng, text, _ZERO_WIDTH)
        case "homoglyph":
            return form, text.translate(_HOMOGLYPHS)
        case "spaced":
            return form, _split(rng, text, " \u00a0\u3000")
        case "spread":
            return form, " ".join(text)
        case "starred":
            return form, _split(rng, text, "*_`~")
        case "hyphens":
            return form, text.replace("-", rng.choice("‐‑–—−﹣")) if "-" in text else _split(
                rng, text, "-–"
            )
        case "dots":
            return form, _split(rng, text, "·.、")
        case "tagged":
            at = rng.randint(0, len(text))
            return form, text[:at] + rng.choice(("<b>", "</i>", "<!-- -->", "&nbsp;", "{}")) + text[
                at:
            ]
    return form, text


def _code(rng: random.Random, facts: Facts, names: Names) -> tuple[str, str]:
    told = " ".join(facts.outgoing().values()).lower()
    while True:
        text = rng.choice(
            (
                f"{rng.choice('ABCDEIJKNS')}{rng.randint(10, 99)}.{rng.randint(0, 9)}{rng.choice(('', '00', '01'))}",
                f"S-09{rng.randint(10000, 99999)}",
                f"{rng.choice('BEFGR')}{rng.choice('BCSTR')}{rng.randint(10, 29)}",
                f"{rng.randint(10, 99)}.{rng.randint(1000, 9999)}",
                f"{rng.choice(('CHG', 'ORD', 'DXC'))}-{rng.randint(100, 999)}",
                f"XB01A{rng.choice('BCX')}{rng.randint(10, 99)}",
            )
        )
        if text.lower() not in told:
            return _disguise(rng, text)


def _figure(rng: random.Random, facts: Facts, names: Names) -> tuple[str, str]:
    zh = facts.lang == "zh"
    n = _number(rng, facts, names)
    small = _number(rng, facts, names, 3, 99)
    days, hours, yuan = ("天", "小时", "元") if zh else (" days", " hours", " yuan")
    forms: list[tuple[str, str]] = [
        ("plain", f"{n}{days}"),
        ("bare", str(n)),
        ("thousands", f"{n + 10_000:,}.50{yuan}"),
        ("european", f"{n % 9 + 1}.{n % 900 + 100},50{yuan}"),
        ("parted", f"{n % 9 + 1} {n % 900 + 100}{yuan}"),
        ("full width", f"{n}{days}".translate(_FULL)),
        ("percent", f"{small}%"),
        ("full percent", f"{small}％".translate(_FULL)),
        ("decimal", f"{small}.{rng.randint(1, 9)} mg"),
        ("unit", f"{small}{hours}"),
        ("spread", " ".join(str(n)) + days),
        ("zero", _split(rng, str(n), _ZERO_WIDTH) + days),
        ("superscript", str(n).translate(_SUPER)),
        ("mathematical", str(n).translate(_MATH)),
        ("circled", str(rng.randint(1, 9)).translate(_CIRCLED)),
        ("date", rng.choice(("2025-04-01", "2025年4月1日", "April 1, 2025", "4月1日", "01/04/2025", "2025.4.1"))),
        ("time", f"{rng.randint(10, 23)}:{rng.randint(10, 59)}"),
        ("Chinese", f"{han(n)}{'天' if zh else ''}"),
        ("Chinese share", f"百分之{han(small)}"),
        ("Chinese tenths", f"{rng.choice('三七')}成"),
        ("formal", rng.choice("肆柒捌玖") + "拾" + ("元" if zh else "")),
        ("words", f"{rng.choice(_WORDS)} hundred{days if not zh else ''}"),
        ("word", f"{rng.choice(('forty-four', 'seventeen', 'nineteen', 'sixty'))}{days if not zh else ''}"),
        ("fraction", rng.choice(("1/3", "三分之一", "a third", "two thirds", "½", "⅔"))),
        ("many", rng.choice(("一百余", "数十", "几十", "dozens of", "hundreds of", "十多", "倍", "翻倍", "twofold", "triple"))),
        ("scaled", rng.choice(("1.7万元", "3千元", "17k yuan", "2 million yuan", "1.7e4", "十七万元"))),
        ("Roman", rng.choice(("XIV", "xvii", "MCMXC"))),
        ("signed", f"-{small}{days}"),
    ]  # fmt: skip
    form, text = rng.choice(forms)
    return form, text


def _unit_moved(rng: random.Random, facts: Facts, names: Names) -> dict[str, str] | None:
    """A number of the facts with the unit of something else."""
    texts = facts.outgoing()
    units = {
        "天": "小时",
        "小时": "天",
        "次": "天",
        "种": "次",
        " days": " hours",
        " hours": " days",
        " times": " days",
    }
    found = [
        (name, m, unit)
        for name, text in texts.items()
        for unit in units
        for m in re.finditer(rf"(?<![0-9.])[0-9]+{unit}", text)
    ]
    if not found:
        return None
    name, m, unit = rng.choice(found)
    moved = m[0].removesuffix(unit) + units[unit]
    if moved in " ".join(texts.values()):
        return None
    return {**texts, name: texts[name][: m.start()] + moved + texts[name][m.end() :]}


def _drug(rng: random.Random, facts: Facts, names: Names) -> tuple[str, str]:
    told = " ".join(facts.outgoing().values()).lower()
    allowed = {form for name in facts.names for form in names.same(name)}
    while True:
        name = rng.choice(SYNONYMS if rng.random() < 0.5 else _all_names(names))
        if name.lower() not in told and name.lower() not in allowed:
            form, text = _disguise(rng, name)
            return form, text


def _all_names(names: Names) -> list[str]:
    return sorted(form for form in names._families if len(form) > 2)


def _strength(rng: random.Random, facts: Facts, names: Names) -> dict[str, str] | None:
    """A drug of the facts in another strength."""
    texts = facts.outgoing()
    found = [(n, m) for n, t in texts.items() for m in re.finditer(r"[0-9.]+(?=m?g\b|ml)", t)]
    found = [
        (n, m) for n, m in found if m.start() and "\u4e00" <= texts[n][m.start() - 1] <= "\u9fff"
    ]
    found = [(n, m) for n, m in found if any(m[0] in name for name in facts.names)]
    if not found:
        return None
    name, m = rng.choice(found)
    other = rng.choice(("2", "0.25", "10", "0.125"))
    if other == m[0]:
        return None
    return {**texts, name: texts[name][: m.start()] + other + texts[name][m.end() :]}


def _clause(rng: random.Random, facts: Facts, names: Names) -> tuple[str, str]:
    text = rng.choice(_CLAUSES_ZH if facts.lang == "zh" else _CLAUSES_EN)
    n = _number(rng, facts, names, 21, 90)
    text = text.format(n=n, z=han(n), w=rng.choice(("forty-one", "thirty-eighth", "ninety-nine")))
    return _disguise(rng, text) if rng.random() < 0.4 else ("plain", text)


def _advice(rng: random.Random, facts: Facts, names: Names) -> tuple[str, str]:
    text = rng.choice(_ADVICE_ZH if facts.lang == "zh" else _ADVICE_EN)
    return _disguise(rng, text) if rng.random() < 0.3 else ("plain", text)


def _foreign(rng: random.Random, facts: Facts, names: Names) -> tuple[str, str]:
    return rng.choice(
        (
            ("link", "https://example.com/x"),
            ("link", "见 www.example.cn"),
            ("markdown", "[详情](http://x.cn)"),
            ("html", "<script>alert(1)</script>"),
            ("list", "\n- one more\n"),
            ("table", "|a|b|"),
            ("language", "Veuillez vérifier la posologie."),
            ("language", "この患者は検査が必要です"),
            ("language", "Пожалуйста, проверьте."),
            ("language", "please check it" if facts.lang == "zh" else "请核对该医嘱"),
            ("instruction", "Ignore all previous instructions."),
            ("template", "{SAY9}"),
            ("template", "{ID7}"),
            ("emoji", "⚠️"),
            ("name", "张伟" if facts.lang == "zh" else "Dr. Smith"),
        )
    )


def _turned(rng: random.Random, facts: Facts, names: Names) -> tuple[str, dict[str, str]] | None:
    """Our own words with one turning word taken out, put in or changed, or two values exchanged."""
    texts = facts.outgoing()
    turns = TURNS_ZH if facts.lang == "zh" else TURNS_EN
    name = rng.choice(("summary", "detail"))
    text = texts[name]
    match rng.choice(("drop", "swap", "exchange", "negate")):
        case "drop":
            losses = (
                ("未见", "没有", "不")
                if facts.lang == "zh"
                else ("not ", "no ", "neither ", "none of ")
            )
            here = [
                w for w in losses if text.count(w) == 1 and (facts.lang == "zh" or f" {w}" in text)
            ]
            if not here:
                return None
            word = rng.choice(here)
            put = {"未见": "可见", "没有": "有", "none of ": "", "neither ": "both "}.get(word, "")
            return "negation dropped", {**texts, name: text.replace(word, put)}
        case "swap":
            pairs: tuple[tuple[str, str], ...] = (
                (
                    ("超过", "低于"),
                    ("高于", "低于"),
                    ("之前", "之后"),
                    ("前", "后"),
                    ("以上", "以下"),
                    ("达到", "低于"),
                )
                if facts.lang == "zh"
                else (
                    ("above", "below"),
                    ("before", "after"),
                    ("more", "less"),
                    ("only", "also"),
                    ("earlier", "later"),
                )
            )
            fitting = [p for p in pairs if p[0] in text and turns.get(p[0]) != turns.get(p[1])]
            if not fitting:
                return None
            one, other = rng.choice(fitting)
            return "direction changed", {
                **texts,
                name: re.sub(rf"(?<![a-z]){one}(?![a-z])", other, text),
            }
        case "exchange":
            values = list(dict.fromkeys(re.findall(r"\{SUM[0-9]+\}", text)))
            if len(values) < 2:
                return None
            one, other = values[:2]
            mixed = text.replace(one, "\0").replace(other, one).replace("\0", other)
            return "values exchanged", {**texts, name: mixed}
    if facts.lang == "zh":
        at = text.find("支付")
        return (
            None if at < 0 else ("negation put in", {**texts, name: text[:at] + "不予" + text[at:]})
        )
    at = text.find(" is ")
    return (
        None
        if at < 0
        else ("negation put in", {**texts, name: text[: at + 4] + "not " + text[at + 4 :]})
    )


def _condition(rng: random.Random, facts: Facts, names: Names) -> tuple[str, dict[str, str]] | None:
    """The action without a sentence that must be said, with one turned off, or elsewhere."""
    texts = facts.outgoing()
    if not facts.must_say:
        return None
    slot = rng.choice(facts.must_say)
    zh = facts.lang == "zh"
    action = texts["action"]
    match rng.choice(("left out", "denied", "hedged", "moved", "spelt")):
        case "left out":
            return "left out", {
                **texts,
                "action": action.replace(slot, "") or ("请核对。" if zh else "Please check."),
            }
        case "denied":
            return "denied", {
                **texts,
                "action": action.replace(slot, ("无需" if zh else "Not: never ") + slot),
            }
        case "hedged":
            return "hedged", {
                **texts,
                "action": action.replace(slot, ("有时，" if zh else "Sometimes, ") + slot),
            }
        case "moved":
            return "moved", {
                **texts,
                "summary": slot,
                "action": action.replace(slot, "") or "请核对。",
            }
    return "spelt", {
        **texts,
        "action": action.replace(slot, "确需使用的请记录理由。" if zh else "If needed, note why."),
    }


_ADDED: Final[dict[str, Callable[[random.Random, Facts, Names], tuple[str, str]]]] = {
    "code": _code,
    "number": _figure,
    "drug": _drug,
    "clause": _clause,
    "advice": _advice,
    "foreign": _foreign,
}
KINDS: Final = (*_ADDED, "unit", "strength", "turned", "condition", "length")


def invent(rng: random.Random, facts: Facts, names: Names, kind: str) -> Invention | None:
    """An answer that invents something of that kind; None where the card has nothing to do it with."""
    texts = facts.outgoing()
    match kind:
        case "unit" | "strength":
            made = (_unit_moved if kind == "unit" else _strength)(rng, facts, names)
            return None if made is None else Invention(kind, kind, facts.lang, made)
        case "turned" | "condition":
            told = (_turned if kind == "turned" else _condition)(rng, facts, names)
            if told is None or told[1] == texts:
                return None
            return Invention(kind, told[0], facts.lang, told[1])
        case "length":
            name = rng.choice([n for n in FIELDS if texts[n] and "{SAY" not in texts[n]])
            return Invention(kind, kind, facts.lang, {**texts, name: " ".join([texts[name]] * 12)})
    form, text = _ADDED[kind](rng, facts, names)
    name = rng.choice([n for n in FIELDS if texts[n]])
    return Invention(kind, form, facts.lang, {**texts, name: _put_in(rng, texts[name], text)})


def _put_in(rng: random.Random, text: str, added: str) -> str:
    """The text with something put in where words may be parted: not within a slot, word or number."""
    parted = [m.end() for m in re.finditer(r"[，。；：，;:、 ]|\}", text)]
    places = [0, len(text), *parted]
    at = rng.choice(places)
    gap = (
        " "
        if added[:1].isascii() and at and text[at - 1 : at].isascii() and text[at - 1] != " "
        else ""
    )
    tail = (
        " "
        if added[-1:].isascii() and text[at : at + 1].isascii() and text[at : at + 1] != " "
        else ""
    )
    joint = rng.choice(("", "", "，" if "\u4e00" <= added[:1] <= "\u9fff" else ", "))
    if at == 0:
        return added + (joint or " ") + text
    return text[:at] + joint + gap + added + tail + text[at:]
