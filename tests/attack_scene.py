"""The whole service with accounts and everything switched on, and one of each thing of two hospitals."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

import store
from domain.access import Role, Rows
from domain.results import FINDINGS
from domain.service import NotReadyError
from domain.tables import conform
from domain.work_events import TEST
from scoring_api.destinations import Destinations
from scoring_api.webhook_worker import Telling, trial
from store.open_stays import StayChange, save
from streaming.backtests import ChangeDesk
from streaming.cds import CdsDesk
from streaming.grouping import StoredGroupDesk
from streaming.plans.desk import PlanDesk
from tests import access_scene
from tests import measure_samples as measures
from tests import service_samples as samples
from tests.access_scene import HOME, PHYSICIAN, SAME_SITE, Scene
from tests.card_scene import card
from tests.plan_samples import SamplePlans
from tests.small_catalogue import engine_of, write_catalogue
from tests.ward_samples import SampleWard

ELSEWHERE = samples.PROVIDERS[1]
STRANGER = "D33010001"
MARK = b"words of the other hospital"
"""What its attached file holds."""


class NotRead:
    """Scores of claims before the stored ones were read, which is how a service begins."""

    def __getattr__(self, name: str) -> Any:
        def wait(*_: Any) -> Any:
            raise NotReadyError("the claims are being read", where="service", cure="Wait.")

        return wait


@dataclass
class World:
    """The service, and the ids of what lies in it: of the own hospital, of another one, and of neither."""

    scene: Scene
    mine: dict[str, str]
    theirs: dict[str, str]
    shared: dict[str, str]
    others: dict[str, str]
    """Ids of what belongs to one person: the view, session and token of somebody else."""
    secrets: list[str] = field(default_factory=list)
    """What no answer may hold that was not asked for it."""

    def values(self, path: str = "", *, mine: bool = True) -> dict[str, str]:
        """Sample values of the parameters of paths, by name; some mean another thing on some paths."""
        side = dict(self.mine if mine else self.theirs)
        if "open-stays" not in path and not path.startswith("/ward/"):
            side["stay_id"] = side["claim_id"]
        if "indicators" in path:
            side["name"] = "mean_stay"
        return {**self.shared, **self.others, **side}

    def fill(self, path: str, *, mine: bool = True) -> str:
        """A path with sample values, of the own hospital or of another one."""
        return filled(path, self.values(path, mine=mine))


def parameters(path: str) -> set[str]:
    """The names of a path's parameters."""
    return set(re.findall(r"\{(\w+)", path))


def filled(path: str, values: Mapping[str, str]) -> str:
    """A path with its parameters given."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: values[found[1]], path)


def open_stay(stay_id: str, provider: str, physician: str) -> StayChange:
    """A patient in hospital."""
    return StayChange(
        {
            "stay_id": stay_id, "provider_id": provider, "patient_id": f"p_{stay_id}",
            "physician_id": physician, "department": samples.DEPARTMENTS[0], "phase": "open",
            "currency": "CNY", "running_cost_fen": 0, "costs": {}, "active_orders": 0,
            "last_event_time": datetime.now(UTC), "last_event_id": "E1", "body": b"{}",
        },
        0,
    )  # fmt: skip


def keep_findings(opened: store.Store, found: dict[str, tuple[str, str]]) -> None:
    """A finding on a physician's day for each id."""
    rows = [
        samples.finding(
            finding_id=finding_id, provider_id=provider, physician_id=physician, unit="physician_day",
            subject_id=f"{physician}|2025-01-01",
        )
        for finding_id, (provider, physician) in found.items()
    ]  # fmt: skip
    table = conform(pa.Table.from_pylist(rows, schema=FINDINGS.arrow), FINDINGS)
    scope = store.Scope(("GRP-023",), date(2025, 1, 1), date(2025, 1, 1), date(2025, 6, 1))
    opened.keep_findings(
        table, table.slice(0, 0), ruleset=samples.RULESET, scope=scope, shadow_scope=scope
    )


class Person:
    """One account with its browser, and the ways to send what our pages and scripts send."""

    def __init__(self, scene: Scene, login: str, role: Role, rows: Rows = Rows()) -> None:  # noqa: B008
        self.user_id = scene.account(login, role, rows)
        self.login, self.role = login, role
        self.headers = dict(SAME_SITE)
        if role is Role.SERVICE:
            self.client, self.secret = scene.client(), ""
            self.headers["authorization"] = f"Bearer {scene.token(self.user_id)}"
        else:
            self.client = scene.signed_in(login)
            self.secret = access_scene.csrf(self.client)
            self.headers["x-csrf-token"] = self.secret

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """What the method sends by itself: nothing, an empty JSON object, or an empty form."""
        headers = {**self.headers, **more.pop("headers", {})}
        if method not in ("GET", "HEAD", "DELETE") and not {"json", "data", "files", "content"} & set(more):  # fmt: skip
            more["json" if path.startswith("/v1/") else "data"] = {}
        if isinstance(more.get("data"), dict):
            more["data"] = {"csrf": self.secret, **more["data"]}
        return self.client.request(method, path, headers=headers, **more)

    def sent(self) -> dict[str, str]:
        """The headers with which another client is this person."""
        if self.role is Role.SERVICE:
            return self.headers
        return {**self.headers, "cookie": f"sentinel={self.client.cookies['sentinel']}"}

    def get(self, path: str, **more: Any) -> Any:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """Send JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, json=body, headers=named)

    def form(self, path: str, **fields: str) -> Any:
        """Send a form of our pages."""
        return self.ask("POST", path, data=fields)

    def made(self, path: str, body: Any, **headers: str) -> dict[str, Any]:
        """Send JSON that has to succeed."""
        answer = self.post(path, body, **headers)
        assert answer.status_code in (200, 201, 202), (path, answer.text)
        told: dict[str, Any] = answer.json()
        return told


def alert_of(opened: store.Store, provider: str, physician: str) -> str:
    """The oldest alert of a hospital's physician."""
    return next(
        str(row["alert_id"])
        for row in opened.alerts(store.AlertFilter(), store.AlertSort.OLDEST, None, 200).rows
        if (row["provider_id"], row["attending_physician_id"]) == (provider, physician)
    )


@contextmanager
def world(url: str, folder: Path, **pieces: Any) -> Iterator[World]:
    """The service over an empty database, with one of each thing of the own hospital and of another one."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = engine_of(write_catalogue(folder, ADM_003="active"))
    with store.open(url) as opened:
        measures.write(opened, 60)
        opened.open_stays.commit(
            save(
                [open_stay("O-MINE", HOME, PHYSICIAN), open_stay("O-THEIRS", ELSEWHERE, STRANGER)]
            ),
            datetime.now(UTC),
        )
        keep_findings(opened, {"a" * 32: (HOME, PHYSICIAN), "b" * 32: (ELSEWHERE, STRANGER)})
        desk = ChangeDesk(engine, opened)
        seal = access_scene.KEYRING
        scene = access_scene.make(
            opened,
            score_claims=NotRead(),
            plans=SamplePlans(),
            changes=desk,
            telling=Telling(seal, Destinations(resolve=lambda *_: ["93.184.215.14"])),
            group_stored=StoredGroupDesk(samples.library()),
            ward=SampleWard(opened),
            advise=CdsDesk(engine, opened, samples.KEY, PlanDesk(engine, opened, samples.KEY)),
            **pieces,
        )
        scene.app.state.beside.clear()
        try:
            yield _furnish(scene)
        finally:
            desk.close()


def _furnish(scene: Scene) -> World:
    opened = scene.store
    maker = Person(scene, "maker", Role.SENIOR)
    keeper = Person(scene, "keeper", Role.ADMINISTRATOR)
    sides = []
    for mark, provider, physician in (("mine", HOME, PHYSICIAN), ("theirs", ELSEWHERE, STRANGER)):
        alert_id = alert_of(opened, provider, physician)
        record = opened.alert(alert_id)
        assert record is not None
        case = maker.made("/v1/cases", {"alert_ids": [alert_id]})
        address = f"/v1/cases/{case['case_id']}"
        maker.made(f"{address}/comments", {"text": f"said of {mark}", "visibility": "shared"})
        attached = maker.ask(
            "POST", f"{address}/attachments",
            files={"file": (f"{mark}.txt", MARK, "text/plain")}, data={"visibility": "shared"},
        )  # fmt: skip
        assert attached.status_code == 201, attached.text
        hook = keeper.made(
            "/v1/webhooks",
            {"url": "https://hooks.example.org/x", "providers": [provider], "description": mark},
        )
        row = opened.webhooks.find(hook["webhook_id"])
        assert row is not None
        message = trial(row, datetime.now(UTC))
        opened.webhooks.queue(hook["webhook_id"], message, TEST, datetime.now(UTC))
        told = card(
            provider_id=provider,
            physician_id=physician,
            stay_id=f"O-{mark}",
            rule_ids=("ADM-003",),
            suggestion_key=mark,
        )
        opened.cards.offer([told], budget=10, now=datetime.now(UTC))
        quiet = maker.made(
            "/v1/advice/quiet-checks",
            {"rule_id": "ADM-003", "provider_id": provider, "why": "why"},
        )
        sides.append(
            {
                "card_id": told.card_id,
                "quiet_id": quiet["quiet_id"],
                "alert_id": alert_id,
                "finding_id": ("a" if mark == "mine" else "b") * 32,
                "stay_id": f"O-{mark.upper()}",
                "claim_id": str(record.alert["stay_id"]),
                "case_id": case["case_id"],
                "case": case["case_id"],
                "attachment_id": attached.json()["attachments"][0]["attachment_id"],
                "provider_id": provider,
                "webhook_id": hook["webhook_id"],
                "message_id": message[0],
                "secret": hook["secret"],
            }
        )
    proposal = maker.made(
        "/v1/proposals",
        {"rule_id": "ADM-003", "parameter": "window_days", "since": "2099-01-01", "value": "10", "why": "why"},
    )  # fmt: skip
    backtest = maker.made(
        "/v1/rules/ADM-003/backtests",
        {"first": "2024-03-01", "last": "2024-03-31", "values": [{"parameter": "window_days", "value": "10"}]},
    )  # fmt: skip
    view = maker.made("/v1/views", {"name": "own view", "query": "severity=high"})
    token = maker.made("/v1/tokens", {"name": "own token"})
    session = maker.get("/v1/sessions").json()["sessions"][0]
    spare = scene.account("spare", Role.OFFICER)
    return World(
        scene,
        *({k: v for k, v in side.items() if k != "secret"} for side in sides),
        {
            "rule_id": "ADM-003",
            "name": "console.css",
            "user_id": spare,
            "proposal_id": proposal["proposal_id"],
            "backtest_id": backtest["backtest_id"],
            "sha256": samples.MODEL.sha256,
            "service_id": "drg-patient-view",
        },
        {
            "view_id": view["view_id"],
            "session_id": session["session_id"],
            "token_id": token["token_id"],
        },
        [*(side["secret"] for side in sides), token["token"]],
    )


numbered: Callable[[], str] = map(str, itertools.count()).__next__
"""A new number at each call, for names of accounts."""


def audit_rows(scene: Scene) -> int:
    """How many rows the audit log has."""
    from store.access_tables import AUDIT_EVENTS_SQL

    with scene.store.engine.connect() as connection:
        counted = sa.select(sa.func.count()).select_from(AUDIT_EVENTS_SQL)
        return int(connection.execute(counted).scalar_one())
