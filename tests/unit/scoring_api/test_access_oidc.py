"""Signing in through an OpenID provider: a real one over HTTP, with right and wrong tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

import store
from domain.access import Role
from scoring_api.access.oidc import OidcError, Provider
from tests import access_scene
from tests.access_scene import Scene
from tests.openid_provider import CLIENT, SECRET, OpenIdProvider, running

OFFICER = {"sub": "7", "preferred_username": "zhang.wei", "name": "张伟", "groups": ["staff", "drg-officers"],
           "hospitals": ["H33010200012"]}  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def options(provider: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("oidc") / "oidc.json"
    path.write_text(
        json.dumps(
            {
                "issuer": provider.issuer,
                "client_id": CLIENT,
                "client_secret_env": "TEST_OIDC_SECRET",
                "name": "医院统一认证",
                "role": {
                    "claim": "groups",
                    "values": {
                        "drg-seniors": "senior",
                        "drg-officers": "officer",
                        "drg-doctors": "physician",
                    },
                },
                "providers": "hospitals",
                "physician_id": "doctor_code",
            }
        ),
        "utf-8",
    )
    return path


@pytest.fixture(scope="module")
def scene(options: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    path = tmp_path_factory.mktemp("oidc") / "a.db"
    with store.open(f"sqlite:///{path}") as opened:
        loaded = Provider.load(options, {"TEST_OIDC_SECRET": SECRET})
        yield access_scene.make(opened, oidc=loaded)


def go_round(scene: Scene, provider: OpenIdProvider, claims: dict[str, Any], wrong: str | None = None, next: str = "/rules") -> tuple[Any, Any]:  # fmt: skip
    """A browser's way to the provider and back; the browser and the last answer."""
    provider.claims, provider.wrong = claims, wrong
    client = scene.client()
    away = client.get("/sign-in/oidc", params={"next": next})
    assert away.status_code == 303, away.text
    back = httpx.get(away.headers["location"])
    return client, client.get(back.headers["location"].removeprefix("http://testserver"))


def test_somebody_the_provider_vouches_for_gets_an_account(
    scene: Scene, provider: OpenIdProvider
) -> None:
    assert "医院统一认证" in scene.client().get("/sign-in").text
    client, answer = go_round(scene, provider, OFFICER)
    assert (answer.status_code, answer.headers["location"]) == (303, "/rules")
    me = client.get("/v1/me").json()
    assert (me["name"], me["role"], me["providers"]) == ("张伟", "officer", ["H33010200012"])
    account = scene.store.access.accounts.find(me["user_id"])
    assert account is not None
    assert account.password_hash is None
    again, _ = go_round(scene, provider, OFFICER)
    assert again.get("/v1/me").json()["user_id"] == me["user_id"]


def test_role_and_limits_follow_the_provider_at_each_sign_in(
    scene: Scene, provider: OpenIdProvider
) -> None:
    first, _ = go_round(scene, provider, {**OFFICER, "sub": "8", "preferred_username": "follow"})
    promoted = {**OFFICER, "sub": "8", "preferred_username": "follow", "groups": ["drg-officers", "drg-seniors"]}  # fmt: skip
    second, _ = go_round(scene, provider, promoted)
    assert second.get("/v1/me").json()["role"] == "senior"
    assert first.get("/v1/me").status_code == 401, "the session with the old role ended"
    unlimited = {k: v for k, v in promoted.items() if k != "hospitals"}
    third, _ = go_round(scene, provider, unlimited)
    assert third.get("/v1/me").json()["providers"] == [], "not said is nothing, not everything"
    doctor = {**OFFICER, "sub": "9", "preferred_username": "doc", "groups": ["drg-doctors"], "doctor_code": "D1"}  # fmt: skip
    fourth, _ = go_round(scene, provider, doctor)
    assert fourth.get("/v1/me").json()["physician_id"] == "D1"


@pytest.mark.parametrize(
    "wrong",
    ["nonce", "audience", "issuer", "expired", "party", "signature", "none", "symmetric"],
)
def test_a_token_that_does_not_hold_lets_nobody_in(
    scene: Scene, provider: OpenIdProvider, wrong: str
) -> None:
    client, answer = go_round(scene, provider, OFFICER, wrong)
    assert answer.status_code == 401, answer.text
    assert answer.json()["type"].endswith(":oidc")
    assert client.get("/v1/me").status_code == 401


@pytest.mark.parametrize(
    "claims",
    [{**OFFICER, "groups": ["staff"]}, {**OFFICER, "groups": None}, {k: v for k, v in OFFICER.items() if k != "sub"},
     {**OFFICER, "sub": "10", "groups": ["drg-doctors"], "preferred_username": "no-code"}],
)  # fmt: skip
def test_somebody_without_a_role_here_is_not_let_in(
    scene: Scene, provider: OpenIdProvider, claims: dict[str, Any]
) -> None:
    _, answer = go_round(scene, provider, claims)
    assert answer.status_code == 401


def test_a_login_of_another_account_is_not_taken_over(
    scene: Scene, provider: OpenIdProvider
) -> None:
    scene.account("local-boss", Role.ADMINISTRATOR)
    scene.account("other-boss", Role.ADMINISTRATOR)
    _, answer = go_round(
        scene, provider, {**OFFICER, "sub": "11", "preferred_username": "Local-Boss"}
    )
    assert answer.status_code == 401


def test_an_account_deactivated_here_stays_out(scene: Scene, provider: OpenIdProvider) -> None:
    claims = {**OFFICER, "sub": "12", "preferred_username": "leaver"}
    go_round(scene, provider, claims)
    account = scene.store.access.accounts.named("leaver")
    assert account is not None
    scene.store.access.accounts.change(account.user_id, {"active": False}, now=scene.clock())
    _, answer = go_round(scene, provider, claims)
    assert answer.status_code == 401


def test_only_the_browser_that_went_away_comes_back(scene: Scene, provider: OpenIdProvider) -> None:
    provider.claims, provider.wrong = OFFICER, None
    client = scene.client()
    away = client.get("/sign-in/oidc").headers["location"]
    asked = parse_qs(urlsplit(away).query)
    assert asked["redirect_uri"] == ["http://testserver/sign-in/oidc/callback"]
    back = httpx.get(away).headers["location"].removeprefix("http://testserver")
    assert scene.client().get(back).status_code == 401, "another browser (sign-in CSRF)"
    assert client.get(back.replace("state=", "state=x")).status_code == 401
    assert client.get("/sign-in/oidc/callback?state=x&error=access_denied").status_code == 401
    assert client.get(back).status_code == 303
    assert client.get(back).status_code == 401, "a code counts once"


def test_next_leads_to_no_other_site(scene: Scene, provider: OpenIdProvider) -> None:
    _, answer = go_round(scene, provider, OFFICER, next="//evil.example")
    assert answer.headers["location"] == "/"


def test_new_keys_of_the_provider_are_fetched(scene: Scene, provider: OpenIdProvider) -> None:
    provider.rotate()
    served = provider.keys_served
    _, answer = go_round(scene, provider, OFFICER)
    assert answer.status_code == 303
    assert provider.keys_served == served + 1


def test_a_file_that_cannot_be_used_says_why(options: Path, tmp_path: Path) -> None:
    with pytest.raises(OidcError, match="TEST_OIDC_SECRET"):
        Provider.load(options, {})
    given = json.loads(options.read_text("utf-8"))
    path = tmp_path / "o.json"
    for change in ({"issuer": "http://sso.example"}, {"role": {"claim": "g", "values": {"x": "king"}}}, {"typo": 1}):  # fmt: skip
        path.write_text(json.dumps({**given, **change}), "utf-8")
        with pytest.raises(OidcError):
            Provider.load(path, {"TEST_OIDC_SECRET": SECRET})


def test_a_provider_that_does_not_answer_is_told(tmp_path: Path, options: Path) -> None:
    given = json.loads(options.read_text("utf-8"))
    path = tmp_path / "o.json"
    path.write_text(json.dumps({**given, "issuer": "http://127.0.0.1:1"}), "utf-8")
    with pytest.raises(OidcError, match="does not answer"):
        Provider.load(path, {"TEST_OIDC_SECRET": SECRET}).begin("http://x/", "s", "n", "v" * 43)
