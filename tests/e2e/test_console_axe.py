"""Every page against axe-core, in a narrow window and from the keyboard (WCAG 2.2 AA).

A new page is one line in PAGES: its address, or what leads to it from another page.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e import walks
from tests.e2e.console_site import CHROMIUM, fits
from tests.ward_scene import AT_FAULT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

PAGES: Final[dict[str, tuple[str, str | None]]] = {
    "alerts": ("/", None),
    "alerts, none": ("/?provider=nobody", None),
    "alerts, a wrong filter": ("/?min_amount=lots", None),
    "alert": ("/", "td.what a"),
    "findings": ("/findings", None),
    "finding": ("/findings", "td.what a"),
    "findings, none": ("/findings?provider=nobody", None),
    "rings": ("/rings", None),
    "score of a claim": ("/scores/S0000001", None),
    "checks": ("/rules", None),
    "check": ("/rules", "td.what a"),
    "checks, none": ("/rules?text=nothing-like-this", None),
    "guide": ("/guide", None),
    "not found": ("/nothing/here", None),
}
"""Name -> address, and what to click there to reach the page itself."""

WORK: Final[dict[str, tuple[str, str, str | None]]] = {
    "queue": ("senior", "/", None),
    "queue, each alone": ("senior", "/?gather=0&status=all", None),
    "alert to work on": ("senior", "/?gather=0&status=new", "td.what a"),
    "many at once": ("senior", "/alerts/bulk?all=1", None),
    "cases": ("senior", "/cases", None),
    "cases, none": ("senior", "/cases?text=nothing-like-this", None),
    "case": ("senior", "/cases", "td.what a"),
    "case, seen by its physician": ("physician", "/cases", "td.what a"),
    "neighbourhood": ("senior", "/cases", "td.what a"),
    "cockpit": ("senior", "/cockpit", None),
    "departments": ("senior", "/cockpit/departments", None),
    "groups": ("senior", "/cockpit/groups", None),
    "stays": ("senior", "/stays", None),
    "stay": ("senior", "/stays", "td.what a"),
    "check that can be changed": ("senior", "/rules/ADM-003", None),
    "proposals": ("senior", "/proposals", None),
    "proposal": ("senior", "/proposals", "td.what a"),
    "advice to physicians": ("senior", "/advice", None),
    "advice to physicians, none": ("senior", "/advice?week=2020-W01", None),
    "models": ("senior", "/models", None),
    "model": ("senior", "/models", "td.what a"),
    "samples of wording": ("senior", "/wording", None),
    "models of wording": ("administrator", "/wording/models", None),
    "own account": ("senior", "/account", None),
    "accounts": ("administrator", "/admin", None),
    "an account": ("administrator", "/admin", "td.what a"),
    "webhooks": ("administrator", "/webhooks", None),
    "audit log": ("auditor", "/audit", None),
    "refused": ("officer", "/audit", None),
    "ward": ("physician", "/ward", None),
    "ward, none": ("physician", "/ward?department=nowhere", None),
    "ward, all of it": ("senior", "/ward", None),
    "patient in hospital": ("physician", "/ward?only=1", "td.what a"),
    "simulator": ("physician", f"/ward/{AT_FAULT}/try", None),
    "own answers": ("physician", "/ward/feedback", None),
    "sign-in": ("", "/sign-in", None),
}
"""The pages for which one signs in: name -> as whom, address, and what to click there."""

RULES: Final = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    },
    "resultTypes": ["violations"],
}


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
    yield context.new_page()
    context.close()


def visit(page: Any, address: str, name: str, lang: str) -> None:
    """Open a page of PAGES in a language."""
    place, click = PAGES[name]
    page.goto(f"{address}{place}{'&' if '?' in place else '?'}lang={lang}")
    if click:
        page.goto(address + page.locator(click).first.get_attribute("href"))


@pytest.fixture(scope="module")
def desks(browser: Any, site: str) -> Iterator[dict[str, Any]]:
    """A window for each role of ``WORK``, after a case was opened and a value proposed."""
    contexts = {}
    for role in dict.fromkeys(role for role, _, _ in WORK.values()):
        contexts[role] = browser.new_context(locale="en")
        page = contexts[role].new_page()
        if role:
            walks.sign_in(page, site, role, "en")
    pages: dict[str, Any] = {role: context.pages[0] for role, context in contexts.items()}
    page = pages["senior"]
    walks.go(page, site, "/?gather=0&status=new&physician=D33010000", "en")
    link = page.locator("td.what a[href^='/alerts/']").last
    walks.open_case(page, site, "en", str(link.get_attribute("href")))
    walks.propose(page, site, "12", "2098-01-01", "en")
    yield pages
    for context in contexts.values():
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_for_everybody(page: Any, address: str, name: str) -> None:
    titles = set()
    for lang in ("zh", "en"):
        page.set_viewport_size({"width": 1280, "height": 900})
        visit(page, address, name, lang)
        titles.add(_look(page, name, lang))
    assert len(titles) == 2


@pytest.mark.parametrize("name", WORK)
def test_a_page_of_work_is_for_everybody(desks: dict[str, Any], site: str, name: str) -> None:
    role, place, click = WORK[name]
    page, titles = desks[role], set()
    for lang in ("zh", "en"):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{site}{place}{'&' if '?' in place else '?'}lang={lang}")
        if click:
            page.goto(site + page.locator(click).first.get_attribute("href"))
        if name == "neighbourhood":
            page.goto(site + page.locator("a[href*='/graph?']").first.get_attribute("href"))
        titles.add(_look(page, name, lang))
    assert len(titles) == 2
    known = desks.setdefault("titles", {})
    assert page.title() not in known or "," in name, known
    known[page.title()] = name


def _look(page: Any, name: str, lang: str) -> str:
    """Hold the page against axe-core and narrow windows; its title."""
    from axe_playwright_python.sync_playwright import Axe

    assert page.locator("html").get_attribute("lang") == ("zh-CN" if lang == "zh" else "en")
    assert page.locator("h1").count() == 1
    page.evaluate("document.querySelectorAll('main details').forEach(d => { d.open = true; })")
    # Both languages have the same colours and structure; in English all of axe's rules run.
    if lang == "en":
        found = Axe().run(page, options=RULES)
        grave = [one for one in found.response["violations"] if one["impact"] != "minor"]
        assert grave == [], found.generate_report()
    # 1280 px at 400 % zoom are 320 px (WCAG 1.4.10): nothing may need sideways scrolling.
    for width in (1280, 820, 768, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert fits(page), f"{name} in {lang} is wider than {width} px: {_widest(page)}"
    return str(page.title())


def _widest(page: Any) -> Any:
    return page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
        ".slice(-3).map(e => e.outerHTML.slice(0, 160))"
    )


def test_titles_tell_the_pages_apart(page: Any, address: str) -> None:
    named = [name for name in PAGES if "," not in name]
    titles = []
    for name in named:
        visit(page, address, name, "en")
        titles.append(page.title())
    assert len(set(titles)) == len(named), titles


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(page: Any, address: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{address}/?lang=en&provider=nobody")
    wanted = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary')]"
        ".filter(e => e.checkVisibility()).length"
    )
    seen = []
    for _ in range(4 * wanted):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        seen.append(
            page.evaluate(
                "(() => { const e = document.activeElement, s = getComputedStyle(e), all = [...document.querySelectorAll('*')];"
                " return [all.indexOf(e), s.outlineStyle, parseFloat(s.outlineWidth), e.tagName]; })()"
            )
        )
    # A field for a day is entered part by part.
    places = [place for place, _ in itertools.groupby(place for place, *_ in seen)]
    assert places == sorted(set(places)), "no trap, and no jumping back"
    assert len(places) == wanted
    assert all(style == "solid" and width >= 2 for _, style, width, _ in seen), seen
    page.goto(f"{address}/?lang=en&provider=nobody")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_the_language_is_remembered_and_the_question_kept(browser: Any, address: str) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(f"{address}/?min_severity=high&sort=newest")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.get_by_role("link", name="English").click()
    assert "min_severity=high" in page.url
    assert "sort=newest" in page.url
    page.goto(f"{address}/findings")
    assert page.locator("html").get_attribute("lang") == "en"
    (cookie,) = context.cookies()
    assert (cookie["name"], cookie["sameSite"]) == ("lang", "Lax")
    context.close()


def test_the_first_run_panel_goes_when_told(browser: Any, address: str) -> None:
    context = browser.new_context(locale="en", java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("link", name="Open the guide").click()
    assert page.get_by_role("heading", name="Five steps").is_visible()
    page.goto(address)
    page.get_by_role("button", name="Do not show again").click()
    page.wait_for_url("**/?lang=en")
    assert page.get_by_text("New here?").count() == 0
    page.goto(f"{address}/?lang=zh")
    assert page.get_by_text("第一次使用").count() == 0
    context.close()


def test_the_script_improves_and_complains_of_nothing(browser: Any, address: str) -> None:
    context = browser.new_context(locale="en")
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/guide")
    # The pieces of docs/console.md, put into a page as a template would.
    page.evaluate(
        """() => {
          document.querySelector('main').innerHTML = `
            <a class="button" href="/plain" data-dialog="close-alerts">Close</a>
            <dialog id="close-alerts"><form method="dialog"><p>Sure?</p><button data-close>Back</button></form></dialog>
            <form method="get" action="/guide" data-confirm="Really?"><button>Delete</button></form>
            <form method="get" action="/guide" data-submit><select name="lang" aria-label="Language"><option>en</option><option>zh</option></select></form>
            <form><table><thead><tr><th><input type="checkbox" data-all></th></tr></thead><tbody>
              <tr><td><input type="checkbox"></td></tr><tr><td><input type="checkbox"></td></tr></tbody></table>
              <p data-chosen="{n} chosen"></p></form>`;
        }"""
    )
    page.get_by_role("link", name="Close").click()
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    page.locator("[data-all]").check()
    assert page.get_by_text("2 chosen").is_visible()
    page.once("dialog", lambda asked: asked.dismiss())
    page.get_by_role("button", name="Delete").click()
    assert page.get_by_text("2 chosen").is_visible(), "the page is still there"
    page.get_by_label("Language").select_option("zh")
    page.wait_for_url("**/guide?lang=zh")
    assert complaints == []
    context.close()
