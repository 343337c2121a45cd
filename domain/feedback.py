"""What reviews say of checks and scores over time: precision a check and a score band.

Only what was reviewed is counted, and people review what alerts first: the share confirmed in a low
band says little about the claims of that band that nobody looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from domain.review import Reviewed

BANDS: Final = 10
"""Score bands of equal width: 0 to 0.1, and so on; a score of 1 is in the last."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The review that counts of one check on one stay, month or day, with the score decided then."""

    rule_id: str
    outcome: str
    reviewed_at: datetime
    stay_id: str | None = None
    model_sha256: str | None = None
    score: float | None = None


def quarter(instant: datetime, zone: tzinfo) -> str:
    """The quarter of an instant where the reviewers are, such as ``2025-Q1``."""
    there = instant.astimezone(zone)
    return f"{there.year}-Q{(there.month + 2) // 3}"


def by_check(conclusions: Iterable[Conclusion], zone: tzinfo) -> dict[str, dict[str, Reviewed]]:
    """Check -> quarter of the review -> how the reviews came out."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for one in conclusions:
        found = counts.setdefault(one.rule_id, {}).setdefault(quarter(one.reviewed_at, zone), {})
        found[one.outcome] = found.get(one.outcome, 0) + 1
    return {
        rule: {q: Reviewed(**found) for q, found in sorted(quarters.items())}
        for rule, quarters in sorted(counts.items())
    }


@dataclass(frozen=True, slots=True)
class Band:
    """Reviewed stays of one model and quarter whose score lies in one band."""

    model_sha256: str
    quarter: str
    band: int
    mean_score: float
    reviewed: Reviewed

    def record(self) -> dict[str, Any]:
        """As plain values, with the precision and its interval."""
        return {
            "model_sha256": self.model_sha256,
            "quarter": self.quarter,
            "from": self.band / BANDS,
            "to": (self.band + 1) / BANDS,
            "mean_score": self.mean_score,
            **told(self.reviewed),
        }


def by_band(conclusions: Iterable[Conclusion], zone: tzinfo) -> list[Band]:
    """Each reviewed stay once: confirmed if any of its checks was, at the quarter of its last review."""
    stays: dict[tuple[str, str], list[Conclusion]] = {}
    for one in conclusions:
        if one.stay_id is not None and one.model_sha256 is not None and one.score is not None:
            stays.setdefault((one.model_sha256, one.stay_id), []).append(one)
    cells: dict[tuple[str, str, int], list[tuple[float, str]]] = {}
    for (model, _), found in stays.items():
        last = max(found, key=lambda one: one.reviewed_at)
        score = float(last.score or 0.0)
        band = min(int(score * BANDS), BANDS - 1)
        cell = cells.setdefault((model, quarter(last.reviewed_at, zone), band), [])
        cell.append((score, _worst({one.outcome for one in found})))
    return [
        Band(
            model, when, band, sum(score for score, _ in cell) / len(cell),
            Reviewed(**_counts(outcome for _, outcome in cell)),
        )
        for (model, when, band), cell in sorted(cells.items())
    ]  # fmt: skip


def told(reviewed: Reviewed) -> dict[str, Any]:
    """Reviews by outcome, the precision, and its 95 % interval (None while nothing is concluded)."""
    return {
        **asdict(reviewed),
        "precision": reviewed.precision,
        "precision_interval": reviewed.interval,
    }


def _worst(outcomes: set[str]) -> str:
    order = ("confirmed", "partly", "needs_information", "not_confirmed")
    return next(outcome for outcome in order if outcome in outcomes)


def _counts(outcomes: Iterable[str]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts
