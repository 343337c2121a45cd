"""A service with accounts for its tests: one of each role, cheap password hashes, a clock to turn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from argon2 import PasswordHasher

import scoring_api
import store
from domain.access import PERMISSIONS, Role, Rows
from scoring_api.access.accounts import Accounts, Settings
from store.access import Keyring
from store.access.passwords import Passwords
from streaming.fhir.desk import FhirDesk
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import service_samples as samples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PASSWORDS = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
"""As cheap as argon2 goes: what is tested is what the service does with them."""
PASSWORD = "correct horse battery"
KEYRING = Keyring.create()
"""The field keys of all scenes."""
SAME_SITE = {"sec-fetch-site": "same-origin"}
HOME = samples.PROVIDERS[0]
"""The hospital of the limited accounts."""
PHYSICIAN = "D33010000"


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime(2025, 6, 2, 8, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Scene:
    """The app with its accounts; ``client()`` is a new browser."""

    store: store.Store
    accounts: Accounts
    app: Any
    clock: Clock

    def client(self, base_url: str = "http://testserver") -> TestClient:
        return TestClient(self.app, base_url=base_url, follow_redirects=False)

    def account(self, login: str, role: Role, rows: Rows = Rows(), **more: Any) -> str:  # noqa: B008
        if role is Role.PHYSICIAN and rows.physician_id is None:
            rows = Rows(rows.providers, rows.departments, PHYSICIAN)
        kept = None if role is Role.SERVICE else PASSWORDS.hash(PASSWORD)
        made = self.store.access.accounts.add(
            login, f"Name of {login}", role, now=self.clock(), rows=rows, password_hash=kept, **more
        )
        return made.user_id

    def signed_in(self, login: str, base_url: str = "http://testserver") -> TestClient:
        client = self.client(base_url)
        answer = sign_in(client, login)
        assert answer.status_code == 303, answer.text
        return client

    def token(self, user_id: str, permissions: Any = None) -> str:
        account = self.store.access.accounts.find(user_id)
        assert account is not None
        allowed = PERMISSIONS[account.role] if permissions is None else permissions
        return self.store.access.tokens.add(
            user_id, "t", allowed, made_by=user_id, days=90, now=self.clock()
        )[1]


def sign_in(client: TestClient, login: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post(
        "/sign-in", data={"login": login, "password": password, **more}, headers=SAME_SITE
    )


def csrf(client: TestClient) -> str:
    """The secret of the client's session, as its pages hold it."""
    told: str = client.get("/v1/me").json()["csrf"]
    return told


def send(client: TestClient, address: str, **fields: str) -> Any:
    """Send a form of our pages."""
    return client.post(address, data={"csrf": csrf(client), **fields}, headers=SAME_SITE)


def make(
    opened: store.Store, settings: Settings | None = None, oidc: Any = None, **pieces: Any
) -> Scene:
    """The app over a store, with accounts and no limit of requests unless given; ``pieces`` go to ``build``."""
    if opened.engine.dialect.name == "sqlite":
        # Each request writes a row of the audit log; that it reaches the disk is not tested here.
        opened.engine.dispose()
        sa.event.listen(
            opened.engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF") and None
        )
    clock = Clock()
    free = Settings(
        per_principal_s=1e6, principal_burst=10**6, per_address_s=1e6, address_burst=10**6,
        sign_ins_a_minute=10**6,
    )  # fmt: skip
    accounts = Accounts(opened, KEYRING, PASSWORDS, settings or free, clock, oidc=oidc)
    parts: dict[str, Any] = {
        "store": opened,
        "assess": samples.Assessor(opened),
        "group": GroupDesk(samples.library(), samples.KEY),
        "what_if": WhatIfDesk(samples.library(), samples.KEY),
        "rules": samples.RULES,
        "version": "1.2.3",
        "ready": lambda: {"model": "absent"},
        "graph": opened.graph(),
        "check_orders": lambda _: (_ for _ in ()).throw(AssertionError("not asked here")),
        # What is read without a stay is refused before the handler is asked.
        "fhir": FhirDesk(cast(Any, None), opened),
        "access": accounts,
    }
    app = scoring_api.build(**{**parts, **pieces})
    return Scene(opened, accounts, app, clock)
