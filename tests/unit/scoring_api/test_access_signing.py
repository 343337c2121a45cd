"""Signing in and out: what lets in, what does not, and what a stolen thing is worth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import Request

import store
from domain.access import Permission, Role
from scoring_api import events
from scoring_api.access import codes
from tests import access_scene, coroutines
from tests.access_scene import PASSWORD, SAME_SITE, Scene, csrf, send, sign_in


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    path = tmp_path_factory.mktemp("signing") / "a.db"
    with store.open(f"sqlite:///{path}") as opened:
        yield access_scene.make(opened)


@pytest.fixture
def login(scene: Scene, request: pytest.FixtureRequest) -> str:
    """An officer's account of this test alone."""
    name = re.sub(r"\W", "-", request.node.name.removeprefix("test_"))[:60]
    scene.account(name, Role.OFFICER)
    return name


def test_the_right_password_lets_in_and_the_cookie_is_kept_from_scripts(
    scene: Scene, login: str
) -> None:
    client = scene.client()
    answer = sign_in(client, f" {login.upper()} ", next="/alerts/x?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts/x?lang=en")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("sentinel=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert client.get("/v1/me").json()["role"] == "officer"
    assert client.get("/").status_code == 200


def test_on_https_the_cookie_is_held_to_the_host(scene: Scene, login: str) -> None:
    client = scene.client("https://testserver")
    cookie = sign_in(client, login).headers["set-cookie"]
    assert cookie.startswith("__Host-sentinel=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert client.get("/v1/me").status_code == 200


def test_unknown_wrong_and_locked_look_alike(scene: Scene, login: str) -> None:
    client = scene.client()
    unknown = sign_in(client, "nobody-of-that-name")
    wrong = sign_in(client, login, "not the password")
    assert unknown.status_code == wrong.status_code == 401

    def without_login(text: str) -> str:
        return re.sub(r'value="[^"]*"', "", text)

    assert without_login(unknown.text) == without_login(wrong.text)
    for _ in range(5):
        sign_in(client, login, "not the password")
    locked = sign_in(client, login)
    assert locked.status_code == 401
    assert without_login(locked.text) == without_login(unknown.text)


def test_an_unknown_login_costs_a_hash_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    real = type(scene.accounts.passwords).fit

    def fit(self: object, kept: str | None, password: str) -> bool:
        asked.append(kept)
        return real(scene.accounts.passwords, kept, password)

    monkeypatch.setattr(type(scene.accounts.passwords), "fit", fit)
    sign_in(scene.client(), "nobody-at-all")
    assert asked == [None]


def test_five_failures_lock_a_minute_and_more_lock_longer(scene: Scene, login: str) -> None:
    client = scene.client()
    for _ in range(5):
        sign_in(client, login, "not the password")
    scene.clock.turn(seconds=59)
    assert sign_in(client, login).status_code == 401
    scene.clock.turn(seconds=2)
    assert sign_in(client, login, "wrong again").status_code == 401
    scene.clock.turn(seconds=61)
    assert sign_in(client, login).status_code == 401, "the sixth failure locks for two minutes"
    scene.clock.turn(seconds=61)
    assert sign_in(client, login).status_code == 303
    kinds = [e.kind for e in scene.store.access.audit.page(store_filter(scene, login), limit=50)]
    assert kinds.count("locked") == 2


def store_filter(scene: Scene, login: str):
    from store.access import AuditFilter

    account = scene.store.access.accounts.named(login)
    assert account is not None
    return AuditFilter(user=account.user_id)


def test_the_session_before_signing_in_is_worth_nothing_after(scene: Scene, login: str) -> None:
    client = scene.client()
    client.cookies.set("sentinel", "planted-by-somebody-else", domain="testserver.local")
    sign_in(client, login)
    planted = scene.client()
    planted.cookies.set("sentinel", "planted-by-somebody-else")
    assert planted.get("/v1/me").status_code == 401
    first = client.cookies["sentinel"]
    send(
        client, "/sign-in", login=login, password=PASSWORD
    )  # signed in already: a new id all the same, and the old one ends
    del client
    old = scene.client()
    old.cookies.set("sentinel", first)
    assert old.get("/v1/me").status_code == 401


def test_the_database_holds_nothing_to_sign_in_with(scene: Scene, login: str) -> None:
    client = scene.signed_in(login)
    token = scene.token(scene.account(f"{login}-2", Role.OFFICER))
    found = Path(scene.store.engine.url.database or "").read_bytes()
    found += Path(f"{scene.store.engine.url.database}-wal").read_bytes()
    for secret in (client.cookies["sentinel"], token, PASSWORD):
        assert secret.encode() not in found
    assert b"$argon2id$" in found


def test_a_session_ends_when_it_is_idle_and_at_the_end_of_the_day(scene: Scene, login: str) -> None:
    client = scene.signed_in(login)
    for _ in range(3):
        scene.clock.turn(minutes=25)
        assert client.get("/v1/me").status_code == 200
    scene.clock.turn(minutes=31)
    assert client.get("/v1/me").status_code == 401
    client = scene.signed_in(login)
    for _ in range(23):
        scene.clock.turn(minutes=26)
        client.get("/v1/me")
    assert client.get("/v1/me").status_code == 200
    scene.clock.turn(minutes=10)
    assert client.get("/v1/me").status_code == 401, "ten hours are the most"


def test_listening_alone_keeps_no_session_from_ending(scene: Scene, login: str) -> None:
    client = scene.signed_in(login)
    cookie = f"sentinel={client.cookies['sentinel']}".encode()
    request = Request(
        {
            "type": "http", "method": "GET", "path": "/v1/events", "query_string": b"",
            "headers": [(b"host", b"testserver"), (b"cookie", cookie)], "app": scene.app,
        }
    )  # fmt: skip
    listener = scene.accounts.identify(request)
    assert listener is not None

    def listen(minutes: int) -> bool:
        scene.clock.turn(minutes=minutes)
        return coroutines.run(events._still(request, listener))

    assert listen(25)
    assert client.get("/v1/me").status_code == 200, "a use, though it was just looked up"
    assert [listen(10) for _ in range(3)] == [True, True, False]
    assert client.get("/v1/me").status_code == 401


def test_signing_out_ends_the_session_and_not_only_the_cookie(scene: Scene, login: str) -> None:
    client = scene.signed_in(login)
    kept = client.cookies["sentinel"]
    assert send(client, "/sign-out").status_code == 303
    thief = scene.client()
    thief.cookies.set("sentinel", kept)
    assert thief.get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
     "/%0d%0aSet-Cookie:x=1\r\nX: y", "http:evil.example", "/\tevil", " //evil.example", "/sign-out"],
)  # fmt: skip
def test_next_leads_to_no_other_site(scene: Scene, address: str) -> None:
    if scene.store.access.accounts.named("traveller") is None:
        scene.account("traveller", Role.OFFICER)
    assert sign_in(scene.client(), "traveller", next=address).headers["location"] == "/"
    assert address not in scene.client().get("/sign-in", params={"next": address}).text


def test_a_page_asks_to_sign_in_and_leads_back(scene: Scene) -> None:
    answer = scene.client().get("/?sort=score", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (
        303, "/sign-in?next=%2F%3Fsort%3Dscore"
    )  # fmt: skip
    page = scene.client().get(answer.headers["location"] + "&lang=en")
    assert 'name="next" value="/?sort=score"' in page.text
    assert "Sign in" in page.text
    api = scene.client().get("/v1/alerts")
    assert api.status_code == 401
    assert "Bearer" in api.headers["www-authenticate"]


def test_a_second_factor_is_enrolled_asked_and_each_code_counts_once(
    scene: Scene, login: str
) -> None:
    client = scene.signed_in(login)
    before = client.cookies["sentinel"]
    assert client.get("/account/totp.svg").status_code == 404
    send(client, "/account/totp")
    picture = client.get("/account/totp.svg")
    assert picture.headers["content-type"] == "image/svg+xml"
    assert b"<svg" in picture.content
    secret = re.search(r'class="once code">([A-Z2-7]{32})<', client.get("/account").text)
    assert secret is not None
    key = secret[1]
    step = int(scene.clock().timestamp()) // 30
    assert send(client, "/account/totp/confirm", code="000000").status_code == 422
    told = send(client, "/account/totp/confirm", code=codes.code_at(key, step))
    recovery = re.findall(r"<li>([A-Z0-9-]{19})</li>", told.text)
    assert len(recovery) == 10
    assert client.cookies["sentinel"] != before, "what lets in changed, so the session is new"
    assert client.get("/account/totp.svg").status_code == 404, "the key is shown once"
    account = scene.store.access.accounts.named(login)
    assert account is not None
    assert account.totp_secret is not None
    assert key.encode() not in account.totp_secret

    browser = scene.client()
    answer = sign_in(browser, login, next="/rules")
    assert answer.headers["location"].startswith("/sign-in/code")
    assert browser.get("/v1/me").status_code == 401, "the password alone is not enough"
    pending = browser.cookies["sentinel"]

    def enter(code: str):
        return browser.post(
            "/sign-in/code", data={"code": code, "next": "/rules"}, headers=SAME_SITE
        )

    assert enter(codes.code_at(key, step)).status_code == 401, "used when it was enrolled"
    assert enter(codes.code_at(key, step + 5)).status_code == 401
    scene.clock.turn(seconds=30)
    good = codes.code_at(key, step + 1)
    assert enter(good).headers["location"] == "/rules"
    assert browser.cookies["sentinel"] != pending
    assert browser.get("/v1/me").status_code == 200

    browser = scene.client()
    sign_in(browser, login)
    assert enter(good).status_code == 401, "replayed"
    assert enter(recovery[3].lower()).status_code == 303
    browser = scene.client()
    sign_in(browser, login)
    assert enter(recovery[3]).status_code == 401, "a recovery code counts once"


def test_codes_are_guessed_no_longer_than_passwords(scene: Scene, login: str) -> None:
    account = scene.store.access.accounts.named(login)
    assert account is not None
    key = codes.make_secret()
    accounts, now = scene.store.access.accounts, scene.clock()
    accounts.set_totp(account.user_id, scene.accounts.keys.encrypt(key), now=now)
    accounts.confirm_totp(account.user_id, 0, [], now=now)
    client = scene.client()
    sign_in(client, login)
    for _ in range(5):
        client.post("/sign-in/code", data={"code": "123456"}, headers=SAME_SITE)
    right = codes.code_at(key, int(scene.clock().timestamp()) // 30)
    assert client.post("/sign-in/code", data={"code": right}, headers=SAME_SITE).status_code == 401
    assert sign_in(scene.client(), login).status_code == 401
    scene.clock.turn(minutes=6)
    answer = client.post("/sign-in/code", data={"code": right}, headers=SAME_SITE)
    assert answer.headers["location"].startswith("/sign-in?"), "the step after the password ended"


def test_a_changed_password_ends_the_other_sessions(scene: Scene, login: str) -> None:
    here, there = scene.signed_in(login), scene.signed_in(login)
    before = here.cookies["sentinel"]

    def change(current: str, new: str, again: str | None = None):
        return send(here, "/account/password", current=current, new=new, again=again or new)

    assert change("wrong", "a longer password 1").status_code == 422
    assert change(PASSWORD, "short").status_code == 422
    assert change(PASSWORD, "aaaaaaaaaaaaaaaa").status_code == 422
    assert change(PASSWORD, f"xx-{login}-xx").status_code == 422
    assert change(PASSWORD, "a longer password 1", "another one").status_code == 422
    assert change(PASSWORD, "a longer password 1").status_code == 303
    assert here.get("/v1/me").status_code == 200
    assert here.cookies["sentinel"] != before
    assert there.get("/v1/me").status_code == 401
    assert sign_in(scene.client(), login).status_code == 401
    assert sign_in(scene.client(), login, "a longer password 1").status_code == 303


def test_a_one_time_password_lets_in_only_to_change_it(scene: Scene) -> None:
    scene.account("newcomer", Role.SENIOR, must_change_password=True)
    client = scene.client()
    assert sign_in(client, "newcomer", next="/rules").headers["location"] == "/account"
    page = client.get("/rules", headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"]) == (303, "/account")
    assert client.get("/v1/alerts").status_code == 403
    secret = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/account").text)
    assert secret is not None
    changed = client.post(
        "/account/password",
        data={"csrf": secret[1], "current": PASSWORD, "new": "a longer password 2", "again": "a longer password 2"},
        headers=SAME_SITE,
    )  # fmt: skip
    assert changed.status_code == 303
    assert client.get("/v1/alerts").status_code == 200


def test_one_sees_and_ends_ones_own_sessions_only(scene: Scene, login: str) -> None:
    other = f"{login}-b"
    scene.account(other, Role.OFFICER)
    mine, mine_too, foreign = (
        scene.signed_in(login), scene.signed_in(login), scene.signed_in(other)
    )  # fmt: skip
    listed = mine.get("/v1/sessions").json()["sessions"]
    assert len(listed) == 2
    assert [s["current"] for s in listed].count(True) == 1
    (theirs,) = foreign.get("/v1/sessions").json()["sessions"]
    header = {"x-csrf-token": csrf(mine)}
    gone = mine.delete(f"/v1/sessions/{theirs['session_id']}", headers=header)
    assert gone.status_code == 404
    assert foreign.get("/v1/me").status_code == 200
    assert send(mine, f"/account/sessions/{theirs['session_id']}/end").status_code == 404
    (other_one,) = [s for s in listed if not s["current"]]
    assert mine.delete(f"/v1/sessions/{other_one['session_id']}", headers=header).status_code == 204
    assert mine_too.get("/v1/me").status_code == 401


def test_a_form_or_a_change_needs_the_sessions_secret(scene: Scene, login: str) -> None:
    client = scene.signed_in(login)
    (session,) = client.get("/v1/sessions").json()["sessions"]
    told = csrf(client)
    assert client.post("/account/totp", data={}, headers=SAME_SITE).status_code == 403
    assert (
        client.post("/account/totp", data={"csrf": "0" * 64}, headers=SAME_SITE).status_code == 403
    )
    foreign = {"sec-fetch-site": "cross-site"}
    assert client.post("/account/totp", data={"csrf": told}, headers=foreign).status_code == 403
    assert client.post("/v1/tokens", json={"name": "x"}).status_code == 403
    assert client.delete(f"/v1/sessions/{session['session_id']}").status_code == 403
    made = client.post("/v1/tokens", json={"name": "x"}, headers={"x-csrf-token": told})
    assert made.status_code == 201
    another = scene.signed_in(login)
    stolen = client.post("/v1/tokens", json={"name": "x"}, headers={"x-csrf-token": csrf(another)})
    assert stolen.status_code == 403, "another session's secret"
    foreign_sign_in = scene.client().post(
        "/sign-in", data={"login": login, "password": PASSWORD}, headers=foreign
    )
    assert foreign_sign_in.status_code == 403, "another site signs nobody in either"


def test_the_account_keeps_its_language(scene: Scene, login: str) -> None:
    client = scene.signed_in(login)
    client.headers["accept-language"] = "zh"
    assert "我的账户" in client.get("/account").text
    send(client, "/account/language", language="en")
    assert "My account" in client.get("/account").text
    assert "我的账户" in client.get("/account?lang=zh").text


def test_a_token_counts_until_it_is_revoked_or_ends(scene: Scene, login: str) -> None:
    client = scene.signed_in(login)
    header = {"x-csrf-token": csrf(client)}
    made = client.post(
        "/v1/tokens", json={"name": "nightly", "permissions": ["alerts.read"], "days": 30}, headers=header
    ).json()  # fmt: skip
    assert made["token"].startswith("drgs_")
    bearer = {"authorization": f"Bearer {made['token']}"}
    program = scene.client()
    assert program.get("/v1/alerts", headers=bearer).status_code == 200
    assert program.get("/v1/graph/stats", headers=bearer).status_code == 403, (
        "not among its permissions"
    )
    assert program.post("/v1/tokens", json={"name": "more"}, headers=bearer).status_code == 403
    assert "token" not in client.get("/v1/tokens").json()["tokens"][0]
    scene.clock.turn(minutes=2)
    assert client.delete(f"/v1/tokens/{made['token_id']}", headers=header).status_code == 204
    replayed = program.get("/v1/alerts", headers=bearer)
    assert replayed.status_code == 401
    assert replayed.json()["type"].endswith(":token")
    again = client.post("/v1/tokens", json={"name": "short", "days": 1}, headers=header).json()
    bearer = {"authorization": f"Bearer {again['token']}"}
    assert program.get("/v1/alerts", headers=bearer).status_code == 200
    scene.clock.turn(days=1)
    assert program.get("/v1/alerts", headers=bearer).status_code == 401
    assert program.get("/v1/alerts", headers={"authorization": "Basic eDp5"}).status_code == 401


def test_a_token_is_never_worth_more_than_its_owner(scene: Scene, login: str) -> None:
    client = scene.signed_in(login)
    header = {"x-csrf-token": csrf(client)}
    for wanted in (["users.manage"], ["alerts.read", "rules.approve"], []):
        given = {"name": "x", "permissions": wanted}
        assert client.post("/v1/tokens", json=given, headers=header).status_code == 403
    assert (
        client.post("/v1/tokens", json={"name": "x", "days": 366}, headers=header).status_code
        == 422
    )
    user_id = client.get("/v1/me").json()["user_id"]
    token = {"authorization": f"Bearer {scene.token(user_id)}"}
    assert scene.client().get("/v1/graph/stats", headers=token).status_code == 200
    scene.store.access.accounts.change(user_id, {"role": Role.ADMINISTRATOR}, now=scene.clock())
    scene.clock.turn(seconds=4)
    assert scene.client().get("/v1/graph/stats", headers=token).status_code == 403
    assert client.get("/v1/me").status_code == 401, "another role needs another sign-in"


def test_tokens_of_others_are_out_of_reach(scene: Scene, login: str) -> None:
    owner = scene.account(f"{login}-b", Role.OFFICER)
    scene.token(owner)
    (theirs,) = scene.store.access.tokens.of(owner)
    client = scene.signed_in(login)
    header = {"x-csrf-token": csrf(client)}
    assert client.get("/v1/tokens", params={"user_id": owner}).status_code == 404
    assert client.delete(f"/v1/tokens/{theirs.token_id}", headers=header).status_code == 404
    given = {"name": "x", "user_id": owner}
    assert client.post("/v1/tokens", json=given, headers=header).status_code == 404
    scene.account(f"{login}-adm", Role.ADMINISTRATOR)
    admin = scene.signed_in(f"{login}-adm")
    header = {"x-csrf-token": csrf(admin)}
    assert admin.post("/v1/tokens", json=given, headers=header).status_code == 403, (
        "no impersonation"
    )
    service = scene.account(f"{login}-svc", Role.SERVICE)
    made = admin.post("/v1/tokens", json={"name": "x", "user_id": service}, headers=header).json()
    assert set(made["permissions"]) == {
        str(p) for p in (Permission.CLAIMS_ASSESS, Permission.CLAIMS_GROUP, Permission.ALERTS_READ,
                         Permission.ORDERS_READ, Permission.RULES_READ, Permission.IDENTIFIERS_READ)
    }  # fmt: skip
    assert sign_in(scene.client(), f"{login}-svc").status_code == 401, "programs have no password"
