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
    "senior2": "signe",
    "auditor": "anna",
    "physician": "petra",
    "analyst": "alan",
    "administrator": "adam",
}
"""Who signs in, by what they are there for."""


@contextmanager
def window(
    browser: Any, lang: str, *, script: bool = True, width: int = 1280, quiet: bool = True
) -> Iterator[Any]:
    """A page of its own; the walk fails if another host is asked or, where ``quiet``, the console says anything."""
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
    assert not quiet or complaints == []
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
    form = page.locator("details.review:has([name=conclusion])").first
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
        options = page.locator("details.review [name=conclusion]").first.locator("option")
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


def press(page: Any, action: str) -> None:
    """Press the button of the form that posts to an address ending so; the page that follows must be one."""
    form = page.locator(f"form[method=post][action*='{action}']").first
    details = form.locator("xpath=ancestor::details[not(@open)]")
    if details.count():
        details.first.locator("summary").first.click()
    with page.expect_navigation() as following:
        form.locator("button:not([type=button])").first.click()
    assert following.value.ok, f"{action}: {following.value.status}"


def fill(page: Any, action: str, **values: str) -> None:
    """Fill the fields of the form that posts to an address ending so, and press its button."""
    form = page.locator(f"form[method=post][action*='{action}']").first
    details = form.locator("xpath=ancestor::details[not(@open)]")
    if details.count():
        details.first.locator("summary").first.click()
    for name, value in values.items():
        field = form.locator(f"[name='{name}']")
        if field.evaluate("f => f.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    press(page, action)


def bulk_close(page: Any, address: str, lang: str) -> int:
    """Close the first group of similar alerts with one reason; how many alerts that were."""
    go(page, address, "/", lang)
    page.locator("table.alerts input[name=of]").first.check()
    page.locator("form#queue button[type=submit]").first.click()
    page.wait_for_url("**/alerts/bulk?**")
    assert fits(page)
    many = page.locator("main table tbody tr").count()
    fill(
        page,
        "/alerts/bulk",
        conclusion="not_confirmed:exception",
        note="批量" if lang == "zh" else "alike",
    )
    assert page.locator("[role=status]").count() > 0
    return int(many)


def open_case(page: Any, address: str, lang: str, alert: str, title: str | None = None) -> str:
    """Open a case of an alert; the address of its page."""
    page.goto(address + alert)
    words = "核查" if lang == "zh" else "To look into"
    fill(page, "/cases?", title=words if title is None else title)
    page.wait_for_url("**/cases/**")
    assert fits(page)
    return str(page.url).partition("?")[0].removeprefix(address)


def follow_reason(page: Any) -> str:
    """From a hit of the case's first finding to what it charges; the place it leads to."""
    page.locator(".finding a[href*='line'], .finding a[href$='#charges']").first.click()
    page.wait_for_load_state()
    return str(page.url).partition("#")[2]


def dispose(page: Any, address: str, case: str, lang: str, *, recovered: str = "") -> None:
    """Conclude every check of the case's stay, and propose to close it."""
    go(page, address, case, lang)
    form = page.locator("form[action*='/dispositions']").first
    for choice in form.locator("select[name^='conclusion|']").all():
        values = choice.locator("option").evaluate_all("all => all.map(o => o.value)")
        choice.select_option(next(v for v in values if v.startswith("confirmed:")))
    if recovered:
        form.locator("input[name^='recovered|']").first.fill(recovered)
    press(page, "/dispositions")
    press(page, "/closing")


def send_back(page: Any, address: str, case: str, lang: str) -> None:
    """Give a case that waits for approval back to whoever proposed."""
    go(page, address, case, lang)
    form = page.locator("form[action*='/approvals']:has([name=reason])")
    form.locator("xpath=ancestor::details").locator("summary").first.click()
    form.locator("[name=reason]").fill("依据不足" if lang == "zh" else "not enough to go on")
    form.locator("button").first.click()
    page.wait_for_load_state()


def decide(page: Any, address: str, case: str, lang: str, outcome: str) -> None:
    """Decide on the appeal that stands."""
    go(page, address, case, lang)
    note = "专家组合议" if lang == "zh" else "by the panel"
    reason = page.locator("form[action*='/appeals/decision'] [name=reason] option")
    because = str(reason.nth(1).get_attribute("value"))
    fill(page, "/appeals/decision", outcome=outcome, reason=because, note=note)


def propose(page: Any, address: str, value: str, since: str, lang: str) -> str:
    """Propose another window of ADM-003 in days; the address of the proposal."""
    go(page, address, "/rules/ADM-003", lang)
    why = "本地口径" if lang == "zh" else "a local rule"
    fill(page, "/proposals", parameter="window_days", since=since, value=value, why=why)
    page.wait_for_url("**/proposals/**")
    return str(page.url).partition("?")[0].removeprefix(address)


def approve(page: Any, address: str, case: str, lang: str) -> None:
    """Approve, as a second person, what was proposed."""
    go(page, address, case, lang)
    press(page, "/approvals")


def appeal(page: Any, address: str, case: str, lang: str) -> None:
    """Contest a closed case for the hospital."""
    go(page, address, case, lang)
    fill(
        page, "/appeals?", statement="病历已补充" if lang == "zh" else "The record is complete now"
    )


def status(page: Any) -> str:
    """Where the case stands, by the class of its badge."""
    words = str(page.locator(".heading .badge").first.get_attribute("class")).split()
    return next(word for word in words if word not in {"badge", "case"})
