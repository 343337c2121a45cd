"""One inpatient stay, written as a canonical claim record from a plan."""

from __future__ import annotations

from data_samples import grouping, support
from data_samples.catalogue import Catalogue, Operation, Use
from data_samples.dice import Dice
from data_samples.ledger import DAY, Ledger, Line, Record
from data_samples.people import Patient
from data_samples.places import REGION, Provider
from data_samples.plans import Plan
from data_samples.prices import Prices

ZONE = "Asia/Shanghai"
"""The zone of all Chinese sample claims."""

CONSULTATION, SENIOR_ROUND, CANNULA, SYRINGE = "S-0102001", "S-0102002", "S-0201003", "S-0201002"
_BEDS = {"1": "S-0101001", "2": "S-0101001", "3": "S-0101002"}
_NURSING = {0: "S-0108001", 1: "S-0108002", 2: "S-0108003", 3: "S-0108004"}
_ICU_BED, _NEWBORN_BED, _AIR = "S-0101004", "S-0101006", "S-1401002"
_ANAESTHESIOLOGY = "A26"
_CHEAP = ("S-0105002", SYRINGE, "S-0201015", "S-0105003", CANNULA)


def write(plan: Plan, catalogue: Catalogue, prices: Prices, dice: Dice) -> Record:
    """The stay as a canonical record: its charges add up and its payment balances."""
    return _Writer(plan, catalogue, prices, dice).write()


class _Writer:
    """Writes the parts of one stay in turn."""

    def __init__(self, plan: Plan, catalogue: Catalogue, prices: Prices, dice: Dice) -> None:
        self.plan, self.catalogue, self.dice = plan, catalogue, dice
        self.template = plan.template
        groups = grouping.read()
        self.severity = groups.severity(plan.template.code, (c.code for c in plan.secondary))
        self.group = groups.find(plan.template.adrg, self.severity)
        self.standard = prices.standard_fen(
            self.group, plan.patient.insurance_type, plan.provider.level
        )
        self.end = plan.nights * DAY + plan.discharge_minute
        self.ledger = Ledger(
            plan.admission,
            plan.admission_minute,
            self.end,
            plan.physician_id,
            plan.template.department,
        )
        self.ventilation_minutes: int | None = None
        self.procedures: list[Record] = []
        self.long_orders: dict[str, str] = {}

    def write(self) -> Record:
        self._board()
        self._test()
        for operation in self.template.operations:
            self._operate(operation)
        self._ventilate()
        detail = self.plan.detail
        # Where few drugs are written, those of the whole stay come first: no day without care.
        lasting = sorted(self.template.drugs, key=lambda use: use.first > 0 or use.last < 9_999)
        for use in (*lasting[: detail.drugs], *self.template.daily[: detail.daily]):
            for day in self._days(use):
                self._give(use, day)
        if self.plan.supported:
            self._support()
        self._fill()
        charges, sums = self.ledger.records()
        return self._head(sums) | {
            "diagnoses": self._diagnoses(),
            "procedures": self.procedures,
            "charges": charges,
            "orders": self.ledger.orders,
            "icu_stays": self._icu_stays(),
            "coverages": self._coverages(),
        }

    def _board(self) -> None:
        """Bed, nursing and consultation for every night."""
        items, template, plan = self.catalogue.items, self.template, self.plan
        icu = min(template.icu_days, plan.nights)
        for day in range(plan.nights):
            critical = day < icu
            bed = _ICU_BED if critical else _BEDS[plan.provider.level]
            if template.newborn:
                bed = _NEWBORN_BED
            self.ledger.charge(items[bed], day * DAY + 22 * 60 + 15, delay=5)
            nursing = items[_NURSING[0 if critical else template.nursing]]
            order_id = self.long_orders.get(nursing.code)
            if order_id is None:
                first, last = (0, icu) if critical else (icu, plan.nights)
                order_id = self.ledger.order(
                    nursing, first * DAY + 22 * 60, last * DAY + 9 * 60, long_term=True
                )
                self.long_orders[nursing.code] = order_id
            self.ledger.charge(nursing, day * DAY + 22 * 60 + 5, order_id=order_id)
            if plan.detail.daily:
                self.ledger.charge(items[CONSULTATION], day * DAY + 17 * 60 + day % 7)
                self.ledger.charge(items[_AIR], day * DAY + 22 * 60 + 25, delay=5)
                if day % 3 == 1:
                    self.ledger.charge(items[SENIOR_ROUND], day * DAY + 9 * 60 + 40)

    def _test(self) -> None:
        """Laboratory tests and examinations on admission, and what is repeated."""
        first, dice, template = self.plan.admission_minute, self.dice, self.template
        for labs, day in ((template.labs[: self.plan.detail.labs], 0), (template.repeat, 3)):
            if day >= self.plan.nights or (day and not self.plan.detail.daily):
                continue
            for number, item in enumerate(labs):
                at = day * DAY + (first + 25 if day == 0 else 7 * 60) + number * 3
                order_id = self.ledger.order(item, at - 20, at + 60, long_term=False, quantity=1)
                self.ledger.charge(item, at, order_id=order_id, delay=dice.between(20, 90))
        for number, item in enumerate(template.exams[: self.plan.detail.exams]):
            # The second day at the latest, and one examination an hour.
            day = 0 if number == 0 or self.plan.nights < 2 else 1
            at = (
                day * DAY + (first + 70 if day == 0 else 8 * 60) + number * 55 + dice.between(0, 20)
            )
            order_id = self.ledger.order(item, at - 45, at + 40, long_term=False, quantity=1)
            self.ledger.charge(item, at, order_id=order_id, delay=dice.between(30, 120))

    def _operate(self, operation: Operation) -> None:
        """The procedure of the list with its lines, on a day of the stay."""
        plan, dice = self.plan, self.dice
        day = min(operation.day, plan.nights - 1)
        start = (
            plan.admission_minute + 185 if day == 0 else day * DAY + dice.between(9 * 60, 13 * 60)
        )
        stop = start + operation.minutes + dice.between(-5, 15)
        surgeon = dice.choose(plan.provider.physicians[self.template.department])
        record: Record = {
            "ordinal": len(self.procedures) + 1,
            "code": operation.code,
            "name": operation.name,
            "procedure_date": self.ledger.day(start // DAY),
            "start_time": self.ledger.stamp(start),
            "end_time": self.ledger.stamp(stop),
            "surgeon_id": surgeon,
        }
        order_id = self.ledger.order(operation.item, start - 60, stop, long_term=False, quantity=1)
        self.ledger.charge(
            operation.item, start, order_id=order_id, performer_id=surgeon, delay=240
        )
        if operation.anaesthesia is not None:
            anaesthetist = dice.choose(plan.provider.physicians[_ANAESTHESIOLOGY])
            record |= {
                "anaesthetist_id": anaesthetist,
                "anaesthesia_method": "1" if operation.anaesthesia.code == "S-0107016" else "2",
                "anaesthesia_start_time": self.ledger.stamp(start - 20),
                "anaesthesia_end_time": self.ledger.stamp(stop + 10),
            }
            self.ledger.charge(
                operation.anaesthesia,
                start - 20,
                order_id=order_id,
                performer_id=anaesthetist,
                delay=245,
            )
        if plan.detail.daily:
            for number, use in enumerate(operation.supplies):
                self.ledger.charge(
                    use.item, start + 5 + number * 4, use.quantity, order_id=order_id, delay=250
                )
        self.procedures.append(record)

    def _support(self) -> None:
        """A test, drug or treatment for the principal diagnosis and each MCC or CC that shows none."""
        levels, plan = grouping.read().levels, self.plan
        codes = [plan.template.code, *(c.code for c in plan.secondary if c.code in levels)]
        for number, code in enumerate(codes):
            days: dict[str, set[int]] = {}
            for line in self.ledger.lines:
                days.setdefault(line.item.code, set()).add(line.minute // DAY)
            shown = {item: len(on) for item, on in days.items()}
            for item_code, further in support.missing(code, shown, plan.nights):
                self._show(item_code, further, days.get(item_code, set()), number)

    def _show(self, item_code: str, further: int, taken: set[int], number: int) -> None:
        item = self.catalogue.items[item_code]
        nights = self.plan.nights
        for day in [d for d in (1, 2, 0, *range(3, nights)) if d < nights and d not in taken][
            :further
        ]:
            at = (
                day * DAY + (self.plan.admission_minute + 120 if day == 0 else 10 * 60) + number * 7
            )
            order_id = self.ledger.order(item, at - 30, at + 60, long_term=False, quantity=1)
            self.ledger.charge(item, at, order_id=order_id, delay=45)

    def _ventilate(self) -> None:
        """Hours on the ventilator, one line a day, from the first full hour on."""
        if self.template.ventilation_hours is None:
            return
        hours = self.dice.between(*self.template.ventilation_hours)
        self.ventilation_minutes = hours * 60
        item = next(i for i in self.catalogue.items.values() if "ventilation" in i.flags)
        hour = self.plan.admission_minute // 60 + 3
        order_id = self.ledger.order(item, hour * 60, (hour + hours) * 60, long_term=True)
        while hours > 0:
            today = min(hours, 24 - hour % 24)
            self.ledger.charge(item, hour * 60, today, order_id=order_id)
            hour, hours = hour + today, hours - today

    def _days(self, use: Use) -> list[int]:
        return [day for day in range(self.plan.nights) if use.holds(day)]

    def _give(self, use: Use, day: int) -> Line:
        """One day of a drug, treatment or supply, under its standing order."""
        item, plan, dice = use.item, self.plan, self.dice
        order_id = self.long_orders.get(item.code)
        if order_id is None and item.order_type != "consumable":
            last = min(use.last, plan.nights)
            order_id = self.ledger.order(
                item,
                use.first * DAY + (plan.admission_minute + 15 if use.first == 0 else 8 * 60),
                last * DAY + (8 * 60 + 30 if last == plan.nights else 20 * 60),
                long_term=use.first != use.last,
                regimen=self.catalogue.regimens.get(item.code),
            )
            self.long_orders[item.code] = order_id
        opens = plan.admission_minute + 30 if day == 0 else day * DAY + 8 * 60
        quantity = use.quantity
        if item.hourly:
            # Not more hours than the day has left.
            quantity = min(quantity, (day * DAY + DAY - opens) // 60)
        return self.ledger.charge(
            item,
            opens + dice.between(0, 150),
            quantity,
            order_id=order_id,
            delay=dice.between(10, 120),
        )

    def _fill(self) -> None:
        """Further items of the template until the wanted share of the standard is reached."""
        detail, ledger = self.plan.detail, self.ledger
        target = int(self.standard * self.plan.pace)
        total = ledger.total_fen
        for use in (*self.template.extra, *self._more_for_the_sick()):
            if total >= target:
                break
            for day in self._days(use):
                if total >= target or len(ledger.lines) >= detail.most:
                    break
                total += self._give(use, day).amount_fen
        number = 0
        while len(ledger.lines) < detail.fewest:
            item = self.catalogue.items[_CHEAP[number % len(_CHEAP)]]
            day = number // len(_CHEAP) % self.plan.nights
            opens = self.plan.admission_minute + 60 if day == 0 else day * DAY + 9 * 60
            ledger.charge(item, opens + number * 7 % 400, delay=15 + number % 40)
            number += 1

    def _more_for_the_sick(self) -> list[Use]:
        """What complications bring, without what the template itself may order."""
        template = self.template
        own = {use.item.code for use in (*template.drugs, *template.daily, *template.extra)}
        return [use for use in self.catalogue.sicker[self.severity] if use.item.code not in own]

    def _diagnoses(self) -> list[Record]:
        plan = self.plan
        principal: Record = {
            "ordinal": 1,
            "code": plan.template.code,
            "name": plan.template.name,
            "present_on_admission": "1",
        }
        return [principal] + [
            {
                "ordinal": ordinal,
                "code": c.code,
                "name": c.name,
                "present_on_admission": c.present_on_admission,
            }
            for ordinal, c in enumerate(plan.secondary, start=2)
        ]

    def _icu_stays(self) -> list[Record]:
        if not self.template.icu_days:
            return []
        leave = min(self.template.icu_days, self.plan.nights) * DAY + 10 * 60
        return [
            {
                "ordinal": 1,
                "ward_type": "ICU",
                "start_time": self.ledger.stamp(self.plan.admission_minute + 20),
                "end_time": self.ledger.stamp(min(leave, self.end)),
            }
        ]

    def _coverages(self) -> list[Record]:
        return [
            {
                "ordinal": 1,
                "insurance_type": self.plan.patient.insurance_type,
                "region_code": REGION,
                "start_date": f"{self.plan.admission.year - 3}-01-01",
                "status": "active",
            }
        ]

    def _head(self, sums: dict[str, int]) -> Record:
        plan, patient, template = self.plan, self.plan.patient, self.template
        age = patient.age(plan.admission)
        zh = self.catalogue.departments[template.department][0]
        icu = min(template.icu_days, plan.nights)
        head: Record = {
            "stay_id": plan.stay_id,
            "claim_version": 1,
            "encounter_id": f"E{plan.stay_id}",
            "claim_type": "inpatient",
            **identify(patient, plan.provider, plan.stay_id),
            "age_years": age,
        }
        if age == 0:
            head["age_days"] = (plan.admission - patient.birth_date).days
        if plan.died:
            head["death_date"] = plan.discharge.isoformat()
            head["death_time"] = self.ledger.stamp(self.end)
        head |= {
            "insurance_type": patient.insurance_type,
            "insured_region_code": REGION,
            "payment_method": "drg",
            "admission_way": "1" if template.emergency else "2",
            "inpatient_type": "2" if template.day_surgery else "1",
            "treatment_type": "1",
            "admission_date": plan.admission.isoformat(),
            "admission_time": self.ledger.stamp(plan.admission_minute),
            "admission_department": template.department,
            "ward": f"{zh}病区",
            "admission_diagnosis_code": template.code,
            "discharge_date": plan.discharge.isoformat(),
            "discharge_time": self.ledger.stamp(self.end),
            "discharge_department": template.department,
            "discharge_way": "5" if plan.died else "1",
            "length_of_stay_days": plan.nights,
            "planned_readmission": template.planned,
        }
        if template.planned:
            head["planned_readmission_purpose"] = "继续化疗"
        if self.ventilation_minutes is not None:
            head["ventilation_minutes"] = self.ventilation_minutes
        if template.newborn:
            head["newborn_admission_type"] = "3"
            least, most = template.birth_weight_g
            head["newborn_birth_weight_g"] = weight = least + 10 * self.dice.between(
                0, (most - least) // 10
            )
            head["newborn_admission_weight_g"] = weight - 80
        head[f"level{template.nursing}_nursing_days"] = plan.nights - icu
        if icu:
            head["special_nursing_days"] = icu
        head |= {
            "attending_physician_id": plan.physician_id,
            "responsible_nurse_id": f"SN{plan.provider.provider_id[-3:]}{plan.admission.day:02}",
            "diagnosis_system": "ICD-10-CN",
            "procedure_system": "ICD-9-CM-3-CN",
            "billed_group_code": self.group,
        }
        return (
            head
            | split_payment(sums, patient.insurance_type, plan.provider.level)
            | {
                "settlement_start_date": plan.admission.isoformat(),
                "settlement_end_date": plan.discharge.isoformat(),
                "filed_time": self.ledger.stamp((plan.nights + 2) * DAY + 15 * 60 + plan.nights),
                "invoice_number": f"SI{plan.stay_id}",
            }
        )


def identify(patient: Patient, provider: Provider, stay_id: str) -> Record:
    """The fields of a head that say who and where; personal fields are in the clear."""
    return {
        "region_code": REGION,
        "time_zone": ZONE,
        "currency": "CNY",
        "provider_id": provider.provider_id,
        "provider_level": provider.level,
        "patient_id": patient.patient_id,
        "medical_record_number": f"SM{stay_id}",
        "identity_number": patient.identity_number,
        "patient_name": patient.name,
        "contact_name": patient.contact_name,
        "phone": patient.phone,
        "address": patient.address,
        "employer": patient.employer,
        "bank_account": patient.bank_account,
        "sex": patient.sex,
        "birth_date": patient.birth_date.isoformat(),
    }


def split_payment(sums: dict[str, int], insurance_type: str, level: str) -> Record:
    """Fund, own share, own expense, account and cash; the parts add up to the total.

    Deductibles (300, 500, 800 yuan by level) and the fund's share (85 % employees, 70 %
    residents) are invented.
    """
    total = sums["total"]
    deductible = min({"1": 30_000, "2": 50_000, "3": 80_000}[level], sums["in_scope"])
    fund = (sums["in_scope"] - deductible) * (85 if insurance_type == "310" else 70) // 100
    own = total - fund
    account = min(own, 40_000) if insurance_type == "310" else 0
    return {
        "total_amount_fen": total,
        "fund_payment_fen": fund,
        "self_pay_in_scope_fen": own - sums["self_pay"],
        "self_pay_out_of_scope_fen": sums["self_pay"],
        "account_payment_fen": account,
        "cash_payment_fen": own - account,
        "deductible_fen": deductible,
    }
