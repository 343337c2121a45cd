"""Attacks through a person's browser: foreign forms, planted markup, headers, links that lead away.

docs/security.md lists them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from domain.access import PERMISSIONS, Role, Rows
from tests import access_scene, attack_scene
from tests import service_samples as samples
from tests.access_scene import SAME_SITE
from tests.attack_scene import Person, World

PWN = "<pwn data-pwn=1>"
PLANTED = (
    f"\"'></textarea></title></option>{PWN}<script>pwn()</script> ' onload='pwn' {{{{7*191}}}}"
)
"""Out of every text and attribute, as an element, as an attribute, and as a template."""
HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("browser")
    with attack_scene.world(f"sqlite:///{folder / 'a.db'}", folder / "checks") as made:
        yield made


@pytest.fixture(scope="module")
def senior(world: World) -> Person:
    return Person(world.scene, "senior", Role.SENIOR)


@pytest.fixture(scope="module")
def boss(world: World) -> Person:
    return Person(world.scene, "boss", Role.ADMINISTRATOR)


def changing(world: World) -> list[tuple[str, str]]:
    return [
        (method, path)
        for method, path in sorted(world.scene.app.state.routes)
        if method not in ("GET", "HEAD", "OPTIONS")
    ]


def state_of(world: World) -> dict[str, int]:
    """How many rows every table has, and the versions of what is changed in place; not the log."""
    import sqlalchemy as sa

    from store.tables import METADATA

    found = {}
    with world.scene.store.engine.connect() as connection:
        for table in METADATA.sorted_tables:
            if table.name in ("audit_events", "sessions"):
                continue
            count = sa.select(sa.func.count()).select_from(table)
            found[table.name] = int(connection.execute(count).scalar_one())
            if "version" in table.c:
                sums = sa.select(sa.func.sum(table.c.version))
                found[f"{table.name} versions"] = int(connection.execute(sums).scalar_one() or 0)
    return found


def test_no_route_does_anything_for_a_page_of_another_site(
    world: World, senior: Person, boss: Person
) -> None:
    """CSRF: every changing route, with the cookie that a browser adds, as form, JSON, text and file."""
    before = state_of(world)
    for method, path in changing(world):
        needed = world.scene.app.state.routes[method, path]
        person = next((p for p in (senior, boss) if needed is None or needed in PERMISSIONS[p.role]), None)  # fmt: skip
        if person is None:
            continue
        address = world.fill(path)
        foreign = {
            "origin": "https://evil.example",
            "sec-fetch-site": "cross-site",
            "if-match": "*",
        }
        sent: list[dict[str, Any]] = [
            {"data": {"csrf": person.secret, "login": "x"}, "headers": foreign},
            {"data": {"csrf": person.secret}, "headers": {"origin": "https://evil.example"}},
            {"data": {"csrf": "0" * 64}, "headers": {**SAME_SITE, "if-match": "*"}},
            {"json": {}, "headers": {"if-match": "*"}},
            {"content": b"{}", "headers": {"content-type": "text/plain", "if-match": "*"}},
        ]
        if path.startswith("/v1/"):
            # What a script of our pages sends in a header cannot be sent from elsewhere; in a field it is no proof.
            sent = [
                {**one, "data": {"csrf": person.secret}} if "data" in one else one for one in sent
            ]
        if (
            needed is None
            and (method, path) not in world.scene.app.state.own
            and path != "/sign-out"
        ):
            sent = sent[
                :2
            ]  # nobody is signed in yet: only where the form comes from can be looked at
        for one in sent:
            answer = person.client.request(method, address, **one)
            assert answer.status_code in (403, 415), (method, path, one, answer.status_code)
    assert state_of(world) == before
    assert senior.get("/v1/me").status_code == boss.get("/v1/me").status_code == 200


class Elements(HTMLParser):
    """Every element and attribute of a page, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name in ("href", "src", "action", "formaction"):
                self.links.append(value or "")

    @classmethod
    def of(cls, html: str) -> Elements:
        made = cls()
        made.feed(html)
        return made


def clean(html: str, *where: Any) -> Elements:
    """Nothing that was planted became an element, an attribute, a script, or was worked out."""
    found = Elements.of(html)
    assert "pwn" not in found.names, where
    assert "data-pwn" not in found.attributes, where
    assert not {name for name in found.attributes if name.startswith("on")}, where
    assert "style" not in found.names | found.attributes, where
    assert "1337" not in html, where
    assert "<script>" not in html, where
    for link in found.links:
        parts = urlsplit(link)
        assert parts.scheme in ("", "mailto"), (*where, link)
        assert not parts.netloc, (*where, link)
        assert not link.startswith(("//", "/\\")), (*where, link)
    return found


def plant(world: World, senior: Person, boss: Person) -> dict[str, str]:
    """Put markup into every text that people and claims bring; ids of what holds it."""
    short = PLANTED[:60]
    batch = samples.claims(6, first=900)
    number = len(batch.stays)
    stays = batch.stays
    for column in ("discharge_department", "attending_physician_id"):
        place = stays.schema.get_field_index(column)
        stays = stays.set_column(place, column, pa.array([PLANTED] * number, stays[column].type))
    batch = dataclasses.replace(batch, stays=stays)
    results = samples.assess(batch)
    world.scene.store.write(
        claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL
    )
    import store

    wanted = store.AlertFilter(physician_id=PLANTED)
    alerts = world.scene.store.alerts(wanted, store.AlertSort.OLDEST, None, 50).rows
    assert alerts, "alerts of the planted claims"
    alert = alerts[0]["alert_id"]
    senior.made(
        f"/v1/alerts/{alert}/reviews",
        {"outcome": "confirmed", "reason": "violation", "note": PLANTED},
    )
    case = senior.made("/v1/cases", {"alert_ids": [alert], "title": PLANTED})["case_id"]
    senior.made(f"/v1/cases/{case}/comments", {"text": PLANTED, "visibility": "shared"})
    named = senior.ask(
        "POST", f"/v1/cases/{case}/attachments",
        files={"file": (f"{PWN} onload=.txt", b"x", "text/plain")}, data={},
    )  # fmt: skip
    assert named.status_code == 201, named.text
    senior.made("/v1/views", {"name": short, "query": "text=" + PWN, "shared": True})
    senior.made("/v1/tokens", {"name": short})
    hook = boss.made(
        "/v1/webhooks",
        {"url": "https://hooks.example.org/?a=%3Cpwn%3E'\"", "description": PLANTED[:200]},
    )["webhook_id"]
    user = boss.made(
        "/v1/users",
        {"login": "planted", "name": short, "role": "officer", "providers": [PWN], "departments": [PWN]},
    )["user_id"]  # fmt: skip
    boss.ask("PATCH", f"/v1/users/{boss.user_id}", json={"name": short}, headers={"if-match": "*"})
    proposal = senior.made(
        "/v1/proposals",
        {"rule_id": "ADM-003", "parameter": "window_days", "region": "33", "since": "2099-02-01",
         "value": "11", "why": PLANTED},
    )["proposal_id"]  # fmt: skip
    return {
        "alert_id": alert, "case_id": case, "case": case, "user_id": user, "webhook_id": hook,
        "proposal_id": proposal, "stay_id": alerts[0]["stay_id"],
    }  # fmt: skip


def test_no_text_of_claims_or_people_becomes_part_of_a_page(
    world: World, senior: Person, boss: Person
) -> None:
    """Stored XSS: planted everywhere, and every page read with a parser of HTML."""
    planted = plant(world, senior, boss)
    again = Person(world.scene, "planted-boss", Role.ADMINISTRATOR)
    auditor = Person(world.scene, "auditor", Role.AUDITOR)
    physician = Person(world.scene, "reader", Role.PHYSICIAN, Rows(physician_id="SD1"))
    program = Person(world.scene, "program", Role.SERVICE)
    seen = shown = 0
    for method, path in sorted(world.scene.app.state.routes):
        if method != "GET" or path.startswith(
            ("/v1/", "/static", "/metrics", "/healthz", "/readyz")
        ):
            continue
        needed = world.scene.app.state.routes[method, path]
        person = next(
            p
            for p in (senior, again, auditor, physician, program)
            if needed is None or needed in PERMISSIONS[p.role]
        )
        address = attack_scene.filled(path, {**world.values(path), **planted})
        for lang in ("zh", "en"):
            answer = person.get(f"{address}?lang={lang}", headers=HTML)
            if answer.headers.get("content-type", "").startswith("text/html"):
                clean(answer.text, path)
                seen += 1
                shown += "&lt;pwn" in answer.text
    assert seen > 40
    assert shown >= 16, "the planted texts are shown, and as texts"


def test_no_word_of_a_query_becomes_part_of_a_page(world: World, senior: Person) -> None:
    """Reflected XSS: in the values and in the names of a query, and in the path."""
    for method, path in sorted(world.scene.app.state.routes):
        if method != "GET" or path.startswith(
            ("/v1/", "/static", "/metrics", "/healthz", "/readyz")
        ):
            continue
        names = ("text", "provider", "cursor", "next", "status", "in", "user", "lang", PWN)
        answer = senior.get(
            world.fill(path), params=dict.fromkeys(names, PLANTED), headers=HTML
        )  # fmt: skip
        if answer.headers.get("content-type", "").startswith("text/html"):
            clean(answer.text, path)
    for address in (
        f"/{PWN}",
        f"/alerts/{PWN}",
        f"/cases/{PWN}",
        f"/rules/{PWN}",
        f"/models/{PWN}",
    ):
        clean(senior.get(address, headers=HTML).text, address)


@pytest.mark.parametrize(
    "address", ["//evil.example", "//evil.example/x", "/%5Cevil.example", "/%09/evil.example", "/%2F%2Fevil.example"]
)  # fmt: skip
def test_no_page_of_an_unknown_address_leads_to_another_site(senior: Person, address: str) -> None:
    """The link to the other language repeats the path: with two slashes in front it named a host."""
    answer = senior.client.get(f"http://testserver{address}", headers=HTML)
    assert answer.status_code == 404
    clean(answer.text, address)


AWAY = (
    "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
    "javascript:alert(1)", " //evil.example", "/x\r\nSet-Cookie: a=b", "http:evil.example", "/\x00",
    "///evil.example", "/sign-out",
)  # fmt: skip


@pytest.mark.parametrize("wanted", AWAY)
def test_no_redirect_leads_to_another_site(world: World, wanted: str) -> None:
    client = world.scene.client()
    page = client.get("/sign-in", params={"next": wanted}, headers=HTML)
    if page.status_code == 200:
        clean(page.text, wanted)
    answer = access_scene.sign_in(client, "maker", next=wanted)
    if answer.status_code == 422:
        return
    assert answer.status_code == 303
    assert answer.headers["location"].split("?")[0] == "/"
    assert "set-cookie: a" not in str(answer.headers).lower()


@pytest.mark.parametrize("path", ["/account/language", "/guide"])
def test_language_and_guide_lead_back_here_only(senior: Person, path: str) -> None:
    for wanted in AWAY:
        fields = dict.fromkeys(("next", "back", "to", "return", "lang", "language", "from"), wanted)
        answer = senior.form(path, **fields)
        if answer.status_code in (302, 303, 307):
            location = answer.headers["location"]
            assert re.match(r"/(?![/\\])", location), (wanted, location)
            assert "evil" not in urlsplit(location).netloc


def test_a_lie_about_the_host_comes_into_no_answer(
    world: World, senior: Person, boss: Person
) -> None:
    for headers in ({"host": "evil.example"}, {"x-forwarded-host": "evil.example"}, {"forwarded": "host=evil.example"}):  # fmt: skip
        for path in ("/", "/v1/alerts", "/v1/cases", "/account", "/nowhere", "/cases", "/alerts/x"):
            answer = senior.get(path, headers={**HTML, **headers})
            assert "evil.example" not in answer.text + str(answer.headers), (path, headers)
        answer = world.scene.client().get("/", headers={**HTML, **headers})
        assert answer.headers["location"].startswith("/sign-in?")


def test_every_answer_says_that_it_is_neither_framed_kept_nor_guessed(
    world: World, senior: Person, boss: Person
) -> None:
    """Clickjacking, caches, sniffing: on every route, errors and files too."""
    for method, path in sorted(world.scene.app.state.routes):
        if method != "GET" or path == "/v1/events":
            continue
        needed = world.scene.app.state.routes[method, path]
        person = boss if needed in PERMISSIONS[Role.ADMINISTRATOR] else senior
        headers = person.get(world.fill(path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"] or "sandbox" in headers["content-security-policy"], path  # fmt: skip
        assert "unsafe" not in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["cross-origin-resource-policy"] == "same-origin", path
        assert "access-control-allow-origin" not in headers, path
        if not path.startswith("/static/"):
            assert headers["cache-control"] == "no-store", path


@pytest.mark.parametrize(
    "name", ['a"; filename=evil.exe; x=".txt', "a\r\nX-Evil: 1.txt", "a\n\n<pwn>.txt", "../../etc/passwd.txt", "报告\u202egnp.txt"]
)  # fmt: skip
def test_the_name_of_a_file_adds_no_header_to_its_download(
    world: World, senior: Person, name: str
) -> None:
    address = f"/v1/cases/{world.mine['case_id']}/attachments"
    sent = senior.ask("POST", address, files={"file": (name, b"words", "text/html")}, data={})
    assert sent.status_code in (201, 400, 415), sent.text
    if sent.status_code != 201:
        return
    attached = sent.json()["attachments"][-1]
    answer = senior.get(f"{address}/{attached['attachment_id']}")
    told = answer.headers["content-disposition"]
    assert re.fullmatch(r"attachment; filename=\"[A-Za-z0-9._-]+\"; filename\*=UTF-8''[^\s;\"<>/\\]+", told), told  # fmt: skip
    assert "x-evil" not in answer.headers
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert not set("/\\\r\n\u202e<>") & set(attached["name"])


def test_language_is_one_of_two_whatever_a_header_says(senior: Person) -> None:
    for sent in ("zh\r\nX-Evil: 1", "../../x", PWN, "a" * 5_000):
        answer = senior.get("/account", params={"lang": sent}, headers=HTML)
        assert answer.headers["content-language"] in ("zh-CN", "en"), sent
        assert "x-evil" not in answer.headers
