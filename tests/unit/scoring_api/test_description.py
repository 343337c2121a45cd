"""The description of the whole service: complete, true, and no request made from it breaks the service."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from cryptography.fernet import Fernet
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema_rs import meta

import scoring_api
import store
from domain.access import Permission
from scoring_api import description
from scoring_api.destinations import Destinations
from scoring_api.webhook_worker import Telling
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import service_samples as samples

_UNENDING = {"/v1/events"}
"""What answers with a stream that only ends with its caller."""
_CREATES_WITHOUT_KEY = {"/v1/claims:assess"}
"""What may be sent again without a key: the same claims are stored once."""

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient


class _Seal:
    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())

    def encrypt(self, text: str) -> bytes:
        return self._fernet.encrypt(text.encode())

    def decrypt(self, kept: bytes) -> str:
        return self._fernet.decrypt(kept).decode()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    path: Path = tmp_path_factory.mktemp("description") / "sentinel.db"
    with store.open(f"sqlite:///{path}") as opened:
        samples.write(opened, 12)
        built = scoring_api.build(
            store=opened,
            assess=samples.Assessor(opened),
            group=GroupDesk(samples.library(), samples.KEY),
            what_if=WhatIfDesk(samples.library(), samples.KEY),
            rules=samples.RULES,
            version="1.2.3",
            ready=lambda: {"model": "absent"},
            graph=opened.graph(),
            telling=Telling(_Seal(), Destinations(resolve=lambda *_: ["93.184.215.14"])),
        )
        built.state.beside.clear()
        yield built


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
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert len(operation["tags"]) == 1, where
        assert set(operation["tags"]) <= tags, where
        assert operation["summary"], where
        assert operation["description"], where
        needed = app.state.routes[method.upper(), path]
        if needed is None:
            assert operation["security"] == [], where
        else:
            assert operation["x-permission"] == str(needed), where
            assert operation["security"] == [{"token": []}, {"session": []}], where
            assert {"401", "403"} <= set(operation["responses"]), where
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description") or parameter["in"] == "path", (where, parameter)
        for status, answer in operation["responses"].items():
            if status >= "400" and (path, status) != ("/readyz", "503"):
                problem = answer["content"]["application/problem+json"]
                assert problem["example"]["instance"] == path, (where, status)
                assert problem["example"]["status"] == int(status), (where, status)


def test_what_is_sent_and_answered_has_a_shape(document: Mapping[str, Any]) -> None:
    for method, path, operation in operations(document):
        body = operation.get("requestBody")
        if body is not None:
            [content] = body["content"].values()
            assert "example" in content or "examples" in content, f"{method} {path}"
            assert content["schema"], f"{method} {path}"
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                schema = content.get("schema")
                if schema is not None and "$ref" not in schema:
                    meta.validate(schema)
            if status == "204":
                assert "content" not in answer, f"{method} {path}"
    for schema in document["components"]["schemas"].values():
        meta.validate(schema)


def test_what_creates_takes_a_key_and_what_changes_names_its_version(
    document: Mapping[str, Any],
) -> None:
    for method, path, operation in operations(document):
        names = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "header"}
        creates = method == "post" and {"201", "202"} & set(operation["responses"])
        if creates and path not in _CREATES_WITHOUT_KEY:
            assert "Idempotency-Key" in names, f"{method} {path}"
        if method in ("patch", "delete", "put"):
            assert "If-Match" in names, f"{method} {path}"
            assert {"412", "428"} <= set(operation["responses"]), f"{method} {path}"


def test_the_ways_to_be_recognised_are_described(document: Mapping[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes["token"]["scheme"] == "bearer"
    assert schemes["session"]["in"] == "cookie"
    permissions = {o.get("x-permission") for _, _, o in operations(document)} - {None}
    assert permissions <= {str(one) for one in Permission}


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_no_request_breaks_the_service(app: FastAPI, mode: Any) -> None:
    """A few requests for every route, such as its description allows and such as it does not."""
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
            answer = case.call()
            assert answer.status_code < 500, f"{case.method} {case.formatted_path}: {answer.text}"

        check()
        tried.add(operation.path)
    assert len(tried) > 20
