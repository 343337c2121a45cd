"""Intake: files and records to ``domain`` tables, with every refusal accounted for.

``read`` takes whole inputs, ``read_batches`` the same with bounded memory, ``decode``
the records of one request; ``deadletters.write`` keeps what was set aside.
docs/intake.md says what each format may hold.
"""

from streaming.intake.accounting import Batch, Count
from streaming.intake.limits import Limits
from streaming.intake.reading import Intake, decode, read, read_batches
from streaming.intake.refusals import RULES, SetAside
from streaming.intake.sources import FORMATS, Format, InputError, Source, holds_provider_claims

__all__ = [
    "FORMATS",
    "RULES",
    "Batch",
    "Count",
    "Format",
    "InputError",
    "Intake",
    "Limits",
    "SetAside",
    "Source",
    "decode",
    "holds_provider_claims",
    "read",
    "read_batches",
]
