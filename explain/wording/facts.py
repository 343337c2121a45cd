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
from dataclasses import dataclass, field
from typing import Any, Final

from domain.errors import SentinelError
from explain.wording.names import Names

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
    names of drugs and items that occur, as written. ``key`` and ``decisions`` say what it is about.
    """

    lang: str
    summary: str
    detail: str
    action: str
    slots: Mapping[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    key: str = ""
    decisions: tuple[str, ...] = ()

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


class UnsafeFactsError(SentinelError):
    """The words hold something of a person that no slot took out; nothing may be sent."""
