"""The steps of a working day in a browser, in either language and without JavaScript if need be.

Fields are found by their names, not by their words, so that a step is the same in both languages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.e2e.console_site import fits

PASSWORD: Final = "correct horse battery 9"
"""Of every account of ``ACCOUNTS``."""

ACCOUNTS: Final = {
    "officer": "olive",
    "officer2": "oscar",
    "senior": "sven",
    "auditor": "anna",
    "physician": "petra",
    "analyst": "alan",
    "administrator": "adam",
}
"""Who signs in, by what they are there for."""


@contextmanager
def window(browser: Any, lang: str, *, script: bool = True, width: int = 1280) -> Iterator[Any]:
    """A page of its own that fails the walk if the console shows anything or another host is asked."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        locale="zh-CN" if lang == "zh" else "en",
        java_script_enabled=script,
        accept_downloads=True,
    )
    page = context.new_page()
    complaints: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda sent: hosts.add(sent.url.split("/")[2].partition(":")[0]))
    try:
        yield page
    finally:
        context.close()
    assert complaints == []
    assert hosts <= {"127.0.0.1"}


def go(page: Any, address: str, path: str, lang: str) -> None:
    """Open a page in a language; it must answer, speak the language and fit the window."""
    answer = page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={lang}")
    assert answer.ok, f"{path}: {answer.status}"
    assert page.locator("html").get_attribute("lang") == ("zh-CN" if lang == "zh" else "en")


def there(page: Any, address: str, path: str) -> bool:
    """Whether the service has the page at all."""
    return bool(page.request.get(f"{address}{path}", headers={"Accept": "text/html"}).status != 404)


def sign_in(page: Any, address: str, role: str, lang: str) -> None:
    """Sign in as the account that has the role."""
    go(page, address, "/sign-in", lang)
    page.locator("[name=login]").fill(ACCOUNTS[role])
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main form[action^='/sign-in'] button").first.click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    assert page.locator(".account .me").count() == 1


def sign_out(page: Any) -> None:
    """Leave, by the button beside the name."""
    page.locator("form[action^='/sign-out'] button").first.click()
    page.wait_for_load_state()


def conclude(page: Any, conclusion: str, note: str = "") -> None:
    """On the page of an alert or a finding: record a conclusion on its first check."""
    form = page.locator("details.review").first
    form.locator("summary").click()
    form.locator("[name=conclusion]").select_option(conclusion)
    if form.locator("[name=reviewer]").count():
        form.locator("[name=reviewer]").fill("olive")
    form.locator("[name=note]").fill(note)
    form.locator("button[type=submit]").click()
    page.wait_for_load_state()
    assert page.locator(".review .outcome").count() > 0


def triage(page: Any, address: str, number: int, lang: str, *, query: str = "") -> list[str]:
    """Conclude the first alerts of the queue, turn and turn about; the addresses of their pages."""
    go(page, address, f"/{query}", lang)
    links = page.locator("td.what a[href^='/alerts/']")
    found = [str(link.get_attribute("href")) for link in links.all()[:number]]
    assert len(found) == number, "there are not enough alerts to triage"
    for place, href in enumerate(found):
        page.goto(address + href)
        assert fits(page)
        options = page.locator("details.review").first.locator("[name=conclusion] option")
        values = [str(v) for v in options.evaluate_all("all => all.map(o => o.value)") if v]
        conclude(
            page, values[place % len(values)], "核对病历" if lang == "zh" else "seen the record"
        )
    return found


def save(page: Any, click: Any) -> tuple[str, bytes]:
    """Follow a link or press a button that gives a file; its name and content."""
    with page.expect_download() as waiting:
        click.click()
    got = waiting.value
    return str(got.suggested_filename), Path(got.path()).read_bytes()
