"""The CHS-DRG engine: groups a batch of inpatient stays by the tables of a scheme."""

from drg.chs.alternatives import ALTERNATIVES, BY_DIAGNOSIS, alternatives, by_diagnosis
from drg.chs.answer import group

__all__ = ["ALTERNATIVES", "BY_DIAGNOSIS", "alternatives", "by_diagnosis", "group"]
