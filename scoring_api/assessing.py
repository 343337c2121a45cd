"""POST /v1/claims:assess: a few claims judged while the caller waits."""

from __future__ import annotations

from typing import Any, Final

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request

from domain.service import Assess
from scoring_api import bodies, evidence
from scoring_api.answers import Assessed
from scoring_api.evidence import Checks
from scoring_api.metrics import Metrics
from scoring_api.problems import document
from store import Store

_AT_ONCE: Final = 4
"""Assessments side by side. They compete for the processors and for the one database writer;
the others wait their turn here and leave the threads to those who read alerts."""

EXAMPLE: Final[dict[str, Any]] = {
    "claims": [
        {
            "stay_id": "H33010200012-2024-000001",
            "claim_version": 1,
            "claim_type": "inpatient",
            "region_code": "330100",
            "time_zone": "Asia/Shanghai",
            "currency": "CNY",
            "provider_id": "H33010200012",
            "patient_id": "330102198001010001",
            "sex": "1",
            "birth_date": "1980-01-01",
            "admission_date": "2024-03-01",
            "discharge_date": "2024-03-05",
            "diagnosis_system": "ICD-10-CN",
            "procedure_system": "ICD-9-CM-3-CN",
            "total_amount_fen": 850000,
            "diagnoses": [{"ordinal": 1, "code": "J18.900", "present_on_admission": "1"}],
            "charges": [
                {
                    "line_id": "1",
                    "item_code": "110900001",
                    "category": "01",
                    "quantity": "4",
                    "unit_price": "45.00",
                    "amount_fen": 18000,
                    "charge_date": "2024-03-01",
                }
            ],
        }
    ]
}
"""A request that the documentation shows; a test keeps it valid."""


def route(assess: Assess, store: Store, checks: Checks, metrics: Metrics) -> APIRouter:
    """The route, with what it works on."""
    router = APIRouter()
    limiter = anyio.CapacityLimiter(_AT_ONCE)

    def work(records: list[bytes]) -> dict[str, Any]:
        done = assess(records)
        told = evidence.tell_assessment(done, checks, store)
        metrics.count_claims(
            accepted=len(done.claims),
            refused=len(done.refused),
            alerts=done.results.alerts["severity"].to_pylist(),
        )
        return told

    @router.post(
        "/v1/claims:assess",
        response_model=Assessed,
        responses=document(400, 413, 415, 422, 500, 503),
        summary="Assess 1 to 500 claims now",
        tags=["claims"],
        openapi_extra=bodies.describe(
            {"claims": bodies.CLAIMS_SCHEMA},
            required=["claims"],
            example=EXAMPLE,
        ),
    )
    async def assess_claims(request: Request) -> Any:
        """Judge canonical claims against every check, score them, and store the decisions.

        Claims that cannot be accepted are set aside with all their reasons; the others are
        judged. The same claim given again leaves one decision. Personal fields become
        keyed pseudonyms before anything is stored.
        """
        records = await bodies.read_claims(request)
        told = await anyio.to_thread.run_sync(work, records, limiter=limiter)
        if told["accepted"] == 0:
            raise evidence.refuse_all(told["refused"], told["read"])
        return told

    return router
