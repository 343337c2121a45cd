"""Keeping accounts, reading the log, unmasking, masking, and how often somebody may ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent as FhirAuditEvent
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from domain.access import PERMISSIONS, Principal, Role, Rows
from scoring_api.access import masked
from scoring_api.access.accounts import Settings
from scoring_api.access.auditing import tell
from scoring_api.access.limits import Limit
from store.access import AuditEvent, AuditFilter
from tests import access_scene
from tests import service_samples as samples
from tests.access_scene import HOME, SAME_SITE, Scene, csrf, send, sign_in


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    path = tmp_path_factory.mktemp("managing") / "a.db"
    with store.open(f"sqlite:///{path}") as opened:
        samples.write(opened, 30)
        made = access_scene.make(opened)
        made.account("boss", Role.ADMINISTRATOR)
        made.account("boss-2", Role.ADMINISTRATOR)
        yield made


@pytest.fixture
def boss(scene: Scene) -> Any:
    """An administrator's browser; its scripts send the session's secret."""
    client = scene.signed_in("boss")
    client.headers["x-csrf-token"] = csrf(client)
    return client


def logged(scene: Scene, **wanted: Any) -> list[AuditEvent]:
    return scene.store.access.audit.page(AuditFilter(**wanted), limit=20)


def test_an_account_is_added_signs_in_and_is_changed_over_http(scene: Scene, boss: Any) -> None:
    given = {"login": "lihua", "name": "李华", "role": "officer", "providers": [HOME]}
    made = boss.post("/v1/users", json=given)
    assert made.status_code == 201, made.text
    told = made.json()
    newcomer = scene.client()
    assert sign_in(newcomer, "lihua", told["one_time_password"]).headers["location"] == "/account"
    assert boss.post("/v1/users", json=given).status_code == 409
    assert boss.post("/v1/users", json={**given, "login": "x", "role": "king"}).status_code == 422
    assert (
        boss.post("/v1/users", json={**given, "login": "x", "role": "physician"}).status_code == 422
    )
    assert (
        boss.post("/v1/users", json={**given, "login": "x", "password_hash": "h"}).status_code
        == 422
    )

    address = f"/v1/users/{told['user_id']}"
    etag = boss.get(address).headers["etag"]
    change = {"role": "senior", "providers": None}
    assert boss.patch(address, json=change).status_code == 428
    assert boss.patch(address, json=change, headers={"if-match": '"99"'}).status_code == 412
    assert boss.patch(address, json=change, headers={"if-match": "*'x"}).status_code == 412
    assert boss.patch(address, json=change, headers={"if-match": "*"}).status_code == 412
    changed = boss.patch(address, json=change, headers={"if-match": etag})
    assert (changed.json()["role"], changed.json()["providers"]) == ("senior", None)
    assert newcomer.get("/account").status_code == 401, "what it may do changed: sign in again"
    entry = logged(scene, kind="account", subject=told["user_id"])[0]
    assert entry.subject["changed"] == {"role": "officer → senior", "providers": f"{HOME} → None"}
    assert entry.user_name == "Name of boss"
    assert {u["login"] for u in boss.get("/v1/users").json()["users"]} >= {"boss", "lihua"}
    paged = boss.get("/v1/users", params={"limit": 1}).json()
    assert len(paged["users"]) == 1
    assert (
        boss.get("/v1/users", params={"cursor": paged["cursor"]}).json()["users"][0]["login"]
        > paged["cursor"]
    )
    answers = boss.get("/v1/users").text + changed.text
    assert "argon2" not in answers
    assert "totp" not in answers


def test_a_deactivated_account_is_out_within_seconds_elsewhere_too(scene: Scene) -> None:
    user_id = scene.account("leaver", Role.OFFICER)
    client, token = scene.signed_in("leaver"), scene.token(user_id)
    bearer = {"authorization": f"Bearer {token}"}
    assert client.get("/v1/me").status_code == 200
    assert scene.client().get("/v1/me", headers=bearer).status_code == 200
    # Another process deactivates it: this one is not told.
    scene.store.access.accounts.change(user_id, {"active": False}, now=scene.clock())
    scene.clock.turn(seconds=3)
    assert client.get("/v1/me").status_code == 401
    assert scene.client().get("/v1/me", headers=bearer).status_code == 401
    assert sign_in(scene.client(), "leaver").status_code == 401


def test_nobody_but_administrators_makes_accounts_or_more_of_their_own(scene: Scene) -> None:
    for role in Role:
        if role in (Role.ADMINISTRATOR, Role.SERVICE):
            continue
        user_id = scene.account(f"climber-{role}", role)
        client = scene.signed_in(f"climber-{role}")
        header = {"x-csrf-token": csrf(client), "if-match": '"1"'}
        given = {"login": "mine", "name": "x", "role": "administrator"}
        assert client.post("/v1/users", json=given, headers=header).status_code == 403
        own = client.patch(f"/v1/users/{user_id}", json={"role": "administrator"}, headers=header)
        assert own.status_code == 403
        assert send(client, f"/admin/{user_id}", name="x", role="administrator").status_code == 403
    assert scene.store.access.accounts.named("mine") is None


def test_the_last_administrator_stays(scene: Scene) -> None:
    boss = scene.signed_in("boss-2")
    boss.headers["x-csrf-token"] = csrf(boss)
    me = boss.get("/v1/me").json()["user_id"]
    other = scene.store.access.accounts.named("boss")
    assert other is not None
    etag = {"if-match": boss.get(f"/v1/users/{other.user_id}").headers["etag"]}
    assert (
        boss.patch(f"/v1/users/{other.user_id}", json={"active": False}, headers=etag).status_code
        == 200
    )
    etag = {"if-match": boss.get(f"/v1/users/{me}").headers["etag"]}
    refused = boss.patch(f"/v1/users/{me}", json={"role": "officer"}, headers=etag)
    assert refused.status_code == 409
    assert "last active administrator" in refused.json()["detail"]
    scene.store.access.accounts.change(other.user_id, {"active": True}, now=scene.clock())


def test_an_administrator_keeps_accounts_on_the_pages(scene: Scene, boss: Any) -> None:
    page = send(
        boss,
        "/admin?lang=en",
        login="wang",
        name="王芳",
        role="physician",
        physician_id="",
        providers="",
    )
    assert page.status_code == 422
    assert "needs the physician" in page.text
    assert 'value="wang"' in page.text, "what was typed is still there"
    made = send(
        boss, "/admin?lang=en", login="wang", name='<script>alert("王")</script>', role="physician",
        physician_id="D1", providers=f"{HOME}， H2",
    )  # fmt: skip
    assert made.status_code == 201
    assert "<script>alert" not in made.text
    password = re.search(r'class="once code">([^<]+)<', made.text)
    account = scene.store.access.accounts.named("wang")
    assert account is not None
    assert password is not None
    assert sign_in(scene.client(), "wang", password[1]).status_code == 303
    assert account.rows == Rows(frozenset({HOME, "H2"}), None, "D1")
    there = f"/admin/{account.user_id}"
    for version in ("", "0", "²", "9" * 5_000):
        unseen = send(boss, there, version=version, name="王芳", role="officer", active="on")
        assert unseen.status_code == 412, version
    kept = {"name": "王芳", "role": "officer", "version": str(account.version), "active": "on"}
    assert send(boss, there, **kept).status_code == 303
    stale = send(boss, f"{there}?lang=en", **kept)
    assert stale.status_code == 412
    assert "Somebody else changed" in stale.text
    for _ in range(5):
        sign_in(scene.client(), "wang", "wrong")
    assert "locked" in boss.get("/admin?lang=en").text
    send(boss, f"{there}/unlock")
    assert sign_in(scene.client(), "wang", password[1]).status_code == 303
    again = send(boss, f"{there}/password")
    fresh = re.search(r'class="once code">([^<]+)<', again.text)
    assert fresh is not None
    assert sign_in(scene.client(), "wang", password[1]).status_code == 401
    assert sign_in(scene.client(), "wang", fresh[1]).status_code == 303
    page = boss.get("/admin?lang=zh")
    assert "王芳" in page.text
    assert "合规专员" in page.text


def test_tokens_are_made_and_revoked_on_the_page(scene: Scene) -> None:
    scene.account("scripted", Role.OFFICER)
    client = scene.signed_in("scripted")
    made = send(
        client, "/account/tokens?lang=en", name="nightly", days="7", **{"permission.alerts.read": "on"}
    )  # fmt: skip
    found = re.search(r"drgs_[\w-]+", made.text)
    assert found is not None
    bearer = {"authorization": f"Bearer {found[0]}"}
    assert scene.client().get("/v1/alerts", headers=bearer).status_code == 200
    page = client.get("/account?lang=en").text
    assert "nightly" in page
    assert found[0] not in page
    (token,) = scene.store.access.tokens.of(client.get("/v1/me").json()["user_id"])
    assert token.ends_at - token.created_at == timedelta(days=7)
    assert send(client, f"/account/tokens/{token.token_id}/revoke").status_code == 303
    assert scene.client().get("/v1/alerts", headers=bearer).status_code == 401


def test_the_log_is_read_filtered_and_taken_away_as_fhir(scene: Scene, boss: Any) -> None:
    sign_in(scene.client(), "boss", "not the password")
    boss.get("/v1/rules")
    for _ in range(4):
        boss.get("/v1/alerts")
    page = boss.get("/v1/audit-events", params={"limit": 3}).json()
    assert len(page["events"]) == 3
    more = boss.get(page["next"]).json()
    assert int(more["events"][0]["id"]) < int(page["events"][-1]["id"])
    denied = boss.get(
        "/v1/audit-events", params={"denied": "true", "permission": "alerts.read"}
    ).json()
    assert denied["events"]
    assert {e["outcome"] for e in denied["events"]} == {"4"}
    taken = boss.get("/audit/events.ndjson", params={"user": "boss"})
    assert taken.headers["content-type"] == "application/fhir+ndjson"
    lines = [json.loads(line) for line in taken.text.splitlines()]
    kinds = {e["subtype"][0]["code"] for e in lines}
    assert {"request", "sign-in"} <= kinds
    for one in (lines[0], next(e for e in lines if e["subtype"][0]["code"] == "sign-in")):
        FhirAuditEvent.model_validate(one)
    html = boss.get("/audit?lang=en&kind=sign-in&user=boss").text
    assert "Sign-in" in html
    assert "refused" in html
    assert boss.get("/audit?day_from=yesterday").status_code == 422
    assert boss.get("/v1/audit-events?day_from=2025-13-01").status_code == 422
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert boss.request(method, "/v1/audit-events").status_code == 405


TEXT = st.text(max_size=20)


@settings(max_examples=40)
@given(
    st.builds(
        AuditEvent,
        recorded_at=st.datetimes(timezones=st.just(UTC)),
        kind=st.sampled_from(["request", "sign-in", "locked", "unmask", "token"]),
        allowed=st.booleans(),
        outcome=st.sampled_from(["200", "404", "500", "ok", "refused"]),
        user_id=st.none() | st.just("u1"),
        user_name=st.just("李华"),
        role=st.none() | st.sampled_from([str(r) for r in Role]),
        method=st.none() | st.sampled_from(["GET", "POST", "DELETE", "PATCH", "BREW"]),
        subject=st.dictionaries(
            st.sampled_from(["alert_id", "purpose", "changed", "pseudonym"]),
            st.sampled_from(["x", "张 三"]),
        ),
        query=st.dictionaries(st.sampled_from(["sort", "text"]), st.sampled_from(["a", "…"])),
        address=st.none() | st.just("10.0.0.1"),
        event_id=st.integers(1, 2**62),
    )
)
def test_every_entry_is_a_fhir_audit_event(event: AuditEvent) -> None:
    FhirAuditEvent.model_validate(json.loads(json.dumps(tell(event))))


def test_nothing_is_answered_that_the_log_could_not_take(
    scene: Scene, boss: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(event: AuditEvent) -> None:
        raise store.StoreError("the disk is full", where="audit", cure="Free space.")

    monkeypatch.setattr(scene.accounts.access.audit, "write", broken)
    answer = boss.get("/v1/users")
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":audit")
    assert "boss" not in answer.text


def test_an_identifier_is_unmasked_for_a_purpose_that_is_logged(scene: Scene) -> None:
    (row,) = scene.store.alerts(store.AlertFilter(), store.AlertSort.PRIORITY, None, 1).rows
    record = scene.store.alert(row["alert_id"])
    assert record is not None
    patient, provider = record.decision["patient_id"], record.decision["provider_id"]
    scene.store.access.identities.keep(
        "patient_id", {patient: "330100196001010011"}, scene.accounts.keys, now=scene.clock()
    )
    scene.account("unmasker", Role.SENIOR)
    client = scene.signed_in("unmasker")
    header = {"x-csrf-token": csrf(client)}
    form = f'name="pseudonym" value="{patient}"'
    assert form in client.get(f"/alerts/{row['alert_id']}").text
    scene.account("asks-nobody", Role.OFFICER)
    assert form not in scene.signed_in("asks-nobody").get(f"/alerts/{row['alert_id']}").text
    asked = {"pseudonym": patient, "purpose": "appeal", "text": "案件 2024-17 现场核查"}
    for wrong in ({"purpose": "curiosity"}, {"text": " x "}, {"text": "x" * 501}):
        assert (
            client.post(
                "/v1/identifiers:unmask", json={**asked, **wrong}, headers=header
            ).status_code
            == 422
        )
    told = client.post("/v1/identifiers:unmask", json=asked, headers=header)
    assert told.json() == {"pseudonym": patient, "kept": True, "original": "330100196001010011"}
    entry = logged(scene, kind="unmask", subject=patient)[0]
    assert (entry.outcome, entry.subject["purpose"], entry.subject["text"]) == (
        "200",
        "appeal",
        asked["text"],
    )
    fhir = tell(entry)
    FhirAuditEvent.model_validate(fhir)
    assert fhir["purposeOfEvent"][0]["coding"][0]["code"] == "appeal"
    assert "330100196001010011" not in json.dumps(fhir)
    page = send(client, "/identifiers/unmask?lang=en", **asked)
    assert "330100196001010011" in page.text
    assert (
        client.post(
            "/v1/identifiers:unmask", json={**asked, "pseudonym": "p_nobody"}, headers=header
        ).status_code
        == 404
    )
    scene.account("far", Role.SENIOR, Rows(frozenset({"H-elsewhere"})))
    far = scene.signed_in("far")
    assert provider != "H-elsewhere"
    refused = far.post("/v1/identifiers:unmask", json=asked, headers={"x-csrf-token": csrf(far)})
    assert refused.status_code == 404
    scene.account("plain", Role.OFFICER)
    plain = scene.signed_in("plain")
    denied = plain.post("/v1/identifiers:unmask", json=asked, headers={"x-csrf-token": csrf(plain)})
    assert denied.status_code == 403


def test_an_identifier_that_was_not_kept_is_said_to_be(scene: Scene) -> None:
    rows = scene.store.alerts(store.AlertFilter(), store.AlertSort.PRIORITY, None, 20).rows
    record = scene.store.alert(rows[-1]["alert_id"])
    assert record is not None
    scene.account("unmasker-2", Role.AUDITOR)
    client = scene.signed_in("unmasker-2")
    asked = {
        "pseudonym": record.decision["patient_id"],
        "purpose": "patient",
        "text": "患者申请查询",
    }
    told = client.post("/v1/identifiers:unmask", json=asked, headers={"x-csrf-token": csrf(client)})
    assert (told.json()["kept"], told.json()["original"]) == (False, None)
    assert "未保留" in send(client, "/identifiers/unmask?lang=zh", **asked).text


def test_an_analyst_sees_no_identifier_on_any_page_or_answer(scene: Scene) -> None:
    scene.account("analyst", Role.ANALYST)
    client = scene.signed_in("analyst")
    rows = scene.store.alerts(store.AlertFilter(), store.AlertSort.PRIORITY, None, 5).rows
    for row in rows:
        record = scene.store.alert(row["alert_id"])
        assert record is not None
        patient = record.decision["patient_id"]
        physician = record.decision["attending_physician_id"]
        for address in (
            f"/v1/alerts/{row['alert_id']}", f"/alerts/{row['alert_id']}", "/v1/alerts?limit=200", "/?lang=en",
        ):  # fmt: skip
            shown = client.get(address)
            assert shown.status_code == 200
            assert patient not in shown.text
            assert patient[:12] not in shown.text
            assert physician not in shown.text
        told = client.get(f"/v1/alerts/{row['alert_id']}").json()
        assert told["attending_physician_id"] == "***"
    assert client.get("/v1/alerts", params={"physician": physician}).status_code == 403, (
        "no guessing either"
    )
    scene.account("reader", Role.OFFICER)
    assert patient in scene.signed_in("reader").get(f"/v1/alerts/{row['alert_id']}").text


ANALYST = Principal("u", "n", Role.ANALYST, PERMISSIONS[Role.ANALYST], means="session")
OFFICER = Principal("u", "n", Role.OFFICER, PERMISSIONS[Role.OFFICER], means="session")
IDS = st.sampled_from(["p_0123456789abcdef", "D33010000", "张医生的编码7"])
PLAIN: Any = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | IDS.map("由 {} 开具".format),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["title", "facts", "n"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=40)
@given(
    st.fixed_dictionaries(
        {"patient_id": IDS, "physician_ids": st.lists(IDS, max_size=3), "more": PLAIN, "rows": st.lists(
            st.fixed_dictionaries({"attending_physician_id": st.none() | IDS, "text": PLAIN}), max_size=3)}
    )
)  # fmt: skip
def test_no_identifier_named_in_an_answer_is_left_anywhere_in_it(told: dict[str, Any]) -> None:
    assert masked(OFFICER, told) is told
    named = [
        told["patient_id"],
        *told["physician_ids"],
        *(r["attending_physician_id"] for r in told["rows"]),
    ]
    shown = json.dumps(masked(ANALYST, told), ensure_ascii=False)
    for one in named:
        assert one is None or one not in shown


def test_nodes_of_the_graph_keep_their_kind_and_meet_their_edges() -> None:
    told = {
        "nodes": [{"key": "patient:p_77"}, {"key": "stay:S1"}, {"key": "phone:t_88"}],
        "edges": [{"source": "patient:p_77", "target": "stay:S1"}, {"source": "stay:S1", "target": "phone:t_88"}],
    }  # fmt: skip
    shown = masked(ANALYST, told)
    assert "p_77" not in json.dumps(shown)
    assert "t_88" not in json.dumps(shown)
    assert shown["edges"][0]["source"] == shown["nodes"][0]["key"]
    assert shown["nodes"][0]["key"].startswith("patient:***")
    assert shown["edges"][1]["target"] == shown["nodes"][2]["key"] != shown["nodes"][0]["key"]
    assert shown["nodes"][1]["key"] == "stay:S1"


def test_too_many_requests_are_told_when_to_come_again(scene: Scene, tmp_path: Any) -> None:
    few = Settings(per_principal_s=0.01, principal_burst=3, per_address_s=0.01, address_burst=1_000, sign_ins_a_minute=3)  # fmt: skip
    narrow = access_scene.make(scene.store, few)
    user_id, other = narrow.account("hasty", Role.OFFICER), narrow.account("calm", Role.OFFICER)
    bearer = {"authorization": f"Bearer {narrow.token(user_id)}"}
    client = narrow.client()
    assert [client.get("/v1/me", headers=bearer).status_code for _ in range(4)] == [
        200,
        200,
        200,
        429,
    ]
    answer = client.get("/v1/me", headers=bearer)
    assert int(answer.headers["retry-after"]) > 1
    assert answer.json()["type"].endswith(":too-many-requests")
    calm = {"authorization": f"Bearer {narrow.token(other)}"}
    assert client.get("/v1/me", headers=calm).status_code == 200
    tries = [sign_in(client, "calm", "wrong").status_code for _ in range(4)]
    assert tries == [401, 401, 401, 429]
    assert sign_in(client, "somebody-else", "wrong").status_code == 401
    everywhere = access_scene.make(scene.store, Settings(per_address_s=0.01, address_burst=2))
    tried = [everywhere.client().get("/v1/alerts").status_code for _ in range(3)]
    assert tried == [401, 401, 429]
    assert everywhere.client().get("/healthz").status_code == 200, "probes are not counted"


@given(st.lists(st.floats(0, 5), max_size=40), st.floats(0.1, 5), st.integers(1, 5))
def test_no_more_is_let_through_than_the_bucket_holds(
    pauses: list[float], per_s: float, burst: int
) -> None:
    now = [0.0]
    limit = Limit(per_s, burst, lambda: now[0])
    passed = 0
    for pause in pauses:
        now[0] += pause
        seconds = limit.wait("x")
        passed += seconds == 0
        assert 0 <= seconds <= 1 / per_s + 1e-9
    assert passed <= burst + now[0] * per_s + 1e-6


def test_a_foreign_site_cannot_send_our_forms(scene: Scene, boss: Any) -> None:
    fields = {"csrf": csrf(boss), "login": "x", "name": "x", "role": "officer"}
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}, {}):  # fmt: skip
        assert boss.post("/admin", data=fields, headers=headers).status_code == 403
    assert boss.post("/admin", data={**fields, "csrf": ""}, headers=SAME_SITE).status_code == 403
    assert scene.store.access.accounts.named("x") is None
