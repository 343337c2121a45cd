"""A hospital month of region 330100: inpatient stays and outpatient visits, from a seed.

The clean month holds nothing that a check of severity high or above should find. The
demo month adds the fraud scheme of ``scheme`` and the planted patterns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from data_samples import catalogue as clinical
from data_samples import places, prices, visit
from data_samples import stay as stays
from data_samples.catalogue import Catalogue, Template
from data_samples.dice import Dice
from data_samples.ledger import Record
from data_samples.people import Patient, invent
from data_samples.places import Provider
from data_samples.plans import FULL, Detail, Plan, choose_secondary

FIRST_DAY, LAST_DAY = date(2025, 3, 1), date(2025, 3, 31)
"""The days on which the month's stays are discharged."""

VISITS_PER_HUNDRED_STAYS = 15
_SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Month:
    """The plan of a month: hospitals, stays and what makes the records."""

    seed: int
    catalogue: Catalogue
    providers: tuple[Provider, ...]
    plans: tuple[Plan, ...]

    def records(self) -> Iterator[Record]:
        """The stays and then the visits, as canonical claim records."""
        yield from self.stays()
        yield from self._visits()

    def stays(self) -> Iterator[Record]:
        """The inpatient stays, as canonical claim records."""
        standards = prices.read()
        for plan in self.plans:
            yield stays.write(
                plan, self.catalogue, standards, Dice(self.seed, "write", plan.stay_id)
            )

    def _visits(self) -> Iterator[Record]:
        alive = [p for p in self.plans if not p.died and not p.template.newborn]
        stayed: dict[str, set[str]] = {}
        for plan in self.plans:
            stayed.setdefault(plan.patient.patient_id, set()).add(plan.provider.provider_id)
        for number in range(len(self.plans) * VISITS_PER_HUNDRED_STAYS // 100):
            dice = Dice(self.seed, "visit", number)
            template = dice.choose(self.catalogue.visits)
            patient: Patient | None = None
            day = FIRST_DAY + timedelta(days=dice.between(0, 30))
            shut: set[str] = set()
            if dice.chance(0.25):
                plan = dice.choose(alive)
                later = plan.discharge + timedelta(days=dice.between(5, 20))
                if template.ages[0] <= plan.patient.age(later) <= template.ages[1]:
                    # Another hospital than any where the patient lay.
                    patient, day = plan.patient, later
                    shut = stayed[patient.patient_id]
            if patient is None:
                patient = invent(
                    dice, f"V{number + 1:06}", ages=template.ages, sex="", newborn=False, day=day
                )
            open_to = [
                p
                for p in self.providers
                if template.department in p.physicians and p.provider_id not in shut
            ]
            provider = dice.weigh(open_to, [p.weight for p in open_to])
            yield visit.write(
                f"V{FIRST_DAY:%y%m}-{number + 1:06}",
                template,
                patient=patient,
                provider=provider,
                physician_id=dice.choose(provider.physicians[template.department]),
                day=day,
                catalogue=self.catalogue,
                dice=dice,
            )


def plan(
    seed: int,
    count: int,
    *,
    detail: Detail = FULL,
    scheme: Callable[[Month], tuple[Plan, ...]] | None = None,
    open_stays: bool = False,
) -> Month:
    """Plan a month of ``count`` inpatient stays; ``scheme`` may rewrite the plans.

    With ``open_stays`` all of them begin in the month and end after it.
    """
    catalogue = clinical.load()
    providers = places.found(seed, catalogue)
    planner = _Planner(seed, catalogue, providers, detail, "open" if open_stays else "stay")
    month = Month(
        seed, catalogue, providers, tuple(planner.plan_one(number) for number in range(count))
    )
    return replace(month, plans=scheme(month)) if scheme else month


_HARD_SHARE = 0.15
"""Of the patients in hospital on one day many are there because it takes long and costs much."""


class _Planner:
    """Plans stays one after another, so that no two honest stays have the same codes."""

    def __init__(
        self,
        seed: int,
        catalogue: Catalogue,
        providers: tuple[Provider, ...],
        detail: Detail,
        kind: str,
    ) -> None:
        self.seed, self.catalogue, self.providers = seed, catalogue, providers
        self.detail, self.kind = detail, kind
        # Patients of open stays are other people than those of the month.
        self.letter, self.mark = ("O", "O") if kind == "open" else ("S", "")
        self.vectors: set[tuple[str, ...]] = set()
        self.options = {p.provider_id: offered(p, catalogue) for p in providers}

    def plan_one(self, number: int) -> Plan:
        dice = Dice(self.seed, self.kind, number)
        provider = dice.weigh(self.providers, [p.weight for p in self.providers])
        templates = self.options[provider.provider_id]
        template = dice.weigh(templates, [t.frequency for t in templates])
        nights = dice.around(*template.nights)
        hard = self.kind == "open" and dice.chance(_HARD_SHARE)
        if hard:
            nights = 2 * template.nights[1]
            admission = LAST_DAY - timedelta(days=dice.between(nights // 2, nights - 1))
        elif self.kind == "open":
            admission = LAST_DAY - timedelta(days=dice.between(0, nights - 1))
        else:
            admission = _discharge_day(dice) - timedelta(days=nights)
        patient = invent(
            dice,
            f"{self.mark}{number + 1:06}",
            ages=template.ages,
            sex=template.sex,
            newborn=template.newborn,
            day=admission,
        )
        made = Plan(
            stay_id=f"{self.letter}{FIRST_DAY:%y%m}-{number + 1:06}",
            template=template,
            provider=provider,
            patient=patient,
            physician_id=dice.choose(provider.physicians[template.department]),
            admission=admission,
            nights=nights,
            secondary=(),
            admission_minute=dice.between(8 * 60, 15 * 60 + 30),
            discharge_minute=dice.between(9 * 60, 11 * 60 + 30),
            pace=dice.share(1.1, 1.4) if hard else _pace(dice),
            detail=self.detail,
            died=self.kind == "stay" and template.icu_days > 0 and dice.chance(0.15),
        )
        for attempt in range(1000):
            secondary = choose_secondary(
                dice, self.catalogue, template, patient, admission, more=attempt // 20
            )
            made = replace(made, secondary=secondary)
            if made.vector not in self.vectors:
                break
        self.vectors.add(made.vector)
        return made


def offered(provider: Provider, catalogue: Catalogue) -> list[Template]:
    """The templates that a hospital's level and departments allow."""
    return [
        t
        for t in catalogue.templates.values()
        if provider.level in t.levels and t.department in provider.physicians
    ]


def _discharge_day(dice: Dice) -> date:
    days = [FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1)]
    return dice.weigh(days, [4 if day.weekday() == _SUNDAY else 10 for day in days])


def _pace(dice: Dice) -> float:
    # One stay in twenty costs more than its standard allows; that is medicine, not fraud.
    return dice.share(1.05, 1.35) if dice.chance(0.05) else dice.share(0.62, 1.05)
