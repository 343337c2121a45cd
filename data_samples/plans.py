"""What decides a stay before it is written: who, where, when, which codes, how much detail."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from data_samples.catalogue import Catalogue, Comorbidity, Template
from data_samples.dice import Dice
from data_samples.people import Patient
from data_samples.places import Provider


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a template is written: counts of items, and limits of charge lines."""

    labs: int
    exams: int
    drugs: int
    daily: int
    fewest: int
    most: int


FULL = Detail(99, 99, 99, 99, 40, 150)
"""The hospital month of the demo: 40 to about 150 lines a stay."""
SHORT = Detail(5, 2, 2, 1, 20, 36)
"""The small committed month."""
BRIEF = Detail(2, 1, 1, 0, 0, 0)
"""The planted patterns: just what a doctor would miss if it were not there."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides a stay; ``pace`` is the wanted share of the payment standard.

    ``admission_minute`` and ``discharge_minute`` count from midnight of their days.
    ``supported``: principal diagnosis and complications have the tests or drugs that show them.
    """

    stay_id: str
    template: Template
    provider: Provider
    patient: Patient
    physician_id: str
    admission: date
    nights: int
    secondary: tuple[Comorbidity, ...]
    admission_minute: int = 9 * 60 + 20
    discharge_minute: int = 10 * 60 + 10
    pace: float = 0.85
    detail: Detail = FULL
    died: bool = False
    supported: bool = True

    @property
    def discharge(self) -> date:
        """The calendar date of discharge."""
        return self.admission + timedelta(days=self.nights)

    @property
    def vector(self) -> tuple[str, ...]:
        """The codes of the claim regardless of order."""
        codes = [self.template.code, *(c.code for c in self.secondary)]
        return tuple(sorted(codes)) + tuple(o.code for o in self.template.operations)

    def moved(self, admission: date) -> Plan:
        """The same stay admitted on another day."""
        return replace(self, admission=admission)


def choose_secondary(
    dice: Dice,
    catalogue: Catalogue,
    template: Template,
    patient: Patient,
    admission: date,
    *,
    more: int = 0,
) -> tuple[Comorbidity, ...]:
    """Two to seven secondary diagnoses that fit the patient and repeat no category.

    ``more`` adds up to that many, for a month so large that the usual lists run out.
    """
    by_code = {c.code: c for c in template.secondary}
    must = [by_code[dice.choose(template.first)]] if template.first else []
    own = [c for c in template.secondary if c not in must and c.code not in template.first]
    chosen = must + dice.take(own, dice.between(0, len(own) if template.own_only else 2))
    if more or not template.own_only:
        age = patient.age(admission)
        taken = {template.code[:3], *(c.code[:3] for c in chosen)}
        pool = [
            c
            for c in catalogue.comorbidities
            if c.fits(age, patient.sex) and c.code[:3] not in taken
        ]
        chosen += dice.take(
            pool,
            dice.between(0 if template.own_only else 2, more + (0 if template.own_only else 5)),
        )
    return tuple(chosen)
