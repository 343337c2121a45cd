"""The stage of the months with rings: hospitals, people, and stays drawn like honest ones.

Rings (``ring_months``) and honest people (``ring_background``) are drawn here by the same
hand, so that a stay by itself does not tell which of the two it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from data_samples import catalogue as clinical
from data_samples import places, prices, ring_bill
from data_samples import stay as stays
from data_samples.catalogue import Comorbidity, Template
from data_samples.dice import Dice
from data_samples.ledger import Record
from data_samples.month import offered
from data_samples.people import Patient, invent
from data_samples.places import Provider
from data_samples.plans import Detail, Plan, choose_secondary

FIRST_YEAR = 2025
"""The first month is January of this year."""

MOST_PEOPLE = 1_000_000
"""More would need longer numbers."""

LONGEST_WAIT = 3
"""Days from discharge to settlement: none to this many."""

TOLD_SHARE = 0.7
"""Of the patients who move on, on the claims of so many the next hospital is named."""

_STEP = 387_421
"""Coprime with a million: numbers of people say nothing of the order in which they were invented."""

_JITTER = 6
"""Groups for which there is little time left end on the last day or so many days before."""

_NOON, _LATEST = 13 * 60, 15 * 60 + 30

Wanted = Callable[[Template], bool]


@dataclass(frozen=True, slots=True)
class Entry:
    """A planned stay: ``wait`` days to settlement, the hospital it is ``sent_to``, its ring.

    Stays of one ``bill`` have the same items in the same quantities; see ``Stage.clones``.
    """

    plan: Plan
    wait: int
    sent_to: str = ""
    bill: str = ""
    ring: str = ""
    kind: str = ""

    @property
    def settled(self) -> date:
        """The day of settlement."""
        return self.plan.discharge + timedelta(days=self.wait)


@dataclass(frozen=True, slots=True)
class Habit:
    """Where a group goes: hospitals, the physicians it mostly sees there, and how often it does.

    ``usual`` maps a provider to pairs of department and physician.
    """

    providers: tuple[Provider, ...]
    usual: Mapping[str, tuple[tuple[str, str], ...]]
    loyalty: float


@dataclass(frozen=True, slots=True)
class Step:
    """One stay of a person before its days are known."""

    provider: Provider
    template: Template
    physician_id: str


def anything(template: Template) -> bool:
    """Any kind of stay."""
    return True


def recurring(template: Template) -> bool:
    """A kind of stay that a grown-up may have again; any two of them suit one person."""
    return (
        template.ages[0] >= 16
        and template.ages[1] >= 65
        and not template.day_surgery
        and (course(template) or not template.operations)
    )


def course(template: Template) -> bool:
    """A treatment for which a ward has fixed days."""
    return template.planned or template.key == "dialysis"


def rehabilitation(template: Template) -> bool:
    """What follows an acute stay elsewhere."""
    return template.key == "stroke-rehabilitation"


class Stage:
    """Draws hospitals, people and stays between the first and the last day of the months."""

    def __init__(self, seed: int, months: int) -> None:
        self.seed, self.months = seed, months
        self.catalogue = clinical.load()
        self.standards = prices.read()
        self.providers = places.found(seed, self.catalogue)
        self.options = {p.provider_id: offered(p, self.catalogue) for p in self.providers}
        self.first = date(FIRST_YEAR, 1, 1)
        self.days = (self.month_start(months) - self.first).days
        self._people = 0

    def month_start(self, month: int) -> date:
        """The first day of a month, counted from 0."""
        return date(FIRST_YEAR + month // 12, month % 12 + 1, 1)

    def month_of(self, day: date) -> int:
        """The number of the month of a day; days before the first month are in it."""
        return max(0, (day.year - FIRST_YEAR) * 12 + day.month - 1)

    def pick_day(self, dice: Dice, length: int = 0) -> int:
        """A day, counted from 0, from which ``length`` days are left; earlier if there are none."""
        last = self.days - 1 - length
        return dice.between(0, last) if last > 0 else last

    def hospital(self, dice: Dice, wanted: Wanted, among: Iterable[Provider] = ()) -> Provider:
        """A hospital that has a wanted kind of stay, the large ones more often."""
        able = [
            p
            for p in (tuple(among) or self.providers)
            if any(wanted(t) for t in self.options[p.provider_id])
        ]
        return dice.weigh(able, [p.weight for p in able])

    def habit(self, dice: Dice, hospitals: int, loyalty: float, wanted: Wanted = anything) -> Habit:
        """So many hospitals with one or two usual physicians each."""
        chosen: list[Provider] = []
        while len(chosen) < hospitals:
            left = [p for p in self.providers if p not in chosen]
            chosen.append(self.hospital(dice, wanted, left))
        usual = {}
        for provider in chosen:
            steps = [self.step(dice, provider, wanted) for _ in range(dice.between(1, 2))]
            usual[provider.provider_id] = tuple(
                (s.template.department, s.physician_id) for s in steps
            )
        return Habit(tuple(chosen), usual, loyalty)

    def habit_about(
        self, dice: Dice, lead: Step, hospitals: int, loyalty: float, *, one_level: bool = False
    ) -> Habit:
        """So many hospitals that have the kind of stay of ``lead``, its physician the usual one."""
        chosen, usual = [lead.provider], {lead.provider.provider_id: lead.physician_id}
        kind = lead.template
        able = [
            p
            for p in self.providers
            if kind in self.options[p.provider_id]
            and (not one_level or p.level == lead.provider.level)
        ]
        while len(chosen) < min(hospitals, len(able)):
            provider = self.hospital(
                dice, lambda t: t is kind, [p for p in able if p not in chosen]
            )
            chosen.append(provider)
            usual[provider.provider_id] = _physician(dice, provider, kind.department)
        return Habit(
            tuple(chosen), {k: ((kind.department, who),) for k, who in usual.items()}, loyalty
        )

    def step(
        self, dice: Dice, provider: Provider, wanted: Wanted, habit: Habit | None = None
    ) -> Step:
        """A wanted kind of stay at a hospital, mostly with a usual physician if there is a habit."""
        kinds = [t for t in self.options[provider.provider_id] if wanted(t)]
        if habit is not None and dice.chance(habit.loyalty):
            department, physician_id = dice.choose(habit.usual[provider.provider_id])
            own = [t for t in kinds if t.department == department]
            if own:
                return Step(provider, dice.weigh(own, [t.frequency for t in own]), physician_id)
        template = dice.weigh(kinds, [t.frequency for t in kinds])
        return Step(provider, template, _physician(dice, provider, template.department))

    def person(
        self, dice: Dice, templates: Sequence[Template], day: date, ages: tuple[int, int] = (0, 120)
    ) -> Patient:
        """A new person who may have all these kinds of stay about this day."""
        self._people += 1
        label = f"{self._people * _STEP % MOST_PEOPLE:06}"
        low = max(t.ages[0] for t in templates)
        high = min(t.ages[1] for t in templates)
        made = invent(
            dice,
            label,
            ages=(max(low, ages[0]), min(high, ages[1])),
            sex=next((t.sex for t in templates if t.sex), ""),
            newborn=templates[0].newborn,
            day=day,
        )
        return replace(made, address=f"{made.address}{label}室")

    def stay(
        self,
        dice: Dice,
        step: Step,
        patient: Patient,
        admission: date,
        nights: int,
        *,
        after_noon: bool = False,
    ) -> Entry:
        """A stay of a person, drawn like any honest one but for who, where and when."""
        template = step.template
        plan = Plan(
            stay_id="",
            template=template,
            provider=step.provider,
            patient=patient,
            physician_id=step.physician_id,
            admission=admission,
            nights=nights,
            secondary=choose_secondary(dice, self.catalogue, template, patient, admission),
            admission_minute=dice.between(_NOON if after_noon else 8 * 60, _LATEST),
            discharge_minute=dice.between(9 * 60, 11 * 60 + 30),
            pace=dice.share(1.05, 1.35) if dice.chance(0.05) else dice.share(0.62, 1.05),
            detail=Detail(
                dice.between(4, 8),
                dice.between(1, 3),
                dice.between(1, 2),
                dice.between(1, 2),
                0,
                60,
            ),
        )
        return Entry(plan, dice.between(0, LONGEST_WAIT))

    def single(
        self,
        dice: Dice,
        discharge: int,
        habit: Habit | None = None,
        *,
        wanted: Wanted = anything,
        ages: tuple[int, int] = (0, 120),
    ) -> Entry:
        """A new person's only stay, which ends on a day counted from 0, or on any day if that is none."""
        provider = self.hospital(dice, wanted, habit.providers if habit else ())
        step = self.step(dice, provider, wanted, habit)
        nights = dice.around(*step.template.nights)
        end = discharge if 0 <= discharge < self.days else dice.between(0, self.days - 1)
        admission = self.first + timedelta(days=end - nights)
        patient = self.person(dice, [step.template], admission, ages)
        return self.stay(dice, step, patient, admission, nights)

    def onward(
        self,
        dice: Dice,
        steps: Sequence[Step],
        among: Iterable[Provider],
        wanted: Wanted,
        habit: Habit | None = None,
    ) -> Step:
        """A wanted stay at one of these hospitals for the person who has had the ``steps``."""
        kinds = [s.template for s in steps]

        def fits(template: Template) -> bool:
            return wanted(template) and _go_together(template, kinds)

        return self.step(dice, self.hospital(dice, fits, among), fits, habit)

    def journey(self, dice: Dice, steps: Sequence[Step], start: int) -> list[Entry]:
        """A new person's stays one after the other, none to two days between them.

        ``start`` is the wished day of the first admission, counted from 0.
        """
        nights = [dice.around(*s.template.nights) for s in steps]
        gaps = [0, *(dice.between(0, 2) for _ in steps[1:])]
        day = self._day_before_end(dice, start, sum(nights) + sum(gaps))
        patient = self.person(dice, [s.template for s in steps], day)
        told = dice.chance(TOLD_SHARE)
        made = []
        for number, step in enumerate(steps):
            day += timedelta(days=gaps[number])
            entry = self.stay(
                dice, step, patient, day, nights[number], after_noon=number > 0 and not gaps[number]
            )
            if told and number + 1 < len(steps):
                entry = replace(entry, sent_to=steps[number + 1].provider.provider_id)
            made.append(entry)
            day += timedelta(days=nights[number])
        return made

    def together(
        self, dice: Dice, steps: Sequence[Sequence[Step]], first: int, pause: tuple[int, int]
    ) -> list[Entry]:
        """New people admitted and discharged on the same days, again and again.

        ``steps`` holds for each round the stay of each person, ``first`` the wished day of the
        first admission, ``pause`` least and most days between two rounds. Rounds beyond the
        second for which there are no days left are left away.
        """
        rounds = len(steps)
        nights = [_common_nights(dice, [s.template for s in of_round]) for of_round in steps]
        pauses = [0, *(dice.between(*pause) for _ in range(rounds - 1))]
        while rounds > 2 and sum(nights[:rounds]) + sum(pauses[:rounds]) >= self.days - first:
            rounds -= 1
        length = sum(nights[:rounds]) + sum(pauses[:rounds])
        day = self._day_before_end(dice, first, length)
        people = [
            self.person(dice, [s.template for s in own], day) for own in zip(*steps, strict=True)
        ]
        made = []
        for number in range(rounds):
            day += timedelta(days=pauses[number])
            made += [
                self.stay(dice, step, patient, day, nights[number])
                for step, patient in zip(steps[number], people, strict=True)
            ]
            day += timedelta(days=nights[number])
        return made

    def clones(self, dice: Dice, entries: Sequence[Entry]) -> list[Entry]:
        """These stays, of one kind at hospitals of one level, with the items and quantities of the first."""
        first = entries[0].plan
        secondary = tuple(c for c in first.secondary if all(_suits(c, e.plan) for e in entries))
        hour = first.admission_minute - (first.admission_minute - 30) % 60
        made = []
        for entry in entries:
            plan = replace(
                entry.plan,
                patient=replace(entry.plan.patient, insurance_type=first.patient.insurance_type),
                admission=entry.plan.discharge - timedelta(days=first.nights),
                nights=first.nights,
                secondary=secondary,
                # Hours of care on the first day depend on the hour of admission.
                admission_minute=hour + dice.between(1, 59),
                pace=first.pace,
                detail=first.detail,
            )
            made.append(replace(entry, plan=plan, bill=first.patient.patient_id))
        return made

    def _day_before_end(self, dice: Dice, wished: int, length: int) -> date:
        """The wished day, or one from which ``length`` days are left."""
        last = self.days - 1 - length
        return self.first + timedelta(
            days=wished if wished <= last else last - dice.between(0, _JITTER)
        )

    def write(self, entry: Entry, stay_id: str) -> Record:
        """The record of a stay."""
        plan = replace(entry.plan, stay_id=stay_id)
        stream = Dice(self.seed, "write", entry.bill or stay_id)
        record = stays.write(plan, self.catalogue, self.standards, stream)
        ring_bill.shorten(record, self.catalogue, stream)
        record |= {
            "settlement_end_date": entry.settled.isoformat(),
            "filed_time": f"{entry.settled + timedelta(days=1)}T15:{plan.nights:02}:00+08:00",
        }
        if entry.sent_to:
            record |= {"discharge_way": "2", "receiving_provider_id": entry.sent_to}
        return record


def share(entries: Iterable[Entry], *names: str) -> list[Entry]:
    """The stays, in which all patients state these things of the first one."""
    listed = list(entries)
    same: dict[str, Any] = {name: getattr(listed[0].plan.patient, name) for name in names}
    return [
        replace(e, plan=replace(e.plan, patient=replace(e.plan.patient, **same))) for e in listed
    ]


def by_person(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The stays of each person, people in the order of their first."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.plan.patient.patient_id, []).append(entry)
    return found


def as_long(template: Template, steps: Sequence[Step]) -> bool:
    """Whether this kind of stay may take as many nights as the others, and that not by chance."""
    return all(
        max(template.nights[0], s.template.nights[0]) + 1
        <= min(template.nights[2], s.template.nights[2])
        for s in steps
    )


def _physician(dice: Dice, provider: Provider, department: str) -> str:
    """One of the department; those named first have the most patients."""
    staff = provider.physicians[department]
    return dice.weigh(staff, [len(staff) + 1 - n for n in range(len(staff))])


def _common_nights(dice: Dice, templates: Sequence[Template]) -> int:
    """Nights of the first kind of stay, cut to what the others allow."""
    low = max(t.nights[0] for t in templates)
    high = min(t.nights[2] for t in templates)
    return max(low, min(dice.around(*templates[0].nights), high))


def _go_together(template: Template, others: Sequence[Template]) -> bool:
    """Whether one person may have this kind of stay and the others."""
    low = max(t.ages[0] for t in (template, *others))
    high = min(t.ages[1] for t in (template, *others))
    sexes = {t.sex for t in (template, *others)} - {""}
    return high - low >= 5 and len(sexes) < 2


def _suits(other: Comorbidity, plan: Plan) -> bool:
    return other.fits(plan.patient.age(plan.admission), plan.patient.sex)
