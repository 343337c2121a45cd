"""Hostile values in every place where the service takes one: queries, paths, JSON bodies, forms."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlsplit

from domain.access import PERMISSIONS, Role
from tests.attack_scene import Person, World, parameters

UNENDING = {"/v1/events"}
INJECTIONS = (
    "' OR '1'='1",
    "x'; DROP TABLE alerts; --",
    '") OR 1=1 --',
    "%_\\",
    "1 UNION SELECT 1",
)
ODD_TEXTS = ("a\x00b", "\u202e\u0085", "é" * 5_000, "{{7*7}}${7*7}", "-9223372036854775809")
ODD_QUERIES = (*ODD_TEXTS, "0001-01-01", "9999-12-31", "1e999", "NaN", "9" * 400)
ODD_JSON: tuple[Any, ...] = (
    *ODD_TEXTS, *INJECTIONS[:2], "0001-01-01", "9999-12-31T23:59:59-12:00", 2**63, -(2**70), 1e308,
    True, None, [], {}, [[]], "",
)  # fmt: skip
TELLING = (
    "Traceback",
    "sqlite3",
    "psycopg",
    "sqlalchemy",
    " FROM alerts",
    "syntax error",
    "Error(",
)
"""What an answer holds that tells of the inside."""


_NOT_READY = ("claims are being read", "正在读取", "读取")
"""What the service says of claims' scores before the stored claims were read."""


@dataclass
class Form:
    """A form of one of our pages, as a browser would send it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    method: str = "post"


class FormReader(HTMLParser):
    """The forms of a page, with the names and first values of their fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(
                Form(given.get("action", ""), method=given.get("method", "get").lower())
            )
        elif tag in ("input", "textarea", "select", "button") and "name" in given and self.forms:
            form, name = self.forms[-1], given["name"]
            form.kinds.setdefault(name, given.get("type", tag))
            form.fields.setdefault(name, given.get("value", ""))
        elif tag == "option" and self.forms and given.get("value"):
            form = self.forms[-1]
            chosen = [n for n, kind in form.kinds.items() if kind == "select"]
            if chosen and not form.fields[chosen[-1]]:
                form.fields[chosen[-1]] = given["value"]


def forms_of(html: str) -> list[Form]:
    """The forms of a page."""
    reader = FormReader()
    reader.feed(html)
    return reader.forms


def safe(answer: Any, *where: Any) -> None:
    """No defect, and nothing of the inside is told."""
    assert answer.status_code < 500 or answer.status_code in (503, 504), (
        *where,
        answer.status_code,
        answer.text[:500],
    )
    if answer.status_code == 503:
        assert any(one in answer.text for one in _NOT_READY), (*where, answer.text[:300])
    if answer.status_code >= 400:
        for word in TELLING:
            assert word not in answer.text, (*where, word)


def able(people: list[Person], world: World, method: str, path: str) -> Person | None:
    """Somebody who may ask for a route; None if nobody of these."""
    needed = world.scene.app.state.routes[method, path]
    return next((p for p in people if needed is None or needed in PERMISSIONS[p.role]), None)


def queries(world: World) -> Iterator[tuple[str, str, str]]:
    """(template, filled path, parameter) of every query parameter that is described, and of pages."""
    document = world.scene.client().get("/openapi.json").json()
    for path, methods in document["paths"].items():
        if "get" in methods and path not in UNENDING:
            for one in methods["get"].get("parameters", ()):
                if one["in"] == "query":
                    yield path, world.fill(path), one["name"]
    for method, path in sorted(world.scene.app.state.routes):
        if method == "GET" and not path.startswith(("/v1/", "/static")):
            names = {"cursor", "lang", "next", "any"} | PAGE_FIELDS.get(path, set())
            for name in sorted(names):
                yield path, world.fill(path), name


PAGE_FIELDS = {
    "/": {"text", "status", "severity", "sort", "min_amount", "assignee", "created_from", "cluster"},
    "/cases": {"text", "status", "sort", "due_to", "opened_from"},
    "/audit": {"user", "kind", "permission", "subject", "first", "last"},
    "/audit/events.ndjson": {"user", "kind", "permission", "subject", "first", "last"},
    "/findings": {"rule", "provider", "status", "sort", "month"},
    "/cockpit": {"provider", "first", "last", "department", "group", "currency"},
    "/stays": {"provider", "first", "last", "department", "group", "kind", "currency"},
    "/proposals": {"status"},
    "/alerts/bulk": {"ids", "view", "alert", "cluster"},
    "/cases/{case}": {"tab", "stay", "line", "category", "day"},
    "/cases/{case}/graph": {"of", "depth", "kind"},
    "/rings": {"limit", "kind"},
    "/webhooks/{webhook_id}": {"status", "before"},
}  # fmt: skip
"""Fields of the query of pages, which no document describes."""


def leaves(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in plain data the single values are, and the lists and objects."""
    yield place
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, (*place, name))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*place, 0))


def put(value: Any, place: tuple[Any, ...], odd: Any) -> Any:
    """A copy of plain data with another value at a place."""
    if not place:
        return odd
    made = copy.deepcopy(value)
    inner = made
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = odd
    return made


def examples(world: World) -> Iterator[tuple[str, str, Any]]:
    """(method, template, example) of every JSON body that is described."""
    document = world.scene.client().get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {})
            if "application/json" in content:
                told = content["application/json"]
                example = told.get("example")
                if example is None:
                    example = next(iter(told.get("examples", {}).values()))["value"]
                yield method.upper(), path, example


class Turns:
    """Gives each place the next few of the values, so that all come up and nothing takes long."""

    def __init__(self, values: tuple[Any, ...], each: int, first: int = 0) -> None:
        self._values, self._each, self._at = values, each, first

    def __iter__(self) -> Iterator[Any]:
        for _ in range(self._each):
            yield self._values[self._at % len(self._values)]
            self._at += 1


def try_queries(world: World, people: list[Person], values: Iterable[str]) -> int:
    """Odd values in each parameter of a query; how many requests were made."""
    tried = 0
    for template, path, name in queries(world):
        person = able(people, world, "GET", template)
        if person is None:
            continue
        for value in values:
            safe(person.client.get(path, params={name: value}, headers=person.headers), path, name, value[:30])  # fmt: skip
            tried += 1
    return tried


def try_paths(world: World, people: list[Person], values: Iterable[str]) -> int:
    """Odd values in each parameter of a path."""
    tried = 0
    for (method, template), _ in sorted(world.scene.app.state.routes.items(), key=str):
        person = able(people, world, method, template)
        if person is None or template in UNENDING:
            continue
        for name in parameters(template):
            for value in values:
                odd = {**world.values(template), name: quote(value[:300], safe="")}
                path = template
                for one, given in odd.items():
                    path = path.replace(f"{{{one}}}", given)
                safe(person.ask(method, path), method, template, name, value[:30])
                tried += 1
    return tried


def try_bodies(world: World, people: list[Person], values: Iterable[Any]) -> int:
    """Odd values at each place of each JSON body."""
    tried = 0
    for method, template, example in examples(world):
        person = able(people, world, method, template)
        if person is None or template.startswith(("/v1/claims:", "/v1/drg:", "/v1/orders:")):
            continue
        for place in leaves(example):
            for value in values:
                body = json.dumps(put(example, place, value)).encode()
                answer = person.ask(
                    method, world.fill(template), content=body,
                    headers={"content-type": "application/json", "if-match": "*"},
                )  # fmt: skip
                safe(answer, method, template, place, str(value)[:30])
                tried += 1
    return tried


def page_forms(world: World, people: list[Person]) -> dict[str, tuple[Person, Form]]:
    """The forms of all pages by their address, with who sees them."""
    found: dict[str, tuple[Person, Form]] = {}
    for method, template in sorted(world.scene.app.state.routes):
        if method != "GET" or template.startswith(("/v1/", "/static")):
            continue
        for person in people:
            needed = world.scene.app.state.routes[method, template]
            if needed is not None and needed not in PERMISSIONS[person.role]:
                continue
            answer = person.get(world.fill(template), headers={"accept": "text/html"})
            if "text/html" not in answer.headers.get("content-type", ""):
                continue
            for form in forms_of(answer.text):
                if form.method == "post":
                    address = urlsplit(form.action or world.fill(template)).path
                    known = found.get(address)
                    if known is None or len(form.fields) > len(known[1].fields):
                        found[address] = (person, form)
    return found


def try_forms(world: World, people: list[Person], values: Iterable[str]) -> int:
    """Odd values in each field of each form of our pages, sent as a browser sends it."""
    tried = 0
    for address, (person, form) in sorted(page_forms(world, people).items()):
        if address.startswith(("/sign-", "/account/password")) or address.endswith(("/remove", "/drop")):  # fmt: skip
            continue
        for name in form.fields:
            if name in ("csrf",):
                continue
            for value in values:
                fields = {**form.fields, "csrf": person.secret, name: value}
                safe(person.ask("POST", address, data=fields), address, name, value[:30])
                tried += 1
    return tried


def everybody(world: World, mark: str) -> list[Person]:
    """Three who together may ask for nearly every route: a senior officer, an administrator, a program."""
    return [
        Person(world.scene, f"{role}-{mark}", role)
        for role in (Role.SENIOR, Role.ADMINISTRATOR, Role.SERVICE)
    ]
