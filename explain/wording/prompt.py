"""What a model is asked: our sentences, the rules of rewording them, and the shape of its answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from domain.orders import SUMMARY_LENGTH
from explain.wording.facts import FIELDS, Facts

_RULES: Final[Mapping[str, str]] = {
    "zh": f"""你是医院医保办的文字编辑。用户给出一张卡片的三段文字(summary、detail、action)，请用简洁、礼貌、通顺的中文改写，让医师一眼看懂。
规则：
1. 只能改写给出的事实。不得增加、推断或删改任何药品、诊断、手术、编码、数字、单位、日期、文件或条款，也不得换算数字。
2. 花括号占位符(如{{ID1}}、{{SUM1}}、{{DATE1}})必须原样保留。{{SAY1}}这类占位符代表必须原样说出的整句：只能在action中出现，每个恰好一次，单独成句，保持顺序。
3. 药品和项目只能用给出的名称或其通用名全称。
4. 不得改变否定、限定、条件、先后、高低的含义，不得给出任何新的建议。
5. summary不超过{SUMMARY_LENGTH}个字符。原文为空的字段仍为空字符串。不用任何标记、链接或列表。
只输出JSON对象：{{"summary": "…", "detail": "…", "action": "…"}}""",
    "en": f"""You edit short notices for hospital physicians. The user gives the three parts of a card (summary, detail, action). Reword them in brief, polite, plain English that is understood at a glance.
Rules:
1. Reword only the facts that are given. Add, infer or drop no drug, diagnosis, procedure, code, number, unit, date, document or clause, and convert no number.
2. Keep placeholders in braces such as {{ID1}}, {{SUM1}}, {{DATE1}} exactly. One like {{SAY1}} stands for a whole sentence that must be said as it is: it occurs in action only, each just once, as a sentence of its own, in the given order.
3. Call drugs and items only as given, or by the full name of their substance.
4. Change no negation, limit, condition, order or comparison, and give no advice of your own.
5. summary has at most {SUMMARY_LENGTH} characters. A part that is empty stays an empty string. No markup, link or list.
Answer with the JSON object alone: {{"summary": "…", "detail": "…", "action": "…"}}""",
}  # fmt: skip

SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in FIELDS},
    "required": list(FIELDS),
    "additionalProperties": False,
}
"""The shape of an answer, as ``response_format`` of type ``json_schema`` takes it."""

_FENCED: Final = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL)
_THOUGHT: Final = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)


class _Answer(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    summary: str
    detail: str
    action: str


def messages(facts: Facts) -> list[dict[str, str]]:
    """The messages of a chat that asks for words; nothing of ``facts`` but what may leave."""
    told = json.dumps(facts.outgoing(), ensure_ascii=False)
    return [{"role": "system", "content": _RULES[facts.lang]}, {"role": "user", "content": told}]


def digest(facts: Facts) -> str:
    """SHA-256 of the messages: what was asked, word for word."""
    return hashlib.sha256(json.dumps(messages(facts), ensure_ascii=False).encode()).hexdigest()


def parse(content: str) -> dict[str, str] | None:
    """The three texts of an answer; None if it is not just the JSON that was asked for.

    Thoughts before it (``<think>``) and a fence around it are taken off: models add them unasked.
    """
    text = _THOUGHT.sub("", content).strip()
    if fenced := _FENCED.fullmatch(text):
        text = fenced[1]
    try:
        found = msgspec.json.decode(text, type=_Answer)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return msgspec.structs.asdict(found)
