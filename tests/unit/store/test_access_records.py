"""What the store keeps of accounts and of what they did, on both databases."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import store
from domain.access import Role, Rows
from store.access import AccountError, AuditEvent, AuditFilter, Keyring, KeyringError
from store.access import keyring as keyrings
from tests import service_samples as samples

NOW = datetime(2025, 6, 2, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[store.Store]:
    if request.param == "postgresql":
        url = request.getfixturevalue("module_postgres")
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('access') / 'a.db'}"
    with store.open(url) as found:
        yield found


def event(**changed: object) -> AuditEvent:
    given: dict[str, object] = {
        "recorded_at": NOW, "kind": "request", "allowed": True, "outcome": "200",
        "user_id": "u1", "user_name": "李华", "subject": {"alert_id": "a1"},
    }  # fmt: skip
    return AuditEvent(**{**given, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE audit_events SET user_name = 'somebody else'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "INSERT OR REPLACE INTO audit_events (event_id, recorded_at, kind, subject, subject_ids, query, allowed, outcome) "
        "SELECT event_id, recorded_at, 'forged', subject, subject_ids, query, allowed, outcome FROM audit_events",
    ],
)
def test_the_audit_log_refuses_to_be_changed(opened: store.Store, attack: str) -> None:
    opened.access.audit.write(event())
    before = opened.access.audit.page(limit=500)
    with pytest.raises(sa.exc.DBAPIError), opened.engine.begin() as connection:
        connection.execute(sa.text(attack))
    assert opened.access.audit.page(limit=500) == before


def test_the_audit_log_is_found_by_whom_what_and_when(opened: store.Store) -> None:
    audit = opened.access.audit
    for i in range(5):
        audit.write(
            event(user_id="searched", user_name="100%_张", recorded_at=NOW + timedelta(days=i))
        )
    audit.write(
        event(user_id="searched", kind="unmask", subject={"pseudonym": "p_9"}, allowed=False)
    )
    of = [e.recorded_at for e in audit.page(AuditFilter(user="searched", kind="request"))]
    assert of == sorted(of, reverse=True)
    assert len(of) == 5
    assert len(audit.page(AuditFilter(user="100%_"))) == 5
    assert audit.page(AuditFilter(user="1000_")) == []
    assert len(audit.page(AuditFilter(user="searched", subject="p_9"))) == 1
    assert audit.page(AuditFilter(user="searched", subject="p_")) == [], "ids are whole"
    assert len(audit.page(AuditFilter(user="searched", denied=True))) == 1
    day = AuditFilter(
        user="searched", since=NOW + timedelta(days=1), before=NOW + timedelta(days=3)
    )
    assert len(audit.page(day)) == 2
    paged, before = [], None
    while page := audit.page(AuditFilter(user="searched"), before=before, limit=2):
        paged += page
        before = page[-1].event_id
    assert paged == list(audit.all(AuditFilter(user="searched"), chunk=4))
    assert len(paged) == 6


def test_a_login_is_one_person_however_it_is_spelled(opened: store.Store) -> None:
    accounts = opened.access.accounts
    made = accounts.add(" LiHua ", "李华", Role.OFFICER, now=NOW)
    assert accounts.named("LIHUA ") == made
    with pytest.raises(AccountError, match="there is an account"):
        accounts.add("lihua", "another", Role.OFFICER, now=NOW)
    for login in ("", "two words", "x" * 65, "new\nline"):
        with pytest.raises(AccountError):
            accounts.add(login, "n", Role.OFFICER, now=NOW)
    with pytest.raises(AccountError, match="which physician"):
        accounts.add("doc", "n", Role.PHYSICIAN, now=NOW)


def test_a_change_on_top_of_an_old_version_is_not_made(opened: store.Store) -> None:
    accounts = opened.access.accounts
    made = accounts.add("versioned", "v", Role.OFFICER, now=NOW)
    first = accounts.change(made.user_id, {"name": "w"}, now=NOW, version=made.version)
    assert first is not None
    assert accounts.change(made.user_id, {"name": "x"}, now=NOW, version=made.version) is None
    assert accounts.find(made.user_id) == first


def test_what_an_account_may_do_changes_and_its_sessions_end(opened: store.Store) -> None:
    accounts, sessions, tokens = (
        opened.access.accounts,
        opened.access.sessions,
        opened.access.tokens,
    )
    rows = Rows(providers=frozenset({"H2", "H1"}))
    made = accounts.add("changing", "c", Role.OFFICER, now=NOW, rows=rows)
    cookie = sessions.begin(made.user_id, now=NOW)
    _, secret = tokens.add(made.user_id, "t", [], made_by="x", days=1, now=NOW)
    accounts.change(made.user_id, {"name": "d", "providers": ["H1", "H2"]}, now=NOW)
    assert sessions.find(cookie, NOW) is not None, "the name and the same hospitals change nothing"
    accounts.change(made.user_id, {"providers": ["H1"]}, now=NOW)
    assert sessions.find(cookie, NOW) is None
    assert tokens.find(secret, NOW) is not None
    after = accounts.change(made.user_id, {"active": False}, now=NOW)
    assert after is not None
    assert after.rows == Rows(providers=frozenset({"H1"}))
    assert tokens.find(secret, NOW) is None


def test_somebody_can_always_manage_accounts(opened: store.Store) -> None:
    accounts = opened.access.accounts
    first = accounts.add("adm1", "a", Role.ADMINISTRATOR, now=NOW)
    for change in ({"active": False}, {"role": Role.OFFICER}):
        with pytest.raises(AccountError, match="last active administrator"):
            accounts.change(first.user_id, change, now=NOW)
    accounts.add("adm2", "b", Role.ADMINISTRATOR, now=NOW)
    assert accounts.change(first.user_id, {"active": False}, now=NOW) is not None


def test_a_code_and_a_recovery_code_count_once(opened: store.Store) -> None:
    accounts = opened.access.accounts
    made = accounts.add("codes", "c", Role.OFFICER, now=NOW)
    accounts.confirm_totp(made.user_id, 100, ["d1", "d2"], now=NOW)
    assert not accounts.take_step(made.user_id, 100)
    assert not accounts.take_step(made.user_id, 99)
    assert accounts.take_step(made.user_id, 101)
    assert not accounts.take_step(made.user_id, 101)
    assert accounts.take_recovery(made.user_id, "d1")
    assert not accounts.take_recovery(made.user_id, "d1")


def test_identifiers_are_encrypted_and_survive_new_keys(
    opened: store.Store, tmp_path: Path
) -> None:
    path = tmp_path / "field.keys"
    old = keyrings.add_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    identities, accounts = opened.access.identities, opened.access.accounts
    originals = {f"p_{i:04d}": f"33010019600101{i:04d}" for i in range(30)}
    assert identities.keep("patient_id", originals, old, now=NOW) == 30
    assert identities.keep("patient_id", originals, old, now=NOW) == 0
    made = accounts.add("keyed", "k", Role.OFFICER, now=NOW)
    accounts.set_totp(made.user_id, old.encrypt("SECRET"), now=NOW)
    with opened.engine.connect() as connection:
        kept = connection.execute(sa.text("SELECT original FROM identities")).scalars().all()
    assert not any(b"33010019600101" in bytes(one) for one in kept)
    new = keyrings.add_key(path)
    assert identities.renew(new, chunk=7) == 30
    assert accounts.renew_secrets(new) >= 1
    assert keyrings.keep_first(path) == 1
    only = Keyring.load(path)
    assert {p: identities.original(p, only) for p in originals} == originals
    account = accounts.find(made.user_id)
    assert account is not None
    assert account.totp_secret is not None
    assert only.decrypt(account.totp_secret) == "SECRET"
    assert old.decrypt(account.totp_secret) == "SECRET", (
        "a running service takes the new key by itself"
    )
    with pytest.raises(KeyringError, match="none of the keys fits"):
        Keyring.create().decrypt(account.totp_secret)
    assert identities.original("p_unknown", only) is None


def test_a_patient_is_in_sight_with_one_stay_that_is(opened: store.Store) -> None:
    samples.write(opened, 12)
    (row,) = opened.alerts(store.AlertFilter(), store.AlertSort.PRIORITY, None, 1).rows
    record = opened.alert(row["alert_id"])
    assert record is not None
    patient, provider = record.decision["patient_id"], record.decision["provider_id"]
    sees = opened.access.identities.in_sight
    assert sees(patient, Rows())
    assert sees(patient, Rows(providers=frozenset({provider})))
    assert not sees(patient, Rows(providers=frozenset({"H-elsewhere"})))
    assert not sees("p_nobody", Rows())


def test_keys_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "field.keys"
    keyrings.add_key(path)
    path.chmod(0o640)
    with pytest.raises(KeyringError, match="open to others"):
        Keyring.load(path)
    path.chmod(0o600)
    path.write_text("not a key\n")
    with pytest.raises(KeyringError, match="malformed"):
        Keyring.load(path)
    with pytest.raises(KeyringError, match="cannot be read"):
        Keyring.find(tmp_path / "absent")
    assert "SECRET" not in repr(Keyring.create())
