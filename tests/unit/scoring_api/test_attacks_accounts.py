"""Attacks on accounts: sessions, tokens, rights, lock-outs, secrets. docs/security.md lists them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
import sqlalchemy as sa

from domain.access import PERMISSIONS, Role, Rows
from scoring_api.destinations import Destinations
from scoring_api.problems import ProblemError
from tests import access_scene, attack_scene
from tests.access_scene import HOME, PASSWORD, SAME_SITE, send, sign_in
from tests.attack_scene import Person, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("accounts")
    with attack_scene.world(f"sqlite:///{folder / 'a.db'}", folder / "checks") as made:
        yield made


def person(world: World, role: Role, rows: Rows = Rows()) -> Person:  # noqa: B008
    return Person(world.scene, f"{role}-{attack_scene.numbered()}", role, rows)


def test_a_planted_cookie_never_becomes_a_session(world: World) -> None:
    """Session fixation: of a cookie that was planted, known or not, nothing stays after signing in."""
    login = person(world, Role.OFFICER).login
    attacker = person(world, Role.OFFICER)
    theirs = attacker.client.cookies["sentinel"]
    for planted in ("planted-by-somebody", theirs):
        # The page that signs in carries the secret of whatever session the browser came with.
        secret = attacker.secret if planted == theirs else ""
        answer = world.scene.client().post(
            "/sign-in", data={"login": login, "password": PASSWORD, "csrf": secret},
            headers={**SAME_SITE, "cookie": f"sentinel={planted}"},
        )  # fmt: skip
        assert answer.status_code == 303
        assert planted not in answer.headers["set-cookie"]
        after = world.scene.client().get("/v1/me", headers={"cookie": f"sentinel={planted}"})
        assert after.status_code == 401


def test_what_ended_is_worth_nothing_again(world: World) -> None:
    """Replay of a cookie after sign-out, of a token after it was revoked and after its owner left."""
    one = person(world, Role.OFFICER)
    cookie = {"cookie": f"sentinel={one.client.cookies['sentinel']}"}
    token = one.made("/v1/tokens", {"name": "t"})
    bearer = {"authorization": f"Bearer {token['token']}"}
    program = world.scene.client()
    assert program.get("/v1/me", headers=bearer).status_code == 200
    assert one.ask("DELETE", f"/v1/tokens/{token['token_id']}").status_code == 204
    assert program.get("/v1/me", headers=bearer).status_code == 401
    assert send(one.client, "/sign-out").status_code == 303
    assert program.get("/v1/me", headers=cookie).status_code == 401
    # In the cookie's place a token is worth nothing, and the other way round.
    two = person(world, Role.OFFICER)
    crossed = {"authorization": f"Bearer {two.client.cookies['sentinel']}"}
    assert program.get("/v1/me", headers=crossed).status_code == 401


def test_a_wrong_token_is_not_made_good_by_a_cookie(world: World) -> None:
    """A page cannot ride on the cookie by sending any Authorization header in order to skip the check."""
    one = person(world, Role.SENIOR)
    answer = one.client.post("/v1/alerts:next", json={}, headers={"authorization": "Bearer x"})
    assert answer.status_code == 401


def test_one_code_lets_one_in_however_many_send_it_at_once(world: World) -> None:
    """Replay of a code of the second step, side by side."""
    one = person(world, Role.OFFICER)
    scene = world.scene
    secret = pyotp.random_base32()
    accounts = scene.store.access.accounts
    accounts.set_totp(one.user_id, access_scene.KEYRING.encrypt(secret), now=scene.clock())
    accounts.confirm_totp(one.user_id, 1, [], now=scene.clock())
    code = pyotp.TOTP(secret).at(scene.clock())
    browsers = [scene.client() for _ in range(4)]
    for browser in browsers:
        assert "/sign-in/code" in sign_in(browser, one.login).headers["location"]
    barrier, given = threading.Barrier(4), []

    def try_it(browser: Any) -> None:
        barrier.wait()
        given.append(browser.post("/sign-in/code", data={"code": code}, headers=SAME_SITE))

    threads = [threading.Thread(target=try_it, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.get("/v1/me").status_code == 200 for one in browsers) == 1
    assert sorted(answer.status_code for answer in given)[0] == 303


def test_a_lock_out_shuts_nobody_out_for_ever(world: World) -> None:
    """Whoever guesses at an administrator's password neither ends the session nor locks beyond an hour."""
    scene, boss, other = world.scene, person(world, Role.ADMINISTRATOR), person(world, Role.ADMINISTRATOR)  # fmt: skip
    token = boss.made("/v1/tokens", {"name": "t"})["token"]
    attacker = scene.client()
    start = scene.clock.now
    for _ in range(40):
        sign_in(attacker, boss.login, "guess")
        account = scene.store.access.accounts.find(boss.user_id)
        assert account is not None
        if account.locked_until is not None:
            assert (account.locked_until - scene.clock()).total_seconds() <= 3_600
    assert sign_in(scene.client(), boss.login).status_code == 401, "locked"
    assert boss.get("/v1/users").status_code == 200, "who is signed in stays so"
    bearer = {"authorization": f"Bearer {token}"}
    assert scene.client().get("/v1/me", headers=bearer).status_code == 200
    assert other.post(f"/v1/users/{boss.user_id}:unlock", {}).status_code in (200, 204)
    assert sign_in(scene.client(), boss.login).status_code == 303
    scene.clock.now = start


def test_who_sees_a_part_keeps_no_accounts(world: World) -> None:
    """An administrator of one hospital could have given themselves all of them."""
    limited = person(world, Role.ADMINISTRATOR, Rows(frozenset({HOME})))
    address = f"/v1/users/{limited.user_id}"
    for method, path, body in (
        ("PATCH", address, {"providers": None}),
        ("POST", "/v1/users", {"login": "friend", "name": "friend", "role": "senior"}),
        ("POST", f"/v1/users/{world.shared['user_id']}:reset-password", {}),
        ("POST", "/v1/tokens", {"name": "t", "user_id": world.shared["user_id"]}),
    ):
        answer = limited.ask(method, path, json=body, headers={"if-match": '"1"'})
        assert answer.status_code in (403, 404), (path, answer.status_code)
    for path in ("/v1/users", address, "/admin", f"/admin/{limited.user_id}"):
        assert limited.get(path).status_code == 403
    account = world.scene.store.access.accounts.find(limited.user_id)
    assert account is not None
    assert account.providers == (HOME,)


def test_no_role_gives_itself_more(world: World) -> None:
    """Privilege escalation: on one's own account, by token, by form, by another's name."""
    for role in (Role.ANALYST, Role.PHYSICIAN, Role.OFFICER, Role.AUDITOR):
        one = person(world, role)
        more = {"role": "administrator", "providers": None, "permissions": ["users.manage"]}
        assert one.ask("PATCH", f"/v1/users/{one.user_id}", json=more).status_code == 403
        assert one.form(f"/admin/{one.user_id}", role="administrator").status_code == 403
        asked = {"name": "t", "permissions": ["users.manage"]}
        assert one.post("/v1/tokens", asked).status_code == 403
        for path in ("/account/language", "/account/tokens"):
            one.form(
                path, role="administrator", permissions="users.manage", name="t", language="en"
            )
        told = one.get("/v1/me").json()
        assert told["role"] == str(role)
        assert set(told["permissions"]) <= {str(p) for p in PERMISSIONS[role]}
        for token in one.get("/v1/tokens").json()["tokens"]:
            assert set(token["permissions"]) <= {str(p) for p in PERMISSIONS[role]}
    # Reviews and cases bear the name of who is signed in.
    officer = person(world, Role.OFFICER)
    review = {"outcome": "confirmed", "reason": "violation", "reviewer": "Somebody Else"}
    answer = officer.post(f"/v1/alerts/{world.mine['alert_id']}/reviews", review)
    assert answer.status_code == 422


def test_a_token_makes_no_tokens_and_ends_no_sessions(world: World) -> None:
    one = person(world, Role.SENIOR)
    token = one.made("/v1/tokens", {"name": "t"})
    bearer = {"authorization": f"Bearer {token['token']}"}
    session = one.get("/v1/sessions").json()["sessions"][0]["session_id"]
    program = world.scene.client()
    for method, path in (("POST", "/v1/tokens"), ("DELETE", f"/v1/sessions/{session}"),
                         ("DELETE", f"/v1/tokens/{token['token_id']}")):  # fmt: skip
        more = {"json": {"name": "more"}} if method == "POST" else {}
        assert program.request(method, path, headers=bearer, **more).status_code == 403, path


def test_rows_of_the_log_are_neither_changed_nor_removed(world: World) -> None:
    for statement in ("UPDATE audit_events SET allowed = true", "DELETE FROM audit_events"):
        with pytest.raises(sa.exc.DatabaseError), world.scene.store.engine.begin() as connection:
            connection.execute(sa.text(statement))


def test_no_secret_comes_into_logs_or_answers(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Passwords, cookies, tokens, CSRF and webhook secrets: in no log, and in no answer but the one that tells."""
    capsys.readouterr()
    one, boss = person(world, Role.SENIOR), person(world, Role.ADMINISTRATOR)
    token = one.made("/v1/tokens", {"name": "t"})["token"]
    hook = boss.made("/v1/webhooks", {"url": "https://hooks.example.org/s"})
    user = boss.made("/v1/users", {"login": "fresh", "name": "Fresh", "role": "officer"})
    wrong = "wrong-password-of-somebody"
    sign_in(world.scene.client(), one.login, wrong)
    world.scene.client().get("/v1/me", headers={"authorization": f"Bearer {token}x"})
    secrets = [
        PASSWORD, wrong, token, hook["secret"], one.client.cookies["sentinel"], user["one_time_password"],
        *world.secrets,
    ]  # fmt: skip
    written = capsys.readouterr()
    for secret in (*secrets, one.secret):
        assert secret not in written.out + written.err
    auditor = person(world, Role.AUDITOR)
    for method, path in sorted(world.scene.app.state.routes):
        needed = world.scene.app.state.routes[method, path]
        if method != "GET" or path in ("/v1/events", "/account/totp.svg"):
            continue
        for caller in (one, boss, auditor):
            if needed is not None and needed not in PERMISSIONS[caller.role]:
                continue
            text = caller.get(world.fill(path)).text
            for secret in secrets:
                assert secret not in text, (path, secret[:6])
            break
    with world.scene.store.engine.connect() as connection:
        for name in ("audit_events", "sessions", "api_tokens", "accounts", "webhooks"):
            rows = str(connection.execute(sa.text(f"SELECT * FROM {name}")).all())  # noqa: S608
            for secret in (*secrets, one.secret):
                assert secret not in rows, (name, secret[:6])


INSIDE = (
    "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/",
    "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://0/",
    "https://169.254.169.254/latest", "https://[fe80::1]/", "https://[fd00::1]/", "https://[::]/",
    "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[64:ff9b:1::a00:1]/",
    "https://[::127.0.0.1]/", "https://localhost/", "https://100.64.0.1/",
    "https://0.0.0.0/", "https://255.255.255.255/", "https://224.0.0.1/", "https://198.18.0.1/",
    "http://hooks.example.org/", "ftp://hooks.example.org/", "file:///etc/passwd", "gopher://x/",
    "https://user:pass@hooks.example.org/", "https://hooks.example.org#@127.0.0.1/", "//127.0.0.1/",
    "https://hooks.example.org\r\nX: 1/", "https:// 127.0.0.1/", "https://①②⑦.⓪.⓪.①/",
)  # fmt: skip


@pytest.mark.parametrize("url", INSIDE)
def test_no_spelling_of_an_inner_address_is_a_webhook(url: str) -> None:
    """SSRF: with the resolver of this machine, which understands decimal, octal and short forms."""
    with pytest.raises(ProblemError):
        Destinations().check(url)
    answer = Destinations().send(url, {}, b"{}")
    assert answer.refused, url
