"""The honest people of the months with rings: each sign of a ring has its look-alikes here.

Families and homes share a telephone, a charity's account pays for many, a ward has fixed days,
patients are handed on and come back, a package has one price and one list of items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from typing import Final

from data_samples.catalogue import Template
from data_samples.dice import Dice
from data_samples.ring_stage import (
    Entry,
    Stage,
    Step,
    Wanted,
    anything,
    as_long,
    course,
    recurring,
    rehabilitation,
    share,
)

FAMILY_SHARE: Final = 0.20
"""Of all stays, those of people whose family has other stays too, all under one telephone."""

PHONE_HUB_SHARE: Final = 0.03
"""Of all stays, those under the telephone of a home, a village clinic or an employer's clerk."""

ACCOUNT_HUB_SHARE: Final = 0.02
"""Of all stays, those paid for to the account of a charity or an employer."""

WARD_SHARE: Final = 0.02
"""Of all stays, those of groups whom a ward admits on the same fixed days."""

TRANSFER_SHARE: Final = 0.015
"""Of all stays, those of patients handed on to another hospital, or two, for good."""

BACK_SHARE: Final = 0.015
"""Of all stays, those of patients handed on who come back to the first hospital."""

PACKAGE_SHARE: Final = 0.025
"""Of all stays, those billed as a package: the same items and quantities for each patient."""

RETURN_SHARE: Final = 0.10
"""Of the other stays, those of a patient who was in hospital before."""

_TRIES: Final = 40
_LONG_AGO: Final = 3
"""Least days between two stays of a returning patient."""

Group = Callable[[Stage, Dice], list[Entry]]


def look_alikes(stage: Stage, total: int, rings: Sequence[Entry]) -> list[Entry]:
    """The honest groups among ``total`` stays: for each sign at least as many as rings have."""
    made: list[Entry] = []
    for name, group, part, kind in (
        ("phone hub", _phone_hub, PHONE_HUB_SHARE, "phone"),
        ("account hub", _account_hub, ACCOUNT_HUB_SHARE, "account"),
        ("ward", _ward, WARD_SHARE, "companions"),
        ("transfer", _transfer, TRANSFER_SHARE, ""),
        ("back", _back, BACK_SHARE, "circle"),
        ("package", _package, PACKAGE_SHARE, "bills"),
        ("family", _family, FAMILY_SHARE, ""),
    ):
        wanted = max(round(part * total), sum(1 for r in rings if kind and r.kind == kind))
        found: list[Entry] = []
        for number in count():
            if len(found) >= wanted:
                break
            dice = Dice(stage.seed, "rings", name, number)
            found += group(stage, dice)
        made += found
    return made


def others(stage: Stage, counts: Sequence[int], earlier: Iterable[Entry]) -> list[Entry]:
    """Ordinary stays, so many in each month; some are of patients who were in hospital before."""
    made = []
    spans: dict[str, list[tuple[date, date]]] = {}
    pool: list[Entry] = []
    for entry in earlier:
        plan = entry.plan
        spans.setdefault(plan.patient.patient_id, []).append((plan.admission, plan.discharge))
        pool.append(entry)
    for number, drawn in enumerate(_ordinary(stage, counts)):
        dice = Dice(stage.seed, "rings", "return", number)
        entry = drawn
        if pool and dice.chance(RETURN_SHARE):
            entry = _come_back(dice, drawn, pool, spans) or drawn
        plan = entry.plan
        spans.setdefault(plan.patient.patient_id, []).append((plan.admission, plan.discharge))
        pool.append(entry)
        made.append(entry)
    return made


def _ordinary(stage: Stage, counts: Sequence[int]) -> Iterator[Entry]:
    for month, wanted in enumerate(counts):
        begin = (stage.month_start(month) - stage.first).days
        end = (stage.month_start(month + 1) - stage.first).days
        for number in range(wanted):
            dice = Dice(stage.seed, "rings", "stay", month, number)
            yield stage.single(dice, dice.between(begin, end - 1))


def _come_back(
    dice: Dice,
    drawn: Entry,
    pool: Sequence[Entry],
    spans: dict[str, list[tuple[date, date]]],
) -> Entry | None:
    plan = drawn.plan
    if plan.template.newborn or plan.template.own_only:
        return None
    gap = timedelta(days=_LONG_AGO)
    for _ in range(_TRIES):
        patient = dice.choose(pool).plan.patient
        age = patient.age(plan.admission)
        if (
            plan.template.sex in ("", patient.sex)
            and plan.template.ages[0] <= age <= plan.template.ages[1]
            and patient.birth_date + timedelta(days=400) < plan.admission
            and all(c.fits(age, patient.sex) for c in plan.secondary)
            and all(
                end + gap <= plan.admission or plan.discharge + gap <= begin
                for begin, end in spans[patient.patient_id]
            )
        ):
            return replace(drawn, plan=replace(plan, patient=patient))
    return None


def _family(stage: Stage, dice: Dice) -> list[Entry]:
    size = dice.weigh((2, 3, 4, 5), (45, 30, 20, 5))
    home = stage.habit(dice, 1, 0.3)
    about = stage.pick_day(dice)
    made = []
    for _ in range(size):
        near = 20 if dice.chance(0.5) else 75
        made.append(
            stage.single(
                dice, about + dice.between(-near, near), home if dice.chance(0.6) else None
            )
        )
    things = ["phone"]
    if dice.chance(0.85):
        things.append("address")
    if dice.chance(0.6):
        things.append("bank_account")
    return share(made, *things)


def _phone_hub(stage: Stage, dice: Dice) -> list[Entry]:
    kind = dice.weigh(("home", "clinic", "clerk"), (4, 3, 3))
    if kind == "home":
        size = dice.around(6, 14, 40)
        things = ["phone", "address"] + (["bank_account"] if dice.chance(0.3) else [])
        return share(_crowd(stage, dice, size, (66, 95)), *things)
    if kind == "clinic":
        return share(_crowd(stage, dice, dice.around(4, 8, 30), (0, 120)), "phone")
    things = ["phone"] + (["bank_account"] if dice.chance(0.2) else [])
    return _work(dice, share(_crowd(stage, dice, dice.around(5, 9, 16), (22, 59)), *things))


def _account_hub(stage: Stage, dice: Dice) -> list[Entry]:
    size = dice.around(4, 8, 15)
    if dice.chance(0.5):
        made = share(_crowd(stage, dice, size, (22, 59)), "bank_account")
        return _work(dice, made)
    return share(_crowd(stage, dice, size, (0, 120)), "bank_account")


def _crowd(stage: Stage, dice: Dice, size: int, ages: tuple[int, int]) -> list[Entry]:
    """People of one place in the course of weeks or months, mostly at one to three hospitals."""
    habit = stage.habit(dice, dice.between(1, 3), dice.share(0.0, 0.8), _of(ages))
    length = dice.between(25, max(25, stage.days - 1))
    first = stage.pick_day(dice, length)
    return [
        stage.single(
            dice,
            first + dice.between(0, length),
            habit if dice.chance(0.85) else None,
            wanted=_of(ages),
            ages=ages,
        )
        for _ in range(size)
    ]


def _work(dice: Dice, entries: list[Entry]) -> list[Entry]:
    """All of them work where the first does."""
    name = f"样例单位{dice.between(1, 400)}"
    return [
        replace(
            e,
            plan=replace(
                e.plan, patient=replace(e.plan.patient, employer=name, insurance_type="310")
            ),
        )
        for e in entries
    ]


def _of(ages: tuple[int, int]) -> Wanted:
    if ages == (0, 120):
        return anything
    return lambda t: not t.newborn and max(t.ages[0], ages[0]) + 4 <= min(t.ages[1], ages[1])


def _ward(stage: Stage, dice: Dice) -> list[Entry]:
    """Two to four people whom a ward admits on its days, or a couple who go together."""
    couple = dice.chance(0.2)
    wanted = recurring if couple or dice.chance(0.3) else course
    provider = stage.hospital(dice, wanted)
    people = [stage.step(dice, provider, wanted)]
    size = 2 if couple else dice.around(2, 3, 4)
    while len(people) < size:
        people.append(stage.step(dice, provider, lambda t: wanted(t) and as_long(t, people)))
    rounds, pause = dice.around(2, 3, 5), dice.choose((7, 14, 14, 21))
    made = stage.together(
        dice,
        [people] * rounds,
        stage.pick_day(dice, 2 * pause),
        (pause, pause + dice.between(0, 2)),
    )
    return share(made, "phone", "address", "bank_account") if couple else made


def _transfer(stage: Stage, dice: Dice) -> list[Entry]:
    steps = _handed_on(stage, dice, 2 if dice.chance(0.25) else 1)
    return stage.journey(dice, steps, stage.pick_day(dice, 30))


def _back(stage: Stage, dice: Dice) -> list[Entry]:
    """Some come back to the first hospital, with a complication or for the next part of their care."""
    steps = _handed_on(stage, dice, 2 if dice.chance(0.5) else 1)
    steps.append(stage.onward(dice, steps, [steps[0].provider], recurring))
    return stage.journey(dice, steps, stage.pick_day(dice, 40))


def _handed_on(stage: Stage, dice: Dice, times: int) -> list[Step]:
    """An acute stay, and then rehabilitation or another ward elsewhere."""
    steps = [stage.step(dice, stage.hospital(dice, _acute), _acute)]
    for number in range(times):
        been = [s.provider for s in steps]
        new = [p for p in stage.providers if p not in been]
        wanted = rehabilitation if number == 0 and dice.chance(0.65) else recurring
        steps.append(stage.onward(dice, steps, new, wanted))
    return steps


def _acute(template: Template) -> bool:
    """What may end in another hospital's rehabilitation."""
    return (
        template.ages[0] >= 16
        and template.ages[1] >= 65
        and not (template.day_surgery or template.planned or rehabilitation(template))
    )


def _package(stage: Stage, dice: Dice) -> list[Entry]:
    """Patients of one kind at one hospital, seldom at two, billed alike."""
    wanted = _operated if dice.chance(0.6) else _grown
    lead = stage.step(dice, stage.hospital(dice, wanted), wanted)
    habit = stage.habit_about(
        dice, lead, 2 if dice.chance(0.25) else 1, dice.share(0.0, 0.8), one_level=True
    )
    length = dice.between(10, max(10, stage.days - 1))
    first = stage.pick_day(dice, length)
    return stage.clones(
        dice,
        [
            stage.single(
                dice, first + dice.between(0, length), habit, wanted=lambda t: t is lead.template
            )
            for _ in range(dice.around(3, 5, 10))
        ],
    )


def _operated(template: Template) -> bool:
    return bool(template.operations) and not template.newborn


def _grown(template: Template) -> bool:
    return not template.newborn
