"""Honest traits that look like the fraud scheme, so that no single trait gives it away.

Patients who go home from a large hospital and on to a small one, coders who copy a
usual list of secondary diagnoses, short stays, one busy physician, a batch of
admissions after a health check, patients who truly fall ill again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from data_samples.dice import Dice
from data_samples.month import FIRST_DAY, Month
from data_samples.places import Provider
from data_samples.plans import Plan

_TRAITS = 5
_TRIES = 40


def apply(month: Month, guilty: frozenset[str], plans: Mapping[str, Plan]) -> dict[str, Plan]:
    """The honest stays that change; stays of the hospitals in ``guilty`` do not."""
    honest = {k: p for k, p in plans.items() if p.provider.provider_id not in guilty}
    by_provider: dict[str, list[Plan]] = {}
    for plan in honest.values():
        by_provider.setdefault(plan.provider.provider_id, []).append(plan)
    made: dict[str, Plan] = {}
    small = [p for p in month.providers[4:] if p.provider_id in by_provider]
    shuffled = Dice(month.seed, "look-alikes").take(small, len(small))
    for number, provider in enumerate(shuffled):
        made |= _resemble(month, provider, number % _TRAITS, by_provider[provider.provider_id])
    # Patients move only between stays that nothing else has changed: no two stays of one
    # person may overlap.
    settled = [p for key, p in honest.items() if key not in made and not p.died]
    return made | _pass_on(month, settled)


def _resemble(month: Month, provider: Provider, trait: int, own: list[Plan]) -> dict[str, Plan]:
    dice = Dice(month.seed, "resemble", provider.provider_id)
    chosen = dice.take(own, round(len(own) * dice.share(0.2, 0.5)))
    if trait == 0:  # one physician sees most patients
        return {
            p.stay_id: replace(p, physician_id=provider.physicians[p.template.department][0])
            for p in own
        }
    if trait == 1:  # a health check sends a batch
        day = FIRST_DAY + timedelta(days=dice.between(2, 18))
        return {p.stay_id: p.moved(day + timedelta(days=int(dice.chance(0.3)))) for p in chosen}
    if trait == 2:  # coders copy the usual list
        return _copy_lists(chosen)
    if trait == 3:  # short stays
        return {p.stay_id: replace(p, nights=max(1, p.nights - dice.between(1, 3))) for p in own}
    return {}


def _copy_lists(chosen: list[Plan]) -> dict[str, Plan]:
    usual: dict[str, Plan] = {}
    made = {}
    for plan in chosen:
        first = usual.setdefault(plan.template.key, plan)
        age = plan.patient.age(plan.admission)
        if first is not plan and all(c.fits(age, plan.patient.sex) for c in first.secondary):
            made[plan.stay_id] = replace(plan, secondary=first.secondary)
    return made


def _pass_on(month: Month, settled: list[Plan]) -> dict[str, Plan]:
    """Let earlier patients come back, at the same hospital or, more often, at another one."""
    rates: dict[str, float] = {}
    used: set[str] = set()
    made = {}
    for plan in settled:
        dice = Dice(month.seed, "pass on", plan.stay_id)
        provider_id = plan.provider.provider_id
        if provider_id not in rates:
            rates[provider_id] = Dice(month.seed, "rate", provider_id).share(-0.1, 0.45)
        if plan.stay_id in used or plan.template.newborn or not dice.chance(rates[provider_id]):
            continue
        for _ in range(_TRIES):
            before = dice.choose(settled)
            gap = (plan.admission - before.discharge).days
            if before.stay_id in used or before.stay_id == plan.stay_id or not 1 <= gap <= 25:
                continue
            if _suits(before, plan):
                made[plan.stay_id] = replace(plan, patient=before.patient)
                used |= {before.stay_id, plan.stay_id}
                break
    return made


def _suits(before: Plan, after: Plan) -> bool:
    patient, template = before.patient, after.template
    age = patient.age(after.admission)
    return (
        not before.template.newborn
        and template.sex in ("", patient.sex)
        and template.ages[0] <= age <= template.ages[1]
        and all(c.fits(age, patient.sex) for c in after.secondary)
    )
