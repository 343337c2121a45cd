"""What ``sentinel serve`` wires: claims judged over HTTP are soon in the graph, and never wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cli.wiring import Wired, wire
from tests.graph_scene import claim
from tests.small_catalogue import write_catalogue

Make = Callable[[str | None], Wired]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Wired] = []

    def make(neo4j: str | None) -> Wired:
        made.append(
            wire(
                db=f"sqlite:///{tmp_path / 'a.db'}",
                rules_dir=write_catalogue(tmp_path / "rules", ADM_002="active"),
                key=tmp_path / "key",
                neo4j=neo4j,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def assess(client: TestClient) -> None:
    given = {"claims": [claim(0, phone="000-1"), claim(1, "B", phone="000-1")]}
    answer = client.post("/v1/claims:assess", json=given)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 2), answer.text


def test_claims_judged_over_http_are_soon_in_the_graph(make: Make) -> None:
    client = TestClient(make(None).app)
    assess(client)
    ending = time.monotonic() + 60
    while client.get("/v1/graph/stats").json()["nodes"]["stay"] < 2:
        assert time.monotonic() < ending, "it does not come"
        time.sleep(0.05)
    asked = {"min_patients": 2}
    (found,) = client.get("/v1/graph/shared-identifiers", params=asked).json()["items"]
    assert found["patient_count"] == 2
    assert client.get("/readyz").json()["parts"]["graph"] == {"ok": True, "detail": "sql"}


def test_claims_are_judged_while_the_graph_server_is_away(make: Make) -> None:
    client = TestClient(make("bolt://127.0.0.1:1").app)
    assess(client)
    assert client.get("/v1/graph/communities").status_code == 503
    assert client.get("/readyz").status_code == 200, "nobody needs a restart for that"
