"""What people do here from signing in to the export, in real Chromium, as each role and in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import console_site, walks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(console_site.CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[str]:
    """A service of its own: these tests change what they find."""
    with console_site.serve(root, tmp_path_factory.mktemp("walks") / "a.db") as address:
        yield address


@pytest.mark.parametrize(
    ("lang", "script", "number"), [("zh", False, 10), ("en", True, 3)], ids=["zh-plain", "en"]
)
def test_an_officer_triages_alerts(
    browser: Any, site: str, lang: str, script: bool, number: int
) -> None:
    with walks.window(browser, lang, script=script) as page:
        seen = walks.triage(page, site, number, lang)
        assert len(set(seen)) == number
        page.goto(site + seen[0])
        assert page.locator(".review .outcome").count() >= 1
        page.locator("nav.crumb a").first.click()
        assert page.locator("table.alerts tbody tr").count() > 0
