"""What the settlement list will say that the head, diagnoses and procedures say already."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import rules
from streaming.plans import discharge
from streaming.plans.claim_tables import tables_of
from streaming.plans.judges import Judges
from streaming.plans.variants import read

Json = dict[str, Any]

_NAME: Final = "discharged"
READ: Final = ("diagnoses", "procedures", "icu_stays")
"""The lists that the checks of documents read."""


def judge(claim: Json, as_of: datetime, judges: Judges) -> tuple[Json, ...]:
    """The hits of the checks of documents on the stay as if discharged today."""
    plain = claim | {"orders": [], "charges": [], "stay_id": _NAME, "patient_id": _NAME}
    ended = discharge.discharged(plain, as_of, None, None)
    judged = rules.judge(judges.documents, tables_of([ended]))
    return tuple(read(row) for row in judged.hits.iter_rows(named=True))
