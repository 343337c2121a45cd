"""The work queue from the outside: the routes of /v1, and the pages with their forms."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import scoring_api
import store
from domain.access import PERMISSIONS, Permission, Principal, Role, Rows
from scoring_api.access import OpenAccess
from scoring_api.repricing import Repricing
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import service_samples as samples

PAGE = {"accept": "text/html", "sec-fetch-site": "same-origin"}


class Office(OpenAccess):
    """Three who work on alerts; whoever calls is set by the test."""

    def __init__(self) -> None:
        self.me = person("senior", Role.SENIOR)
        self.rows: dict[str, Rows] = {}

    def identify(self, request: Any) -> Principal | None:
        return self.me

    def people(self, needed: Permission) -> list[tuple[str, str]]:
        return [("li", "李"), ("senior", "Senior"), ("wang", "王")]

    def rows_of(self, user_id: str) -> Rows:
        return self.rows.get(user_id, Rows())


def person(user_id: str, role: Role, rows: Rows | None = None) -> Principal:
    return Principal(user_id, user_id, role, PERMISSIONS[role], rows or Rows(), means="session")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FastAPI, store.Store, Office]]:
    path: Path = tmp_path_factory.mktemp("queue") / "sentinel.db"
    office = Office()
    with store.open(f"sqlite:///{path}") as opened:
        samples.write(opened, 120)
        yield (
            scoring_api.build(
                store=opened,
                assess=samples.Assessor(opened),
                group=GroupDesk(samples.library(), samples.KEY),
                what_if=WhatIfDesk(samples.library(), samples.KEY),
                rules=samples.RULES,
                version="1",
                ready=dict,
                access=office,
            ),
            opened,
            office,
        )


@pytest.fixture
def office(app: tuple[FastAPI, store.Store, Office]) -> Office:
    app[2].me = person("senior", Role.SENIOR)
    return app[2]


@pytest.fixture(scope="module")
def client(app: tuple[FastAPI, store.Store, Office]) -> Iterator[TestClient]:
    with TestClient(app[0], follow_redirects=False) as found:
        yield found


@pytest.fixture
def free(client: TestClient, office: Office) -> list[dict[str, Any]]:
    """Open alerts that nobody has, the best first."""
    found = client.get("/v1/alerts?status=open&assignee=nobody&limit=100").json()["alerts"]
    assert len(found) > 12, "the tests of this file take alerts away"
    return found


def change(client: TestClient, path: str, body: Any, version: int | None, method: str = "POST"):
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    return client.request(method, path, json=body, headers=headers)


def test_an_alert_is_taken_given_and_given_back(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    path = f"/v1/alerts/{free[0]['alert_id']}"
    version = free[0]["version"]
    assert change(client, f"{path}:assign", {"assignee": "me"}, None).status_code == 428
    told = change(client, f"{path}:assign", {"assignee": "me"}, version)
    assert told.status_code == 200, told.text
    assert told.json()["assignee"] == "senior"
    assert told.headers["etag"] == f'"{version + 1}"'
    stale = change(client, f"{path}:assign", {"assignee": "li"}, version)
    assert stale.status_code == 412
    assert change(client, f"{path}:assign", {"assignee": "nemo"}, version + 1).status_code == 422
    assert change(client, f"{path}:assign", {"assignee": "li"}, version + 1).status_code == 200
    office.me = person("wang", Role.OFFICER)
    assert change(client, f"{path}:release", {}, version + 2).status_code == 403, "it is another's"
    office.me = person("li", Role.OFFICER)
    assert change(client, f"{path}:release", {}, version + 2).json()["assignee"] is None


def test_an_officer_takes_but_gives_to_nobody_else(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    office.me = person("li", Role.OFFICER)
    path = f"/v1/alerts/{free[0]['alert_id']}"
    body = {"due_at": "2030-01-01T00:00:00+08:00"}
    version = free[0]["version"]
    assert change(client, f"{path}:assign", {"assignee": "wang"}, version).status_code == 403
    assert change(client, path, body, version, "PATCH").status_code == 403
    assert client.post("/v1/alerts:assign-automatically", json={}).status_code == 403
    office.me = person("a", Role.AUDITOR)
    assert change(client, f"{path}:assign", {"assignee": "me"}, version).status_code == 403
    assert client.get("/alerts/bulk", headers=PAGE).status_code == 403


def test_the_due_time_is_set_with_a_zone(client: TestClient, free: list[dict[str, Any]]) -> None:
    path, version = f"/v1/alerts/{free[0]['alert_id']}", free[0]["version"]
    assert (
        change(client, path, {"due_at": "2024-01-01T00:00:00"}, version, "PATCH").status_code == 422
    )
    told = change(client, path, {"due_at": "2024-01-01T00:00:00+08:00"}, version, "PATCH").json()
    assert told["due_at"] == "2023-12-31T16:00:00Z"
    assert told["overdue"]
    late = client.get("/v1/alerts?overdue=true").json()
    assert told["alert_id"] in [a["alert_id"] for a in late["alerts"]]


def test_the_next_alert_is_taken_from_the_view(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    office.me = person("li", Role.OFFICER)
    best = next(a for a in free if a["severity"] == "high")
    taken = client.post("/v1/alerts:next", json={"view": "severity=high&sort=due"}).json()
    assert taken == {"alert_id": best["alert_id"]}
    mine = client.get("/v1/alerts?assignee=me").json()["alerts"]
    assert best["alert_id"] in [a["alert_id"] for a in mine]
    nothing = client.post("/v1/alerts:next", json={"view": "provider=H0"})
    assert nothing.status_code == 404
    assert nothing.json()["type"].endswith("queue-empty")
    assert client.post("/v1/alerts:next", json={"view": "min_amount=lots"}).status_code == 422


def test_next_sees_only_what_the_caller_may_see(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    last = free[-1]["provider_id"]
    office.me = person("li", Role.OFFICER, Rows(providers=frozenset({last})))
    best = next(a for a in free if a["provider_id"] == last)
    assert client.post("/v1/alerts:next", json={}).json()["alert_id"] == best["alert_id"]
    foreign = next(a for a in free if a["provider_id"] != last)
    path = f"/v1/alerts/{foreign['alert_id']}:assign"
    assert change(client, path, {"assignee": "me"}, foreign["version"]).status_code == 404


def test_many_are_reviewed_with_one_reason_or_none_is(
    client: TestClient, free: list[dict[str, Any]]
) -> None:
    alerts = [{"alert_id": a["alert_id"], "version": a["version"]} for a in free[:3]]
    body = {
        "alerts": [*alerts[:2], {**alerts[2], "version": 99}],
        "review": {"outcome": "not_confirmed", "reason": "documented", "note": "病历有据"},
    }
    headers = {"Idempotency-Key": "bulk-0001"}
    refused = client.post("/v1/alerts:bulk", json=body, headers=headers)
    assert refused.status_code == 409
    assert refused.json()["alerts"] == {alerts[2]["alert_id"]: "changed"}
    assert client.get(f"/v1/alerts/{alerts[0]['alert_id']}").json()["status"] == "new"

    body["skip_changed"] = True
    done = client.post("/v1/alerts:bulk", json=body, headers=headers).json()
    assert done["done"] == [a["alert_id"] for a in alerts[:2]]
    assert done["skipped"] == {alerts[2]["alert_id"]: "changed"}
    assert client.post("/v1/alerts:bulk", json=body, headers=headers).json() == done
    told = client.get(f"/v1/alerts/{alerts[0]['alert_id']}/reviews").json()["reviews"]
    assert [r["rule_id"] for r in told] == free[0]["rule_ids"]
    assert {r["note"] for r in told} == {"病历有据"}
    assert {r["reviewer"] for r in told} == {"senior"}


@pytest.mark.parametrize(
    "body",
    [
        {"alerts": []},
        {"alerts": [{"alert_id": "x"}]},
        {"alerts": [{"alert_id": "x"}] * 501, "assignee": None},
        {"alerts": [{"alert_id": "x"}], "review": {"outcome": "confirmed", "reason": "documented"}},
        {"alerts": [{"alert_id": "x"}], "assignee": "nemo"},
        {"alerts": [{"alert_id": "x"}], "colour": "red"},
    ],
)
def test_a_bulk_action_that_cannot_be_is_refused(client: TestClient, office: Office, body) -> None:
    assert client.post("/v1/alerts:bulk", json=body).status_code == 422


def test_automatic_assignment_levels_the_load(client: TestClient, office: Office) -> None:
    given = client.post("/v1/alerts:assign-automatically", json={"up_to": 4}).json()["given"]
    assert {one["assignee"] for one in given} <= {"li", "senior", "wang"}
    people = client.get("/v1/alerts:people").json()["people"]
    assert [p["name"] for p in people] == ["李", "Senior", "王"]
    assert all(p["open_alerts"] >= 4 for p in people)
    assert client.post("/v1/alerts:assign-automatically", json={"up_to": 0}).status_code == 422


def test_nobody_is_given_what_is_out_of_sight(client: TestClient, office: Office) -> None:
    own = "H33010600103"
    office.rows = {"wang": Rows(providers=frozenset({own}))}
    try:
        given = client.post("/v1/alerts:assign-automatically", json={"up_to": 8}).json()["given"]
    finally:
        office.rows = {}
    hers = [one["alert_id"] for one in given if one["assignee"] == "wang"]
    assert hers
    assert {client.get(f"/v1/alerts/{one}").json()["provider_id"] for one in hers} == {own}


def test_gathered_alerts_say_how_many_they_stand_for(client: TestClient, office: Office) -> None:
    lines = client.get("/v1/alerts?status=open&gather=true&limit=200").json()
    one = max(lines["alerts"], key=lambda a: a["similar"]["count"])
    assert one["similar"]["count"] > 1
    assert len({a["cluster"] for a in lines["alerts"]}) == len(lines["alerts"])
    members = client.get("/v1/alerts", params={"status": "open", "cluster": one["cluster"]}).json()
    assert members["total"] == one["similar"]["count"]
    assert not members["total_at_least"]


def test_views_are_saved_shared_and_dropped(client: TestClient, office: Office) -> None:
    body = {"name": "高额", "query": "min_amount=10000&lang=en&nonsense=1", "shared": True}
    view = client.post("/v1/views", json=body).json()
    assert view["query"] == "min_amount=10000", "only fields of the filter"
    path = f"/v1/views/{view['view_id']}"
    office.me = person("boss", Role.SENIOR)
    assert not client.get(path).json()["mine"]
    assert client.delete(path).status_code == 403
    office.me = person("li", Role.OFFICER)
    assert client.get(path).status_code == 404
    assert client.get("/v1/views").json()["views"] == []
    office.me = person("senior", Role.SENIOR)
    tag = client.get(path).headers["etag"]
    put = client.put(path, json={"name": "n", "query": ""}, headers={"If-Match": tag})
    assert (put.json()["name"], put.json()["role"]) == ("n", None)
    assert client.put(path, json=body, headers={"If-Match": tag}).status_code == 412
    assert client.post("/v1/views", json={"name": " ", "query": ""}).status_code == 422
    assert (
        client.post("/v1/views", json={"name": "x", "query": "min_amount=lots"}).status_code == 422
    )
    assert client.delete(path).status_code == 428
    assert client.delete(path, headers={"If-Match": tag}).status_code == 412
    assert client.delete(path, headers={"If-Match": '"2"'}).status_code == 204


def form(client: TestClient, address: str, fields: dict[str, str]):
    return client.post(f"{address}?lang=en", data=fields, headers=PAGE)


def test_the_page_lists_open_work_and_leads_to_the_members_of_a_cluster(
    client: TestClient, office: Office
) -> None:
    page = client.get("/?lang=en", headers=PAGE).text
    total = client.get("/v1/alerts?status=open").json()["total"]
    assert f"{total} found" in page
    everything = client.get("/?lang=en&status=all", headers=PAGE).text
    assert f"{client.get('/v1/alerts').json()['total']} found" in everything
    link = unescape(re.findall(r'class="similar" href="([^"]+)"', page)[0])
    cluster = parse_qs(urlsplit(link).query)["cluster"][0]
    count = client.get("/v1/alerts", params={"status": "open", "cluster": cluster}).json()["total"]
    members = client.get(link, headers=PAGE).text
    assert f"{count} found" in members
    assert len(re.findall(r'<tr role="row" data-alert', members)) == min(count, 25)


def test_a_view_goes_with_the_next_alert(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    best = next(a for a in free if a["severity"] == "critical")
    answer = form(client, "/next-alert", {"in": "severity=critical"})
    assert answer.status_code == 303
    address = urlsplit(answer.headers["location"])
    assert address.path == f"/alerts/{best['alert_id']}"
    page = client.get(answer.headers["location"], headers=PAGE).text
    assert 'name="in" value="severity=critical"' in page
    assert "Senior" in page
    empty = form(client, "/next-alert", {"in": "provider=H0"})
    assert "No open alert of this view" in client.get(empty.headers["location"], headers=PAGE).text


def test_the_page_of_many_shows_first_and_does_then(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    chosen = free[-2:]
    query = urlencode([("lang", "en"), *(("id", a["alert_id"]) for a in chosen)])
    page = client.get(f"/alerts/bulk?{query}", headers=PAGE).text
    assert "2 alerts, changed together" in page
    ids, key = re.findall(r'name="(?:ids|key)" value="([^"]+)"', page)
    fields = {
        "ids": ids, "key": key, "in": "sort=due", "action": "review",
        "conclusion": "confirmed:violation", "note": "n",
    }  # fmt: skip
    done = form(client, "/alerts/bulk", fields)
    assert done.status_code == 303
    assert "2 alerts done" in client.get(done.headers["location"], headers=PAGE).text
    for alert in chosen:
        assert client.get(f"/v1/alerts/{alert['alert_id']}").json()["status"] == "reviewed"
    assert form(client, "/alerts/bulk", {**fields, "action": ""}).status_code == 422


def test_the_page_of_many_names_what_changed_meanwhile(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    one, other = free[0], free[1]
    fields = {
        "ids": f"{one['alert_id']}:{one['version']} {other['alert_id']}:99", "key": "k" * 12,
        "in": "", "action": "assign", "assignee": "li",
    }  # fmt: skip
    answer = form(client, "/alerts/bulk", fields)
    assert answer.status_code == 409
    assert "changed by somebody else" in answer.text
    assert client.get(f"/v1/alerts/{one['alert_id']}").json()["assignee"] is None
    left = form(client, "/alerts/bulk", {**fields, "skip": "1"})
    assert "left=1" in left.headers["location"]
    assert client.get(f"/v1/alerts/{one['alert_id']}").json()["assignee"] == "li"


def test_all_of_a_view_or_of_ticked_clusters_can_be_chosen(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    provider = free[0]["provider_id"]
    params = {"lang": "en", "provider": provider, "all": "1"}
    page = client.get("/alerts/bulk", params=params, headers=PAGE).text
    total = client.get(f"/v1/alerts?status=open&provider={provider}").json()["total"]
    assert f"{total} alerts, changed together" in page
    params = {"lang": "en", "of": free[0]["cluster"]}
    page = client.get("/alerts/bulk", params=params, headers=PAGE).text
    total = client.get(
        "/v1/alerts", params={"status": "open", "cluster": free[0]["cluster"]}
    ).json()["total"]
    assert f"{total} alerts, changed together" in page
    assert "No alert is selected" in client.get("/alerts/bulk?lang=en", headers=PAGE).text


def test_forms_from_elsewhere_do_nothing(client: TestClient, free: list[dict[str, Any]]) -> None:
    for address in (
        "/next-alert",
        f"/alerts/{free[0]['alert_id']}/assign",
        "/alerts/bulk",
        "/views",
    ):
        answer = client.post(address, data={}, headers={**PAGE, "sec-fetch-site": "cross-site"})
        assert answer.status_code == 403, address


def test_views_and_people_on_the_pages(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    saved = form(client, "/views", {"name": "<b>mine", "in": "text=住院"})
    page = client.get(saved.headers["location"], headers=PAGE).text
    assert "&lt;b&gt;mine" in page
    view = client.get("/v1/views").json()["views"][0]
    assert form(client, f"/views/{view['view_id']}/drop", {}).status_code == 303
    assert client.get("/v1/views").json()["views"] == []
    alert = free[0]
    given = form(
        client, f"/alerts/{alert['alert_id']}/assign",
        {"assignee": "wang", "version": str(alert["version"])},
    )  # fmt: skip
    assert "王" in client.get(given.headers["location"], headers=PAGE).text
    due = form(client, f"/alerts/{alert['alert_id']}/due", {"due": "2031-05-06"})
    assert "2031-05-06" in client.get(due.headers["location"], headers=PAGE).text


def test_the_running_service_reckons_reviews_into_the_queue(
    app: tuple[FastAPI, store.Store, Office], client: TestClient, free: list[dict[str, Any]]
) -> None:
    alert = next(a for a in free if len(a["rule_ids"]) == 1)
    body = {"outcome": "confirmed", "reason": "violation"}
    assert client.post(f"/v1/alerts/{alert['alert_id']}/reviews", json=body).status_code == 201
    with Repricing(app[1], every_seconds=0.01):
        for _ in range(2_000):
            if app[1].queue.odds()[alert["rule_ids"][0]]["concluded"]:
                break
            time.sleep(0.01)
        else:
            pytest.fail("the review was not reckoned in 20 seconds")


def test_whoever_may_not_read_identifiers_is_told_none_by_a_change_either(
    client: TestClient, office: Office, free: list[dict[str, Any]]
) -> None:
    address = f"/v1/alerts/{free[0]['alert_id']}"
    told = client.get(address).json()
    assert told["attending_physician_id"] != "***"
    office.me = replace(
        office.me, permissions=office.me.permissions - {Permission.IDENTIFIERS_READ}
    )
    for path, body in ((":assign", {"assignee": "me"}), (":release", {})):
        answer = client.post(address + path, json=body, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["attending_physician_id"] == "***"
        assert told["attending_physician_id"] not in answer.text
        assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
