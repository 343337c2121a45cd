"""The words of one card: the template's, or a model's that were verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from domain.service import Worded
from explain.wording import prompt
from explain.wording.client import CircuitOpenError, Said, ServiceError
from explain.wording.facts import FIELDS, Facts
from explain.wording.names import Names
from explain.wording.verify import Verifier


class Asks(Protocol):
    """What answers a chat; ``explain.wording.client.Client`` is one."""

    def ask(self, messages: Sequence[Mapping[str, str]], /) -> Said:
        """The model's answer; ServiceError if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of asking a model: its answer as it came, what speaks against it, the texts if nothing does."""

    prompt_sha256: str
    model: str
    answer: str
    latency_ms: int
    refused: tuple[str, ...]
    texts: Mapping[str, str] | None

    @property
    def verdict(self) -> str:
        """``taken``, ``refused``, or ``failed`` if there was no answer."""
        if self.texts is not None:
            return "taken"
        return "failed" if self.refused[:1] == ("service:answer",) else "refused"


def template(facts: Facts, **more: Any) -> Worded:
    """Our own words, with what the slots stand for."""
    summary, detail, action = (facts.fill(getattr(facts, name)) for name in FIELDS)
    return Worded(summary, detail, action, **more)


def worded(facts: Facts, texts: Mapping[str, str], **more: Any) -> Worded:
    """A model's verified words, with what the slots stand for."""
    summary, detail, action = (facts.fill(texts[name]) for name in FIELDS)
    return Worded(summary, detail, action, "model", **more)


class Writer:
    """Has cards worded by a model and verifies each answer; without one the template serves."""

    def __init__(self, names: Names, model: Asks | None = None, source: str = "") -> None:
        self.names, self._model, self._source = names, model, source

    def write(self, facts: Facts) -> tuple[Worded, Attempt | None]:
        """The words for facts, and what became of asking; never raises for what a model does."""
        if self._model is None or not facts.safe:
            return template(facts), None
        attempt = self.attempt(facts)
        if attempt.texts is None:
            return template(facts), attempt
        return worded(facts, attempt.texts), attempt

    def attempt(self, facts: Facts) -> Attempt:
        """Ask the model once and verify; CircuitOpenError passes, since nothing was asked."""
        if self._model is None or not facts.safe:
            raise AssertionError("there is no model to ask, or nothing that may be sent")
        asked = prompt.digest(facts)
        try:
            said = self._model.ask(prompt.messages(facts))
        except CircuitOpenError:
            raise
        except ServiceError as error:
            return Attempt(asked, self._source, str(error), 0, ("service:answer",), None)
        texts, refused = judge(facts, said.content, self.names)
        return Attempt(asked, said.model, said.content, said.latency_ms, refused, texts)


def judge(
    facts: Facts, content: str, names: Names
) -> tuple[Mapping[str, str] | None, tuple[str, ...]]:
    """The texts of an answer if they may be shown, and why not if they may not."""
    texts = prompt.parse(content)
    if texts is None:
        return None, ("form:answer",)
    found = Verifier(facts, names).faults(texts)
    return (None if found else texts), tuple(str(one) for one in found)
