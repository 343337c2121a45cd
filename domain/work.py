"""What makes an alert work: what it may cost, when it is due, which ones are alike, which are open.

The expected loss is the money at stake times the probability that the alert is true. How often a
check is right is what reviews said of it, on top of a prior by its severity; docs/queue.md says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from math import prod
from typing import Final

from domain.results import Severity
from domain.review import Reviewed

STATUS_NEW: Final = "new"
IN_REVIEW: Final = "in_review"
IN_CASE: Final = "in_case"
REVIEWED: Final = "reviewed"
OPEN_STATUSES: Final = (STATUS_NEW, IN_REVIEW, IN_CASE)
"""Statuses of alerts on which work is to be done."""
STATUSES: Final = (*OPEN_STATUSES, REVIEWED)

PRIORS: Final[Mapping[Severity, tuple[float, float]]] = {
    Severity.CRITICAL: (3.5, 1.5),
    Severity.HIGH: (2.5, 2.5),
    Severity.MEDIUM: (1.5, 3.5),
    Severity.LOW: (0.75, 4.25),
    Severity.INFO: (0.25, 4.75),
}
"""Severity of a check -> Beta prior of its precision: worth five reviews, 70 % to 5 % of them right."""

SCORE_SHARE: Final = 0.25
"""Share of a hospital's dearest claims taken as false if the hospital is a fraud: an assumption."""

DUE_HOURS: Final[Mapping[Severity, int]] = {
    Severity.CRITICAL: 2 * 24,
    Severity.HIGH: 5 * 24,
    Severity.MEDIUM: 10 * 24,
    Severity.LOW: 20 * 24,
    Severity.INFO: 30 * 24,
}
"""Severity -> hours from the alert to when it is due; calendar days. A database may hold others."""


def check_probability(severity: Severity, reviewed: Reviewed | None = None) -> float:
    """The probability that a hit of a check is right: the mean of its Beta posterior.

    Reviews that confirmed wholly or partly count for it, those that did not against it; those
    that wait for information do not count.
    """
    right, wrong = PRIORS[severity]
    found = reviewed or Reviewed()
    return (right + found.confirmed + found.partly) / (right + wrong + found.concluded)


def alert_probability(checks: Mapping[str, float], score: float | None = None) -> float:
    """The probability that at least one cause of an alert is right.

    ``checks`` maps the id of each check that hit to its probability. Checks of one family look at
    the same facts: of them the likeliest counts. Families, and the hospital's fraud score, are
    taken as independent.
    """
    families: dict[str, float] = {}
    for rule_id, probability in checks.items():
        family = rule_id.partition("-")[0]
        families[family] = max(probability, families.get(family, 0.0))
    wrong = prod(1.0 - probability for probability in families.values())
    return 1.0 - wrong * (1.0 - SCORE_SHARE * (score or 0.0))


def expected_loss(exposure_fen: int, probability: float) -> int:
    """Money at stake times the probability, in the hundredth of the currency; 0 to the exposure."""
    return max(0, min(exposure_fen, round(exposure_fen * probability)))


def due_at(created_at: datetime, severity: Severity, hours: Mapping[Severity, int]) -> datetime:
    """When an alert is due: hours by its severity after it was raised."""
    return created_at + timedelta(hours=hours[severity])


def cluster_of(provider_id: str, rule_ids: Iterable[str], department: str | None) -> str:
    """What similar alerts share: the hospital, the leading check and the department."""
    leading = next(iter(rule_ids), "score")
    return f"{provider_id}|{leading}|{department or '-'}"


_HAN: Final = "\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUN: Final = re.compile(rf"[{_HAN}]+|[^\W{_HAN}]+(?:[./_-]+[^\W{_HAN}]+)*")
_PIECE: Final = re.compile(r"[./_-]+")


def words_of(*texts: str | None) -> set[str]:
    """The words by which a text is found, in small letters.

    Chinese has no spaces: each two characters side by side are a word, and so is the last one of
    a run. Identifiers such as ``ADM-003`` are words whole and in their pieces.
    """
    return {word for text in texts if text for word in _words(text)}


def _words(text: str) -> Iterator[str]:
    for run in _runs(text):
        if _is_han(run):
            yield from (run[place : place + 2] for place in range(len(run)))
        else:
            yield run
            yield from _PIECE.split(run)


def sought(text: str) -> list[tuple[str, bool]]:
    """The words to look for, each with whether a word that begins with it will do; all must be there."""
    found: list[tuple[str, bool]] = []
    for run in _runs(text):
        if not _is_han(run) or len(run) == 1:
            found.append((run, True))
        else:
            found.extend((run[place : place + 2], False) for place in range(len(run) - 1))
    return list(dict.fromkeys(found))


def _runs(text: str) -> list[str]:
    return _RUN.findall(text.lower())


def _is_han(run: str) -> bool:
    return re.match(rf"[{_HAN}]", run) is not None


def rule_word(rule_id: str) -> str:
    """The word under which an alert is found by a check that hit; no text has such a word."""
    return f"#{rule_id.lower()}"
