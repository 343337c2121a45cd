"""Health, metrics, logs, problems and the description of the whole."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from starlette.testclient import TestClient

import store
from domain.errors import SentinelError
from domain.service import Assessment
from scoring_api import logs
from store.engine import head
from tests import service_samples as samples

SECRET = "330102198001010001"


def test_healthy_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "version": "1.2.3"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["parts"]["store"] == {"ok": True, "detail": f"revision {head()}"}
    assert ready.json()["parts"]["model"] == {"ok": True, "detail": "absent"}
    assert ready.json()["parts"]["rules"] == {"ok": True, "detail": "7 loaded"}


def test_a_database_of_another_revision_is_not_ready(
    client: TestClient, opened: store.Store
) -> None:
    with opened.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["parts"]["store"]["ok"] is False
    assert "0000" in ready.json()["parts"]["store"]["detail"]
    assert client.get("/healthz").status_code == 200


def raising() -> dict[str, Any]:
    raise RuntimeError(SECRET)


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"rules": ()}, "rules"),
        ({"ready": lambda: {"model": {"ok": False, "detail": "wrong schema"}}}, "model"),
        ({"ready": raising}, "service"),
    ],
)
def test_a_part_that_is_not_ready_is_named(
    build: Callable[..., FastAPI], changed: dict[str, Any], part: str
) -> None:
    with TestClient(build(**changed)) as client:
        ready = client.get("/readyz")
    assert ready.status_code == 503
    assert [name for name, p in ready.json()["parts"].items() if not p["ok"]] == [part]
    assert SECRET not in ready.text


def test_metrics_count_requests_claims_and_alerts(client: TestClient) -> None:
    client.post(
        "/v1/claims:assess",
        json={"claims": [{"stay_id": "S000000"}, {"stay_id": "S000004"}, {"stay_id": SECRET}]},
    )
    client.get("/v1/alerts/unknown-id")
    client.get(f"/v1/alerts?text={SECRET}")
    client.get(f"/{SECRET}")
    client.request("BREW", "/healthz")
    text = client.get("/metrics").text
    for line in (
        'sentinel_claims_total{outcome="accepted"} 2.0',
        'sentinel_claims_total{outcome="refused"} 1.0',
        'sentinel_alerts_total{severity="critical"} 1.0',
        'sentinel_http_requests_total{method="POST",route="/v1/claims:assess",status="200"} 1.0',
        'sentinel_http_requests_total{method="GET",route="/v1/alerts/{alert_id}",status="404"} 1.0',
        'sentinel_http_requests_total{method="GET",route="unmatched",status="404"} 1.0',
        'version="1.2.3"',
        'sentinel_http_request_seconds_bucket{le="0.005",route="/v1/alerts"}',
    ):
        assert line in text, line
    assert 'method="other"' in text
    assert "BREW" not in text
    assert SECRET not in text
    assert "unknown-id" not in text


def test_two_services_in_one_process_count_apart(build: Callable[..., FastAPI]) -> None:
    with TestClient(build()) as one, TestClient(build()) as other:
        one.get("/healthz")
        assert 'route="/healthz"' not in other.get("/metrics").text


def test_logs_are_json_with_request_ids_and_nothing_personal(client: TestClient) -> None:
    out = io.StringIO()
    logs.configure(out)
    answer = client.get(f"/v1/alerts?text={SECRET}", headers={"X-Request-Id": "abc-12345678"})
    client.post("/v1/claims:assess", json={"claims": [{"stay_id": SECRET}]})
    client.get("/v1/alerts/S000001", headers={"X-Request-Id": "bad id\twith spaces"})
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert answer.headers["X-Request-Id"] == "abc-12345678"
    first, second, third = (line for line in lines if line["event"] == "request")
    assert first["request_id"] == "abc-12345678"
    assert (first["method"], first["route"], first["status"]) == ("GET", "/v1/alerts", 200)
    assert re.fullmatch("[0-9a-f]{32}", third["request_id"]), "a made-up id replaces a bad one"
    assert second["route"] == "/v1/claims:assess"
    assert SECRET not in out.getvalue()
    assert "S000001" not in out.getvalue()


def defective(_records: object, /) -> Any:
    raise ValueError(f"invalid literal: {SECRET}")


def test_a_defect_gets_an_id_that_is_in_the_log_and_tells_nothing(
    build: Callable[..., FastAPI],
) -> None:
    out = io.StringIO()
    logs.configure(out)
    with TestClient(build(assess=defective)) as client:
        answer = client.post("/v1/claims:assess", json={"claims": [{}]})
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    logged = next(
        line for line in map(json.loads, out.getvalue().splitlines()) if line["event"] == "defect"
    )
    assert logged["error_id"] == problem["error_id"]
    assert logged["request_id"] == answer.headers["X-Request-Id"]
    assert logged["error"] == "ValueError"
    assert any("defective" in frame for frame in logged["frames"])
    assert "Traceback" not in answer.text
    assert SECRET not in answer.text + out.getvalue()


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (store.StoreBusyError("the database is locked", where="/srv/secret.db", cure="Try again."), 503, "2"),
        (store.StoreError("the disk is full", where="/srv/secret.db", cure="Free space."), 503, "30"),
        (SentinelError("the rules do not fit", where="/srv/rules", cure="Check them."), 500, None),
    ],
)  # fmt: skip
def test_known_errors_say_what_to_do_but_not_where(
    build: Callable[..., FastAPI], error: SentinelError, status: int, retry: str | None
) -> None:
    def failing(_records: object, /) -> Any:
        raise error

    with TestClient(build(assess=failing)) as client:
        answer = client.post("/v1/claims:assess", json={"claims": [{}]})
    assert answer.status_code == status
    assert answer.json()["cure"] == error.cure
    assert answer.headers.get("Retry-After") == retry
    assert "/srv" not in answer.text


def test_404_and_405_are_problems(client: TestClient) -> None:
    missing = client.get("/v1/nothing", headers={"Accept": "text/html"})
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    wrong = client.delete("/v1/alerts")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "GET"
    assert wrong.json()["type"] == "urn:drg-sentinel:problem:method-not-allowed"


def test_every_answer_is_kept_from_caches_and_frames(filled: TestClient) -> None:
    for path in ("/", "/v1/alerts", "/nothing", "/v1/alerts?limit=0"):
        headers = filled.get(path).headers
        assert headers["cache-control"] == "no-store", path
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_the_description_documents_every_route_and_problem(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    told = {(method.upper(), path) for path, of in document["paths"].items() for method in of}
    served = {
        (method, path)
        for method, path in client.app.state.routes
        if path.startswith(("/v1/", "/healthz", "/readyz", "/metrics"))
    }
    assert told == served
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "cure" in document["components"]["schemas"]["Problem"]["required"]
    body = document["paths"]["/v1/claims:assess"]["post"]["requestBody"]["content"][
        "application/json"
    ]
    assert body["example"]["claims"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert operation["description"], (path, method)


OPERATIONS = [
    ("GET", "/healthz"), ("GET", "/metrics"), ("GET", "/readyz"), ("GET", "/v1/alerts"),
    ("GET", "/v1/alerts/{alert_id}"), ("POST", "/v1/claims:assess"), ("GET", "/v1/rules"),
    ("GET", "/v1/rules/{rule_id}"), ("GET", "/v1/alerts/{alert_id}/reviews"),
    ("GET", "/v1/graph/stats"),
    ("GET", "/v1/graph/shared-identifiers"), ("GET", "/v1/graph/triangles"),
    ("GET", "/v1/graph/communities"), ("GET", "/v1/graph/neighbourhood"), ("GET", "/v1/graph/path"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_the_service_does_what_its_description_says(
    build: Callable[..., FastAPI], opened: store.Store, method: str, path: str, mode: Any
) -> None:
    """Requests made from the description, fitting it and breaking it; every answer must fit too."""
    samples.write(opened, 12)
    refusing = samples.Assessor(opened)

    def accepting(records: Sequence[bytes], /) -> Assessment:
        return refusing([b'{"stay_id": "S%06d"}' % i for i, _ in enumerate(records)])

    fits = mode is schemathesis.GenerationMode.POSITIVE
    app = build(assess=accepting if fits else refusing)
    described = schemathesis.openapi.from_asgi("/openapi.json", app)
    operation = described[path][method]
    if not fits and not (
        operation.query.items or operation.path_parameters.items or operation.body.items
    ):
        return  # nothing of it can be broken

    @settings(max_examples=8, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        # A cursor comes from a page before; none can be made up that fits.
        if fits and case.query:
            for name in ("cursor", "created_from", "created_to"):  # nor a day since 1900
                case.query.pop(name, None)
        case.call_and_validate()

    check()


def test_the_handbook_names_every_route_and_parameter(client: TestClient, root: Path) -> None:
    text = (root / "docs" / "api.md").read_text("utf-8")
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        assert path in text, path
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                name = parameter["name"]
                assert f"`{name}`" in text or f"{{{name}}}" in text, (path, name)
