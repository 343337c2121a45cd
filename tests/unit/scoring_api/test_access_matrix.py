"""Every role on every route, of their own hospital and of another one.

New routes are tried by themselves. A new parameter of a path needs sample ids in ``IDS``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

import store
from domain.access import PERMISSIONS, Permission, Role, Rows
from domain.service import NotReadyError
from store.open_stays import StayChange, save
from tests import access_scene
from tests import service_samples as samples
from tests.access_scene import HOME, PHYSICIAN, SAME_SITE, Scene

ELSEWHERE = samples.PROVIDERS[1]
STRANGER = "D33010001"

NOT_ASKED = {("POST", "/sign-out")}
"""What would end the sessions that the others are asked with."""
ENDLESS: frozenset[str] = frozenset()
"""Routes whose answers do not end (server-sent events): only those who may not are asked."""


class NotRead:
    """Scores of claims before the stored ones were read, which is how a service begins."""

    def __getattr__(self, name: str) -> Any:
        def wait(*_: Any) -> Any:
            raise NotReadyError("the claims are being read", where="service", cure="Wait.")

        return wait


@dataclass
class Matrix:
    scene: Scene
    mine: dict[str, str]
    theirs: dict[str, str]
    spare: str


def open_stay(stay_id: str, provider: str, physician: str) -> StayChange:
    now = datetime.now(UTC)
    return StayChange(
        {
            "stay_id": stay_id, "provider_id": provider, "patient_id": f"p_{stay_id}",
            "physician_id": physician, "department": samples.DEPARTMENTS[0], "phase": "open",
            "currency": "CNY", "running_cost_fen": 0, "costs": {}, "active_orders": 0,
            "last_event_time": now, "last_event_id": "E1", "body": b"{}",
        },
        0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    path = tmp_path_factory.mktemp("matrix") / "a.db"
    with store.open(f"sqlite:///{path}") as opened:
        samples.write(opened, 60)
        opened.open_stays.commit(
            save(
                [open_stay("O-MINE", HOME, PHYSICIAN), open_stay("O-THEIRS", ELSEWHERE, STRANGER)]
            ),
            datetime.now(UTC),
        )
        found = {"mine": ("a" * 32, HOME, PHYSICIAN), "theirs": ("b" * 32, ELSEWHERE, STRANGER)}
        keep_findings(opened, found)
        alerts = opened.alerts(store.AlertFilter(), store.AlertSort.OLDEST, None, 200).rows

        def alert(provider: str, physician: str) -> str:
            return next(
                str(row["alert_id"])
                for row in alerts
                if (row["provider_id"], row["attending_physician_id"]) == (provider, physician)
            )

        scene = access_scene.make(opened, score_claims=NotRead())
        spare = scene.account("spare", Role.OFFICER)
        yield Matrix(
            scene,
            {"alert_id": alert(HOME, PHYSICIAN), "finding_id": "a" * 32, "stay_id": "O-MINE"},
            {"alert_id": alert(ELSEWHERE, STRANGER), "finding_id": "b" * 32, "stay_id": "O-THEIRS"},
            spare,
        )


def keep_findings(opened: store.Store, found: dict[str, tuple[str, str, str]]) -> None:
    import pyarrow as pa

    from domain.results import FINDINGS
    from domain.tables import conform

    rows = [
        samples.finding(
            finding_id=finding_id, provider_id=provider, physician_id=physician, unit="physician_day",
            subject_id=f"{physician}|2025-01-01",
        )
        for finding_id, provider, physician in found.values()
    ]  # fmt: skip
    table = conform(pa.Table.from_pylist(rows, schema=FINDINGS.arrow), FINDINGS)
    scope = store.Scope(("GRP-023",), date(2025, 1, 1), date(2025, 1, 1), date(2025, 6, 1))
    opened.keep_findings(
        table, table.slice(0, 0), ruleset=samples.RULESET, scope=scope, shadow_scope=scope
    )


def ids(matrix: Matrix, *, mine: bool) -> dict[str, str]:
    """Sample values of the parameters of paths, by name."""
    return {
        "rule_id": "ADM-003",
        "name": "console.css",
        "user_id": matrix.spare,
        "session_id": "0" * 32,
        "token_id": "0" * 32,
        **(matrix.mine if mine else matrix.theirs),
    }


def filled(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: values[found[1]], path)


def parameters(path: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", path))


class Caller:
    """One account of a role with its browser, or for programs its token."""

    def __init__(self, scene: Scene, role: Role, rows: Rows) -> None:
        login = f"{role}-{'limited' if rows.providers else 'whole'}"
        user_id = scene.account(login, role, rows)
        self.role, self.secret = role, ""
        self.headers = dict(SAME_SITE)
        if role is Role.SERVICE:
            self.client = scene.client()
            self.headers["authorization"] = f"Bearer {scene.token(user_id)}"
        else:
            self.client = scene.signed_in(login)
            self.secret = access_scene.csrf(self.client)
            self.headers["x-csrf-token"] = self.secret

    def ask(self, method: str, path: str) -> Any:
        return ask(self.client, method, path, self.headers, self.secret)


def ask(client: Any, method: str, path: str, headers: dict[str, str], secret: str = "") -> Any:
    if method in ("GET", "HEAD", "DELETE"):
        return client.request(method, path, headers=headers)
    if path.startswith("/v1/"):
        return client.request(method, path, headers=headers, json={})
    return client.request(method, path, headers=headers, data={"csrf": secret})


def forbidden(answer: Any) -> bool:
    return answer.status_code == 403 and answer.json()["type"].endswith(":forbidden")


def test_every_parameter_of_a_path_has_sample_ids(matrix: Matrix) -> None:
    known = set(ids(matrix, mine=True))
    for _, path in matrix.scene.app.state.routes:
        assert parameters(path) <= known, f"{path}: give its parameters sample ids in this file"


def test_nobody_gets_in_without_signing_in(matrix: Matrix) -> None:
    app, values = matrix.scene.app, ids(matrix, mine=True)
    client = matrix.scene.client()
    for (method, path), needed in app.state.routes.items():
        answer = ask(client, method, filled(path, values), SAME_SITE)
        if needed is None and (method, path) not in app.state.own:
            assert answer.status_code < 500, (method, path)
            assert answer.status_code != 403, (method, path)
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)


@pytest.mark.parametrize("limited", [False, True], ids=["whole", "limited"])
@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_what_it_may_and_nothing_else(matrix: Matrix, role: Role, limited: bool) -> None:
    app = matrix.scene.app
    physician = PHYSICIAN if role is Role.PHYSICIAN else None
    rows = Rows(frozenset({HOME}) if limited else None, None, physician)
    caller = Caller(matrix.scene, role, rows)
    mine, theirs = ids(matrix, mine=True), ids(matrix, mine=False)
    for (method, path), needed in sorted(app.state.routes.items(), key=str):
        if (method, path) in NOT_ASKED:
            continue
        may = needed is None or needed in PERMISSIONS[role]
        if may and path in ENDLESS:
            continue
        answer = caller.ask(method, filled(path, mine))
        where = (str(role), method, path, answer.status_code)
        assert answer.status_code < 500 or answer.status_code == 503, where
        assert forbidden(answer) != may, where
        assert answer.status_code != 401 or path.startswith("/sign-in"), where
        if not may or method != "GET":
            continue
        if rows.limited:
            shown = answer.text
            # A physician without a limit to hospitals sees their own stays wherever they are.
            for foreign in (*([ELSEWHERE] if limited else []), *matrix.theirs.values()):
                assert foreign not in shown, (*where, foreign)
        about = parameters(path) & set(matrix.theirs)
        if about and answer.status_code == 200:
            foreign_answer = caller.ask(method, filled(path, theirs))
            wanted = 404 if rows.limited else 200
            assert foreign_answer.status_code == wanted, (*where, foreign_answer.status_code)
        if about and answer.status_code not in (200, 503):
            # Only what crosses hospitals is closed to a limited account as a whole.
            assert rows.limited, where
            assert answer.json()["type"].endswith(":limited-view"), where


def test_what_is_written_of_another_hospital_is_refused_as_if_it_were_not_there(
    matrix: Matrix,
) -> None:
    scene = matrix.scene
    scene.account("writer", Role.SENIOR, Rows(frozenset({HOME})))
    client = scene.signed_in("writer")
    header = {"x-csrf-token": access_scene.csrf(client)}
    review = {"outcome": "confirmed", "reason": "violation"}
    for kind, name in (("alerts", "alert_id"), ("findings", "finding_id")):
        for values, wanted in ((matrix.mine, 201), (matrix.theirs, 404)):
            answer = client.post(f"/v1/{kind}/{values[name]}/reviews", json=review, headers=header)
            assert answer.status_code == wanted, answer.text


def test_every_permission_is_somebodys_and_every_route_asks_for_a_known_one(matrix: Matrix) -> None:
    assert set().union(*PERMISSIONS.values()) == set(Permission)
    for needed in matrix.scene.app.state.routes.values():
        assert needed is None or isinstance(needed, Permission)


def test_each_guarded_request_left_one_row(matrix: Matrix) -> None:
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
