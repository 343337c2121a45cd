"""The page in a real browser: what a compliance officer does, in both languages and widths."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.console_site import CHROMIUM, fits

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(params=[1280, 390], ids=["desk", "phone"])
def page(request: pytest.FixtureRequest, browser) -> Iterator[object]:
    """A page that fails the test if the console shows anything or an address is not ours."""
    context = browser.new_context(viewport={"width": request.param, "height": 900}, locale="zh-CN")
    opened = context.new_page()
    complaints: list[str] = []
    hosts: set[str] = set()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda sent: hosts.add(sent.url.split("/")[2].partition(":")[0]))
    yield opened
    context.close()
    assert complaints == []
    assert hosts == {"127.0.0.1"}


def test_an_officer_triages_in_chinese_and_reads_in_english(page, address: str) -> None:
    page.goto(address)
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.get_by_role("status").inner_text().startswith("共 50 条")
    assert fits(page)
    page.get_by_label("最低严重程度").select_option("high")
    page.get_by_text("更多条件").click()
    page.get_by_label("最低涉及金额").fill("1,000")
    page.get_by_label("币种").select_option("CNY")
    page.get_by_role("button", name="应用").click()
    rows = page.locator("table.alerts tbody tr")
    assert 0 < (shown := rows.count()) < 25
    amounts = [
        t.replace("¥", "").replace(",", "") for t in page.locator("td.money").all_inner_texts()
    ]
    assert all(float(a.split()[-1]) >= 1000 for a in amounts)
    page.locator("td.what a").first.click()
    page.wait_for_url("**/alerts/**")
    assert fits(page)
    assert page.get_by_role("heading", name="发现与依据").is_visible()
    assert page.locator(".finding .also").first.inner_text().isascii(), "English beside the Chinese"
    page.get_by_role("link", name="English").click()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("heading", name="Findings and why").is_visible()
    assert page.get_by_text("What physician and coder can do").first.is_visible()
    page.get_by_text("Why this is checked").first.click()
    assert page.get_by_text("Known false positives").first.is_visible()
    page.get_by_role("link", name="All alerts").click()
    page.wait_for_url("**/?**min_severity=high**")
    assert page.locator("table.alerts tbody tr").count() == shown, "back to what was filtered"


def test_the_waterfall_is_drawn_to_the_score(page, address: str) -> None:
    page.goto(f"{address}/?lang=en&sort=score")
    page.locator("td.what a").first.click()
    bars = page.locator("table.waterfall rect")
    assert bars.count() >= 3
    first, last = bars.first.bounding_box(), bars.last.bounding_box()
    assert first["x"] == pytest.approx(last["x"], abs=1)
    assert last["width"] > first["width"] > 0, "the score is above the base value"
    colours = {bar.evaluate("e => getComputedStyle(e).fill") for bar in bars.all()}
    assert len(colours) == 3, "rise, fall and sum are told apart; the style sheet is in force"


def test_the_keyboard_alone_opens_an_alert(page, address: str) -> None:
    page.goto(f"{address}/?lang=en")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.locator("td.what a").first.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_url("**/alerts/**")


def test_errors_and_empty_lists_are_pages_too(page, address: str) -> None:
    page.goto(f"{address}/?lang=zh&provider=nobody")
    assert page.get_by_text("请放宽条件").is_visible()
    assert fits(page)
