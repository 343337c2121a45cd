"""The cockpit over the real application: every number opens the stays behind it, within the caller's rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

import scoring_api
import store
from domain.access import Permission, Principal, Role, Rows
from domain.indicators import INDICATORS
from scoring_api.access import OpenAccess
from tests import measure_samples as measures
from tests import service_samples as samples

MARCH = {"from": "2024-03", "to": "2024-03", "currency": "CNY"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    folder = tmp_path_factory.mktemp("cockpit")
    with store.open(f"sqlite:///{folder / 'sentinel.db'}") as opened:
        measures.write(opened, 80)
        yield opened


def caller(kept: store.Store, rows: Rows | None = None, *permissions: Permission) -> TestClient:
    access = OpenAccess(
        Principal(
            "u1", "Someone", Role.ANALYST, frozenset(permissions or Permission), rows or Rows()
        )
    )
    unused: Any = None  # nothing is grouped here, and loading the schemes takes seconds
    app = scoring_api.build(
        store=kept, assess=samples.Assessor(kept), group=unused, what_if=unused,
        rules=samples.RULES, version="1.2.3", ready=lambda: {}, access=access,
    )  # fmt: skip
    return TestClient(app)


@pytest.fixture(scope="module")
def client(kept: store.Store) -> Iterator[TestClient]:
    with caller(kept) as found:
        yield found


def read(client: TestClient, address: str, **params: str) -> Any:
    answer = client.get(address, params=params or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_all_indicators_come_with_definition_trend_and_peers(client: TestClient) -> None:
    board = read(client, "/v1/indicators", **MARCH)
    assert [one["name"] for one in board["indicators"]] == [one.name for one in INDICATORS]
    assert board["waiting"] == 0
    for one in board["indicators"]:
        assert one["definition"]["zh"]
        assert one["formula"]["en"]
        assert len(one["trend"]) == 12
        assert one["trend"][-1]["value"] == one["value"]
        if one["denominator"] and one["unit"] == "share":
            assert one["value"] == pytest.approx(one["numerator"] / one["denominator"], abs=1e-6)
    by_name = {one["name"]: one for one in board["indicators"]}
    assert by_name["cost_index"]["value"] == by_name["time_index"]["value"] == 1
    assert by_name["confirmed_share"]["value"] is None


def test_every_number_opens_as_many_stays_as_it_says(client: TestClient) -> None:
    board = read(client, "/v1/indicators", **MARCH)
    opened = 0
    for one in board["indicators"]:
        stays = read(client, one["stays"])
        if one["stays_behind"] is not None:
            assert stays["total"] == one["stays_behind"], one["name"]
            opened += bool(stays["total"])
        if one["unit"] == "share" and "kind=" in one["stays"] and one["value"] is not None:
            assert one["numerator"] == stays["total"], one["name"]
    assert opened >= 12
    page = client.get("/cockpit", params={**MARCH, "lang": "en"}).text
    links = re.findall(r'href="(/stays\?[^"]+)">Open ([\d,]+) stays', page)
    assert len(links) >= 12
    for link, count in links[:6]:
        found = client.get(link.replace("&amp;", "&")).text
        assert f"{count} stays</p>" in found


@pytest.mark.parametrize("part", ["department", "group"])
def test_parts_add_up_to_the_whole_and_open_their_own_stays(client: TestClient, part: str) -> None:
    whole = {o["name"]: o for o in read(client, "/v1/indicators", **MARCH)["indicators"]}
    for name in ("balance", "alerts", "mean_stay"):
        parts = read(client, f"/v1/indicators/{name}/by-{part}", **MARCH)["parts"]
        assert sum(p["numerator"] for p in parts) == whole[name]["numerator"]
        for one in parts:
            assert read(client, one["stays"])["total"] == one["stays_behind"], one["key"]


def test_the_list_of_stays_goes_page_by_page_through_all_of_them(client: TestClient) -> None:
    seen: list[str] = []
    address, total = "/v1/stays?limit=7&currency=CNY&from=2024-03&to=2024-03", None
    while address:
        page = read(client, address)
        total = page["total"] if total is None else total
        seen += [stay["stay_id"] for stay in page["stays"]]
        address = page["next"]
    assert len(seen) == len(set(seen)) == total
    assert "patient" not in json.dumps(read(client, f"/v1/stays/{seen[0]}"))


def test_a_limited_caller_sees_own_rows_and_of_others_only_medians(kept: store.Store) -> None:
    hospital, other = samples.PROVIDERS[0], samples.PROVIDERS[1]
    with caller(kept, Rows(providers=frozenset({hospital}))) as client:
        board = read(client, "/v1/indicators", **MARCH)
        stays = read(client, "/v1/stays", **MARCH, limit="200")
        assert {stay["provider_id"] for stay in stays["stays"]} == {hospital}
        assert board["stays"] == stays["total"] > 0
        assert read(client, "/v1/indicators", **MARCH, provider=other)["stays"] == 0
        assert all(one["peers"]["hospitals"] <= 3 for one in board["indicators"])
        texts = [client.get(p, params=MARCH).text for p in ("/cockpit", "/stays")]
        assert all(other not in text for text in texts)
        with caller(kept) as free:
            foreign = read(free, "/v1/stays", **MARCH, provider=other)["stays"][0]["stay_id"]
        assert client.get(f"/v1/stays/{foreign}").status_code == 404
        assert client.get(f"/stays/{foreign}").status_code == 404


def test_without_the_permission_nothing_opens(kept: store.Store) -> None:
    with caller(kept, None, Permission.ALERTS_READ) as client:
        for address in ("/cockpit", "/cockpit/groups", "/stays", "/v1/indicators", "/v1/stays"):
            assert client.get(address).status_code == 403


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_pages_read_without_a_script(client: TestClient, lang: str) -> None:
    page = client.get("/cockpit", params={**MARCH, "lang": lang})
    assert page.status_code == 200
    for one in INDICATORS:
        assert (one.zh if lang == "zh" else one.en) in page.text
        assert one.meaning[lang == "en"].split("。")[0][:20] in page.text
    assert page.text.count('<svg class="chart"') >= 3
    assert "style=" not in page.text
    assert "unsafe" not in page.headers["content-security-policy"]
    for block in re.findall(
        r'<script type="application/json" id="[^"]+">(.*?)</script>', page.text
    ):
        assert json.loads(block)["title"]
    for address in ("/cockpit/departments", "/cockpit/groups"):
        assert client.get(address, params={**MARCH, "lang": lang}).status_code == 200


def test_tables_of_parts_sort_by_any_column_both_ways(client: TestClient) -> None:
    def order(sort: str, way: str) -> list[str]:
        params = {**MARCH, "lang": "en", "sort": sort, "order": way}
        text = client.get("/cockpit/departments", params=params).text
        return re.findall(r'title="Narrow to this">([^<]+)<', text)

    assert sorted(samples.DEPARTMENTS) == order("key", "asc") == order("key", "desc")[::-1]
    parts = read(client, "/v1/indicators/mean_cost/by-department", **MARCH)["parts"]
    assert (
        order("mean_cost", "desc") == [p["key"] for p in parts] == order("mean_cost", "asc")[::-1]
    )


def test_what_cannot_be_read_is_said_and_not_served(client: TestClient) -> None:
    for params in ({"from": "2024-13"}, {"from": "2024-05", "to": "2024-03"}, {"currency": "EUR"}):
        assert client.get("/v1/indicators", params=params).status_code == 422
        assert client.get("/cockpit", params=params).status_code == 422
        assert client.get("/stays", params=params).status_code == 422
    assert client.get("/v1/indicators/none/by-group").status_code == 404
    assert client.get("/v1/stays", params={"cursor": "2024-99-99_S1"}).status_code == 400
    assert client.get("/stays", params={"cursor": "2024-99-99_S1"}).status_code == 400
    empty = client.get("/cockpit", params={"from": "2030-01", "to": "2030-01", "lang": "en"})
    assert "No stay was discharged in this selection" in empty.text


def test_a_page_of_stays_keeps_its_filter(client: TestClient) -> None:
    text = client.get("/stays", params={**MARCH, "kind": "grouped", "lang": "en"}).text
    link = re.search(r'rel="next" href="([^"]+)"', text)
    if link is not None:
        asked = parse_qs(urlsplit(link[1].replace("&amp;", "&")).query)
        assert asked["kind"] == ["grouped"]


def test_alerts_can_be_listed_by_group(client: TestClient) -> None:
    by_group = {
        group: {
            a["stay_id"] for a in read(client, "/v1/alerts", group=group, limit="200")["alerts"]
        }
        for group in ("ES33", "FR25")
    }
    assert all(by_group.values())
    for group, stay_ids in by_group.items():
        for stay_id in stay_ids:
            assert read(client, f"/v1/stays/{stay_id}")["group_code"] == group
