"""The withdrawal of a claim (冲销, 作废): its versions up to one no longer stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.claim import STAYS
from domain.schema import Field, Kind, Table

REASONS = {
    "reversed": ("结算冲销", "the settlement was reversed"),
    "duplicate": ("重复上传", "the claim was uploaded twice"),
    "wrong-person": ("人员错误", "the claim belongs to another person"),
    "wrong-content": ("内容错误，另行重新上传", "the content was wrong and comes again as another claim"),
    "other": ("其他", "another reason"),
}  # fmt: skip
"""Reason of a withdrawal -> Chinese and English text; free text could name a person."""

# fmt: off
WITHDRAWALS = Table(
    "withdrawals",
    "撤销",
    "A claim is taken back: no version up to the one named counts any more; a later version stands again.",
    key=("stay_id", "withdrawn_version"),
    fields=(
        STAYS["stay_id"],
        Field("withdrawn_version", Kind.INTEGER, "撤销至版本号", "The version withdrawn, with all before it.",
              minimum=1, maximum=9999, required=True),
        Field("reason", Kind.CODE, "撤销原因", "Why.", required=True, codes=REASONS),
        Field("withdrawn_time", Kind.INSTANT, "撤销时间", "Instant of the withdrawal, to the second."),
    ),
)
# fmt: on


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A message that a claim's versions up to ``claim_version`` no longer stand (冲销, 作废)."""

    stay_id: str
    claim_version: int
    reason: str
    withdrawn_time: datetime | None = None
