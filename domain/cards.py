"""Cards: what a physician is shown about a stay, once and within a budget, and what they answered.

A card is proposed by whoever judges (CDS Hooks, the ward page); the store decides whether it is
shown. Every proposed card is kept, with ``shown`` or the reason why it was not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from domain.results import Severity

Both = Mapping[str, str]
"""A text as ``{"zh": ..., "en": ...}``."""

DEFAULT_BUDGET: Final = 10
"""Cards that one physician is shown on one day of China, unless configured otherwise."""
RESERVED_PERCENT: Final = 30
"""Share of the budget that only cards of severity ``RESERVED_FROM`` and above may use.

What comes first on a day is not what matters most: without it, ten small cards before noon would
leave no room for a grave one in the afternoon.
"""
RESERVED_FROM: Final = Severity.HIGH
LONGEST_COMMENT: Final = 500
"""Characters of what a physician adds to a reason; a longer text belongs into the record."""

LOOKED_UP: Final = "ward"
"""The hook of cards that a physician looked up on the ward's page: they interrupt nobody, so they need no room and use none."""

SHOWN: Final = "shown"
REPEAT: Final = "repeat"
BUDGET: Final = "budget"
QUIET: Final = "quiet"
HELD: Final[Mapping[str, tuple[str, str]]] = {
    REPEAT: ("本次住院已提示过，且情况未变", "shown before in this stay, and nothing has changed"),
    BUDGET: ("已达当日提示上限", "the day's number of cards is used up"),
    QUIET: ("该检查已对医师静默", "the check is quiet for physicians"),
}
"""Why a proposed card was not shown: code -> Chinese and English text."""

ACCEPTED: Final = "accepted"
OVERRIDDEN: Final = "overridden"
LATER: Final = "later"
ANSWERS: Final[Mapping[str, tuple[str, str]]] = {
    ACCEPTED: ("采纳", "accepted"),
    OVERRIDDEN: ("不采纳", "overridden"),
    LATER: ("稍后再看", "later"),
}
"""What a physician did with a card. The first two are CDS Hooks' words; ``later`` is ours alone."""

OVERRIDE_REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "clinically-needed": (
        "病情需要，理由记入病历",
        "The illness calls for it; the reason is noted in the record",
    ),
    "documented": ("依据已在病历中", "The evidence is in the record already"),
    "done-elsewhere": ("已在别处完成", "It was done elsewhere"),
    "not-mine": ("应由其他医师处理", "It is for another physician to decide"),
    "not-applicable": ("不适用于该患者", "It does not apply to this patient"),
    "data-wrong": ("所依据的数据有误", "The data it rests on are wrong"),
    "check-wrong": ("不同意该检查", "The check itself is wrong"),
    "unclear": ("提示看不明白", "The card is not clear"),
    "other": ("其他", "Another reason"),
}
"""Coded reason of an override -> Chinese and English text, in the order in which they are offered."""

AT_FAULT: Final = frozenset({"not-applicable", "data-wrong", "check-wrong", "unclear"})
"""Reasons that speak against the check or its data; the others say that the physician had a reason."""


WITHOUT_CHECK: Final[Mapping[str, tuple[str, str]]] = {
    "hook:order-select": ("开立医嘱时的其他提示", "Other cards while ordering"),
    "hook:order-sign": ("签署医嘱时的其他提示", "Other cards on signing orders"),
    "hook:patient-view": ("打开病历时的其他提示", "Other cards on opening a record"),
    "hook:encounter-discharge": ("出院前的其他提示", "Other cards before discharge"),
    "hook:ward": ("病区页面的其他提示", "Other cards on the ward's page"),
}
"""Cards that rest on no check (cost, checklists) by their moment: counted, and made quiet, under these ids."""


@dataclass(frozen=True, slots=True)
class CardSuggestion:
    """One way to comply that a card offers; ``suggestion_id`` is what an answer names."""

    suggestion_id: str
    label: Both
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """What a physician may be shown.

    ``card_id`` is a UUID; the same call made again proposes the same id and gets the same answer.
    ``suggestion_key`` says what makes two cards the same (stay, cause, subject), ``digest`` what
    they rest on, without the numbers that move with every event. ``effect_fen`` is what following
    it is expected to change, in the hundredth of the stay's currency; it only orders cards of one
    severity. ``hook`` is CDS Hooks' name, or ``ward`` for the page.
    """

    card_id: str
    stay_id: str
    provider_id: str
    physician_id: str
    department: str | None
    hook: str
    suggestion_key: str
    digest: str
    rule_ids: tuple[str, ...]
    severity: Severity
    indicator: str
    summary: Both
    detail: Both
    created_at: datetime
    suggestions: tuple[CardSuggestion, ...] = ()
    effect_fen: int = 0

    @property
    def rank(self) -> tuple[int, int, bool, str]:
        """What is shown first, highest first: severity, effect, a way to comply; the id breaks ties."""
        return self.severity.rank, self.effect_fen, bool(self.suggestions), self.card_id

    @property
    def counted_as(self) -> tuple[str, ...]:
        """The checks that it counts for, each once; of a card without any, its moment."""
        return tuple(dict.fromkeys(self.rule_ids)) or (f"hook:{self.hook}",)

    @property
    def body(self) -> dict[str, Any]:
        """The texts and suggestions as plain data, as they are stored and read again."""
        return {
            "summary": dict(self.summary),
            "detail": dict(self.detail),
            "suggestions": [
                {"suggestion_id": s.suggestion_id, "label": dict(s.label), "kind": s.kind}
                for s in self.suggestions
            ],
        }


@dataclass(frozen=True, slots=True)
class Offered:
    """What became of a proposed card: ``held`` is None if it is to be shown, else a code of ``HELD``."""

    card: Card
    held: str | None

    @property
    def shown(self) -> bool:
        """Whether the physician gets it."""
        return self.held is None


@dataclass(frozen=True, slots=True)
class CardAnswer:
    """What a physician did with a card.

    ``accepted`` are ids of its suggestions. ``reason`` is a code of ``OVERRIDE_REASONS``; CDS
    Hooks' clients may leave it out. ``answered_at`` is when it was said, at the client's clock.
    """

    card_id: str
    outcome: str
    answered_at: datetime
    accepted: tuple[str, ...] = ()
    reason: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Tallied:
    """How the cards of one check were taken: cards shown, how they were answered, and why not shown."""

    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    later: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Reasons of overrides; ``""`` counts those without one."""

    @property
    def answered(self) -> int:
        """Cards accepted or overridden; ``later`` is no answer yet."""
        return self.accepted + self.overridden

    @property
    def at_fault(self) -> int:
        """Overrides whose reason speaks against the check or its data."""
        return sum(count for reason, count in self.reasons.items() if reason in AT_FAULT)


@dataclass(frozen=True, slots=True)
class QuietStep:
    """One step in the life of a quiet check: who decided what, when and why.

    ``outcome``: ``confirmed`` (then ``since`` is the first quiet day), ``refused``, ``withdrawn``, or
    ``ended``, which takes a confirmed one back.
    """

    outcome: str
    by: str
    by_name: str
    reason: str
    at: datetime
    since: date | None = None


@dataclass(frozen=True, slots=True)
class QuietCheck:
    """A check whose cards physicians are not shown, in one hospital or everywhere, once confirmed.

    ``provider_id`` is empty for everywhere. ``figures`` are those that it was proposed with.
    """

    quiet_id: str
    rule_id: str
    provider_id: str
    why: str
    figures: Mapping[str, Any]
    by: str
    by_name: str
    at: datetime
    steps: tuple[QuietStep, ...] = ()

    @property
    def status(self) -> str:
        """``open``, or the outcome of its last step."""
        return self.steps[-1].outcome if self.steps else "open"

    @property
    def since(self) -> date | None:
        """The first quiet day; None before it is confirmed."""
        return next((step.since for step in self.steps if step.since is not None), None)

    @property
    def version(self) -> int:
        """1 when proposed, one more with each step: what an If-Match is compared with."""
        return 1 + len(self.steps)
