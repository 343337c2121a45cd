"""One claim as it is and as it would be with changes."""

from drg.whatif.changes import KINDS, ChangeError, apply
from drg.whatif.comparison import what_if

__all__ = ["KINDS", "ChangeError", "apply", "what_if"]
