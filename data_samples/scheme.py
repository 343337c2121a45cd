"""The fraud scheme of the demo month: rings of small hospitals that share recruited patients.

A fabricated stay is plausible by itself: its sums add up and its cost is below the
standard. What gives it away lies between the claims: a few recruits go round the
hospitals of a ring at regular gaps, admitted in batches, under the same few physicians,
with code vectors copied from a list, and reachable under one telephone number.

So that this is not trivial to learn, only a part of a ring hospital's stays is
fabricated, and honest hospitals look alike in one respect or another (``lookalikes``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from data_samples import lookalikes
from data_samples.catalogue import Comorbidity, Template
from data_samples.dice import Dice
from data_samples.month import FIRST_DAY, Month, offered
from data_samples.people import Patient, invent
from data_samples.places import Provider
from data_samples.plans import Plan, choose_secondary

RINGS, HOSPITALS_A_RING = 3, 4
"""Twelve of the sixty hospitals take part."""

_KINDS = ("pneumonia", "copd", "cerebral-infarction", "hypertension", "diabetes", "lumbar-disc")
_BATCHES = 3
_FIRST_SMALL = 12


@dataclass(frozen=True, slots=True)
class Ring:
    """Hospitals that share recruits; ``batches`` are days since the first of the month."""

    number: int
    provider_ids: tuple[str, ...]
    batches: tuple[int, ...]


def choose_rings(seed: int, providers: tuple[Provider, ...]) -> tuple[Ring, ...]:
    """The rings of a seed, drawn from the smaller hospitals."""
    dice = Dice(seed, "rings")
    small = [p.provider_id for p in providers[_FIRST_SMALL:]]
    members = dice.take(small, RINGS * HOSPITALS_A_RING)
    rings = []
    for number in range(RINGS):
        gap, first = dice.between(7, 9), dice.between(0, 4)
        rings.append(
            Ring(
                number,
                tuple(members[number * HOSPITALS_A_RING : (number + 1) * HOSPITALS_A_RING]),
                tuple(first + gap * n for n in range(_BATCHES)),
            )
        )
    return tuple(rings)


def guilty(seed: int, providers: tuple[Provider, ...]) -> frozenset[str]:
    """The provider ids in which the scheme is planted: the positive labels."""
    return frozenset(p for ring in choose_rings(seed, providers) for p in ring.provider_ids)


def apply(month: Month) -> tuple[Plan, ...]:
    """The month's plans with a part of the ring hospitals' stays replaced by fabricated ones."""
    rings = choose_rings(month.seed, month.providers)
    members = {p for ring in rings for p in ring.provider_ids}
    plans = {plan.stay_id: plan for plan in month.plans}
    for ring in rings:
        plans |= _fabricate(month, ring)
    plans |= lookalikes.apply(month, frozenset(members), plans)
    return tuple(plans[plan.stay_id] for plan in month.plans)


def _fabricate(month: Month, ring: Ring) -> dict[str, Plan]:
    dice = Dice(month.seed, "ring", ring.number)
    by_id = {p.provider_id: p for p in month.providers}
    slots: list[tuple[int, Plan]] = []
    for provider_id in ring.provider_ids:
        own = [p for p in month.plans if p.provider.provider_id == provider_id]
        share = dice.share(0.15, 0.55)
        for number, old in enumerate(dice.take(own, round(len(own) * share))):
            slots.append((number % _BATCHES, old))
    doctors = {
        provider_id: _complicit(by_id[provider_id], month, dice)
        for provider_id in ring.provider_ids
    }
    # Each recruit is admitted at most once a batch, so that stays do not overlap.
    size = max((sum(1 for batch, _ in slots if batch == n) for n in range(_BATCHES)), default=0)
    phone = f"000-9{ring.number:03}-000001"
    recruits = [
        _recruit(month, ring, number, phone if number % 2 else None) for number in range(size)
    ]
    copies = _copy_vectors(month, recruits, dice)
    made = {}
    for batch in range(_BATCHES):
        day = FIRST_DAY + timedelta(days=ring.batches[batch])
        group = dice.take(recruits, size)
        for patient, old in zip(group, (o for b, o in slots if b == batch), strict=False):
            template, physician_id = dice.choose(doctors[old.provider.provider_id])
            made[old.stay_id] = replace(
                old,
                template=template,
                patient=patient,
                physician_id=physician_id,
                admission=day + timedelta(days=int(dice.chance(0.25))),
                nights=dice.between(3, 5),
                secondary=(
                    dice.choose(copies[template.key])
                    if dice.chance(0.55)
                    else choose_secondary(dice, month.catalogue, template, patient, day)
                ),
                pace=dice.share(0.70, 0.98),
                died=False,
            )
    return made


def _complicit(provider: Provider, month: Month, dice: Dice) -> list[tuple[Template, str]]:
    """Two kinds of stay that the hospital fabricates, each with its one physician."""
    kinds = [t for t in offered(provider, month.catalogue) if t.key in _KINDS]
    return [(t, provider.physicians[t.department][0]) for t in dice.take(kinds, 2)]


def _recruit(month: Month, ring: Ring, number: int, phone: str | None) -> Patient:
    return invent(
        Dice(month.seed, "recruit", ring.number, number),
        f"9{ring.number:02}{number:03}",
        ages=(56, 78),
        sex="",
        newborn=False,
        day=FIRST_DAY,
        phone=phone,
    )


def _copy_vectors(
    month: Month, recruits: list[Patient], dice: Dice
) -> dict[str, list[tuple[Comorbidity, ...]]]:
    """Three lists of secondary diagnoses a kind, written for the first recruit and copied."""
    if not recruits:
        return {}
    return {
        key: [
            tuple(
                c
                for c in choose_secondary(
                    dice, month.catalogue, month.catalogue.templates[key], recruits[0], FIRST_DAY
                )
                # A copied list must suit a recruit of either sex and any of their ages.
                if c.sex == "" and c.youngest <= 55
            )
            for _ in range(3)
        ]
        for key in _KINDS
    }
