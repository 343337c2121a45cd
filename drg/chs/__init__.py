"""The CHS-DRG engine: groups a batch of inpatient stays by the tables of a scheme."""

from drg.chs.answer import Walked, group, tell, walked
from drg.chs.variants import (
    ALTERNATIVES,
    BY_DIAGNOSIS,
    Answer,
    Variants,
    alternatives,
    by_diagnosis,
)

__all__ = [
    "ALTERNATIVES",
    "BY_DIAGNOSIS",
    "Answer",
    "Variants",
    "Walked",
    "alternatives",
    "by_diagnosis",
    "group",
    "tell",
    "walked",
]
