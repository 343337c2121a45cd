"""The service with several people who work on cases, and alerts to take."""

from __future__ import annotations

import warnings
from typing import Any

import scoring_api
import store
from domain.access import PERMISSIONS, Permission, Principal, Role, Rows
from domain.casework import Terms
from scoring_api.access import OpenAccess
from streaming.grouping import GroupDesk, StoredGroupDesk, WhatIfDesk
from tests import service_samples as samples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have another HTTP client
    from starlette.testclient import TestClient

HOSPITAL = samples.PROVIDERS[0]
OWN = {"sec-fetch-site": "same-origin"}
TERMS = Terms(limit_fen=100_000)


class Town(OpenAccess):
    """Several people, each known by a header, without a sign-in of their own."""

    def __init__(self) -> None:
        people = [
            ("anna", Role.OFFICER), ("bo", Role.OFFICER), ("sen", Role.SENIOR), ("sun", Role.SENIOR),
            ("sky", Role.SENIOR), ("aud", Role.AUDITOR), ("ana", Role.ANALYST), ("adm", Role.ADMINISTRATOR),
        ]  # fmt: skip
        self.known = {
            name: Principal(name, name.title(), role, PERMISSIONS[role], means="token")
            for name, role in people
        }

    def add(self, name: str, role: Role, rows: Rows) -> None:
        self.known[name] = Principal(
            name, name.title(), role, PERMISSIONS[role], rows, means="token"
        )

    def identify(self, request: Any) -> Principal | None:
        return self.known.get(request.headers.get("x-as", "anna"))

    def people(self, needed: Permission) -> list[tuple[str, str]]:
        return [(p.user_id, p.name) for p in self.known.values() if p.may(needed)]


class Scene:
    """The service with its people, and free alerts to take."""

    def __init__(self, opened: store.Store, **more: Any) -> None:
        self.store, self.access = opened, Town()
        app = scoring_api.build(
            store=opened,
            assess=samples.Assessor(opened),
            group=GroupDesk(samples.library(), samples.KEY),
            what_if=WhatIfDesk(samples.library(), samples.KEY),
            rules=samples.RULES,
            version="1.2.3",
            ready=lambda: {},
            graph=opened.graph(),
            access=self.access,
            group_stored=StoredGroupDesk(samples.library()),
            case_terms=TERMS,
            **more,
        )
        self.client = TestClient(app)

    def free(self, *, large: bool = False) -> dict[str, Any]:
        """An alert that is in no case, above or below the limit."""
        rows = self.store.alerts(
            store.AlertFilter(provider_id=HOSPITAL, currency="CNY", statuses=frozenset({"new"})),
            limit=200,
        ).rows
        return next(r for r in rows if (r["exposure_fen"] > TERMS.limit_fen) is large)

    def call(self, who: str, method: str, path: str, **more: Any) -> Any:
        headers = {"x-as": who, **more.pop("headers", {})}
        return self.client.request(method, path, headers=headers, **more)

    def open(self, who: str = "anna", *, large: bool = False, **more: Any) -> dict[str, Any]:
        alert = self.free(large=large)
        answer = self.call(
            who, "POST", "/v1/cases", json={"alert_ids": [alert["alert_id"]], **more}
        )
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def post(self, who: str, case: dict[str, Any], path: str, body: dict[str, Any]) -> Any:
        """A change that rests on the case as it is now."""
        headers = {"If-Match": "*"}
        return self.call(
            who, "POST", f"/v1/cases/{case['case_id']}/{path}", json=body, headers=headers
        )

    def conclude(self, who: str, case: dict[str, Any], fen: int | None = 1_000) -> None:
        item = {"outcome": "confirmed", "reason": "violation", "recovered_fen": fen}
        answer = self.post(who, case, "dispositions", {"items": [item]})
        assert answer.status_code == 200, answer.text
