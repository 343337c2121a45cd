"""The stage on which a pattern is planted: one small, clean stay after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from data_samples import catalogue as clinical
from data_samples import places, prices, visit
from data_samples import stay as stays
from data_samples.catalogue import Template
from data_samples.dice import Dice
from data_samples.ledger import Record
from data_samples.people import Patient, invent
from data_samples.places import Provider
from data_samples.plans import BRIEF, Detail, Plan, choose_secondary
from data_samples.stay import split_payment

SEED = 20250301
"""The seed of everything that is committed."""

START = date(2025, 3, 3)
"""The day on which a pattern begins unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What was planted for one check: the claims, and which of them it must hit.

    The check must not hit any other stay of the file. ``also`` maps other checks of
    severity high or above to the stays that they rightly hit.
    """

    records: tuple[Record, ...]
    hits: tuple[str, ...]
    zh: str
    en: str
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Scene:
    """Makes the stays and visits of one pattern; identifiers begin with the check's id."""

    def __init__(self, check: str) -> None:
        self.check = check
        self.catalogue = clinical.load()
        self.standards = prices.read()
        self.providers = places.found(SEED, self.catalogue)
        self._serial = 0

    def hospital(self, number: int = 0) -> Provider:
        """A hospital by number; 0 to 3 are large and do everything."""
        return self.providers[number]

    def template(self, key: str) -> Template:
        """A clinical template by key."""
        return self.catalogue.templates[key]

    def patient(self, letter: str, template: Template, *, sex: str = "") -> Patient:
        """A patient of the pattern, such as A or B, of an age that fits the template."""
        return invent(
            Dice(SEED, self.check, "patient", letter),
            f"{self.check.replace('-', '')}{letter}",
            ages=template.ages,
            sex=sex or template.sex,
            newborn=template.newborn,
            day=START,
        )

    def plan(
        self,
        template: Template | str,
        patient: Patient | str = "A",
        *,
        day: int = 0,
        nights: int | None = None,
        hospital: int = 0,
        detail: Detail = BRIEF,
        **changes: Any,
    ) -> Plan:
        """A plan of a stay admitted ``day`` days after the start of the pattern."""
        kind = self.template(template) if isinstance(template, str) else template
        who = self.patient(patient, kind) if isinstance(patient, str) else patient
        self._serial += 1
        stay_id = f"P-{self.check}-{self._serial}"
        admission = START + timedelta(days=day)
        dice = Dice(SEED, "pattern", stay_id)
        provider = self.hospital(hospital)
        made = Plan(
            stay_id=stay_id,
            template=kind,
            provider=provider,
            patient=who,
            physician_id=dice.choose(provider.physicians[kind.department]),
            admission=admission,
            nights=kind.nights[0] if nights is None else nights,
            secondary=choose_secondary(dice, self.catalogue, kind, who, admission),
            detail=detail,
        )
        return replace(made, **changes)

    def write(self, plan: Plan) -> dict[str, Any]:
        """The record of a plan."""
        return stays.write(plan, self.catalogue, self.standards, Dice(SEED, "write", plan.stay_id))

    def stay(self, *args: Any, **keywords: Any) -> dict[str, Any]:
        """The record of a stay; arguments as for ``plan``."""
        return self.write(self.plan(*args, **keywords))

    def visit(self, patient: Patient, *, day: int, hospital: int = 0) -> dict[str, Any]:
        """The record of an outpatient visit for high blood pressure."""
        self._serial += 1
        stay_id = f"P-{self.check}-{self._serial}"
        template = self.catalogue.visits[0]
        provider = self.hospital(hospital)
        return visit.write(
            stay_id,
            template,
            patient=patient,
            provider=provider,
            physician_id=provider.physicians[template.department][0],
            day=START + timedelta(days=day),
            catalogue=self.catalogue,
            dice=Dice(SEED, "write", stay_id),
        )

    def charge(
        self,
        record: dict[str, Any],
        item_code: str,
        quantity: int,
        *,
        day: int,
        minute: int = 15 * 60,
        order_id: str | None = None,
    ) -> dict[str, Any]:
        """Add a line on a day of the stay and settle the sums again; the new line."""
        item = self.catalogue.items[item_code]
        amount = quantity * item.price_fen
        on = date.fromisoformat(record["admission_date"]) + timedelta(days=day)
        at = datetime(on.year, on.month, on.day, minute // 60, minute % 60)  # noqa: DTZ001
        own = amount if item.insurance_class == "03" else 0
        before = amount // 10 if item.insurance_class == "02" else 0
        line: dict[str, Any] = {
            "line_id": f"L{len(record['charges']) + 1:04}",
            "item_code": item.code,
            "item_name": item.name,
            "category": item.category,
            "quantity": str(quantity),
            "unit": item.unit,
            "unit_price": item.price,
            "amount_fen": amount,
            "charge_date": on.isoformat(),
            "charge_time": f"{at.isoformat()}+08:00",
            "posted_time": f"{(at + timedelta(minutes=25)).isoformat()}+08:00",
            "ordering_physician_id": record["attending_physician_id"],
            "ordering_department": record["admission_department"],
            "insurance_class": item.insurance_class,
            "in_scope_fen": amount - own - before,
        }
        if order_id is not None:
            line["order_id"] = order_id
        if before:
            line["self_pay_first_fen"] = before
        if own:
            line["self_pay_fen"] = own
        record["charges"].append(line)
        settle(record)
        return line


Planter = Callable[[Scene], Pattern]
"""What plants the pattern of one check."""


def settle(record: dict[str, Any]) -> None:
    """Make the head's amounts agree with the charge lines again."""
    lines = record["charges"]
    sums = {
        "total": sum(line["amount_fen"] for line in lines),
        "in_scope": sum(line["in_scope_fen"] for line in lines),
        "self_pay_first": sum(line.get("self_pay_first_fen", 0) for line in lines),
        "self_pay": sum(line.get("self_pay_fen", 0) for line in lines),
    }
    record |= split_payment(sums, record["insurance_type"], record["provider_level"])


def find_line(record: dict[str, Any], item_code: str) -> dict[str, Any]:
    """The first line of an item."""
    found: dict[str, Any] = next(
        line for line in record["charges"] if line["item_code"] == item_code
    )
    return found
