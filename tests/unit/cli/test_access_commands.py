"""``sentinel users``, ``tokens`` and ``keys``, and what ``serve`` and ``assess`` take of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import store
from cli import app
from cli.accounts import accounts, keeper
from cli.reading import read_claims
from cli.wiring import wire
from domain.errors import SentinelError
from store.access import AuditFilter, Keyring
from tests.access_scene import PASSWORDS, SAME_SITE
from tests.graph_scene import claim
from tests.small_catalogue import write_catalogue


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.access.passwords.Passwords", lambda: PASSWORDS)


@pytest.fixture
def db(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'a.db'}"


@pytest.fixture
def opened(db: str) -> Iterator[store.Store]:
    with store.open(db) as found:
        yield found


def run(*words: object) -> dict[str, Any]:
    result = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return told


def test_an_account_lives_and_ends_on_the_command_line(db: str, opened: store.Store) -> None:
    made = run("users", "add", "lihua", "--name", "李华", "--role", "officer", "--provider", "H1", "--db", db)  # fmt: skip
    account = opened.access.accounts.named("lihua")
    assert account is not None
    assert PASSWORDS.fit(account.password_hash, made["one_time_password"])
    assert account.must_change_password
    assert account.providers == ("H1",)
    for _ in range(5):
        opened.access.accounts.fail(account.user_id, account.created_at)
    run("users", "unlock", "lihua", "--db", db)
    changed = run("users", "change", "lihua", "--role", "senior", "--all-rows", "--db", db)
    assert (changed["role"], changed["providers"]) == ("senior", None)
    again = run("users", "reset-password", "lihua", "--db", db)["one_time_password"]
    account = opened.access.accounts.named("lihua")
    assert account is not None
    assert account.locked_until is None
    assert PASSWORDS.fit(account.password_hash, again)
    assert run("users", "deactivate", "lihua", "--db", db)["active"] is False
    (listed,) = run("users", "list", "--db", db)["users"]
    assert "password" not in json.dumps(listed)
    what = [e.subject["what"] for e in opened.access.audit.page(AuditFilter(kind="account"))]
    assert what == ["deactivated", "password reset", "changed", "unlocked", "added"]
    with pytest.raises(SentinelError, match="no account of that login"):
        run("users", "unlock", "nobody", "--db", db)


def test_a_token_is_made_within_the_role_and_revoked(db: str, opened: store.Store) -> None:
    assert run("users", "add", "feed", "--name", "HIS", "--role", "service", "--db", db)["one_time_password"] is None  # fmt: skip
    made = run("tokens", "add", "feed", "--name", "HIS", "--permission", "claims.assess", "--days", 30, "--db", db)  # fmt: skip
    assert made["token"].startswith("drgs_")
    (listed,) = run("tokens", "list", "feed", "--db", db)["tokens"]
    assert listed["permissions"] == ["claims.assess"]
    assert "token_sha256" not in listed
    with pytest.raises(SentinelError, match="may not do that itself"):
        run("tokens", "add", "feed", "--name", "x", "--permission", "users.manage", "--db", db)
    run("tokens", "revoke", made["token_id"], "--db", db)
    assert run("tokens", "list", "feed", "--db", db)["tokens"][0]["revoked_at"]


def test_identifiers_are_kept_when_told_and_survive_a_rotation(
    db: str, opened: store.Store, tmp_path: Path
) -> None:
    keys = tmp_path / "field.keys"
    run("keys", "rotate", "--field-keys", keys, "--db", db)
    given = [claim(0), claim(1, "B")]
    claims = tmp_path / "claims.jsonl"
    claims.write_text("".join(json.dumps(one) + "\n" for one in given), "utf-8")
    read = read_claims([claims], None, key=tmp_path / "key")
    patients = read.tables.stays["patient_id"].to_pylist()

    def kept() -> list[str | None]:
        loaded, identities = Keyring.load(keys), opened.access.identities
        return [identities.original(patient, loaded) for patient in patients]

    assert kept() == [None, None]
    read_claims([claims], None, key=tmp_path / "key", keep=keeper(db, keys))
    wanted = [one["patient_id"] for one in given]
    assert kept() == wanted
    rotated = run("keys", "rotate", "--field-keys", keys, "--db", db)
    assert rotated["identifiers"] == 2
    assert len(keys.read_text().split()) == 2
    assert run("keys", "prune", "--field-keys", keys, "--db", db)["dropped"] == 1
    assert kept() == wanted
    refused = CliRunner().invoke(
        app, ["assess", str(claims), "--out", str(tmp_path / "o"), "--keep-identifiers"]
    )
    assert refused.exit_code == 2
    assert "--db" in refused.output


def test_the_service_asks_for_sign_in_and_keeps_identifiers_of_posted_claims(
    db: str, opened: store.Store, tmp_path: Path
) -> None:
    from starlette.testclient import TestClient

    keys = tmp_path / "field.keys"
    run("keys", "rotate", "--field-keys", keys, "--db", db)
    wired = wire(
        db=db, rules_dir=write_catalogue(tmp_path / "rules", ADM_002="active"), key=tmp_path / "key",
        graph=False, access=accounts(keys), keep_identifiers=True, field_keys=keys,
    )  # fmt: skip
    try:
        client = TestClient(wired.app)
        given = {"claims": [claim(0)]}
        assert client.post("/v1/claims:assess", json=given).status_code == 401
        run("users", "add", "feed", "--name", "HIS", "--role", "service", "--db", db)
        token = run("tokens", "add", "feed", "--name", "HIS", "--db", db)["token"]
        bearer = {"authorization": f"Bearer {token}"}
        answer = client.post("/v1/claims:assess", json=given, headers=bearer)
        assert (answer.status_code, answer.json()["accepted"]) == (200, 1)
        (patient,) = opened.stays([claim(0)["stay_id"]]).stays["patient_id"].to_pylist()
        original = opened.access.identities.original(patient, Keyring.load(keys))
        assert original == claim(0)["patient_id"]
        wrong = client.post("/sign-in", data={"login": "feed", "password": "x"}, headers=SAME_SITE)
        assert wrong.status_code == 401
    finally:
        wired.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])  # noqa: S104
def test_without_sign_in_only_this_machine_is_served(host: str, db: str) -> None:
    with pytest.raises(SentinelError, match="without sign-in") as refused:
        run("serve", "--no-sign-in", "--host", host, "--db", db)
    assert "--host 127.0.0.1" in refused.value.cure
