"""What people do here from signing in to the export, in real Chromium, as each role and in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import console_site, walks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(console_site.CHROMIUM is None, reason="Chromium is not installed"),
]


MERGED = all(
    find_spec(name)
    for name in ("scoring_api.queue_pages", "scoring_api.cases", "tests.access_scene")
)
"""Whether the queue, the cases and the accounts are there; they are built beside these tests."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[str]:
    """A service of its own: these tests change what they find."""
    program = console_site.WORKPLACE if MERGED else console_site.PROGRAM
    with console_site.serve(root, tmp_path_factory.mktemp("walks") / "a.db", program) as address:
        yield address


@pytest.mark.parametrize(
    ("lang", "script", "number"), [("zh", False, 10), ("en", True, 3)], ids=["zh-plain", "en"]
)
def test_an_officer_triages_alerts(
    browser: Any, site: str, lang: str, script: bool, number: int
) -> None:
    with walks.window(browser, lang, script=script) as page:
        if MERGED:
            walks.sign_in(page, site, "officer", lang)
        seen = walks.triage(page, site, number, lang)
        assert len(set(seen)) == number
        page.goto(site + seen[0])
        assert page.locator(".review .outcome").count() >= 1
        page.locator("nav.crumb a").first.click()
        assert page.locator("table.alerts tbody tr").count() > 0


later = pytest.mark.skipif(not MERGED, reason="the queue, cases or accounts are not there yet")


@later
@pytest.mark.parametrize(("lang", "script"), [("zh", False), ("en", True)], ids=["zh-plain", "en"])
def test_a_case_goes_from_an_alert_to_the_appeal(
    browser: Any, site: str, lang: str, script: bool
) -> None:
    with walks.window(browser, lang, script=script) as page:
        walks.sign_in(page, site, "officer", lang)
        assert walks.bulk_close(page, site, lang) > 1
        walks.go(page, site, "/?gather=0&physician=D33010000", lang)  # so that he may appeal
        alert = page.locator("td.what a[href^='/alerts/']").first.get_attribute("href")
        case = walks.open_case(page, site, lang, str(alert))
        assert walks.follow_reason(page)
        walks.dispose(page, site, case, lang, recovered="60000.00")
        assert walks.status(page) == "awaiting_approval"
        walks.sign_out(page)
        walks.sign_in(page, site, "senior", lang)
        walks.approve(page, site, case, lang)
        assert walks.status(page) == "closed"
        walks.sign_out(page)
        walks.sign_in(page, site, "physician", lang)
        walks.appeal(page, site, case, lang)
        assert walks.status(page) == "appealed"


@later
def test_lists_and_cases_are_taken_away_as_files(browser: Any, site: str) -> None:
    with walks.window(browser, "zh") as page:
        walks.sign_in(page, site, "auditor", "zh")
        walks.go(page, site, "/", "zh")
        for ending, start in ((".csv", b"\xef\xbb\xbf"), (".xlsx", b"PK")):
            name, content = walks.save(page, page.locator(f"a[href*='{ending}']").first)
            assert name.endswith(ending)
            assert content.startswith(start)


@later
@pytest.mark.parametrize(
    ("role", "opens", "refused"),
    [
        ("officer", ("/", "/cases", "/cockpit", "/findings", "/rules", "/models"), ("/admin", "/audit")),
        ("senior", ("/", "/cases", "/cockpit", "/proposals"), ("/admin", "/audit")),
        ("auditor", ("/", "/cases", "/cockpit", "/audit"), ("/admin",)),
        ("physician", ("/", "/cases", "/rules"), ("/cockpit", "/admin", "/audit")),
        ("analyst", ("/", "/cockpit", "/models", "/proposals"), ("/admin", "/audit")),
        ("administrator", ("/admin", "/audit", "/rules", "/models"), ("/", "/cases", "/cockpit")),
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
    with walks.window(browser, "zh", script=False, quiet=False) as page:
        walks.sign_in(page, site, role, "zh")
        for path in refused:
            assert page.goto(f"{site}{path}?lang=zh").status == 403
            assert page.locator("main .button").count() >= 1, "a way on"
