"""A physician's round in real Chromium: from signing in to one's own answers, with and without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import console_site, walks
from tests.e2e.console_site import fits
from tests.ward_scene import AT_FAULT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(console_site.CHROMIUM is None, reason="Chromium is not installed"),
]


def send(page: Any, form: str, **fields: str) -> None:
    """Fill one of the simulator's forms and send it."""
    place = page.locator(f"#form-{form}")
    for name, value in fields.items():
        field = place.locator(f"[name={name}]")
        if field.evaluate("f => f.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    place.locator("button[type=submit]").click()
    page.wait_for_load_state()


@pytest.mark.parametrize(
    ("lang", "script", "width", "stay"),
    [("zh", False, 820, AT_FAULT), ("en", True, 1280, "O2503-900006")],
    ids=["zh-plain-820", "en"],
)
def test_a_physician_makes_the_round(  # noqa: PLR0917
    browser: Any, site: str, lang: str, script: bool, width: int, stay: str
) -> None:
    with walks.window(browser, lang, script=script, width=width, quiet=False) as page:
        walks.sign_in(page, site, "physician", lang)
        assert page.url.split("?")[0] == f"{site}/ward"
        every = page.locator("table.ward tbody tr").count()
        assert page.locator("svg.pace").count() == every
        assert fits(page)
        page.locator("[name=only]").check()
        if not script:
            page.locator("form.filter button").click()
        page.wait_for_url("**only=1**")
        assert 0 < page.locator("table.ward tbody tr").count() < every
        page.locator(f"td.what a[href*='{stay}']").click()
        page.wait_for_load_state()
        assert page.locator("svg.course[role=img]").count() == 1
        assert page.locator(".way").first.is_visible()
        assert fits(page)

        page.locator(".heading .actions a").click()
        send(page, "diagnosis", action="replace")
        assert page.locator(".errors a").count() == 2
        send(page, "diagnosis", action="add", code="J96.000")
        send(page, "discharge", date="2025-04-06")
        assert page.locator("ol.changes li").count() == 2
        assert page.locator("table.compare tr.changed").count() > 0
        assert page.locator("#compared ~ .notice li").count() == 1, "what the record must show"
        assert fits(page)
        page.locator("ol.changes button").first.click()
        page.wait_for_load_state()
        assert page.locator("ol.changes li").count() == 1

        walks.go(page, site, f"/ward/{stay}", lang)
        page.locator("details.no summary").first.click()
        page.locator("form.reasons [name=reason]").first.select_option("clinically-needed")
        page.locator("form.reasons button").first.click()
        page.wait_for_url("**said=1**")
        assert page.locator(".notice.good").is_visible()
        page.locator("details.done > summary").click()
        assert page.locator("details.done .given").is_visible()
        walks.go(page, site, "/ward/feedback", lang)
        assert page.locator(f"table.alerts a[href*='{stay}']").count() == 1
        assert fits(page)
        walks.go(page, site, "/ward?only=1", lang)
        assert page.locator(f"td.what a[href*='{stay}']").count() == 0


def test_an_officer_sees_the_ward_and_answers_nothing(browser: Any, site: str) -> None:
    with walks.window(browser, "en") as page:
        walks.sign_in(page, site, "officer", "en")
        assert page.url.split("?")[0] == f"{site}/"
        walks.go(page, site, f"/ward/{AT_FAULT}", "en")
        assert page.locator("main form").count() == 0
        assert page.locator(".heading .actions a").count() == 1, "may try a change"
