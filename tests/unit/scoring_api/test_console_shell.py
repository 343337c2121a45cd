"""What surrounds every page: menu, account, language, guide, and errors that say what to do."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import scoring_api
import store
from domain.access import PERMISSIONS, Principal, Role
from scoring_api.access import OpenAccess
from scoring_api.pages.texts import TEXTS, tell_error
from scoring_api.pages.texts_errors import ERRORS
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import service_samples as samples

PAGE = {"Accept": "text/html"}
OWN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[store.Store]:
    with store.open(f"sqlite:///{tmp_path_factory.mktemp('shell') / 'a.db'}") as found:
        yield found


@pytest.fixture(scope="module")
def as_role(opened: store.Store) -> Callable[[Role], TestClient]:
    """A client whose caller is signed in with a role; one application a role."""
    known: dict[Role, TestClient] = {}

    def build(role: Role) -> FastAPI:
        principal = Principal(
            "u1", "<b>Li Wei</b>", role, PERMISSIONS[role], csrf="secret", means="session"
        )
        return scoring_api.build(
            store=opened, assess=samples.Assessor(opened), rules=samples.RULES, version="1",
            group=GroupDesk(samples.library(), samples.KEY),
            what_if=WhatIfDesk(samples.library(), samples.KEY),
            ready=dict, access=OpenAccess(principal),
        )  # fmt: skip

    def client(role: Role) -> TestClient:
        if role not in known:
            known[role] = TestClient(build(role))
        known[role].cookies.clear()
        return known[role]

    return client


class Page(HTMLParser):
    """Links of the menu, the current one, and every form."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.menu: dict[str, str | None] = {}
        self.forms: list[tuple[str, str]] = []
        self.brand = ""
        self.csrf = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("class") == "menu":
            self.menu[(given["href"] or "").partition("?")[0]] = given.get("aria-current")
        if given.get("class") == "brand":
            self.brand = (given["href"] or "").partition("?")[0]
        if tag == "form":
            self.forms.append(
                (given.get("method") or "get", (given.get("action") or "").partition("?")[0])
            )
        if given.get("name") == "csrf":
            self.csrf += 1


def test_the_menu_shows_what_a_role_may_do_and_where_it_is(
    as_role: Callable[[Role], TestClient],
) -> None:
    officer = Page(as_role(Role.OFFICER).get("/?lang=en", headers=PAGE).text)
    assert officer.menu["/"] == "page"
    assert {"/", "/findings", "/rules"} <= officer.menu.keys()
    assert "/admin" not in officer.menu
    assert officer.brand == "/"
    below = Page(
        as_role(Role.OFFICER).get(f"/rules/{samples.RULE_IDS[0]}?lang=en", headers=PAGE).text
    )
    assert below.menu["/rules"] == "true", "a page below an entry marks the entry"
    refused = as_role(Role.ADMINISTRATOR).get("/?lang=zh", headers=PAGE)
    assert refused.status_code == 403
    page = Page(refused.text)
    assert "/" not in page.menu
    assert page.brand in page.menu, "nobody is led to a page that is refused"
    assert TEXTS["zh"]["error.403"] in refused.text
    assert "请向系统管理员申请" in refused.text


def test_the_account_is_named_escaped_and_can_leave(as_role: Callable[[Role], TestClient]) -> None:
    text = as_role(Role.OFFICER).get("/rules?lang=zh", headers=PAGE).text
    assert "&lt;b&gt;Li Wei&lt;/b&gt;" in text
    assert "<b>Li Wei" not in text
    assert "合规专员" in text
    page = Page(text)
    assert ("post", "/sign-out") in page.forms
    assert page.csrf == sum(method == "post" for method, _ in page.forms)


def test_nobody_signs_out_of_a_service_without_sign_in(opened: store.Store, tmp_path: Path) -> None:
    app = scoring_api.build(
        store=opened, assess=samples.Assessor(opened), rules=samples.RULES, version="1",
        group=GroupDesk(samples.library(), samples.KEY),
        what_if=WhatIfDesk(samples.library(), samples.KEY), ready=dict,
    )  # fmt: skip
    text = TestClient(app).get("/guide?lang=en", headers=PAGE).text
    assert "/sign-out" not in text
    assert "local" not in text.partition("<main")[0]


def test_a_choice_of_language_outlives_the_visit(as_role: Callable[[Role], TestClient]) -> None:
    client = as_role(Role.OFFICER)
    english = {**PAGE, "Accept-Language": "en"}
    answer = client.get("/rules?lang=zh", headers=english)
    assert "SameSite=lax" in answer.headers["set-cookie"]
    assert "set-cookie" not in client.get("/rules?lang=zh", headers=english).headers
    assert '<html lang="zh-CN">' in client.get("/rules", headers=english).text
    client.cookies.set("lang", "klingon")
    assert '<html lang="en">' in client.get("/guide", headers=english).text


def test_the_guide_leads_only_where_one_may_go(as_role: Callable[[Role], TestClient]) -> None:
    for role, lang in ((Role.OFFICER, "en"), (Role.PHYSICIAN, "zh")):
        text = as_role(role).get(f"/guide?lang={lang}", headers=PAGE).text
        words = TEXTS[lang]
        for step in ("triage", "case", "cockpit", "threshold", "export"):
            assert words[f"guide.{step}"] in text
        assert (words["guide.export.go"] in text) is (role == Role.OFFICER)
        assert words["guide.triage.go"] in text


def test_the_panel_is_put_away_by_a_form_of_this_session(
    as_role: Callable[[Role], TestClient],
) -> None:
    client = as_role(Role.OFFICER)
    words = TEXTS["en"]["guide.welcome"]
    assert words in client.get("/?lang=en", headers=PAGE).text
    assert words not in client.get("/?lang=en&min_severity=high", headers=PAGE).text
    assert client.post("/guide", headers=OWN).status_code == 403
    assert words in client.get("/?lang=en", headers=PAGE).text
    sent = client.post(
        "/guide?lang=en", data={"csrf": "secret"}, headers=OWN, follow_redirects=False
    )
    assert (sent.status_code, sent.headers["location"]) == (303, "/?lang=en")
    assert words not in client.get("/?lang=en", headers=PAGE).text


def test_a_page_that_is_not_there_still_has_the_menu(as_role: Callable[[Role], TestClient]) -> None:
    answer = as_role(Role.OFFICER).get("/no/such/page?lang=zh", headers=PAGE)
    assert answer.status_code == 404
    assert "/" in Page(answer.text).menu
    assert TEXTS["zh"]["error_404"] in answer.text


PROGRAMS_ONLY = frozenset(
    {
        "all-refused", "change", "envelope", "json", "number-of-changes", "number-of-claims",
        "number-of-events", "one-question",
    }
)  # fmt: skip
"""Problems of requests that no page makes."""


def test_every_problem_that_a_page_may_meet_has_a_chinese_text(root: Path) -> None:
    named = {
        node.args[1].value
        for file in (root / "scoring_api").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "ProblemError"
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    }
    assert {"forbidden", "cross-site", "not-found"} <= named
    assert named - PROGRAMS_ONLY <= ERRORS.keys()


@pytest.mark.parametrize(
    "name", ["forbidden", "limited-view", "unauthenticated", "stale", "rate-limited", "store"]
)
def test_chinese_readers_are_told_in_chinese(name: str) -> None:
    told = tell_error("zh", name, "English", "English")
    assert all(text and not text.isascii() for text in told)
    assert tell_error("en", name, "what", "cure") == ("what", "cure")
