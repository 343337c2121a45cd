"""What a CHS-DRG group pays in a region: standard, outliers, day rates, excluded items, review."""

from drg.payment_terms.answer import ABSENT, CASES, PAID, TRIGGERS
from drg.payment_terms.checks import check_terms
from drg.payment_terms.payment import AMOUNTS, amounts, pay
from drg.payment_terms.wording import explain

__all__ = [
    "ABSENT",
    "AMOUNTS",
    "CASES",
    "PAID",
    "TRIGGERS",
    "amounts",
    "check_terms",
    "explain",
    "pay",
]
