"""What a model may be told about one card: our own sentences, with nothing of a person in them.

Identifiers, dates, ages, amounts of money and whatever a hospital wrote freely are taken out and
replaced by slots such as ``{ID1}``; the model has to carry them through, and they are filled in
here when its words come back. Sentences that must be said as they stand (conditions, what protects
care, whatever speaks of diagnoses and codes) are slots too: ``{SAY1}``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from domain.errors import SentinelError
from domain.orders import SUMMARY_LENGTH
from explain.wording.names import Names
from explain.wording.vocabulary import words

LANGUAGES: Final = ("zh", "en")
"""The languages that words come in."""

FIELDS: Final = ("summary", "detail", "action")
"""The parts of the words, in the order in which they are read."""

SLOT: Final = re.compile(r"\{(?:ID|DATE|AGE|SUM|TEXT|SAY)[0-9]{1,2}\}")
"""A place that is filled in after the model has answered."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """Our own words in one language with slots, and what the slots stand for.

    ``summary``, ``detail`` and ``action`` leave the house, ``slots`` never. ``names`` are the known
    names of drugs and items that occur, folded. ``key`` and ``decisions`` say what it is about. Only
    what is ``safe`` may be sent.
    """

    lang: str
    summary: str
    detail: str
    action: str
    slots: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    key: str = ""
    decisions: tuple[str, ...] = ()
    safe: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of what a model is told: equal for cards that differ in slots alone."""
        told = [self.lang, self.summary, self.detail, self.action, self.names]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()

    @property
    def must_say(self) -> tuple[str, ...]:
        """The slots of sentences without which the action may not be shown, in order."""
        return tuple(re.findall(r"\{SAY[0-9]{1,2}\}", self.action))

    def fill(self, text: str) -> str:
        """A text with what its slots stand for; a slot that is not known stays."""
        return SLOT.sub(lambda m: self.slots.get(m[0], m[0]), text)

    def outgoing(self) -> dict[str, str]:
        """What a model is told, and nothing else of it."""
        return {name: getattr(self, name) for name in FIELDS}


def facts_of(told: Json, lang: str, names: Names) -> Facts:
    """The facts of a suggestion of the stream, or of a finding, suggestion or question of a plan.

    Only the members that ``_parts`` names are read, and of these only our own sentences are kept.
    SentinelError if it has none of these shapes. If something of a person may be left in them they are
    not ``safe``, and no model may be asked.
    """
    if lang not in LANGUAGES:
        raise SentinelError(f"no words come in {lang!r}", where="lang", cure="Ask for zh or en.")
    parts = _parts(told, lang)
    taken = _Taken(names)
    taken.values(told)
    cut = {name: taken.cut(text) for name, text in parts.texts.items()}
    action = taken.say(cut["action"], parts.conditions, lang)
    facts = Facts(
        lang=lang,
        summary=cut["summary"],
        detail=cut["detail"],
        action=action,
        slots=dict(taken.slots),
        names=tuple(names.written_in("\n".join([cut["summary"], cut["detail"], action]))),
        key=parts.key,
        decisions=parts.decisions,
    )
    return replace(facts, safe=_safe(facts, told))


def _safe(facts: Facts, told: Json) -> bool:
    """Whether what would leave holds no identifier of ``told`` and nothing that looks like one."""
    leaving = "\n".join([*facts.outgoing().values(), *facts.names])
    inside = {value for name, value in _leaves(told) if name in _SECRET and len(value) > 2}
    return not any(value in leaving for value in inside) and not _PERSONAL.search(
        SLOT.sub("", leaving)
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    texts: dict[str, str]
    conditions: tuple[str, ...]
    key: str
    decisions: tuple[str, ...]


def _parts(told: Json, lang: str) -> _Parts:
    """The sentences that are ours, by shape; nothing else of ``told`` is ever read for them."""

    def say(name: str) -> str:
        text = told.get(name) or {}
        return str(text.get(lang) or "") if isinstance(text, Mapping) else ""

    if "summary" in told and "evidence" in told:  # a suggestion of the order stream
        evidence = told["evidence"]
        decisions = tuple(str(one["decision_id"]) for one in evidence)
        rules = ",".join(sorted(str(one["rule_id"]) for one in evidence))
        texts = {name: say(name) for name in FIELDS}
        return _Parts(texts, (), f"{rules}/{told.get('cause', '')}", decisions)
    if "finding" in told:
        finding, name = say("finding"), say("name")
        short = finding if len(finding) <= SUMMARY_LENGTH else name
        texts = {"summary": short, "detail": finding, "action": say("action")}
        return _Parts(texts, (), str(told.get("rule_id", "")), _ids(told, "finding_id"))
    if "text" in told:
        text = say("text")
        short = text if len(text) <= SUMMARY_LENGTH else text[: SUMMARY_LENGTH - 1] + "…"
        texts = {"summary": short, "detail": "", "action": text}
        rules = ",".join(told.get("rule_ids") or filter(None, [told.get("rule_id")]))
        key = f"{rules}/{told.get('kind', '')}"
        condition = (say("condition"),) if say("condition") else ()
        return _Parts(texts, condition, key, _ids(told, "suggestion_id", "question_id"))
    raise SentinelError(
        "there are no words for this",
        where="wording",
        cure="Give a suggestion of the order stream, or a finding, suggestion or question of a plan.",
    )


def _ids(told: Json, *members: str) -> tuple[str, ...]:
    return tuple(str(told[name]) for name in members if told.get(name))


_SECRET: Final = frozenset(
    words("""stay_id patient_id physician_id provider_id department order_id subject_id ordering_physician_id
    attending_physician_id executing_physician_id event_id decision_id finding_id suggestion_id question_id
    line_id name_of_patient patient_name birth_date date_of_birth phone address line_ids order_ids""")
)
"""Members whose values identify somebody or something of somebody; none of them may leave."""
_CODED: Final = frozenset(words("group_code drug_setting claim_type dose_limit_unit requirement"))
"""Facts in words of our own tables; every other text among facts was written by a hospital, and leaves
only as a name that the reference tables know."""
_NUMERIC: Final = re.compile(r"-?[0-9][0-9.,]*|true|false", re.IGNORECASE)
_DATE: Final = re.compile(
    r"(?<![0-9.])(?:19|20)[0-9]{2}(?:-[01][0-9](?:-[0-3][0-9])?|/[01]?[0-9]/[0-3]?[0-9]|年[01]?[0-9]月(?:[0-3]?[0-9]日)?)"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9.]+)?(?:Z|[+-][0-9:]{5})?)?(?![0-9])"
)
_MONEY: Final = re.compile(
    r"(?:(?:CNY|USD) -?[0-9][0-9,]*\.[0-9]{2}|-?[0-9][0-9,]*\.[0-9]{2}(?:元|美元))"
)
_AGE: Final = re.compile(r"[0-9]{1,3}(?=岁)|(?<=is )[0-9]{1,3}(?= years? old)|(?<=aged )[0-9]{1,3}")
_IN_BRACKETS: Final = re.compile(r"(?<=\{ID[0-9]\})(?:（[^（）]{1,200}）| \([^()]{1,200}\))")
_PERSONAL: Final = re.compile(
    r"(?<![0-9])[1-9][0-9]{16}[0-9Xx](?![0-9])|(?<![0-9])[0-9]{11,}(?![0-9])|(?<![0-9a-f])[0-9a-f]{24,}(?![0-9a-f])"
    r"|[\w.+-]+@[\w-]+\.|(?:姓名|先生|女士|身份证|电话|手机|住址)"
)
"""Numbers of citizens, phones, digests and addresses, whatever they are doing in a text."""
_PROTECTED: Final[Mapping[str, re.Pattern[str]]] = {
    "zh": re.compile("诊断|编码|主诊|紧急|手术操作|不得|影响|必要|病情|确需|如|若|仅|限额|出院|转院|自费|停|撤|更正|需要|不|未|无"),
    "en": re.compile(
        r"diagnos|\bcod|never|necessary|illness|needed|\bif\b|\bonly\b|unless|otherwise|quota|discharge|transfer"
        r"|emergency|\bstop|withdraw|\btake\b|meant|\bnot\b|\bno\b|never|goes on",
        re.I,
    ),
}  # fmt: skip
"""Sentences of an action that are said as they stand: conditions, what protects care, coding, ends."""
_SENTENCE: Final = re.compile(r"[^。；;!?！？\n]+?(?:[。；;!?！？\n]|\.(?= |\n|$)|$)")


class _Taken:
    """What is taken out of texts, and the slots that stand for it."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._order: dict[str, str] = {}
        self.slots: dict[str, str] = {}

    def values(self, told: Json) -> None:
        """Note the identifiers and free texts that ``told`` names anywhere in it."""
        seen: dict[str, str] = {}
        for name, value in _leaves(told):
            if name in _SECRET and len(value) > 1:
                seen.setdefault(value, "ID")
        for one in [told, *told.get("evidence", ())]:
            for name, value in _leaves(one.get("facts", {})):
                if name not in _CODED and not _NUMERIC.fullmatch(value) and not _DATE.match(value):
                    parts = re.split("[、,;] ?", value)
                    unknown = [part for part in parts if part and part not in self._names]
                    seen |= {part: "TEXT" for part in unknown if part not in seen}
        self._order = dict(sorted(seen.items(), key=lambda one: -len(one[0])))

    def cut(self, text: str) -> str:
        """The text with slots; the same value has the same slot everywhere."""
        for value, kind in self._order.items():
            if value in text:
                text = re.sub(
                    rf"(?<![A-Za-z0-9{{]){re.escape(value)}(?![A-Za-z0-9])",
                    lambda m, kind=kind: self._slot(kind, m[0]),  # type: ignore[misc]
                    text,
                )
        text = _MONEY.sub(lambda m: self._slot("SUM", m[0]), text)
        text = _DATE.sub(lambda m: self._slot("DATE", m[0]), text)
        text = _AGE.sub(lambda m: self._slot("AGE", m[0]), text)
        return _IN_BRACKETS.sub(self._bracket, text)

    def say(self, action: str, conditions: Iterable[str], lang: str) -> str:
        """The action with each sentence that must be said as one slot, and the conditions after it."""
        parts: list[str] = []
        for sentence in _SENTENCE.findall(action):
            if not sentence.strip():
                continue
            protected = _PROTECTED[lang].search(sentence) is not None
            parts.append(
                self._slot("SAY", self.filled(sentence.strip())) if protected else sentence.strip()
            )
        parts += [self._slot("SAY", one.strip()) for one in conditions]
        return ("" if lang == "zh" else " ").join(parts)

    def filled(self, text: str) -> str:
        """A text with what its slots stand for."""
        return SLOT.sub(lambda m: self.slots.get(m[0], m[0]), text)

    def _bracket(self, match: re.Match[str]) -> str:
        """What stands in brackets after an identifier: a name that is known, or not for a model."""
        whole = match[0].strip()
        inner = whole[1:-1]
        if inner in self._names or SLOT.fullmatch(inner):
            return match[0]
        return match[0].replace(inner, self._slot("TEXT", self.filled(inner)))

    def _slot(self, kind: str, value: str) -> str:
        for slot, known in self.slots.items():
            if known == value and slot.startswith("{" + kind):
                return slot
        number = 1 + sum(slot.startswith("{" + kind) for slot in self.slots)
        slot = f"{{{kind}{number}}}"
        self.slots[slot] = value
        return slot


def _leaves(told: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(member, value as text) of everything in a document."""
    if isinstance(told, Mapping):
        for key, value in told.items():
            yield from _leaves(value, str(key))
    elif isinstance(told, list | tuple):
        for value in told:
            yield from _leaves(value, name)
    elif told is not None and not isinstance(told, bool):
        yield name, str(told)
