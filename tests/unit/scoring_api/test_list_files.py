"""Lists taken away as files: the same rows as the lists, for those who may."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from openpyxl import load_workbook
from starlette.testclient import TestClient

import scoring_api
import store
from domain.access import PERMISSIONS, Permission, Principal, Role, Rows
from domain.results import FINDINGS
from scoring_api.access import OpenAccess
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import service_samples as samples

Clients = Callable[..., TestClient]


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Clients of one filled store, each for a principal."""
    path: Path = tmp_path_factory.mktemp("files") / "sentinel.db"
    with store.open(f"sqlite:///{path}") as opened:
        batch = samples.claims(60)
        found = pa.Table.from_pylist(
            [samples.finding(finding_id=f"{i:032x}", provider_id=f"H{i % 3}") for i in range(9)],
            schema=FINDINGS.arrow,
        )
        results = replace(samples.assess(batch), findings=found)
        opened.write(claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL)

        def client(role: Role = Role.OFFICER, **changed: Any) -> TestClient:
            principal = Principal("u1", "u1", role, PERMISSIONS[role], **changed)
            app = scoring_api.build(
                store=opened,
                assess=samples.Assessor(opened),
                group=GroupDesk(samples.library(), samples.KEY),
                what_if=WhatIfDesk(samples.library(), samples.KEY),
                rules=samples.RULES,
                version="1.2.3",
                ready=lambda: {"model": "absent"},
                access=OpenAccess(principal),
            )
            return TestClient(app)

        yield client


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_the_file_of_alerts_is_the_list_under_its_filter(clients: Clients) -> None:
    client = clients()
    query = "min_severity=high&sort=exposure"
    listed = client.get(f"/v1/alerts?{query}&limit=200").json()["alerts"]
    answer = client.get(f"/v1/alerts.csv?{query}&lang=en")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    rows = read(answer.text)
    assert [row["Alert"] for row in rows] == [one["alert_id"] for one in listed]
    assert 0 < len(rows) < 50
    assert rows[0]["At stake"] == f"{listed[0]['exposure_fen'] / 100:.2f}"
    assert rows[0]["Checks"] == " ".join(listed[0]["rule_ids"])
    assert {row["Severity"] for row in rows} <= {"High", "Critical"}
    chinese = read(client.get(f"/v1/alerts.csv?{query}&lang=zh").text)
    assert {row["严重程度"] for row in chinese} <= {"高", "严重"}


def test_the_workbook_holds_the_same_alerts(clients: Clients) -> None:
    client = clients()
    total = client.get("/v1/alerts").json()["total"]
    answer = client.get("/v1/alerts.xlsx?lang=zh")
    assert answer.headers["content-length"] == str(len(answer.content))
    page = load_workbook(io.BytesIO(answer.content))["告警"]
    assert page.max_row == total + 1
    amounts = [row[5].value for row in page.iter_rows(min_row=2)]
    assert all(isinstance(value, (int, float)) for value in amounts)


def test_a_limited_account_takes_only_its_rows_away(clients: Clients) -> None:
    provider = samples.PROVIDERS[0]
    client = clients(rows=Rows(providers=frozenset({provider})))
    rows = read(client.get("/v1/alerts.csv?lang=en").text)
    assert {row["Hospital"] for row in rows} == {provider}
    other = client.get(f"/v1/alerts.csv?lang=en&provider={samples.PROVIDERS[1]}")
    assert read(other.text) == []


def test_taking_away_needs_its_own_permission(clients: Clients) -> None:
    for role in Role:
        client = clients(role)
        for name in ("alerts.csv", "alerts.xlsx", "findings.csv", "findings.xlsx"):
            status = client.get(f"/v1/{name}").status_code
            assert status == (200 if Permission.EXPORT in PERMISSIONS[role] else 403), (role, name)


def test_findings_as_files(clients: Clients) -> None:
    client = clients()
    rows = read(client.get("/v1/findings.csv?provider=H1&lang=en").text)
    assert len(rows) == 3
    assert rows[0]["Unit"] == "a hospital's month"
    page = load_workbook(io.BytesIO(client.get("/v1/findings.xlsx?lang=en").content))["Findings"]
    assert page.max_row == 10


def test_a_limit_cuts_and_says_so_and_a_wrong_filter_is_a_problem(clients: Clients) -> None:
    client = clients()
    lines = client.get("/v1/alerts.csv?limit=2&lang=en").text.splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("Only the first 2 rows")
    wrong = client.get("/v1/alerts.csv?min_severity=dreadful")
    assert wrong.status_code == 422
    assert wrong.headers["content-type"] == "application/problem+json"
