"""The description of the whole service: complete, true, and no request made from it breaks the service."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema_rs import meta

from domain.access import Permission, Role
from scoring_api import description
from tests import attack_scene
from tests.attack_inputs import able, safe
from tests.attack_scene import Person, World

_UNENDING = {"/v1/events"}
"""What answers with a stream that only ends with its caller."""
_CREATES_WITHOUT_KEY = {"/v1/claims:assess", "/v1/users", "/v1/tokens"}
"""What may be sent again without a key: the same claims are stored once, a login is taken once, and of a
token made twice the one whose secret nobody got is listed and can be revoked; answers with secrets are not kept."""
_CHANGES_WITHOUT_VERSION = {"/v1/sessions/{session_id}", "/v1/tokens/{token_id}"}
"""What is changed without a version: sessions and tokens only end, and nobody's change of them is lost."""

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The whole service, with accounts."""
    folder = tmp_path_factory.mktemp("description")
    nothing = SimpleNamespace(refused=(), results=())
    with attack_scene.world(
        f"sqlite:///{folder / 'a.db'}", folder / "checks", check_orders=lambda _: nothing
    ) as made:
        yield made


@pytest.fixture(scope="module")
def app(world: World) -> FastAPI:
    made: FastAPI = world.scene.app
    return made


@pytest.fixture(scope="module")
def document(app: FastAPI) -> Mapping[str, Any]:
    found: Mapping[str, Any] = TestClient(app).get("/openapi.json").json()
    return found


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_every_route_says_what_it_is_who_may_and_how_it_fails(
    app: FastAPI, document: Mapping[str, Any]
) -> None:
    assert document["openapi"].startswith("3.1.")
    tags = {tag["name"] for tag in document["tags"]}
    assert tags <= set(description.TAGS)
    faults = []
    for method, path, operation in operations(document):
        faults += [
            f"{method} {path}: no {part}"
            for part in ("summary", "description")
            if not operation.get(part)
        ]
        if len(set(operation.get("tags", ())) & tags) != 1:
            faults.append(f"{method} {path}: not one tag")
        needed = app.state.routes[method.upper(), path]
        wanted = [] if needed is None else [{"token": []}, {"session": []}]
        if operation["security"] != wanted:
            faults.append(f"{method} {path}: security")
        if needed is not None and not {"401", "403"} <= set(operation["responses"]):
            faults.append(f"{method} {path}: 401 or 403 is not described")
        faults += [
            f"{method} {path}: {parameter['name']} is not described"
            for parameter in operation.get("parameters", ())
            if not parameter.get("description") and parameter["in"] != "path"
        ]
        for status, answer in operation["responses"].items():
            if status >= "400" and (path, status) != ("/readyz", "503"):
                problem = answer.get("content", {}).get("application/problem+json", {})
                if problem.get("example", {}).get("instance") != path:
                    faults.append(f"{method} {path}: {status} has no example")
    assert faults == []


def test_what_is_sent_and_answered_has_a_shape(document: Mapping[str, Any]) -> None:
    faults = []
    for method, path, operation in operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            # A file to upload is its own example.
            if kind == "application/json" and not {"example", "examples"} & set(content):
                faults.append(f"{method} {path}: the body has no example")
            if not content.get("schema"):
                faults.append(f"{method} {path}: the body has no schema")
        for status, answer in operation["responses"].items():
            if status == "204" and "content" in answer:
                faults.append(f"{method} {path}: 204 with a body")
            for content in answer.get("content", {}).values():
                schema = content.get("schema")
                if schema is not None and "$ref" not in schema:
                    meta.validate(schema)
    for schema in document["components"]["schemas"].values():
        meta.validate(schema)
    assert faults == []


def test_what_creates_takes_a_key_and_what_changes_names_its_version(
    document: Mapping[str, Any],
) -> None:
    faults = []
    for method, path, operation in operations(document):
        names = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "header"}
        creates = method == "post" and {"201", "202"} & set(operation["responses"])
        if creates and path not in _CREATES_WITHOUT_KEY and "Idempotency-Key" not in names:
            faults.append(f"{method} {path}: no Idempotency-Key")
        if method in ("patch", "delete", "put") and path not in _CHANGES_WITHOUT_VERSION:
            if "If-Match" not in names:
                faults.append(f"{method} {path}: no If-Match")
            if not {"412", "428"} <= set(operation["responses"]):
                faults.append(f"{method} {path}: 412 or 428 is not described")
    assert faults == []


def test_the_ways_to_be_recognised_are_described(document: Mapping[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes["token"]["scheme"] == "bearer"
    assert schemes["session"]["in"] == "cookie"
    permissions = {o.get("x-permission") for _, _, o in operations(document)} - {None}
    assert permissions <= {str(one) for one in Permission}


@pytest.mark.parametrize(
    ("mode", "roles"),
    [
        (schemathesis.GenerationMode.POSITIVE, (Role.SENIOR, Role.ADMINISTRATOR, Role.SERVICE)),
        (schemathesis.GenerationMode.NEGATIVE, (Role.OFFICER, Role.AUDITOR, Role.SERVICE)),
    ],
    ids=["fitting", "breaking"],
)
def test_no_request_breaks_the_service(
    world: World, app: FastAPI, mode: Any, roles: tuple[Role, ...]
) -> None:
    """A few requests for every route by people who are signed in, as described and not as described."""
    people = [Person(world.scene, f"{role}-{mode.value}", role) for role in roles]
    described = schemathesis.openapi.from_asgi("/openapi.json", app)
    tried = set()
    for found in described.get_all_operations():
        operation = found.ok()
        if operation.path in _UNENDING:
            continue
        broken = mode is schemathesis.GenerationMode.NEGATIVE
        if broken and not (
            operation.query.items or operation.path_parameters.items or operation.body.items
        ):
            continue  # nothing of it can be broken
        asking = able(people, world, operation.method.upper(), operation.path) or people[0]

        @settings(
            max_examples=2,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: Any) -> None:
            safe(case.call(headers=asking.sent()), case.method, case.formatted_path)  # noqa: B023 (called at once)

        check()
        tried.add(operation.path)
    assert len(tried) > 50
