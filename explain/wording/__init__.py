"""Words for cards: our own sentences, or a language model's that say nothing else; docs/wording.md."""

from explain.wording.client import Breaker, CircuitOpenError, Client, ServiceError
from explain.wording.facts import FIELDS, LANGUAGES, Facts, facts_of
from explain.wording.names import Names, known
from explain.wording.rewording import reword
from explain.wording.settings import Settings, load
from explain.wording.verify import Fault, Verifier
from explain.wording.writer import Attempt, Writer, judge, template, worded

__all__ = [
    "FIELDS",
    "LANGUAGES",
    "Attempt",
    "Breaker",
    "CircuitOpenError",
    "Client",
    "Facts",
    "Fault",
    "Names",
    "ServiceError",
    "Settings",
    "Verifier",
    "Writer",
    "facts_of",
    "judge",
    "known",
    "load",
    "reword",
    "template",
    "worded",
]
