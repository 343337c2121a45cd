"""Which discharges count as transfers for the US payment."""

from __future__ import annotations

from typing import Final

ACUTE: Final = frozenset({2, 66, 82, 94})
"""Discharge statuses of a transfer to another acute or critical access hospital."""

POST_ACUTE: Final = frozenset({3, 5, 6, 50, 51, 62, 63, 65, 83, 85, 86, 90, 91, 93})
"""Discharge statuses of a move to post-acute care: skilled nursing, cancer or children's
hospital, home health, hospice, rehabilitation, long-term care, psychiatric hospital, and
the same with a planned readmission.

Home health (06, 86) counts only where it starts within three days for the same condition,
which a claim does not say; it is taken to count.
"""

# Both lists are unverified: put together from 42 CFR 412.4 as it stood in 2005 (read), the
# names of the statuses, and general accounts of the later additions (66, 94, hospice).


def kind(status: int, *, post_acute_group: bool) -> str | None:
    """``acute``, ``post_acute`` or nothing: how a discharge with that status is paid.

    A move to post-acute care counts only out of a group that Table 5 marks.
    """
    if status in ACUTE:
        return "acute"
    if status in POST_ACUTE and post_acute_group:
        return "post_acute"
    return None
