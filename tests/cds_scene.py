"""A hospital whose record system calls CDS Hooks: the real service over a database, and calls in the specification's shapes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

import scoring_api
import store
from scoring_api.access import Access
from streaming.cds import CdsDesk
from streaming.fhir import Names, naming
from streaming.orders import decode, judge_orders
from streaming.orders.handler import OrdersHandler
from streaming.pipeline import Engine
from streaming.plans.desk import PlanDesk
from tests.order_events import KEY, Json
from tests.unit.streaming.orders.test_order_costs import curves
from tests.unit.streaming.orders.test_order_judging import engine

ADDRESS = "https://drg.example.org"
ATORVASTATIN = "S-0901022"
EXTENSION = "https://ehr.example.org/fhir/StructureDefinition/window"


@cache
def priced() -> Engine:
    """The shipped checks with the cost curves of fifty made-up stays."""
    return replace(engine(), curves=curves())


@dataclass
class Site:
    """The service, and how its client asks."""

    store: store.Store
    client: TestClient
    desk: CdsDesk
    headers: dict[str, str] = field(default_factory=dict)

    def stream(self, *messages: Json) -> None:
        """Let the stream of orders tell of stays."""
        handler = OrdersHandler(priced(), self.store, KEY)
        taken = [e for _, e in decode([recent(m) for m in messages], key=KEY)[0]]
        states = handler.look_up(e.stay_id for e in taken)
        outcome = judge_orders(taken, states, priced())
        for write in handler.writes(outcome, states):
            self.store.open_stays.commit(write, datetime.now(UTC))

    def call(self, hook: str, body: Json | None = None, /, **context: Any) -> Any:
        """Call the service of a hook; the answer as it came."""
        return self.client.post(
            f"/cds-services/drg-{hook}",
            json=request(hook, **context) if body is None else body,
            headers={"accept-language": "en", **self.headers},
        )

    def cards(self, hook: str, body: Json | None = None, /, **context: Any) -> list[Json]:
        """The cards of a call that must succeed."""
        answer = self.call(hook, body, **context)
        assert answer.status_code == 200, answer.text
        found: list[Json] = answer.json()["cards"]
        return found


@contextmanager
def site(folder: Path, access: Access | None = None, **more: Any) -> Iterator[Site]:
    """The service over a fresh database."""
    with store.open(f"sqlite:///{folder}/s.db") as opened:
        made = more.pop("access_of", lambda _: access)(opened)
        desk = CdsDesk(
            priced(),
            opened,
            KEY,
            PlanDesk(priced(), opened, KEY),
            budget=more.pop("budget", 500),
            names=Names({"https://ehr.example.org/items": naming.ITEM}),
        )

        def none(*_: Any, **__: Any) -> Any:
            raise AssertionError("not asked here")

        app = scoring_api.build(
            store=opened, assess=none, group=none, what_if=none, rules=[], version="0", ready=dict,
            advise=desk, address=ADDRESS, access=made, **more,
        )  # fmt: skip
        yield Site(opened, TestClient(app), desk)
        desk.close()


def recent(message: Json) -> bytes:
    """An event with its days of March 2025 as yesterday, today and tomorrow: calls are made now."""
    text = json.dumps(message)
    for place, day in enumerate(("2025-03-03", "2025-03-04", "2025-03-05"), start=-1):
        text = text.replace(day, (datetime.now(UTC).date() + timedelta(days=place)).isoformat())
    return text.encode()


def soon() -> str:
    """An hour from now: a draft begins after it is signed."""
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")


def request(hook: str, prefetch: Json | None = None, **context: Any) -> Json:
    """A call as the specification shows it."""
    told = {"userId": "Practitioner/D9", "patientId": "1288992", "encounterId": "S1", **context}
    body: Json = {
        "hookInstance": str(uuid.uuid4()),
        "fhirServer": "https://ehr.example.org/fhir",
        "hook": hook,
        "fhirAuthorization": {
            "access_token": "some-opaque-fhir-access-token",
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "user/Patient.read user/Observation.read",
            "subject": "cds-service4",
        },
        "context": {k: v for k, v in told.items() if v is not None},
    }
    return body if prefetch is None else body | {"prefetch": prefetch}


def medication(name: str, code: str = ATORVASTATIN, start: str = "", **fields: Any) -> Json:
    """A draft of a drug, with an extension of the client's own."""
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "extension": [
            {"url": EXTENSION, "valueString": "3"},
            {"url": f"{naming.FIELD}orders.long_term", "valueBoolean": True},
        ],
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": naming.ITEM, "code": code}]},
        "subject": {"reference": "Patient/1288992"},
        "dosageInstruction": [
            {
                "text": "每日一次",
                "timing": {"repeat": {"boundsPeriod": {"start": start or soon()}}},
                "route": {"coding": [{"system": naming.list_system("orders", "route"), "code": "po"}]},
                "doseAndRate": [{"doseQuantity": {"value": 20, "unit": "mg"}}],
            }
        ],
        **fields,
    }  # fmt: skip


def bundle(*resources: Json, **more: Any) -> Json:
    """A Bundle as ``draftOrders`` has it: without a type."""
    return {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources], **more}


def chart(codes: Sequence[str] = ("I10",), *medications: Json) -> Json:
    """What a client prefetches of a stay that the stream has not told of."""
    conditions = [
        {
            "resourceType": "Condition",
            "id": f"c{n}",
            "subject": {"reference": "Patient/1288992"},
            "encounter": {"reference": "Encounter/89284"},
            "code": {"coding": [{"system": naming.CLINICAL_URI["ICD-10-CN"], "code": code}]},
        }
        for n, code in enumerate(codes, start=1)
    ]
    return {
        "patient": {
            "resourceType": "Patient", "id": "1288992", "gender": "male", "birthDate": "1965-12-23",
            "identifier": [{"system": naming.PATIENT_ID, "value": "330100196512230011"}],
        },
        "encounter": {
            "resourceType": "Encounter", "id": "89284", "status": "in-progress",
            "identifier": [{"system": naming.STAY_ID, "value": "H1-77"}],
            "class": {"system": naming.ACT_CODE, "code": "IMP"},
            "subject": {"reference": "Patient/1288992"},
            "serviceProvider": {"identifier": {"system": naming.PROVIDER_ID, "value": "H1"}},
            "period": {"start": (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")},
            "diagnosis": [
                {"condition": {"reference": f"Condition/c{n}"}, "rank": n}
                for n in range(1, len(codes) + 1)
            ],
        },
        "conditions": bundle(*conditions, type="searchset"),
        "procedures": None,
        "medications": bundle(*medications, type="searchset") if medications else None,
        "services": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]},
    }  # fmt: skip
