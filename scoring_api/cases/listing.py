"""Which cases to list: filter, order and cursor, shared by the API and the page."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from domain.access import Rows
from domain.casework import Status
from scoring_api import cursors
from scoring_api.listing import MAX_PAGE, Currency, Text
from store.cases import CaseAfter, CaseFilter, CaseSort


class CaseQuery(BaseModel):
    """Query parameters of GET /v1/cases; every condition given must hold."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[Status | None, Field(description="Where the case stands.")] = None
    open: Annotated[bool, Field(description="Only those in which somebody has to act.")] = False
    assignee: Annotated[Text | None, Field(description="Account id of whom it is given to.")] = None
    provider: Annotated[Text | None, Field(description="Hospital.")] = None
    currency: Annotated[Currency | None, Field(description="Currency of the amounts.")] = None
    min_exposure_fen: Annotated[
        int | None, Field(ge=0, lt=2**63, description="Least money at stake, in hundredths.")
    ] = None
    overdue: Annotated[bool, Field(description="Only those whose clock has run out.")] = False
    text: Annotated[
        Text | None, Field(description="Looked for in number, title, hospital and stays.")
    ] = None
    sort: Annotated[
        CaseSort, Field(description="Clock that ends first, latest, or most money.")
    ] = CaseSort.CLOCK
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="Cases a page.")] = 50
    cursor: Annotated[
        str | None,
        Field(max_length=512, description="Where the page starts, from the page before."),
    ] = None

    def wanted(self, rows: Rows) -> CaseFilter:
        """The conditions as the store takes them, within the rows that the caller may see."""
        return CaseFilter(
            status=None if self.status is None else str(self.status),
            assignee=self.assignee,
            provider_id=self.provider,
            currency=self.currency,
            min_exposure_fen=self.min_exposure_fen,
            overdue=datetime.now(UTC) if self.overdue else None,
            open_only=self.open,
            text=self.text,
            rows=rows,
        )

    def after(self) -> CaseAfter | None:
        """The place that the cursor names; a 400 problem if it is none, or of another filter."""
        if self.cursor is None:
            return None

        def place(digest: Any, key: Any, case_id: Any) -> CaseAfter:
            self._fit(key, case_id)
            cursors.demand_same(digest, self._digest())
            return CaseAfter(key, case_id)

        return cursors.unpack(self.cursor, place)

    def write(self, after: CaseAfter | None) -> str | None:
        """The cursor of the page that starts after a place."""
        if after is None:
            return None
        return cursors.pack(self._digest(), after.key, after.case_id)

    def _fit(self, key: object, case_id: object) -> None:
        if not isinstance(case_id, str) or "\x00" in case_id:
            raise TypeError("no id")
        match self.sort, key:
            case CaseSort.EXPOSURE, int() if not isinstance(key, bool):
                if not 0 <= key < 2**63:
                    raise ValueError("out of bounds")
            case CaseSort.CLOCK, None:
                pass
            case ((CaseSort.CLOCK | CaseSort.NEWEST), str()):
                at = datetime.fromisoformat(key)
                if at.tzinfo is None or not 2000 <= at.year <= 2200:
                    raise ValueError("no zone, or no time of a case")
            case _:
                raise TypeError("another order's key")

    def _digest(self) -> str:
        given = self.model_dump(mode="json", exclude={"cursor", "limit"})
        return hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:12]
