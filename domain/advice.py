"""How physicians take advice: the weekly report, and the checks that might better be quiet for them.

Nobody is ranked: a report holds hospitals, departments, checks, and how many physicians got how
many cards; departments of too few physicians are put together, so that none stands for a person.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from domain.cards import HELD, OVERRIDE_REASONS, QuietCheck, Tallied
from domain.errors import SentinelError
from domain.review import interval

LEAST_ANSWERED: Final = 30
"""Answers without which a check is no candidate: with fewer, one ward's month decides."""
TOO_OFTEN: Final = 0.7
"""A candidate is overridden so often even at the lower end of the 95 % interval.

Studies of other alerts are said to find 46 to 96 % overridden (unverified): a line at half would propose most checks.
"""
LOOK_BACK: Final = timedelta(days=28)
"""The weeks that candidates are counted from: one week has too few answers."""
LEAST_PHYSICIANS: Final = 3
"""A department with cards for fewer physicians is put together with others."""
BANDS: Final = ((1, 2), (3, 5), (6, 10), (11, None))
"""Cards a day with a card, on average: from, to."""
PROPOSER: Final = ("weekly-run", "sentinel advice report")
"""Who proposes what the figures alone propose: no person, so that any reviewer may confirm it."""

Place = tuple[str, str | None]
"""Hospital and department."""
_WEEK: Final = re.compile(r"^(\d{4})-W(\d{2})$")


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted in a period: tallies by place and check, by place, and cards a physician.

    ``loads`` has one entry a physician of a place: cards shown, and the days with a card. It names
    no physician.
    """

    by_check: Mapping[tuple[str, str | None, str], Tallied]
    by_place: Mapping[Place, Tallied]
    loads: Mapping[Place, Sequence[tuple[int, int]]]
    stays: int
    """Stays with at least one card shown."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A check that is overridden too often, in a hospital or (``provider_id`` empty) everywhere."""

    rule_id: str
    provider_id: str
    tallied: Tallied


def days_of(week: str) -> tuple[date, date]:
    """Monday and Sunday of an ISO week such as 2026-W48; SentinelError if there is none."""
    found = _WEEK.match(week)
    try:
        if found is None:
            raise ValueError(week)
        first = date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError as error:
        raise SentinelError(
            f"{week!r} is no week",
            where="week",
            cure="Write year and ISO week, such as 2026-W48; weeks begin on Monday.",
        ) from error
    return first, first + timedelta(days=6)


def week_of(day: date) -> str:
    """The ISO week of a day, such as 2026-W48."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def add_up(tallies: Iterable[Tallied]) -> Tallied:
    """The sum of tallies."""
    listed = list(tallies)

    def merged(name: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in listed:
            for key, number in getattr(one, name).items():
                found[key] = found.get(key, 0) + number
        return dict(sorted(found.items()))

    return Tallied(
        sum(one.shown for one in listed),
        sum(one.accepted for one in listed),
        sum(one.overridden for one in listed),
        sum(one.later for one in listed),
        merged("held"),
        merged("reasons"),
    )


def tell(one: Tallied) -> dict[str, Any]:
    """A tally as plain data, with the shares: of those answered, overridden with its 95 % interval."""
    bounds = interval(one.overridden, one.answered)
    return {
        "shown": one.shown,
        "answered": one.answered,
        "accepted": one.accepted,
        "overridden": one.overridden,
        "later": one.later,
        "unanswered": one.shown - one.answered - one.later,
        "overridden_share": one.overridden / one.answered if one.answered else None,
        "overridden_interval": None if bounds is None else list(bounds),
        "at_fault": one.at_fault,
        "reasons": {name: one.reasons[name] for name in ("", *OVERRIDE_REASONS) if name in one.reasons},
        "held": {name: one.held.get(name, 0) for name in HELD},
    }  # fmt: skip


def candidates(figures: Figures, *, least: int = LEAST_ANSWERED, share: float = TOO_OFTEN) -> list[Candidate]:  # fmt: skip
    """The checks overridden too often, most often first.

    By hospital; everywhere, if that holds in each of at least two hospitals with enough answers.
    """
    by_hospital: dict[str, dict[str, list[Tallied]]] = {}
    for (provider, _, rule_id), one in figures.by_check.items():
        by_hospital.setdefault(rule_id, {}).setdefault(provider, []).append(one)
    found = []
    for rule_id, hospitals in by_hospital.items():
        enough = {p: add_up(parts) for p, parts in hospitals.items()}
        enough = {p: one for p, one in enough.items() if one.answered >= least}
        over = {p: one for p, one in enough.items() if _low(one) > share}
        if len(over) > 1 and len(over) == len(enough):
            whole = add_up(part for parts in hospitals.values() for part in parts)
            found.append(Candidate(rule_id, "", whole))
        else:
            found += [Candidate(rule_id, provider, one) for provider, one in over.items()]
    return sorted(found, key=lambda c: (-_low(c.tallied), c.rule_id, c.provider_id))


def _low(one: Tallied) -> float:
    bounds = interval(one.overridden, one.answered)
    return 0.0 if bounds is None else bounds[0]


def propose(candidate: Mapping[str, Any], now: datetime) -> QuietCheck:
    """The proposal that the figures make by themselves, of a report's candidate; a person has to confirm it."""
    low, high = candidate["overridden_interval"]
    answered, overridden = candidate["answered"], candidate["overridden"]
    why = (
        f"{candidate['since']}至{candidate['until']}：已答复{answered}次，不采纳{overridden}次（95%区间{low:.0%}–{high:.0%}）。"
        f" / {overridden} of {answered} answers overridden (95 % interval {low:.0%} to {high:.0%})."
    )
    figures = {k: v for k, v in candidate.items() if k not in {"rule_id", "provider_id", "name"}}
    by, by_name = PROPOSER
    return QuietCheck(
        quiet_id=uuid.uuid4().hex,
        rule_id=candidate["rule_id"],
        provider_id=candidate["provider_id"] or "",
        why=why,
        figures=figures,
        by=by,
        by_name=by_name,
        at=now,
    )


def report(week: str, figures: Figures, counted_from: date, found: Sequence[Candidate]) -> dict[str, Any]:  # fmt: skip
    """The weekly report as plain data; ``found`` are the candidates counted from ``counted_from`` on."""
    first, last = days_of(week)
    loads = [load for listed in figures.loads.values() for load in listed]
    cards, days = sum(n for n, _ in loads), sum(d for _, d in loads)
    hospitals = sorted({provider for provider, _ in figures.by_place})
    rules = sorted({rule_id for _, _, rule_id in figures.by_check})
    return {
        "week": week,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "total": tell(add_up(figures.by_place.values())),
        "stays_with_a_card": figures.stays,
        "cards_a_physician_and_day": cards / days if days else None,
        "hospitals": [
            {
                "provider_id": provider,
                **tell(add_up(one for (p, _), one in figures.by_place.items() if p == provider)),
            }
            for provider in hospitals
        ],
        "departments": [row for provider in hospitals for row in _departments(provider, figures)],
        "checks": [
            {
                "rule_id": rule_id,
                **tell(add_up(o for (*_, r), o in figures.by_check.items() if r == rule_id)),
            }
            for rule_id in rules
        ],
        "candidates": [
            {
                "rule_id": one.rule_id,
                "provider_id": one.provider_id or None,
                "since": counted_from.isoformat(),
                "until": last.isoformat(),
                **tell(one.tallied),
            }
            for one in found
        ],
    }


def _departments(provider: str, figures: Figures) -> list[dict[str, Any]]:
    """The departments of a hospital; those of too few physicians as one, ``department`` null.

    The rest is never so small that it follows from the hospital's sum: the next smallest is then put
    to it. If the whole hospital is too small, there is no line.
    """
    size = {
        department: len(figures.loads.get((p, department), ()))
        for p, department in figures.by_place
        if p == provider
    }
    order = sorted(size, key=lambda name: (name is not None, size[name], name or ""))
    together: list[str | None] = [n for n in order if n is None or size[n] < LEAST_PHYSICIANS]
    apart = [name for name in order if name not in together]
    while together and apart and sum(size[name] for name in together) < LEAST_PHYSICIANS:
        together.append(apart.pop(0))
    groups: list[tuple[str | None, list[str | None]]] = [(name, [name]) for name in sorted(map(str, apart))]  # fmt: skip
    if sum(size[name] for name in together) >= LEAST_PHYSICIANS:
        groups.append((None, together))
    rows = []
    for name, members in groups:
        loads = [load for m in members for load in figures.loads.get((provider, m), ())]
        rows.append(
            {
                "provider_id": provider,
                "department": name,
                "departments": len(members),
                "physicians": len(loads),
                "bands": [
                    {"least": low, "most": high, "physicians": sum(_within(n / d, low, high) for n, d in loads)}
                    for low, high in BANDS
                ],
                **tell(add_up(figures.by_place[provider, m] for m in members)),
            }
        )  # fmt: skip
    return rows


def _within(mean: float, low: int, high: int | None) -> bool:
    return round(mean) >= low and (high is None or round(mean) <= high)
