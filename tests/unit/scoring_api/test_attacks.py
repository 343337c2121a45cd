"""Attacks through what is sent: hostile values in queries, paths, JSON, forms and bodies.

docs/security.md lists them. ``tests/services/test_attacks_postgres.py`` runs them on PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.access import PERMISSIONS, Role
from domain.graph_questions import GraphQuestionError, read_upto
from scoring_api import bodies, cursors
from scoring_api.problems import ProblemError
from store import AlertFilter, AlertSort
from tests import attack_inputs as inputs
from tests import attack_scene
from tests.access_scene import SAME_SITE
from tests.attack_inputs import Turns
from tests.attack_scene import PHYSICIAN, Person, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("attacks")
    with attack_scene.world(f"sqlite:///{folder / 'a.db'}", folder / "checks") as made:
        yield made


@pytest.fixture(scope="module")
def people(world: World) -> list[Person]:
    return inputs.everybody(world, "inputs")


def test_no_value_in_a_query_breaks_the_service(world: World, people: list[Person]) -> None:
    odd = (*inputs.ODD_QUERIES, *inputs.INJECTIONS)
    assert inputs.try_queries(world, people, Turns(odd, 1)) > 300


def test_no_value_in_a_path_breaks_the_service(world: World, people: list[Person]) -> None:
    odd = (*inputs.ODD_TEXTS, *inputs.INJECTIONS[:2], "0001-01-01", "..", "%2e%2e%2f")
    assert inputs.try_paths(world, people, Turns(odd, 2)) > 150


def test_no_value_in_a_body_breaks_the_service(world: World, people: list[Person]) -> None:
    assert inputs.try_bodies(world, people, Turns(inputs.ODD_JSON, 3)) > 200


def test_no_value_in_a_form_breaks_the_service(world: World, people: list[Person]) -> None:
    odd = (*inputs.ODD_QUERIES, *inputs.INJECTIONS[:2])
    assert inputs.try_forms(world, people, Turns(odd, 1)) > 60


def test_the_tables_are_all_there_and_nothing_was_found_by_injection(
    world: World, people: list[Person]
) -> None:
    """What is injected is looked for as a text: it finds what a word that stands nowhere finds."""
    senior = people[0]
    for path, name in (
        ("/v1/alerts", "text"), ("/v1/alerts", "provider"), ("/v1/alerts", "rule"),
        ("/v1/alerts", "cluster"), ("/v1/alerts", "group"), ("/v1/alerts", "family"),
        ("/v1/findings", "provider"), ("/v1/cases", "text"), ("/v1/open-stays", "provider"),
    ):  # fmt: skip
        nothing = senior.get(path, params={name: "no-such-word"})
        if nothing.status_code == 422:
            continue
        for value in inputs.INJECTIONS[:3]:
            found = senior.get(path, params={name: value})
            assert found.status_code == 200, (path, name, value)
            shown, wanted = found.json(), nothing.json()
            assert {k: v for k, v in shown.items() if k != "next"} == {
                k: v for k, v in wanted.items() if k != "next"
            }, (path, name, value)
    assert senior.get("/v1/alerts").json()["total"] == 50
    # The wildcards of LIKE are letters like others.
    assert senior.get("/v1/alerts", params={"text": "%"}).json()["total"] == 0
    assert senior.get("/v1/alerts", params={"text": "S00000_"}).json()["total"] == 0


@pytest.mark.parametrize("escaped", [r"\u0000", r"x\u0000y", r"\\\u0000"])
def test_nul_is_refused_in_json_however_it_is_written(people: list[Person], escaped: str) -> None:
    body = f'{{"name": "{escaped}", "query": ""}}'.encode()
    answer = people[0].ask(
        "POST", "/v1/views", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["type"].endswith(":nul")


def test_a_backslash_before_the_letters_is_no_nul(people: list[Person]) -> None:
    answer = people[0].post("/v1/views", {"name": r"\u0000", "query": ""})
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == r"\u0000"


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "\\ud800", "query": ""}',
        b'{"name": "\\udc00\\ud800", "query": ""}',
        b'{"name": "\xed\xa0\x80", "query": ""}',
        b'{"name": "\xff", "query": ""}',
        b"[" * 100_000,
        b'{"name":' * 20_000,
        b'{"name": ' + b"9" * 100_000 + b"}",
        b'{"name": 1e99999999}',
        b"\xef\xbb\xbf{}",
        b"",
        b"nul",
    ],
    ids=range(11),
)
def test_no_json_breaks_the_reader(people: list[Person], body: bytes) -> None:
    """Lone surrogates, depth, numbers without end, other encodings."""
    answer = people[0].ask(
        "POST", "/v1/views", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in (400, 422), (body[:30], answer.status_code)


def test_bodies_without_a_length_are_cut_off(world: World, people: list[Person]) -> None:
    """Nothing trusts Content-Length: what is read is counted, and reading stops at the limit."""
    sent = 0

    def drip() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(2_000):
            sent += 2**16
            yield b"x" * 2**16

    limits = {
        "/v1/views": ("application/json", bodies.MAX_BODY_BYTES),
        "/views": ("application/x-www-form-urlencoded", bodies.MAX_FORM_BYTES),
        f"/v1/cases/{world.mine['case_id']}/attachments": (
            "multipart/form-data; boundary=x", 21 * 2**20,
        ),
    }  # fmt: skip
    for path, (kind, limit) in limits.items():
        sent = 0
        answer = people[0].ask("POST", path, content=drip(), headers={"content-type": kind})
        assert answer.status_code == 413, (path, answer.status_code)
        assert limit <= bodies.MAX_BODY_BYTES * 2
    nobody = world.scene.client()
    assert nobody.post("/sign-in", content=drip(), headers=SAME_SITE).status_code == 413


def test_many_parameters_and_long_addresses_do_no_harm(people: list[Person]) -> None:
    many = "&".join(f"a{i}=1" for i in range(5_000))
    assert people[0].get(f"/v1/alerts?{many}").status_code == 422
    assert people[0].get(f"/?{many}", headers={"accept": "text/html"}).status_code == 200
    assert people[0].get("/v1/alerts?" + "severity=high&" * 3_000).status_code == 422
    assert people[0].get("/v1/alerts?text=" + "x" * 60_000).status_code == 422
    assert people[0].get("/?text=" + "x" * 60_000).status_code in (200, 422)
    form = "&".join(f"a{i}=1" for i in range(3_000)) + f"&csrf={people[0].secret}"
    answer = people[0].ask("POST", "/next-alert", content=form.encode())
    assert answer.status_code < 500


@pytest.mark.parametrize(
    "upto", ["0001-01-01", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-12:00", "0000-01-01", "2025-02-30", "2025-13-01T00:00:00Z"]
)  # fmt: skip
def test_a_time_that_has_no_instant_is_refused(people: list[Person], upto: str) -> None:
    """The first hours of the calendar in China lie before the first of UTC, and broke the graph."""
    with pytest.raises(GraphQuestionError):
        read_upto(upto)
    for path in ("/v1/graph/neighbourhood", "/v1/graph/triangles", "/v1/graph/communities"):
        answer = people[0].get(path, params={"of": "provider:x", "upto": upto})
        assert answer.status_code == 422, (path, answer.text)


def test_days_at_the_ends_of_the_calendar_are_no_days_of_the_log(world: World) -> None:
    auditor = Person(world.scene, "calendar", Role.AUDITOR)
    for day in ("0001-01-01", "9999-12-31"):
        for name in ("day_from", "day_to"):
            assert auditor.get("/v1/audit-events", params={name: day}).status_code == 422
            taken = auditor.get("/audit/events.ndjson", params={name: day})
            # A filter that cannot be read took the whole log away.
            assert taken.status_code == 422


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.text(max_size=80), st.binary(max_size=60).map(lambda b: b.hex())), st.sampled_from(list(AlertSort)))  # fmt: skip
def test_no_cursor_breaks_the_reader(cursor: str, sort: AlertSort) -> None:
    with pytest.raises(ProblemError):
        cursors.read(cursor, AlertFilter(), sort)


def test_unknown_members_are_refused_wherever_json_is_taken(
    world: World, people: list[Person]
) -> None:
    """Mass assignment: role, owner, limits and versions that a body brings along."""
    extra: dict[str, Any] = {
        "role": "administrator", "user_id": people[1].user_id, "permissions": ["users.manage"],
        "providers": None, "version": 99, "created_by": "x", "active": True, "means": "session",
        "password_hash": "x", "must_change_password": False, "is_admin": True, "owner": "x",
        "made_by": "x", "reviewed_by": "x", "status": "closed",
    }  # fmt: skip
    tried = 0
    for method, template, example in inputs.examples(world):
        person = inputs.able(people, world, method, template)
        if person is None or not isinstance(example, dict) or template.startswith(("/v1/drg", "/v1/claims", "/v1/orders")):  # fmt: skip
            continue
        schema = world.scene.client().get("/openapi.json").json()["paths"][template][method.lower()]
        known = schema["requestBody"]["content"]["application/json"]["schema"].get("properties", {})
        for name, value in extra.items():
            if name in known:
                continue
            body = json.dumps({**example, name: value}).encode()
            answer = person.ask(
                method, world.fill(template), content=body,
                headers={"content-type": "application/json", "if-match": "*"},
            )  # fmt: skip
            assert answer.status_code in (422, 412), (method, template, name, answer.status_code)
            tried += 1
    assert tried > 200


def test_every_guarded_request_leaves_a_row_whatever_is_wrong_with_it(
    world: World, people: list[Person]
) -> None:
    """The log cannot be skipped: by NUL in the address, a foreign form, a broken body, a wrong id."""
    scene = world.scene
    for (method, path), needed in sorted(scene.app.state.routes.items(), key=str):
        own = (method, path) in scene.app.state.own
        if (needed is None and not own) or path == "/v1/events":
            continue
        person = next((p for p in people if own or needed in PERMISSIONS[p.role]), None)
        if person is None or "remove" in path or "drop" in path:
            continue
        before = attack_scene.audit_rows(scene)
        if method == "GET":
            answer = person.get(f"{world.fill(path)}?x=%00&%00=1")
            assert answer.status_code == 422, path
        else:
            more = {"json": {}} if path.startswith("/v1/") else {"data": {}}
            answer = person.client.request(method, world.fill(path), **more, headers=SAME_SITE | ({"authorization": person.headers["authorization"]} if "authorization" in person.headers else {}))  # fmt: skip
            assert answer.status_code >= 400, (method, path, answer.status_code)
        assert attack_scene.audit_rows(scene) == before + 1, (method, path)


def test_masking_is_undone_by_no_search_filter_or_question(world: World) -> None:
    """An identifier that exists is answered like one that does not, wherever it is asked for."""
    analyst = Person(world.scene, "curious", Role.ANALYST)
    doctors = [f"D3301{i:04d}" for i in range(7)]
    for method, path in sorted(world.scene.app.state.routes):
        if method != "GET" or path == "/v1/events":
            continue
        for accept in ("application/json", "text/html"):
            answer = analyst.get(world.fill(path), headers={"accept": accept})
            assert not [d for d in (*doctors, "p_O-MINE") if d in answer.text], path
    for path in ("/v1/alerts", "/v1/findings", "/v1/cases", "/v1/stays", "/v1/indicators",
                 "/v1/open-stays", "/", "/cases", "/stays", "/cockpit", "/findings"):  # fmt: skip
        for name in ("text", "physician", "patient", "stay", "subject", "after", "cluster", "q"):
            real, none = (
                analyst.get(
                    path, params={name: one, "status": "all"} if path == "/" else {name: one}
                )
                for one in (PHYSICIAN, "D99999999")
            )
            assert real.status_code == none.status_code, (path, name)
            assert real.text.replace(PHYSICIAN, "D99999999") == none.text, (path, name)
    for path, name in (("neighbourhood", "of"), ("path", "start"), ("path", "end")):
        given = {"start": "stay:x", "end": "stay:y"} if path == "path" else {}
        answer = analyst.get(f"/v1/graph/{path}", params={**given, name: f"physician:{PHYSICIAN}"})
        assert answer.status_code in (403, 422), (path, name, answer.text)
    assert analyst.post("/v1/views", {"name": "x", "query": f"physician={PHYSICIAN}"}).status_code == 403  # fmt: skip
    # A token without the permission is masked too, whatever its owner may.
    senior = Person(world.scene, "masked-token", Role.SENIOR)
    made = senior.made("/v1/tokens", {"name": "narrow", "permissions": ["alerts.read", "export", "alerts.work"]})  # fmt: skip
    bearer = {"authorization": f"Bearer {made['token']}"}
    program = world.scene.client()
    for path in ("/v1/alerts", "/v1/alerts.csv", "/v1/alerts.xlsx", "/v1/findings.csv", "/v1/findings"):  # fmt: skip
        answer = program.get(path, params={"physician": PHYSICIAN}, headers=bearer)
        assert answer.status_code == 403, path
    assert PHYSICIAN not in program.get("/v1/alerts.csv", headers=bearer).text
    answer = program.post(
        "/v1/alerts:next", json={"view": f"physician={PHYSICIAN}"}, headers=bearer
    )
    assert answer.status_code == 403
