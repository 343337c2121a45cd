"""Patients who travel together, and hospitals that pass patients round in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from domain.graph import LISTED, CircularTransfer, Companions, Found, Round, StayFacts
from domain.graph_questions import AskCircularTransfers, AskCompanions
from store.graph.joined import components
from store.graph.reading import Reads
from store.graph.sums import days_of, money_of

MOST_PAIRS: Final = 100_000
"""Pairs of companions looked at: a few MB. A question that meets more says ``truncated``."""

MOST_STAYS: Final = 200_000
"""Stays of travelling patients looked at, some 100 MB; likewise."""


def companions(reads: Reads, asked: AskCompanions) -> Found[Companions]:
    """Groups of patients of whom each was admitted together with another several times."""
    pairs = reads.companion_pairs(asked.min_times, MOST_PAIRS)
    groups = [g for g in components(pairs[:MOST_PAIRS]) if len(g) >= asked.min_patients]
    stays = reads.inpatient([member for group in groups for member in group], MOST_STAYS)
    cut = len(pairs) > MOST_PAIRS or len(stays) > MOST_STAYS
    of = {who: list(own) for who, own in groupby(stays[:MOST_STAYS], lambda s: s.patient_id)}
    found = []
    for group in groups:
        cells: dict[tuple[object, ...], list[StayFacts]] = {}
        for stay in (stay for member in group for stay in of.get(member, ())):
            place = (stay.provider_id, stay.admission_date, stay.ended_on)
            cells.setdefault(place, []).append(stay)
        joint = [
            own
            for (_, begun, ended), own in cells.items()
            if begun != ended and len({stay.patient_id for stay in own}) > 1
        ]
        together = [stay for own in joint for stay in own]
        if together:
            found.append(_companions(group, len(joint), together))
    found.sort(key=lambda c: (-c.patient_count, -c.times, c.patients))
    return Found(tuple(found[: asked.limit]), cut or len(found) > asked.limit)


def _companions(group: Sequence[str], times: int, stays: Sequence[StayFacts]) -> Companions:
    return Companions(
        len(group), times, tuple(group[:LISTED]),
        tuple(sorted({stay.provider_id for stay in stays}))[:LISTED],
        *days_of(stays), money_of(stays),
    )  # fmt: skip


def circular_transfers(reads: Reads, asked: AskCircularTransfers) -> Found[CircularTransfer]:
    """Circles of hospitals, each with the patients who went round it."""
    stays = reads.travellers(MOST_STAYS)
    cut = len(stays) > MOST_STAYS
    circles: dict[tuple[str, ...], list[list[StayFacts]]] = {}
    for _, own in groupby(stays[:MOST_STAYS], lambda stay: stay.patient_id):
        for way in _rounds(list(own), asked.max_gap_days):
            circles.setdefault(_turn([stay.provider_id for stay in way[:-1]]), []).append(way)
    found = []
    for circle, ways in circles.items():
        patients = sorted({way[0].patient_id for way in ways})
        if len(patients) < asked.min_patients:
            continue
        every = [stay for way in ways for stay in way]
        ways.sort(key=lambda way: (way[0].admission_date, way[0].stay_id))
        found.append(
            CircularTransfer(
                circle, len(patients), len(ways), tuple(patients[:LISTED]),
                tuple(_round(way) for way in ways[:LISTED]), *days_of(every), money_of(every),
            )
        )  # fmt: skip
    found.sort(key=lambda c: (-c.patient_count, -c.round_count, c.providers))
    return Found(tuple(found[: asked.limit]), cut or len(found) > asked.limit)


def _rounds(stays: Sequence[StayFacts], gap: int) -> Iterator[list[StayFacts]]:
    """The ways of one patient that end where they began, in between each hospital once.

    Each stay follows the one before within ``gap`` days, at another hospital. A way that
    has come back begins anew there, so no transfer counts twice.
    """
    way: list[StayFacts] = []
    for stay in stays:
        if way and not _follows(way[-1], stay, gap):
            way = []
        back = [n for n, before in enumerate(way) if before.provider_id == stay.provider_id]
        way.append(stay)
        if back:
            yield way[back[-1] :]
            way = [stay]


def _follows(before: StayFacts, stay: StayFacts, gap: int) -> bool:
    if before.ended_on is None or before.provider_id == stay.provider_id:
        return False
    return 0 <= (stay.admission_date - before.ended_on).days <= gap


def _turn(providers: Sequence[str]) -> tuple[str, ...]:
    """The circle begun at its first hospital by name: A, B, C and B, C, A are one."""
    first = providers.index(min(providers))
    return (*providers[first:], *providers[:first])


def _round(way: Sequence[StayFacts]) -> Round:
    return Round(
        way[0].patient_id,
        tuple(stay.provider_id for stay in way),
        tuple(stay.stay_id for stay in way),
        *days_of(way),
    )
