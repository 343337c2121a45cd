"""Who may call: real tokens, real keys over HTTP, and each way in which one can be wrong."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from domain.access import Permission
from scoring_api.access.accounts import Accounts
from scoring_api.cds import Clients, ClientsError
from scoring_api.cds.keys import LEAST_S, STALE_S, FetchedKeys, KeysError, read
from store.access import Keyring
from tests.cds_scene import ADDRESS, Site, bundle, medication, request, site
from tests.order_events import admitted, message, order

ISSUER = "https://fhir-ehr.example.com/"
EC = ECKey.generate_key("P-384", {"kid": "ec", "use": "sig", "alg": "ES384"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig", "alg": "RS384"})
RSA_ANY = RSAKey.import_key(RSA.as_pem(private=True), {"kid": "rsa"})
STRANGER = ECKey.generate_key("P-384", {"kid": "ec", "use": "sig", "alg": "ES384"})
PUBLIC = {"keys": [k.as_dict(private=False) for k in (EC, RSA)]}
CLIENT: dict[str, Any] = {
    "iss": ISSUER, "name": "EHR", "jwks": PUBLIC, "language": "en",
    "tenants": {"one": {"providers": ["H1"]}, "two": {"providers": ["H2"]}},
}  # fmt: skip
FILE: dict[str, Any] = {
    "service": ADDRESS,
    "origins": ["https://ehr.example.com"],
    "clients": [CLIENT],
}


def claims(path: str, **fields: Any) -> dict[str, Any]:
    now = int(time.time())
    told = {
        "iss": ISSUER, "aud": f"{ADDRESS}{path}", "iat": now, "exp": now + 120, "jti": str(uuid.uuid4()),
        "tenant": "one", **fields,
    }  # fmt: skip
    return {k: v for k, v in told.items() if v is not None}


def token(path: str, key: Any = EC, header: dict[str, Any] | None = None, **fields: Any) -> str:
    head = {"alg": key.alg, "kid": key.kid, "typ": "JWT", **(header or {})}
    return jwt.encode({k: v for k, v in head.items() if v is not None}, claims(path, **fields), key, algorithms=[head["alg"]])  # fmt: skip


def clients(folder: Path, told: dict[str, Any] = FILE, **more: Any) -> Clients:
    (folder / "clients.json").write_text(json.dumps(told))
    return Clients.load(folder / "clients.json", **more)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("clients")
    trusted = clients(folder)

    def access(opened: Any) -> Accounts:
        return Accounts(opened, Keyring.create(), clients=trusted)

    with site(folder, access_of=access, origins=trusted.origins) as made:
        for stay, provider in (("S1", "H1"), ("S2", "H2")):
            made.stream(
                *(
                    m | {"provider_id": provider}
                    for m in (
                        admitted(of=stay),
                        message(
                            "orders", 2, of=stay, orders=[order("O2", "S-0901022", "03T10:00")]
                        ),
                    )
                )
            )
        yield made


PATH = "/cds-services/drg-order-sign"


def ask(hospital: Site, sent: str | None, stay: str = "S1", path: str = PATH) -> Any:
    headers = {} if sent is None else {"authorization": f"Bearer {sent}"}
    body = request(
        "order-sign", encounterId=stay, draftOrders=bundle(medication(uuid.uuid4().hex[:8]))
    )
    return hospital.client.post(path, json=body, headers=headers)


@pytest.mark.parametrize("key", [EC, RSA], ids=["ES384", "RS384"])
@pytest.mark.parametrize(
    "shape", [str, lambda aud: ["https://else.example", aud]], ids=["text", "array"]
)
def test_a_token_of_a_known_client_is_let_in(hospital: Site, key: Any, shape: Any) -> None:
    answer = ask(hospital, token(PATH, key, aud=shape(f"{ADDRESS}{PATH}")))
    assert answer.status_code == 200, answer.text
    path = "/cds-services"
    found = hospital.client.get(path, headers={"authorization": f"Bearer {token(path, key)}"})
    assert found.json()["services"][0]["title"].startswith("Insurance"), (
        "the language of the client's entry"
    )


def test_without_a_token_no_route_answers(hospital: Site) -> None:
    client = hospital.client
    assert client.get("/cds-services").status_code == 401
    assert ask(hospital, None).status_code == 401
    assert client.post(f"{PATH}/feedback", json={"feedback": []}).status_code == 401
    assert ask(hospital, "opaque-token-of-an-account").status_code == 401
    for needed in (
        p for (_, path), p in client.app.state.routes.items() if path.startswith("/cds-")
    ):
        assert needed in (Permission.CLAIMS_ASSESS, Permission.ADVICE_ANSWER)


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def keyed(secret: bytes) -> str:
    """A token signed with what everybody can read."""
    signed = f"{part({'alg': 'HS384', 'kid': 'rsa', 'typ': 'JWT'})}.{part(claims(PATH))}"
    digest = hmac.digest(secret, signed.encode(), "sha384")
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


NOW = int(time.time())
WRONG: dict[str, Any] = {
    "expired": lambda: token(PATH, iat=NOW - 900, exp=NOW - 700),
    "too long": lambda: token(PATH, iat=NOW, exp=NOW + 301),
    "ends before it begins": lambda: token(PATH, iat=NOW, exp=NOW),
    "from the future": lambda: token(PATH, iat=NOW + 900, exp=NOW + 1000),
    "not yet": lambda: token(PATH, nbf=NOW + 900),
    "no exp": lambda: token(PATH, exp=None),
    "no iat": lambda: token(PATH, iat=None),
    "text for a time": lambda: f"{part({'alg': 'ES384', 'kid': 'ec', 'typ': 'JWT'})}.{part(claims(PATH, exp='soon'))}.AAAA",
    "another service": lambda: token(PATH, aud=f"{ADDRESS}/cds-services/drg-order-select"),
    "another host": lambda: token(PATH, aud=f"https://evil.example{PATH}"),
    "no audience": lambda: token(PATH, aud=None),
    "unknown issuer": lambda: token(PATH, iss="https://else.example/"),
    "no issuer": lambda: token(PATH, iss=None),
    "no jti": lambda: token(PATH, jti=None),
    "long jti": lambda: token(PATH, jti="x" * 257),
    "unknown tenant": lambda: token(PATH, tenant="three"),
    "no tenant": lambda: token(PATH, tenant=None),
    "a stranger's key": lambda: token(PATH, STRANGER),
    "unknown kid": lambda: token(PATH, header={"kid": "other"}),
    "no kid": lambda: token(PATH, header={"kid": None}),
    "another typ": lambda: token(PATH, header={"typ": "at+jwt"}),
    "a foreign jku": lambda: token(PATH, header={"jku": "https://evil.example/jwks"}),
    "another algorithm": lambda: token(PATH, RSA_ANY, header={"alg": "RS256"}),
    "none": lambda: f"{part({'alg': 'none', 'kid': 'ec', 'typ': 'JWT'})}.{part(claims(PATH))}.",
    "keyed by the public key": lambda: keyed(RSA.as_pem(private=False)),
    "no json": lambda: "a.b.c",
    "no object": lambda: f"{part({'alg': 'ES384', 'kid': 'ec', 'typ': 'JWT'})}.{base64.urlsafe_b64encode(b'[]').decode()}.AAAA",
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_each_wrong_token_is_refused_and_told_why(hospital: Site, what: str) -> None:
    answer = ask(hospital, WRONG[what]())
    assert answer.status_code == 401, what
    assert answer.json()["type"].endswith(":cds-token")
    assert "invalid_token" in answer.headers["www-authenticate"]


def test_a_changed_payload_does_not_hold(hospital: Site) -> None:
    head, _, signature = token(PATH).split(".")
    assert (
        ask(hospital, f"{head}.{part(claims(PATH, tenant='two'))}.{signature}").status_code == 401
    )


def test_a_token_counts_once(hospital: Site) -> None:
    sent = token(PATH)
    assert ask(hospital, sent).status_code == 200
    again = ask(hospital, sent)
    assert (again.status_code, "jti" in again.json()["detail"]) == (401, True)
    # One that was refused for another reason is not spent by it.
    jti = str(uuid.uuid4())
    assert ask(hospital, token(PATH, jti=jti, aud="https://else.example")).status_code == 401
    assert ask(hospital, token(PATH, jti=jti)).status_code == 200


def test_a_tenant_reaches_its_own_hospital_alone(hospital: Site) -> None:
    assert ask(hospital, token(PATH, tenant="two"), "S2").status_code == 200
    assert ask(hospital, token(PATH, tenant="two"), "S1").status_code == 412, (
        "as if it were not there"
    )
    (card,) = ask(hospital, token(PATH, tenant="one"), "S1").json()["cards"] or [None]
    if card is None:
        card = {"uuid": hospital.store.cards.of_stay("S1")[0]["card_id"]}
    told = {
        "feedback": [
            {
                "card": card["uuid"],
                "outcome": "overridden",
                "outcomeTimestamp": "2026-03-01T10:00:00Z",
            }
        ]
    }
    path = f"{PATH}/feedback"
    for tenant, status in (("two", 422), ("one", 200)):
        for aud in (path, PATH):
            sent = {"authorization": f"Bearer {token(path, tenant=tenant, aud=f'{ADDRESS}{aud}')}"}
            assert hospital.client.post(path, json=told, headers=sent).status_code == status


def test_a_client_reaches_nothing_but_these_routes(hospital: Site) -> None:
    for path in ("/v1/alerts", "/v1/cases", "/v1/me"):
        answer = hospital.client.get(path, headers={"authorization": f"Bearer {token(path)}"})
        assert answer.status_code == 401, path


def test_each_call_leaves_a_row_of_the_log_without_what_it_said(hospital: Site) -> None:
    from store.access import AuditFilter

    hospital.client.cookies.clear()
    assert ask(hospital, token(PATH)).status_code == 200
    row = hospital.store.access.audit.page(AuditFilter(user=f"cds:{ISSUER}#one"), limit=1)[0]
    assert (row.means, row.user_name, row.permission, row.outcome) == ("cds-client", "EHR", "claims.assess", "200")  # fmt: skip
    assert "1288992" not in str(row)


def test_browsers_may_call_from_named_origins_alone(hospital: Site) -> None:
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    good = hospital.client.options(PATH, headers={"origin": "https://ehr.example.com", **asked})
    assert good.status_code == 200
    assert good.headers["access-control-allow-origin"] == "https://ehr.example.com"
    assert "access-control-allow-credentials" not in good.headers
    bad = hospital.client.options(PATH, headers={"origin": "https://evil.example", **asked})
    assert "access-control-allow-origin" not in bad.headers
    sent = {"authorization": f"Bearer {token(PATH)}", "origin": "https://evil.example"}
    body = request("order-sign", encounterId="S1", draftOrders=bundle(medication("1")))
    assert (
        "access-control-allow-origin"
        not in hospital.client.post(PATH, json=body, headers=sent).headers
    )
    other = hospital.client.options(
        "/v1/alerts", headers={"origin": "https://ehr.example.com", **asked}
    )
    assert "access-control-allow-origin" not in other.headers, "only below /cds-services"


@pytest.mark.parametrize(
    "change",
    [
        {"jwks": None}, {"jwks_uri": "https://ehr.example.com/jwks"}, {"tenants": {}}, {"language": "fr"},
        {"tenants": {"one": {"providers": []}}}, {"unknown": 1}, {"jwks": {"keys": []}},
        {"jwks": {"keys": [EC.as_dict(private=True)]}}, {"jwks": {"keys": [PUBLIC["keys"][0]] * 2}},
        {"jwks": {"keys": [{"kty": "oct", "k": "AAAA", "kid": "s"}]}},
        {"jwks": {"keys": [RSAKey.generate_key(1024, {"kid": "w"}).as_dict(private=False)]}},
        {"jwks": None, "jwks_uri": "http://ehr.example.com/jwks"},
        {"jwks": None, "jwks_uri": "https://user:pw@ehr.example.com/jwks"},
    ],
)  # fmt: skip
def test_a_file_that_trusts_too_much_is_refused_at_the_start(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    client = {k: v for k, v in (CLIENT | change).items() if v is not None}
    with pytest.raises((ClientsError, KeysError)):
        clients(tmp_path, FILE | {"clients": [client]})


def test_the_file_needs_an_address_and_origins_that_are_ones(tmp_path: Path) -> None:
    for told in (
        {"clients": [CLIENT]},
        FILE | {"origins": ["*"]},
        FILE | {"origins": ["https://ehr.example.com/path"]},
        FILE | {"clients": [CLIENT, CLIENT]},
    ):
        with pytest.raises(ClientsError):
            clients(tmp_path, told)
    assert clients(tmp_path, {"clients": [CLIENT]}, address=f"{ADDRESS}/").address == ADDRESS


class KeyServer:
    """The client's address of keys."""

    def __init__(self) -> None:
        self.keys = [EC]
        self.asked = 0
        self.down = self.away = False

    def serve(self, _: Request) -> Response:
        self.asked += 1
        if self.away:
            return RedirectResponse("http://127.0.0.1:1/elsewhere")
        if self.down:
            return JSONResponse({"keys": "none"}, 503)
        return JSONResponse({"keys": [k.as_dict(private=False) for k in self.keys]})


@contextmanager
def key_server() -> Iterator[tuple[KeyServer, str]]:
    served = KeyServer()
    app = Starlette(routes=[Route("/jwks", served.serve)])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield served, f"http://127.0.0.1:{listener.getsockname()[1]}/jwks"
        finally:
            server.should_exit = True
            thread.join(10)


def test_keys_at_an_address_are_kept_rotate_and_outlast_a_night(tmp_path: Path) -> None:
    clock = [0.0]
    with key_server() as (served, address):
        found = FetchedKeys(address, clock=lambda: clock[0])
        assert found.find("ec") is not None
        assert found.find("ec") is not None
        assert served.asked == 1, "kept"
        for _ in range(20):
            assert found.find("made-up") is None
        assert served.asked == 1, "names that nobody knows do not make us ask again and again"
        served.keys = [EC, RSA]
        clock[0] += LEAST_S
        assert found.find("rsa") is not None
        assert served.asked == 2, "an unknown one is asked for once more"
        served.down = True
        clock[0] += 3600
        assert found.find("rsa") is not None, "a night's outage stops no ward"
        clock[0] += STALE_S
        with pytest.raises(KeysError):
            found.find("rsa")
        served.down, served.away = False, True
        clock[0] += LEAST_S
        with pytest.raises(KeysError):
            found.find("rsa")


def test_a_client_whose_keys_cannot_be_had_gets_a_503(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    client = {k: v for k, v in CLIENT.items() if k != "jwks"}
    trusted = clients(
        tmp_path, FILE | {"clients": [client | {"jwks_uri": f"http://127.0.0.1:{port}/jwks"}]}
    )
    with site(
        tmp_path, access_of=lambda opened: Accounts(opened, Keyring.create(), clients=trusted)
    ) as made:
        answer = ask(made, token(PATH))
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":client-keys")
    assert answer.headers["retry-after"]


def test_a_set_of_keys_leaves_out_those_for_encryption() -> None:
    other = ECKey.generate_key("P-256", {"kid": "enc", "use": "enc"}).as_dict(private=False)
    assert set(read({"keys": [*PUBLIC["keys"], other]}, "here")) == {"ec", "rsa"}
