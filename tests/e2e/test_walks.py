"""What people do here from signing in to the export, in real Chromium, as each role and in both languages."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from tests.e2e import console_site, walks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(console_site.CHROMIUM is None, reason="Chromium is not installed"),
]

APPEALING = "D33010000"
"""The physician whose stays the account ``physician`` sees."""


@pytest.mark.parametrize(
    ("lang", "script", "number"), [("zh", False, 10), ("en", True, 3)], ids=["zh-plain", "en"]
)
def test_an_officer_triages_alerts(
    browser: Any, site: str, lang: str, script: bool, number: int
) -> None:
    with walks.window(browser, lang, script=script) as page:
        walks.sign_in(page, site, "officer", lang)
        seen = walks.triage(page, site, number, lang)
        assert len(set(seen)) == number
        page.goto(site + seen[0])
        assert page.locator(".review .outcome").count() >= 1
        page.locator("nav.crumb a").first.click()
        assert page.locator("table.alerts tbody tr").count() > 0


@pytest.mark.parametrize(("lang", "script"), [("zh", False), ("en", True)], ids=["zh-plain", "en"])
def test_a_case_goes_from_an_alert_to_the_decision_on_appeal(
    browser: Any, site: str, lang: str, script: bool
) -> None:
    with walks.window(browser, lang, script=script) as page:
        walks.sign_in(page, site, "officer", lang)
        assert walks.bulk_close(page, site, lang) > 1
        # A stay of the physician who is to appeal.
        walks.go(page, site, f"/?gather=0&status=new&physician={APPEALING}", lang)
        alert = page.locator("td.what a[href^='/alerts/']").first.get_attribute("href")
        case = walks.open_case(page, site, lang, str(alert))
        place = walks.follow_reason(page)
        assert place
        if place.startswith("line-"):
            assert page.locator(f"#{place}").is_visible()
        walks.dispose(page, site, case, lang, recovered="60000.00")
        assert walks.status(page) == "awaiting_approval"
        assert page.locator("form[action*='/approvals']").count() == 0, "not by the same person"
        walks.sign_out(page)
        walks.sign_in(page, site, "senior", lang)
        walks.send_back(page, site, case, lang)
        assert walks.status(page) == "open"
        walks.sign_out(page)
        walks.sign_in(page, site, "officer", lang)
        walks.go(page, site, case, lang)
        walks.press(page, "/closing")
        walks.sign_out(page)
        walks.sign_in(page, site, "senior", lang)
        walks.approve(page, site, case, lang)
        assert walks.status(page) == "closed"
        walks.sign_out(page)
        walks.sign_in(page, site, "physician", lang)
        walks.appeal(page, site, case, lang)
        assert walks.status(page) == "appealed"
        walks.sign_out(page)
        walks.sign_in(page, site, "senior2", lang)
        walks.decide(page, site, case, lang, "overturned")
        assert walks.status(page) == "closed"
        name, content = walks.save(page, page.locator("a[href$='format=zip']"))
        assert name.endswith(".zip")
        with zipfile.ZipFile(io.BytesIO(content)) as files:
            assert files.testzip() is None
            assert any(one.endswith(".json") for one in files.namelist())


def test_lists_are_taken_away_as_files(browser: Any, site: str) -> None:
    with walks.window(browser, "zh") as page:
        walks.sign_in(page, site, "auditor", "zh")
        walks.go(page, site, "/?min_severity=high", "zh")
        for ending, start in ((".csv", b"\xef\xbb\xbf"), (".xlsx", b"PK")):
            link = page.locator(f".heading a[href*='{ending}']")
            assert "min_severity=high" in str(link.get_attribute("href"))
            name, content = walks.save(page, link)
            assert name.endswith(ending)
            assert content.startswith(start)


def test_a_threshold_is_proposed_by_one_and_approved_by_another(browser: Any, site: str) -> None:
    with walks.window(browser, "zh", script=False) as page:
        walks.sign_in(page, site, "analyst", "zh")
        proposal = walks.propose(page, site, "10", "2099-01-01", "zh")
        assert walks.status(page) == "open"
        assert page.locator("form[action*='/approve']").count() == 0
        walks.sign_out(page)
        walks.sign_in(page, site, "senior", "zh")
        walks.go(page, site, proposal, "zh")
        walks.fill(page, "/approve", reason="同意")
        assert walks.status(page) == "approved"


@pytest.mark.parametrize(
    ("role", "opens", "refused"),
    [
        ("officer", ("/", "/cases", "/cockpit", "/findings", "/rules", "/models"), ("/admin", "/audit", "/webhooks")),
        ("senior", ("/", "/cases", "/cockpit", "/proposals"), ("/admin", "/audit")),
        ("auditor", ("/", "/cases", "/cockpit", "/audit"), ("/admin", "/webhooks")),
        ("physician", ("/", "/cases", "/rules"), ("/cockpit", "/admin", "/audit")),
        ("analyst", ("/", "/cockpit", "/models", "/proposals"), ("/admin", "/audit")),
        ("administrator", ("/admin", "/audit", "/webhooks", "/rules", "/models"), ("/", "/cases", "/cockpit")),
    ],
)  # fmt: skip
def test_each_role_opens_its_pages_and_no_others(
    browser: Any, site: str, role: str, opens: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    with walks.window(browser, "en", script=False) as page:
        walks.sign_in(page, site, role, "en")
        for path in opens:
            walks.go(page, site, path, "en")
            assert page.locator("nav.menus a[aria-current]").count() == 1, path
        menu = page.locator("nav.menus a").evaluate_all(
            "all => all.map(a => new URL(a.href).pathname)"
        )
        assert not set(menu) & set(refused)
        for path in menu:
            walks.go(page, site, path, "en")
    with walks.window(browser, "zh", script=False, quiet=False) as page:
        walks.sign_in(page, site, role, "zh")
        for path in refused:
            assert page.goto(f"{site}{path}?lang=zh").status == 403
            assert page.locator("main .button").count() >= 1, "a way on"


@pytest.mark.parametrize("role", ["auditor", "physician", "analyst"])
def test_work_is_not_offered_to_who_may_not_do_it(browser: Any, site: str, role: str) -> None:
    with walks.window(browser, "en") as page:
        walks.sign_in(page, site, role, "en")
        walks.go(page, site, "/", "en")
        for offered in ("input[name=of]", "input[name=id]", ".next-alert", "form.automatic"):
            assert page.locator(offered).count() == 0, offered
        assert page.locator(".heading .export").count() == (1 if role == "auditor" else 0)
        page.locator("td.what a[href^='/alerts/']").first.click()
        assert (
            page.locator("main form[action*='/reviews'], main form[action*='/assign']").count() == 0
        )
        assert page.locator("main form[action^='/cases']").count() == 0
