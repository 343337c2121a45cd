"""Words of a language model as they are kept and judged: verdicts, refusals, judgements, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

TAKEN: Final = "taken"
"""The words passed and may be shown."""
REFUSED: Final = "refused"
"""Something speaks against them; the template's words are shown."""
FAILED: Final = "failed"
"""There was no answer; it may be asked for again."""
VERDICTS: Final = (TAKEN, REFUSED, FAILED)

REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    "form": ("不是规定的结构", "not the JSON that was asked for"),
    "characters": ("含有不允许的字符", "characters that are not let through"),
    "markup": ("含有标记、链接或列表", "markup, a link or a list"),
    "length": ("过长", "too long"),
    "language": ("用了另一种语言", "another language"),
    "slot": ("占位符改动或多余", "a slot changed or made up"),
    "condition": ("遗漏或改动必须说明的句子", "a sentence that must be said is missing or changed"),
    "name": ("事实之外的药品、项目或疾病", "a drug, item or disease beyond the facts"),
    "number": ("事实之外的数字或单位", "a number or unit beyond the facts"),
    "code": ("事实之外的编码", "a code beyond the facts"),
    "clause": ("事实之外的文件或条款", "a document or clause beyond the facts"),
    "word": ("事实之外的词语", "words beyond the facts"),
    "advice": ("事实之外的建议", "advice beyond the facts"),
    "polarity": ("改变含义方向或遗漏限定", "the meaning turned round, or a limit left out"),
    "personal": ("可能含有个人信息，未发送", "something of a person may be in it; nothing was sent"),
    "service": ("服务没有可用的回答", "the service gave no answer"),
}  # fmt: skip
"""Why words are refused -> Chinese and English."""

JUDGEMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "good": ("清楚准确", "good"),
    "unclear": ("不够清楚", "unclear"),
    "wrong": ("有错误", "wrong"),
}
"""What a person says of a sample -> Chinese and English."""

LONGEST_REASON: Final = 500
"""Characters of the reason for a judgement."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Above which share of wrong samples a model is switched off, and how many must be judged for it."""

    wrong_share: float = 0.05
    least_judged: int = 20


@dataclass(frozen=True, slots=True)
class Wrote:
    """What a model was asked and answered about one card, in one language, and what became of it.

    ``facts`` is all that it was told, ``answer`` what it said, both with slots and so without anybody's
    data. ``sampled`` says that a person is asked to judge it.
    """

    wording_id: str
    facts_sha256: str
    source: str
    lang: str
    model: str
    key: str
    prompt_sha256: str
    facts: Mapping[str, Any]
    answer: str
    verdict: str
    refused: Sequence[str]
    latency_ms: int
    asked_at: datetime
    sampled: bool = False
    decisions: tuple[str, ...] = ()
    judgement: str | None = None
    reason: str | None = None
    judged_by: str | None = None
    judged_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """How a model's words came out: numbers by verdict and, of the judged ones, by judgement."""

    source: str
    on: bool
    off_because: str | None = None
    changed_by: str | None = None
    changed_at: datetime | None = None
    verdicts: Mapping[str, int] = field(default_factory=dict)
    judgements: Mapping[str, int] = field(default_factory=dict)
    """Of words that were taken, and so shown."""
    refusals: Mapping[str, int] = field(default_factory=dict)

    @property
    def judged(self) -> int:
        """Taken words that a person judged."""
        return sum(self.judgements.values())

    @property
    def wrong_share(self) -> float | None:
        """Share of the judged ones that are wrong; None if none was judged."""
        return self.judgements.get("wrong", 0) / self.judged if self.judged else None
