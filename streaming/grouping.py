"""Grouping a few claims for a waiting caller: intake, then the schemes; nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import drg
from domain.service import Told
from streaming import intake
from streaming.pseudonym import PseudonymKey


@dataclass(frozen=True, slots=True)
class GroupDesk:
    """The real ``domain.service.Group``."""

    library: drg.Library
    key: PseudonymKey

    def __call__(self, records: Sequence[bytes], /, *, trace: bool) -> Told:
        """Group canonical JSON claims."""
        claims, refused = intake.decode(records, key=self.key)
        settled = drg.settle(claims, self.library, trace=trace)
        return Told(drg.tell(settled, trace=trace), tuple(refused))


@dataclass(frozen=True, slots=True)
class WhatIfDesk:
    """The real ``domain.service.WhatIf``; with ``curves`` open stays are projected too."""

    library: drg.Library
    key: PseudonymKey
    curves: drg.Curves | None = None

    def __call__(self, record: bytes, changes: Sequence[Mapping[str, Any]], /) -> Told:
        """Compare one claim with what it would be."""
        claims, refused = intake.decode([record], key=self.key)
        if refused:
            return Told([], tuple(refused))
        return Told([drg.what_if(claims, changes, self.library, curves=self.curves)], ())
