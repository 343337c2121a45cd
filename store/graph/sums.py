"""Money and days of stays that are at hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from domain.graph import Money, StayFacts


def money_of(stays: Iterable[StayFacts]) -> tuple[Money, ...]:
    """What these stays come to, a currency at a time; each stay once."""
    unique = {stay.stay_id: stay for stay in stays}.values()
    made = []
    for currency in sorted({stay.currency for stay in unique}):
        own = [stay for stay in unique if stay.currency == currency]
        totals = [s.total_fen for s in own if s.total_fen is not None]
        funds = [s.fund_fen for s in own if s.fund_fen is not None]
        made.append(
            Money(
                currency, len(own), sum(totals), sum(funds),
                len(own) - len(totals), len(own) - len(funds),
            )
        )  # fmt: skip
    return tuple(made)


def add_money(parts: Iterable[Sequence[Money]]) -> tuple[Money, ...]:
    """Sums of different stays, added up."""
    found: dict[str, Money] = {}
    for part in parts:
        for one in part:
            old = found.get(one.currency, Money(one.currency, 0, 0, 0, 0, 0))
            found[one.currency] = Money(
                one.currency, old.stays + one.stays, old.total_fen + one.total_fen,
                old.fund_fen + one.fund_fen, old.total_unknown + one.total_unknown,
                old.fund_unknown + one.fund_unknown,
            )  # fmt: skip
    return tuple(found[currency] for currency in sorted(found))


def days_of(stays: Iterable[StayFacts]) -> tuple[date, date]:
    """The first admission and the last end, or admission where there is no end."""
    listed = list(stays)
    return (
        min(stay.admission_date for stay in listed),
        max(stay.ended_on or stay.admission_date for stay in listed),
    )
