"""One outpatient visit, written as a canonical claim record."""

from __future__ import annotations

from datetime import date

from data_samples.catalogue import Catalogue, VisitTemplate
from data_samples.dice import Dice
from data_samples.ledger import Ledger, Record
from data_samples.people import Patient
from data_samples.places import REGION, Provider
from data_samples.stay import identify

REGISTRATION, CONSULTATION = "S-1301001", "S-0102005"


def write(
    stay_id: str,
    template: VisitTemplate,
    *,
    patient: Patient,
    provider: Provider,
    physician_id: str,
    day: date,
    catalogue: Catalogue,
    dice: Dice,
) -> Record:
    """The visit with three to six lines, all in one morning or afternoon."""
    begin = dice.between(8 * 60, 16 * 60)
    ledger = Ledger(day, begin, begin + 90, physician_id, template.department)
    ledger.charge(catalogue.items[REGISTRATION], begin, delay=1)
    ledger.charge(catalogue.items[CONSULTATION], begin + 10, delay=1)
    for number, use in enumerate(dice.take(template.items, dice.between(1, 4))):
        order_id = ledger.order(
            use.item,
            begin + 15,
            begin + 80,
            long_term=False,
            regimen=catalogue.regimens.get(use.item.code),
            quantity=use.quantity,
        )
        ledger.charge(use.item, begin + 25 + number * 9, use.quantity, order_id=order_id, delay=4)
    charges, sums = ledger.records()
    fund = sums["in_scope"] * 50 // 100
    return {
        "stay_id": stay_id,
        "claim_version": 1,
        "encounter_id": f"E{stay_id}",
        "claim_type": "outpatient",
        **identify(patient, provider, stay_id),
        "age_years": patient.age(day),
        "insurance_type": patient.insurance_type,
        "insured_region_code": REGION,
        "payment_method": "per_item",
        "treatment_type": "1",
        "admission_date": day.isoformat(),
        "admission_time": ledger.stamp(begin),
        "admission_department": template.department,
        "discharge_date": day.isoformat(),
        "discharge_time": ledger.stamp(begin + 90),
        "discharge_department": template.department,
        "discharge_way": "1",
        "attending_physician_id": physician_id,
        "diagnosis_system": "ICD-10-CN",
        "procedure_system": "ICD-9-CM-3-CN",
        "total_amount_fen": sums["total"],
        "fund_payment_fen": fund,
        "self_pay_in_scope_fen": sums["total"] - fund - sums["self_pay"],
        "self_pay_out_of_scope_fen": sums["self_pay"],
        "cash_payment_fen": sums["total"] - fund,
        "settlement_start_date": day.isoformat(),
        "settlement_end_date": day.isoformat(),
        "filed_time": ledger.stamp(begin + 95),
        "invoice_number": f"SI{stay_id}",
        "diagnoses": [
            {
                "ordinal": 1,
                "code": template.code,
                "name": template.name,
                "present_on_admission": "1",
            }
        ],
        "procedures": [],
        "charges": charges,
        "orders": ledger.orders,
    }
