"""Invented patients: names, numbers and addresses that can belong to nobody.

Names begin with 测试, identity numbers with six zeros and end in a letter that the real
ones never have, telephone numbers begin with 000. They stand in the clear in the samples,
so that pseudonymisation at intake has something to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from data_samples.dice import Dice

_STEMS = "甲乙丙丁戊己庚辛壬癸"


@dataclass(frozen=True, slots=True)
class Patient:
    """A fake insured person of region 330100."""

    patient_id: str
    name: str
    contact_name: str
    identity_number: str
    phone: str
    address: str
    employer: str
    bank_account: str
    sex: str
    birth_date: date
    insurance_type: str

    def age(self, day: date) -> int:
        """Age in whole years on a day."""
        before = (day.month, day.day) < (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - before


def invent(
    dice: Dice,
    label: str,
    *,
    ages: tuple[int, int],
    sex: str,
    newborn: bool,
    day: date,
    phone: str | None = None,
) -> Patient:
    """A patient whose age in years on ``day`` lies in ``ages`` (a newborn: 2 to 9 days old).

    ``label`` makes the identifiers unique; ``phone`` replaces the invented number.
    """
    if newborn:
        birth = day - timedelta(days=dice.between(2, 9))
    else:
        years = dice.between(*ages)
        # 20 to 360 days past the birthday: the age holds for stays a few months around
        # the day only in whole years; a stay states the age computed on its own day.
        birth = _years_before(day, years) - timedelta(days=dice.between(20, 360))
    gender = sex or dice.choose("12")
    stem = dice.choose(_STEMS)
    digits = label[-6:].rjust(6, "0")
    employed = 22 <= day.year - birth.year <= 60 and dice.chance(0.7)
    return Patient(
        patient_id=f"SP{label}",
        name=f"测试{stem}{digits}",
        contact_name=f"测试联系人{stem}{digits}",
        identity_number=f"000000{birth:%Y%m%d}{dice.between(0, 999):03}T{label}",
        phone=phone or f"000-{dice.between(0, 9999):04}-{digits}",
        address=f"样例省样例市虚构路{dice.between(1, 999)}号",
        employer=f"样例单位{dice.between(1, 400)}" if employed else "无",
        bank_account=f"0000-{label}-{dice.between(0, 9999):04}",
        sex=gender,
        birth_date=birth,
        insurance_type="310" if employed or dice.chance(0.35) else "390",
    )


def _years_before(day: date, years: int) -> date:
    # 29 February exists only in leap years.
    return day.replace(year=day.year - years, day=min(day.day, 28))
