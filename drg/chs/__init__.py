"""The CHS-DRG engine: groups a batch of inpatient stays by the tables of a scheme."""

from drg.chs.answer import group
from drg.chs.variants import (
    ALTERNATIVES,
    BY_DIAGNOSIS,
    alternatives,
    by_diagnosis,
    without_exclusions,
)

__all__ = [
    "ALTERNATIVES",
    "BY_DIAGNOSIS",
    "alternatives",
    "by_diagnosis",
    "group",
    "without_exclusions",
]
