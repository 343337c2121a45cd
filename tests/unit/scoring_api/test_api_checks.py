"""The life of checks over HTTP: history, backtests, and values that one proposes and another approves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

import scoring_api
import store
from domain.access import ALL_ROWS, PERMISSIONS, Principal, Role, Rows
from domain.registry import Appointment
from domain.review import Review
from scoring_api.access import OpenAccess
from scoring_api.checks import asking
from store.model_tables import SHADOW_SCORES_SQL
from streaming import intake
from streaming.backtests import ChangeDesk
from streaming.grouping import GroupDesk, WhatIfDesk
from streaming.pipeline import Engine, assess
from streaming.service import described, keep
from tests import service_samples as samples
from tests.small_catalogue import engine_of, write_catalogue

PATTERN = "data_samples/patterns/ADM-003.jsonl"
MORNING = asking.today() + timedelta(days=30)
SENT = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Place:
    """One database with the ADM-003 sample, its engine, and clients of every role."""

    opened: store.Store
    engine: Engine
    desk: ChangeDesk
    client: Callable[..., TestClient]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("checks")
    engine = engine_of(
        write_catalogue(folder, ADM_003="active", ADM_002="active", LOS_003="shadow", GRP_023="active")
    )  # fmt: skip
    with store.open(f"sqlite:///{folder / 'sentinel.db'}") as opened:
        read = intake.decode(Path(PATTERN).read_bytes().splitlines(), key=samples.KEY)[0]
        keep(opened, read, assess(read, engine), engine)
        desk = ChangeDesk(engine, opened)
        made: dict[Any, TestClient] = {}

        def client(role: Role, name: str = "ana", rows: Rows = ALL_ROWS) -> TestClient:
            if (role, name, rows) not in made:
                principal = Principal(name, name, role, PERMISSIONS[role], rows)
                app = scoring_api.build(
                    store=opened,
                    assess=samples.Assessor(opened),
                    group=GroupDesk(samples.library(), samples.KEY),
                    what_if=WhatIfDesk(samples.library(), samples.KEY),
                    rules=described(engine.ruleset),
                    version="1",
                    ready=dict,
                    access=OpenAccess(principal),
                    changes=desk,
                )
                made[role, name, rows] = TestClient(app, follow_redirects=False)
            return made[role, name, rows]

        yield Place(opened, engine, desk, client)
        desk.close()


def test_the_history_of_a_check_counts_what_counts(place: Place) -> None:
    hit = next(r for r in place.opened.stored_hits(["P-ADM-003-2"]) if r[1] == "ADM-003")
    decision = place.opened.decision_with_hit(*hit)
    place.opened.keep_reviews(
        [Review("r" * 32, "ADM-003", "confirmed", "violation", "ana", datetime(2025, 5, 2, tzinfo=UTC),
                decision, hit[0])]
    )  # fmt: skip
    told = place.client(Role.OFFICER).get("/v1/rules/ADM-003/history").json()
    assert [(m["month"], m["hits"], m["verdicts"]["judged"]) for m in told["months"]] == [
        ("2025-03-01", 1, 3),
        ("2025-04-01", 0, 1),
    ]
    assert told["quarters"][0]["quarter"] == "2025-Q2"
    assert told["quarters"][0]["precision"] == 1.0
    assert told["told_upto"] is not None
    (hospital,) = told["providers"]
    assert hospital["hits"] == 1
    other = Rows(frozenset({"somewhere else"}))
    limited = place.client(Role.PHYSICIAN, "eve", other).get("/v1/rules/ADM-003/history").json()
    assert limited["providers"] == []
    for lang, words in (("zh", "每月命中"), ("en", "Hits by month")):
        page = place.client(Role.OFFICER).get(f"/rules/ADM-003?lang={lang}").text
        assert f'aria-label="{words}"' in page
        assert f"/?rule=ADM-003&amp;provider={hospital['provider_id']}" in page
    assert place.client(Role.OFFICER).get("/v1/rules/XXX-1/history").status_code == 404


def test_a_check_on_trial_is_compared_over_the_same_claims(place: Place) -> None:
    for _ in range(100):
        answer = place.client(Role.AUDITOR).get("/v1/rules/LOS-003/shadow").json()
        if not answer["pending"]:
            break
    told = answer["comparison"]
    assert (told["against"], told["claims"], told["neither"]) == ("cause", 4, 4)
    assert place.client(Role.AUDITOR).get("/v1/rules/ADM-003/shadow").json()["comparison"] is None
    page = place.client(Role.AUDITOR).get("/rules/LOS-003?lang=en").text
    assert "On trial beside what decides" in page


def test_the_catalogue_can_be_ordered_and_filtered(place: Place) -> None:
    client = place.client(Role.OFFICER)
    for order, first in (("-hits", "ADM-003"), ("id", "ADM-002"), ("-id", "LOS-003")):
        page = client.get(f"/rules?lang=en&sort={order}").text
        places = [page.index(f'href="/rules/{i}?') for i in ("ADM-002", "ADM-003", "LOS-003")]
        assert min(places) == page.index(f'href="/rules/{first}?')
    assert "LOS-003" not in client.get("/rules?status=active").text
    assert "ADM-002" not in client.get("/rules?unit=provider_month").text
    assert client.get("/rules?sort=nonsense").status_code == 200


def backtest(client: TestClient, rule_id: str, **body: Any) -> Any:
    given = {"first": "2025-01-01", "last": "2025-12-31", **body}
    return client.post(f"/v1/rules/{rule_id}/backtests", json=given)


def finished(client: TestClient, address: str) -> dict[str, Any]:
    for _ in range(600):
        told: dict[str, Any] = client.get(address).json()
        if told["status"] in {"done", "failed"}:
            return told
        time.sleep(0.05)
    raise AssertionError("the backtest does not end")


def test_a_backtest_tells_what_another_value_changes(place: Place) -> None:
    client = place.client(Role.ANALYST)
    asked = backtest(client, "ADM-003", values=[{"parameter": "window_days", "value": "5"}])
    assert asked.status_code == 202
    told = finished(client, asked.headers["Location"])
    result = told["result"]
    assert (told["status"], told["done"], told["total"], result["judged"]) == ("done", 4, 4, 4)
    assert (result["before"]["hits"], result["after"]["hits"]) == (1, 0)
    assert (result["gained"], result["lost"], result["lost_ids"]) == (0, 1, ["P-ADM-003-2"])
    assert result["lost_fen"] == result["before"]["exposure_fen"]
    page = client.get(asked.headers["Location"].removeprefix("/v1") + "?lang=zh").text
    assert "/?text=P-ADM-003-2&amp;" in page
    limited = place.client(Role.PHYSICIAN, "eve", Rows(physician_id="D9"))
    assert limited.get(asked.headers["Location"]).json()["result"]["lost_ids"] == []
    # Nothing that counts has changed.
    place.opened.check_history.refresh()
    assert place.opened.check_history.tallies()["ADM-003"].hit == 1
    # A check of hospitals' months is tried on whole months.
    many = backtest(client, "GRP-023", values=[{"parameter": "min_stays", "value": "2"}])
    assert finished(client, many.headers["Location"])["result"]["unit"] == "provider_month"


@pytest.mark.parametrize(
    ("rule", "body", "field"),
    [
        ("ADM-003", {"values": [{"parameter": "window_days", "value": "5.5"}]}, "value"),
        ("ADM-003", {"values": [{"parameter": "window_days", "value": "-5"}]}, "value"),
        ("ADM-003", {"values": [{"parameter": "nothing", "value": "5"}]}, "parameter"),
        ("ADM-003", {"values": [{"parameter": "window_days", "value": "5", "region": "x"}]}, "region"),
        ("ADM-003", {"values": [], "first": "2025-01-01"}, "values"),
        ("ADM-003", {"values": [{"parameter": "window_days", "value": "5"}], "last": "2024-01-01"}, "last"),
        ("ADM-003", {"values": [{"parameter": "window_days", "value": "5"}], "last": "soon"}, "last"),
    ],
)  # fmt: skip
def test_a_backtest_that_makes_no_sense_is_refused(
    place: Place, rule: str, body: dict[str, Any], field: str
) -> None:
    answer = backtest(place.client(Role.ANALYST), rule, **body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert answer.json()["faults"][0]["what"]["zh"]


def test_who_may_not_propose_may_not(place: Place) -> None:
    values = [{"parameter": "window_days", "value": "5"}]
    for role in (Role.OFFICER, Role.AUDITOR, Role.PHYSICIAN, Role.SERVICE, Role.ADMINISTRATOR):
        client = place.client(role)
        assert backtest(client, "ADM-003", values=values).status_code == 403
        assert client.post("/v1/proposals", json={}).status_code == 403
    analyst = place.client(Role.ANALYST, "ian")
    for word in ("approve", "refuse"):
        assert analyst.post(f"/v1/proposals/{'0' * 32}/{word}", json={}).status_code == 403


def wanted(**more: Any) -> dict[str, Any]:
    return {
        "rule_id": "ADM-003", "parameter": "window_days", "since": MORNING.isoformat(), "value": "10",
        "why": "local rule", **more,
    }  # fmt: skip


def test_one_proposes_and_another_one_approves(place: Place) -> None:
    ana, ben = place.client(Role.SENIOR, "ana"), place.client(Role.SENIOR, "ben")
    key = {"Idempotency-Key": "key-of-ana-1"}
    asked = ana.post("/v1/proposals", json=wanted(), headers=key)
    assert asked.status_code == 201
    one = asked.json()
    assert (one["status"], one["before"], one["unit"], one["in_use"]) == (
        "open",
        "15",
        "day",
        False,
    )
    assert ana.post("/v1/proposals", json=wanted(), headers=key).json() == one
    address = asked.headers["Location"]
    reason = {"reason": "the backtest is good"}
    assert ben.post(f"{address}/approve", json=reason).status_code == 428
    match = {"If-Match": asked.headers["ETag"]}
    assert (
        ben.post(f"{address}/approve", json=reason, headers={"If-Match": '"7"'}).status_code == 412
    )
    own = ana.post(f"{address}/approve", json=reason, headers=match)
    assert (own.status_code, own.json()["type"].rsplit(":", 1)[1]) == (409, "two-persons")
    assert ben.post(f"{address}/approve", json={"reason": " "}, headers=match).status_code == 422
    done = ben.post(f"{address}/approve", json=reason, headers=match)
    assert (done.status_code, done.json()["status"], done.headers["ETag"]) == (
        200,
        "approved",
        '"2"',
    )
    assert done.json()["ending"]["by"] == "ben"
    assert ben.post(f"{address}/refuse", json=reason, headers=match).status_code == 412
    # It is in force, and the running service says that it does not judge by it yet.
    (value,) = place.opened.proposals.in_force()
    assert (value.rule_id, value.value, value.since) == ("ADM-003", 10, MORNING)
    assert "1 wait for a restart" in place.desk.detail()
    assert "Restart the service" in ben.get("/proposals?lang=en").text
    assert "尚未用于判定" in ben.get("/rules?lang=zh").text
    # The next one must begin later than what is approved.
    early = ana.post("/v1/proposals", json=wanted(value="9"))
    assert (early.status_code, early.json()["field"]) == (422, "since")


def test_a_value_that_may_not_be_is_refused_in_both_languages(place: Place) -> None:
    ana = place.client(Role.SENIOR, "ana")
    later = (MORNING + timedelta(days=90)).isoformat()
    for body, field in (
        (wanted(since=asking.today().isoformat()), "since"),
        (wanted(since=later, value="ten"), "value"),
        (wanted(since=later, region="3301", value="10"), "value"),  # what holds there anyway
        (wanted(since=later, value="7", why=""), "why"),
        (wanted(since=later, parameter="none"), "parameter"),
    ):
        answer = ana.post("/v1/proposals", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field), body
    form = {**wanted(value="7.5", since=later)}
    for lang, words in (("zh", "该参数只取整数"), ("en", "takes whole numbers")):
        page = ana.post(f"/rules/ADM-003/proposals?lang={lang}", data=form, headers=SENT)
        assert page.status_code == 422
        assert words in page.text
    foreign = ana.post("/rules/ADM-003/proposals", data=form)
    assert foreign.status_code == 403


def test_the_pages_lead_from_a_proposal_to_its_end(place: Place) -> None:
    ana, ben = place.client(Role.SENIOR, "ana"), place.client(Role.SENIOR, "ben")
    form = {"parameter": "window_days", "region": "42", "since": MORNING.isoformat(), "value": "7",
            "why": "<script>alert(1)</script>"}  # fmt: skip
    sent = ana.post("/rules/ADM-003/proposals?lang=zh", data=form, headers=SENT)
    assert sent.status_code == 303
    address = sent.headers["Location"].partition("?")[0]
    mine = ana.get(f"{address}?lang=zh").text
    assert "须由另一人审批" in mine
    assert "/approve" not in mine
    assert "<script>alert" not in mine
    assert "/approve" not in place.client(Role.AUDITOR).get(address).text
    theirs = ben.get(f"{address}?lang=en").text
    assert f"{address}/approve" in theirs
    taken = ana.post(f"{address}/approve?lang=zh", data={"reason": "x"}, headers=SENT)
    assert (taken.status_code, "不能审批本人的提议" in taken.text) == (409, True)
    assert ana.post(f"{address}/withdraw", data={"reason": "no"}, headers=SENT).status_code == 303
    assert "已撤回" in ben.get(f"{address}?lang=zh").text
    assert "已撤回" in ben.get("/proposals?status=withdrawn&lang=zh").text
    page = ben.get("/v1/proposals?limit=1").json()
    assert ben.get(page["next"]).json()["proposals"][0] != page["proposals"][0]
    assert ben.get("/v1/proposals?cursor=x").status_code == 400


def test_models_with_card_scores_and_challenger(place: Place) -> None:
    opened = place.opened
    ours, rival = samples.MODEL.sha256, "c" * 64
    manifest = {
        "upto": "2024-04-01", "threshold": {"score": 0.5}, "level": "provider",
        "metrics": {"all": {"variants": {"both": {"roc_auc": {"value": 0.9, "low": 0.85, "high": 0.94}}}}},
        "features": [{"name": "claims", "zh": "人次", "en": "Claims", "used": True}],
    }  # fmt: skip
    card = "# 模型卡\n\n**用途** 线索 <b>x</b>\n\n- 一\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    opened.keep_model(ours, manifest, {"card.md": card.encode()})
    opened.keep_model(rival, manifest, {"card.md": b"# x"})
    scores = samples.write(opened, 8).scores.to_pylist()
    with opened.engine.begin() as connection:
        connection.execute(
            sa.insert(SHADOW_SCORES_SQL),
            [row | {"model_sha256": rival, "score": row["score"] / 2} for row in scores],
        )
    now = datetime.now(UTC)
    opened.appoint(Appointment(ours, "champion", "ana", "first", now))
    opened.appoint(Appointment(rival, "challenger", "ben", "trial", now))
    client = place.client(Role.ANALYST)
    listed = client.get("/v1/models").json()["models"]
    assert {(m["sha256"], m["role"]) for m in listed} == {(ours, "champion"), (rival, "challenger")}
    told = client.get(f"/v1/models/{ours[:12]}").json()
    assert (told["card"], told["scored"]) == (card, 3)
    both = told["comparison"]
    assert (both["subjects"], both["both"]) == (3, 0)
    assert both["rank_correlation"] == pytest.approx(1)
    assert both["mean_difference"] == pytest.approx(sum(r["score"] for r in scores) / 6)
    assert {q["quantile"]: q["champion"] == 2 * q["challenger"] for q in both["quantiles"]}[0.5]
    for lang, words in (("zh", "模型卡"), ("en", "Model card")):
        page = client.get(f"/models/{ours}?lang={lang}").text
        for part in (
            words,
            "ROC-AUC",
            "&lt;b&gt;x",
            "<strong>用途</strong>",
            "<td>1</td>",
            "0.850–0.940",
        ):
            assert part in page, part
    assert client.get("/v1/models/ffffffff").status_code == 404
    assert place.client(Role.PHYSICIAN).get("/models").status_code == 403
