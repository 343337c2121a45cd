"""The service with its pages in a process of its own, and Chromium to look at it: what the page tests share."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

CHROMIUM: Final = shutil.which("chromium")
FLAGS: Final = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

PROGRAM: Final = """
import sys
from dataclasses import replace
import pyarrow as pa
import scoring_api, store
from domain.results import FINDINGS
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import service_samples as samples

STAYS = ["S0000001", "S0000002"]

class Scores:
    # Claims' scores as the model tells them; the model itself is tried where it lives.
    told = {"upto": "2025-06-01", "remembered": 60, "remembered_at": "2025-06-01T08:00:00+00:00",
            "model_sha256": "a" * 64, "threshold": 0.5}
    def score(self, records): raise NotImplementedError
    def rings(self, limit):
        ring = {"at_risk_fen": 1234500, "currency": "CNY", "patients": 2, "providers": 1,
                "physicians": 2, "score": 0.71, "claims": 2, "stay_ids": STAYS,
                "ties": [{"relation": "phone", "name": {"zh": "联系电话", "en": "telephone"}}]}
        return {**self.told, "count": 1, "rings": [ring]}
    def again(self, stay_id):
        name = {"zh": "联系电话", "en": "telephone"}
        return {**self.told, "stay_id": stay_id, "score": 0.71, "alert": True, "currency": "CNY",
                "connections": [{"name": name, "fall": 0.2, "claims": 2, "stay_ids": STAYS}],
                "reasons": [{"name": name, "code": "phone_claims", "value": 2, "unit": "claim",
                             "peer_median": 0, "shap": 0.2}]}

with store.open(sys.argv[1]) as opened:
    samples.write(opened, 60)
    batch = samples.claims(2, first=60)
    month = samples.finding(rule_id=samples.RULE_IDS[0], provider_id=samples.PROVIDERS[0])
    found = pa.Table.from_pylist([month], schema=FINDINGS.arrow)
    results = replace(samples.assess(batch), findings=found)
    results = replace(results, alerts=results.alerts.slice(0, 0), hits=results.hits.slice(0, 0))
    opened.write(claims=batch, results=results, ruleset=samples.RULESET, model=samples.MODEL)
    app = scoring_api.build(
        store=opened, assess=samples.Assessor(opened), rules=samples.RULES, version="1",
        group=GroupDesk(samples.library(), samples.KEY),
        what_if=WhatIfDesk(samples.library(), samples.KEY),
        ready=lambda: {"model": "absent"}, graph=opened.graph(), score_claims=Scores(),
    )
    scoring_api.run(app, "127.0.0.1", 0, started=lambda url: print(url, flush=True))
"""
"""Serves 60 decisions with 50 alerts and one finding on a month; prints its address."""

WORKPLACE: Final = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import scoring_api, store
from cli.telling import telling
from domain.access import Role, Rows
from domain.registry import Appointment
from scoring_api.access.accounts import Accounts, Settings
from store.access.keyring import Keyring
from streaming.backtests import ChangeDesk
from streaming.grouping import GroupDesk, WhatIfDesk
from streaming.service import described
from tests import service_samples as samples
from tests.access_scene import PASSWORDS, PHYSICIAN
from tests.card_scene import fill_week
from tests import measure_samples as measures
from tests.graph_scene import Scene as GraphScene
from tests.e2e.walks import ACCOUNTS, PASSWORD
from tests.small_catalogue import engine_of, write_catalogue
from tests.ward_scene import CHECKS, fill

folder = Path(sys.argv[1].removeprefix("sqlite:///")).parent / "rules"
engine = engine_of(write_catalogue(folder, ADM_003="active", CHG_002="active"))
real = {rule["id"]: rule for rule in described(engine.ruleset)}

with store.open(sys.argv[1]) as opened:
    entities = GraphScene(opened, opened.graph())
    measures.write(opened, 40)
    samples.write(opened, 120)
    entities.catch_up()
    now, keys = datetime.now(UTC), Keyring.create()
    fill_week(opened, now, "ADM-003", samples.PROVIDERS[0])
    opened.keep_model(
        samples.MODEL.sha256,
        {"upto": "2025-04-01", "threshold": {"score": 0.5}, "level": "provider",
         "features": [{"name": "claims", "zh": "人次", "en": "Claims", "used": True}]},
        {"card.md": "# 模型卡\\n\\n**用途** 线索\\n".encode()},
    )
    opened.appoint(Appointment(samples.MODEL.sha256, "champion", "Ana", "first", now))
    free = Settings(sign_ins_a_minute=10**6, principal_burst=10**6, address_burst=10**6)
    access = Accounts(opened, keys, PASSWORDS, free)
    for role, login in ACCOUNTS.items():
        rows = Rows(physician_id=PHYSICIAN) if role == "physician" else Rows()
        opened.access.accounts.add(
            login, login.title(), Role(role.rstrip("2")), now=now, rows=rows,
            password_hash=PASSWORDS.hash(PASSWORD),
        )
    ward, plans = fill(opened, PHYSICIAN, engine_of(write_catalogue(folder.parent / "ward", **CHECKS)))
    app = scoring_api.build(
        store=opened, assess=samples.Assessor(opened), version="1", ward=ward, plans=plans,
        rules=[real.get(rule["id"], rule) for rule in samples.RULES],
        group=GroupDesk(samples.library(), samples.KEY),
        what_if=WhatIfDesk(samples.library(), samples.KEY),
        ready=lambda: {"model": "absent"}, graph=entities.graph, access=access,
        telling=telling(keys), changes=ChangeDesk(engine, opened),
    )
    scoring_api.run(app, "127.0.0.1", 0, started=lambda url: print(url, flush=True))
"""
"""The same with twice the alerts, to which people of every role sign in (``walks.ACCOUNTS``)."""


@contextmanager
def serve(root: Path, database: Path, program: str = PROGRAM) -> Iterator[str]:
    """The service's address without the closing slash, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, f"sqlite:///{database}"],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip().rstrip("/")
        assert address, "the service did not start"
        yield address
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


def fits(page: Any) -> bool:
    """Whether nothing of the page is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
