"""Every role on every route of the whole service, of their own hospital and of another one.

New routes are tried by themselves. A new parameter of a path needs sample ids in
``tests/attack_scene.py``, and a new route that writes a body in ``BODIES`` if an empty one is refused
before anything is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from domain.access import PERMISSIONS, Permission, Role, Rows
from tests import attack_scene
from tests import service_samples as samples
from tests.access_scene import HOME, PHYSICIAN, SAME_SITE
from tests.attack_scene import ELSEWHERE, Person, World, parameters

NOT_ASKED = {("POST", "/sign-out")}
"""What would end the sessions that the others are asked with."""
REMOVING = {("POST", "/webhooks/{webhook_id}/remove"), ("POST", "/views/{view_id}/drop")}
"""What the next one would miss: only those who may not are asked."""
ENDLESS = {"/v1/events"}
"""Routes whose answers do not end (server-sent events): only those who may not are asked."""
REVIEW = {"outcome": "confirmed", "reason": "violation"}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/alerts/{alert_id}": {"due_at": "2026-03-31T18:00:00+08:00"},
    "/v1/alerts/{alert_id}/reviews": REVIEW,
    "/v1/alerts/{alert_id}:assign": {"assignee": "me"},
    "/alerts/{alert_id}/due": {"due": "2099-01-01"},
    "/alerts/{alert_id}/reviews": {"conclusion": "confirmed:violation"},
    "/v1/cards/{card_id}/feedback": {"outcome": "accepted"},
    "/v1/advice/quiet-checks/{quiet_id}/confirm": {"reason": "no"},
    "/v1/advice/quiet-checks/{quiet_id}/refuse": {"reason": "no"},
    "/v1/advice/quiet-checks/{quiet_id}/withdraw": {"reason": "no"},
    "/v1/advice/quiet-checks/{quiet_id}/end": {"reason": "no"},
    "/v1/findings/{finding_id}/reviews": REVIEW,
    "/findings/{finding_id}/reviews": {"conclusion": "confirmed:violation"},
    "/v1/cases/{case_id}": {"title": "another"},
    "/v1/cases/{case_id}/alerts": {"remove": "0" * 32},
    "/v1/cases/{case_id}/comments": {"text": "said"},
    "/v1/cases/{case_id}/dispositions": {"items": [REVIEW]},
    "/v1/cases/{case_id}/approvals": {"approved": True},
    "/v1/cases/{case_id}/appeals": {"statement": "no"},
    "/v1/cases/{case_id}/appeals/decision": {"outcome": "upheld", "note": "no"},
    "/v1/open-stays/{stay_id}/plan:what-if": {
        "changes": [{"kind": "stop_order", "order_id": "O1"}]
    },
}
"""What a route takes, where an empty body is refused before the id is looked for."""
FILES = {"file": ("x.txt", b"words", "text/plain")}


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("matrix")
    with attack_scene.world(f"sqlite:///{folder / 'a.db'}", folder / "checks") as made:
        yield made


def forbidden(answer: Any) -> bool:
    return answer.status_code == 403 and answer.json()["type"].endswith(":forbidden")


def test_every_part_of_the_service_is_there(matrix: World) -> None:
    """A route that is built only with some part is tried too: the whole service is what runs."""
    routes = {path for _, path in matrix.scene.app.state.routes}
    for path in (
        "/v1/graph/stats", "/v1/rings", "/v1/orders:check", "/cds-services/{service_id}", "/v1/webhooks", "/v1/proposals",
        "/v1/rules/{rule_id}/backtests", "/v1/identifiers:unmask", "/v1/audit-events", "/v1/events",
        "/v1/cases/{case_id}/export", "/v1/alerts.xlsx", "/v1/stays/{stay_id}", "/v1/users",
        "/v1/open-stays/{stay_id}/plan", "/ward/{stay_id}/try",
    ):  # fmt: skip
        assert path in routes


def test_every_parameter_of_a_path_has_sample_ids(matrix: World) -> None:
    known = set(matrix.values())
    for _, path in matrix.scene.app.state.routes:
        assert parameters(path) <= known, f"{path}: give its parameters sample ids"


def test_nobody_gets_in_without_signing_in(matrix: World) -> None:
    app = matrix.scene.app
    client = matrix.scene.client()
    for (method, path), needed in app.state.routes.items():
        more: dict[str, Any] = {}
        if method not in ("GET", "HEAD", "DELETE"):
            more = {"json": {}} if path.startswith("/v1/") else {"data": {"csrf": ""}}
        answer = client.request(method, matrix.fill(path), headers=SAME_SITE, **more)
        if needed is None and (method, path) not in app.state.own:
            assert answer.status_code < 500, (method, path)
            assert answer.status_code != 403, (method, path)
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)


LIMITS = {
    "whole": Rows(),
    "hospital": Rows(frozenset({HOME})),
    "department": Rows(None, frozenset({samples.DEPARTMENTS[0]})),
}


CALLERS = [
    *((role, limit) for role in Role for limit in ("whole", "hospital")),
    (Role.OFFICER, "department"),
    (Role.PHYSICIAN, "department"),
]


@pytest.mark.parametrize(("role", "limit"), CALLERS)
def test_a_role_may_what_it_may_and_nothing_else(matrix: World, role: Role, limit: str) -> None:
    app = matrix.scene.app
    given = LIMITS[limit]
    rows = Rows(given.providers, given.departments, PHYSICIAN if role is Role.PHYSICIAN else None)
    caller = Person(matrix.scene, f"{role}-{limit}", role, rows)
    for (method, path), needed in sorted(app.state.routes.items(), key=str):
        may = needed is None or needed in PERMISSIONS[role]
        if (method, path) in NOT_ASKED or (may and (path in ENDLESS or (method, path) in REMOVING)):
            continue
        answer = caller.ask(method, matrix.fill(path))
        where = (str(role), limit, method, path, answer.status_code)
        assert answer.status_code < 500 or answer.status_code == 503, where
        assert forbidden(answer) != may or _not_theirs(answer, path), where
        assert answer.status_code != 401 or path.startswith("/sign-in"), where
        if not may or method != "GET":
            continue
        if rows.limited:
            shown = answer.text
            # Only a limit to hospitals hides the others: a department is one of several of them.
            foreign = {ELSEWHERE} if limit == "hospital" else set()
            if limit == "hospital" or role is Role.PHYSICIAN:
                foreign |= {v for k, v in matrix.theirs.items() if k != "provider_id"}
            for one in foreign:
                assert one not in shown, (*where, one)
        about = parameters(path) & set(matrix.theirs)
        if not about:
            continue
        if answer.status_code == 200 and rows.limited and limit != "department":
            foreign_answer = caller.ask(method, matrix.fill(path, mine=False))
            assert foreign_answer.status_code == 404, (*where, foreign_answer.status_code)
        if answer.status_code not in (200, 503) and limit != "department":
            # Only what crosses hospitals is closed to a limited account as a whole.
            assert rows.limited, where
            assert answer.json()["type"].endswith(":limited-view"), where


def _not_theirs(answer: Any, path: str) -> bool:
    """A view that is shared, or a comment: open to the role, and the thing is another one's."""
    return answer.status_code == 403 and path.startswith(("/v1/views/", "/v1/cases/", "/views/"))


@pytest.mark.parametrize("kind", ["hospital", "physician"])
def test_what_is_written_of_another_hospital_is_refused_as_if_it_were_not_there(
    matrix: World, kind: str
) -> None:
    """Every writing route that takes an id, with the ids of the own and of the other hospital."""
    if kind == "hospital":
        people = [
            Person(matrix.scene, "writer", Role.SENIOR, Rows(frozenset({HOME}))),
            Person(matrix.scene, "hooker", Role.ADMINISTRATOR, Rows(frozenset({HOME}))),
        ]
    else:
        people = [Person(matrix.scene, "doctor", Role.PHYSICIAN, Rows(None, None, PHYSICIAN))]
    tried = set()
    for (method, path), needed in sorted(matrix.scene.app.state.routes.items(), key=str):
        if method == "GET" or not parameters(path) & set(matrix.theirs):
            continue
        for person in people:
            if needed is None or needed not in PERMISSIONS[person.role]:
                continue
            more: dict[str, Any] = {"headers": {"if-match": "*"}}
            if path.endswith("/attachments"):
                more |= {"files": FILES, "data": {}}
            elif method != "DELETE":
                more["json" if path.startswith("/v1/") else "data"] = BODIES.get(path, {})
            if "data" in more:
                more["data"] = {**more["data"], "version": "1"}
            theirs = person.ask(method, matrix.fill(path, mine=False), **more)
            assert theirs.status_code == 404, (method, path, theirs.status_code, theirs.text[:300])
            # The pieces of two hospitals do not fit together either.
            mixed = {**matrix.values(path), **{k: matrix.theirs[k] for k in ("attachment_id", "message_id")}}  # fmt: skip
            if parameters(path) & {"attachment_id", "message_id"}:
                answer = person.ask(method, attack_scene.filled(path, mixed), **more)
                assert answer.status_code == 404, (method, path)
            tried.add((method, path))
    assert len(tried) > (40 if kind == "hospital" else 3)


def test_a_file_is_only_told_by_its_own_case(matrix: World) -> None:
    reader = Person(matrix.scene, "reader", Role.AUDITOR)
    mine, theirs = matrix.mine, matrix.theirs
    for start in ("/v1/cases", "/cases"):
        address = f"{start}/{mine['case_id']}/attachments"
        assert reader.get(f"{address}/{mine['attachment_id']}").status_code == 200
        assert reader.get(f"{address}/{theirs['attachment_id']}").status_code == 404


def test_what_is_one_persons_is_nobody_elses(matrix: World) -> None:
    """Views, sessions and tokens: the ids of another person, for a colleague of the same role."""
    other = Person(matrix.scene, "colleague", Role.SENIOR)
    for method, path, body in (
        ("GET", "/v1/views/{view_id}", None),
        ("PUT", "/v1/views/{view_id}", {"name": "mine", "query": "", "shared": True}),
        ("DELETE", "/v1/views/{view_id}", None),
        ("POST", "/views/{view_id}/drop", None),
        ("DELETE", "/v1/sessions/{session_id}", None),
        ("DELETE", "/v1/tokens/{token_id}", None),
        ("POST", "/account/sessions/{session_id}/end", None),
        ("POST", "/account/tokens/{token_id}/revoke", None),
    ):
        assert (method, path) in matrix.scene.app.state.routes, path
        more = {"json": body} if body else {}
        answer = other.ask(method, matrix.fill(path), headers={"if-match": "*"}, **more)
        assert answer.status_code == 404, (path, answer.status_code)
    tokens = other.get("/v1/tokens", params={"user_id": matrix.shared["user_id"]})
    assert tokens.status_code == 404


def test_every_permission_is_somebodys_and_every_route_asks_for_a_known_one(matrix: World) -> None:
    assert set().union(*PERMISSIONS.values()) == set(Permission)
    for needed in matrix.scene.app.state.routes.values():
        assert needed is None or isinstance(needed, Permission)


def test_each_guarded_request_left_one_row(matrix: World) -> None:
    scene = matrix.scene
    scene.account("watched", Role.ANALYST)
    client = scene.signed_in("watched")
    user_id = client.get("/v1/me").json()["user_id"]
    from store.access import AuditFilter

    audit = scene.store.access.audit
    before = len(list(audit.all(AuditFilter(user=user_id))))
    client.get("/v1/alerts", params={"text": "张三", "sort": "score"})
    client.get("/v1/alerts/none-such")
    client.get("/v1/users")
    client.get("/healthz")
    rows = audit.page(AuditFilter(user=user_id), limit=10)
    assert len(list(audit.all(AuditFilter(user=user_id)))) == before + 3
    users, absent, listed = rows[:3]
    assert (users.allowed, users.outcome, users.permission) == (False, "403", "users.manage")
    assert (absent.allowed, absent.outcome, absent.subject) == (
        True,
        "404",
        {"alert_id": "none-such"},
    )
    assert (listed.route, listed.query) == ("/v1/alerts", {"text": "…", "sort": "score"})
    assert listed.address == "testclient"
    assert listed.request_id
