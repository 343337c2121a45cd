"""What scripts add to pages that work without them: keys, the drawing of connections, live news, charts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import store
from tests import service_samples as samples
from tests.e2e import console_site, walks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(console_site.CHROMIUM is None, reason="Chromium is not installed"),
]


def test_the_queue_is_worked_by_keys_alone(browser: Any, site: str) -> None:
    with walks.window(browser, "en") as page:
        walks.sign_in(page, site, "officer", "en")
        walks.go(page, site, "/?assignee=nobody&status=new&gather=0", "en")
        rows = page.locator("table.queue tbody tr")
        for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
            page.keyboard.press(key)
            assert "marked" in str(rows.nth(place).get_attribute("class"))
        page.keyboard.press("x")
        assert rows.nth(1).locator("td.tick input").is_checked()
        page.keyboard.press("?")
        assert page.locator("#keys").is_visible()
        page.keyboard.press("Escape")
        assert not page.locator("#keys").is_visible()
        page.keyboard.press("/")
        page.keyboard.type("jkxa")
        assert page.locator("input[name=text]").input_value() == "jkxa", "typing is typing"
        assert rows.nth(1).locator("td.tick input").is_checked()
        alert = str(rows.nth(2).get_attribute("data-alert"))
        rows.nth(2).locator("a.open").focus()
        with page.expect_navigation():
            page.keyboard.press("a")
        told = page.request.get(f"{site}/v1/alerts/{alert}").json()
        assert told["assignee"] == page.request.get(f"{site}/v1/me").json()["user_id"]
        walks.go(page, site, "/?status=new&gather=0", "en")
        first = str(rows.first.get_attribute("data-alert"))
        page.keyboard.press("j")
        page.keyboard.press("o")
        page.wait_for_url(f"**/alerts/{first}**")


def test_connections_are_zoomed_opened_and_cut_by_a_day(browser: Any, site: str) -> None:
    with walks.window(browser, "en") as page:
        walks.sign_in(page, site, "officer", "en")
        walks.go(page, site, "/?gather=0&status=new", "en")
        alert = page.locator("td.what a[href^='/alerts/']").last.get_attribute("href")
        case = walks.open_case(page, site, "en", str(alert))
        walks.go(page, site, case, "en")
        page.locator("[data-graph] a").click()
        page.locator("svg.net[data-started]").wait_for()
        before = page.locator("svg.net").get_attribute("viewBox")
        page.get_by_role("button", name="Larger").click()
        closer = page.locator("svg.net").get_attribute("viewBox")
        assert float(str(closer).split()[2]) < float(str(before).split()[2])
        page.get_by_role("button", name="Reset").click()
        assert page.locator("svg.net").get_attribute("viewBox") == before

        number = page.locator("svg.net .node").count()
        page.locator("svg.net .node.provider").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_function(
            "n => document.querySelectorAll('svg.net .node').length > n", arg=number
        )
        slider = page.locator(".graph input[type=range]")
        assert slider.get_attribute("max") != "0", "another stay has come into the picture"
        slider.fill("0")
        assert page.locator("svg.net .node.gone").count() > 0
        slider.fill(str(slider.get_attribute("max")))
        assert page.locator("svg.net .node.gone").count() == 0


def test_new_alerts_are_told_while_the_queue_is_open(
    browser: Any, root: Path, tmp_path: Path
) -> None:
    database = tmp_path / "a.db"
    with console_site.serve(root, database) as address, walks.window(browser, "en") as page:
        with page.expect_request("**/v1/events"):
            walks.go(page, address, "/", "en")
        assert not page.locator("#live").is_visible()
        page.wait_for_timeout(1500)  # until the stream has begun: what was there before is no news
        with store.open(f"sqlite:///{database}") as opened:
            made = samples.write(opened, 6, first=200).alerts.num_rows
        page.locator("#live").wait_for(timeout=20_000)
        assert page.locator("#live a").inner_text().startswith(str(made))
        page.locator("#live a").click()
        page.wait_for_load_state()
        assert page.locator(f"text={50 + made} found").count() == 1


def test_charts_are_drawn_by_plotly_and_without_it_by_the_service(browser: Any, site: str) -> None:
    for script, drawn in ((True, ".plot.drawn .main-svg"), (False, ".plot svg.chart")):
        with walks.window(browser, "en", script=script, quiet=False) as page:
            walks.sign_in(page, site, "senior", "en")
            walks.go(page, site, "/cockpit?from=2024-03&to=2024-03", "en")
            page.locator(drawn).first.wait_for()
