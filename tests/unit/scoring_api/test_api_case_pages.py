"""The pages of cases without a script: look, conclude, approve, contest; and what is kept from whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import store
from domain.access import PERMISSIONS, Permission, Principal, Role, Rows
from domain.graph_questions import GraphAwayError, GraphTimeoutError, Question
from domain.service import PeerCurve, PeerDay
from scoring_api import access
from scoring_api.cases import neighbourhood
from scoring_api.cases.chart import draw
from scoring_api.cases.export import write_csv
from tests import projection_stays
from tests.case_scene import HOSPITAL, Scene
from tests.graph_scene import Scene as GraphScene
from tests.graph_scene import claim as graph_claim
from tests.unit.scoring_api.test_api_pages import Outline

PAGE = {"Accept": "text/html"}
OWN = {"sec-fetch-site": "same-origin"}


def peers(told: Any, currency: str, days: int) -> PeerCurve | None:
    """Peers of every group, made by hand."""
    listed = (PeerDay(n, 40 - n, 1_000 * n, 2_000 * n, 4_000 * n) for n in range(1, days + 1))
    return PeerCurve("group:ES25", "group", 40, tuple(listed))


class Slow:
    """A graph whose server does not answer, or too late."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def ask(self, question: Question, /) -> Any:
        raise self.error or AssertionError("not asked")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    from tests import service_samples as samples

    path: Path = tmp_path_factory.mktemp("casepages") / "sentinel.db"
    with store.open(f"sqlite:///{path}") as opened:
        samples.write(opened, 180)
        made = Scene(opened, peers=peers)
        with made.client:
            yield made


def show(scene: Scene, who: str, address: str, lang: str = "en", status: int = 200) -> Outline:
    mark = "&" if "?" in address else "?"
    answer = scene.call(who, "GET", f"{address}{mark}lang={lang}", headers=PAGE)
    assert answer.status_code == status, answer.text
    return Outline(answer.text)


def send(scene: Scene, who: str, address: str, status: int = 303, **values: Any) -> Any:
    answer = scene.call(who, "POST", address, data=values, headers={**PAGE, **OWN}, follow_redirects=False)  # fmt: skip
    assert answer.status_code == status, answer.text
    return answer


def charge_case(scene: Scene) -> dict[str, Any]:
    """A case whose check hit a charge line."""
    rows = scene.store.alerts(
        store.AlertFilter(rule_id="CHG-002", statuses=frozenset({"new"}), provider_id=HOSPITAL),
        limit=50,
    ).rows
    row = min(rows, key=lambda r: r["exposure_fen"])
    answer = scene.call("anna", "POST", "/v1/cases", json={"alert_ids": [row["alert_id"]]})
    found: dict[str, Any] = answer.json()
    return found


def test_an_alert_leads_to_a_case_and_back(scene: Scene) -> None:
    alert = scene.free()
    page = show(scene, "anna", f"/alerts/{alert['alert_id']}")
    assert any(
        tag == "form" and (a.get("action") or "").startswith("/cases") for tag, a in page.tags
    )
    made = send(scene, "anna", "/cases?lang=en", alert_id=alert["alert_id"], title="<b>Bold</b>")
    address = made.headers["location"]
    assert re.fullmatch(r"/cases/\d{4}-\d{6}\?lang=en", address)
    assert "<b>Bold</b>" in show(scene, "anna", address.partition("?")[0]).text, "escaped"
    again = show(scene, "anna", f"/alerts/{alert['alert_id']}")
    assert "lies in a case" in again.text
    assert "<b>Bold</b>" in show(scene, "anna", f"/cases?text={alert['stay_id']}").text
    other = scene.free()
    number = address.split("/")[2].partition("?")[0]
    send(scene, "anna", "/cases?lang=en", alert_id=other["alert_id"], case=number)
    assert scene.call("anna", "GET", f"/v1/cases/{number}").json()["exposure_fen"] == (
        alert["exposure_fen"] + other["exposure_fen"]
    )


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_has_all_that_an_officer_needs(scene: Scene, lang: str) -> None:
    case = charge_case(scene)
    page = show(scene, "anna", f"/cases/{case['number']}", lang)
    words = {
        "zh": ("床位费天数超过住院天数", "逐日累计费用", "同组四分位", "入组过程", "评分如何构成", "办理过程", "立案"),
        "en": ("Bed days exceed the stay", "Cost day by day", "quartiles", "How the group was found", "How the score is made up", "Timeline", "Opened"),
    }[lang]  # fmt: skip
    for word in words:
        assert word in page.text, word
    assert "window_days" in page.text
    assert "医疗保障基金使用监督管理条例" in page.text
    hit = [a["href"] for t, a in page.tags if t == "a" and "#line-L0001" in (a.get("href") or "")]
    assert len(hit) == 1
    ids = {a["id"] for _, a in page.tags if a.get("id")}
    assert "line-L0001" in ids
    struck = [a["id"] for t, a in page.tags if t == "tr" and a.get("class") == "struck"]
    assert struck == ["line-L0001"], "the line that was hit is marked, and no other"
    assert {a["href"][1:] for t, a in page.tags if t == "a" and (a.get("href") or "").startswith("#")} <= ids  # fmt: skip
    assert not [a for _, a in page.tags if "style" in a]


def test_lines_are_found_by_day_category_and_hit(scene: Scene) -> None:
    case = charge_case(scene)
    base = f"/cases/{case['number']}"

    def lines(query: str) -> set[str]:
        page = show(scene, "anna", f"{base}?{query}")
        return {a["id"] or "" for t, a in page.tags if t == "tr" and "line-" in (a.get("id") or "")}

    assert (
        lines("") == lines("day=1") == lines("category=01") == {f"line-L000{i}" for i in range(3)}
    )
    assert lines("check=CHG-002") == {"line-L0001"}
    assert lines("day=2") == lines("category=09") == set()
    assert lines("day=x&first=99999999&line=x") == lines("")


def test_a_case_is_worked_to_its_end_by_forms_alone(scene: Scene) -> None:
    case = scene.open(large=True)
    base, alert = f"/cases/{case['number']}", case["alerts"][0]
    rule, decision = alert["checks"][0], alert["decision_id"]

    def version() -> int:
        found: int = scene.call("anna", "GET", f"/v1{base}").json()["version"]
        return found

    send(scene, "bo", f"{base}/take", version=version())
    more = show(scene, "bo", f"{base}?suggest=1")
    found = [a["value"] for t, a in more.tags if t == "input" and a.get("name") == "alert_id"]
    assert found, "alerts of the physician that are in no case"
    send(scene, "bo", f"{base}/alerts", version=version(), alert_id=found[0])
    send(scene, "bo", f"{base}/remove", version=version(), alert_id=found[0])
    send(scene, "sen", f"{base}/change", version=version(), title="新案由", assignee="anna", due="2027-01-31")  # fmt: skip
    place = f"{decision}|{rule}"
    done = send(
        scene, "anna", f"{base}/dispositions", version=version(), alert=alert["alert_id"],
        **{f"conclusion|{place}": "confirmed:violation", f"recovered|{place}": "1,234.5", f"note|{place}": "退回"},
    )  # fmt: skip
    assert done.headers["location"].endswith(f"alert={alert['alert_id']}#conclusions")
    send(scene, "anna", f"{base}/closing", version=version())
    own = show(scene, "sen", base)
    assert "Approve and close" in own.text
    send(scene, "sen", f"{base}/approvals", version=version(), approved="no", reason="再核")
    send(scene, "anna", f"{base}/closing", version=version())
    send(scene, "sen", f"{base}/approvals", version=version(), approved="yes")
    send(scene, "anna", f"{base}/appeals", version=version(), statement="病历为证")
    send(scene, "sun", f"{base}/appeals/decision", version=version(), outcome="partly", recovered="1000", note="部分", reason="")  # fmt: skip
    ended = scene.call("anna", "GET", f"/v1{base}").json()
    assert (ended["status"], ended["recovered_fen"], ended["title"]) == (
        "closed",
        100_000,
        "新案由",
    )
    assert ended["due_at"][:10] == "2027-01-31"
    page = show(scene, "anna", base)
    assert "¥1,234.50 before, ¥1,000.00 after" in page.text
    assert "second review" in page.text, "what the hospital may do next"


def test_a_stale_form_changes_nothing(scene: Scene) -> None:
    case = scene.open()
    base = f"/cases/{case['number']}"
    send(scene, "anna", f"{base}/take", version=1)
    send(scene, "bo", f"{base}/take", version=1)
    answer = send(scene, "anna", f"{base}/change", status=412, version=1, title="x")
    assert "changed meanwhile" in answer.text or "版本" in answer.text
    send(scene, "anna", f"{base}/change", status=422, title="x")
    bad = send(scene, "anna", f"{base}/dispositions", status=422, version=2, **{"conclusion|a|b": "confirmed:violation"})  # fmt: skip
    assert bad.status_code == 422


def test_forms_of_other_sites_and_sessions_are_refused(scene: Scene) -> None:
    case = scene.open()
    base = f"/cases/{case['number']}"
    session = Principal("cat", "Cat", Role.OFFICER, PERMISSIONS[Role.OFFICER], csrf="secret", means="session")  # fmt: skip
    scene.access.known["cat"] = session
    file = {"file": ("a.txt", b"text")}

    def attach(headers: dict[str, str], **values: str) -> int:
        answer = scene.call("cat", "POST", f"{base}/attachments", data=values, files=file, headers=headers, follow_redirects=False)  # fmt: skip
        status: int = answer.status_code
        return status

    assert attach(OWN) == 403, "no secret"
    assert attach(OWN, csrf="guess") == 403
    assert attach({"sec-fetch-site": "cross-site"}, csrf="secret") == 403
    assert attach({}, csrf="secret") == 403, "neither site nor origin"
    assert scene.call("anna", "GET", f"/v1{base}").json()["attachments"] == []
    assert attach(OWN, csrf="secret", visibility="shared") == 303
    rest = scene.call("cat", "POST", f"/v1{base}/attachments", files=file)
    assert rest.status_code == 403, "a script of another site has the cookie and not the header"
    rest = scene.call("cat", "POST", f"/v1{base}/attachments", files=file, headers={"x-csrf-token": "secret"})  # fmt: skip
    assert rest.status_code == 201
    send(scene, "cat", f"{base}/comments", status=403, text="x")
    page = show(scene, "cat", base)
    forms = sum(t == "form" and a.get("method") == "post" for t, a in page.tags)
    tokens = sum(a.get("name") == "csrf" and a.get("value") == "secret" for _, a in page.tags)
    assert forms == tokens > 5


def test_the_hospital_sees_its_part(scene: Scene) -> None:
    case = scene.open()
    base = f"/cases/{case['number']}"
    mine = Rows(frozenset({HOSPITAL}), None, case["physician_id"])
    scene.access.add("doc", Role.PHYSICIAN, mine)
    send(scene, "anna", f"{base}/comments", text="内部意见", visibility="internal")
    send(scene, "anna", f"{base}/comments", text="请补充", visibility="shared")
    scene.conclude("anna", case, 700)
    page = show(scene, "doc", base)
    assert "请补充" in page.text
    for hidden in ("内部意见", "Anna proposed", "Save the conclusions", "Take it myself"):
        assert hidden not in page.text
    assert "7.00" not in page.text.partition("Conclusions")[2].partition("Charges")[0]
    assert "sees only some hospitals" in page.text or "may not read the graph" in page.text
    send(scene, "doc", f"{base}/comments", text="见病历")
    scene.post("anna", case, "closing", {})
    assert "Lodge the first review" in show(scene, "doc", base).text
    send(scene, "doc", f"{base}/appeals", version=scene.call("doc", "GET", f"/v1{base}").json()["version"], statement="不同意")  # fmt: skip
    assert show(scene, "sen", base).text.count("不同意") == 1
    assert "Anna" not in show(scene, "doc", base).text.partition("Timeline")[2]


def test_filters_of_the_list_hold(scene: Scene) -> None:
    case = scene.open(title="稀有案由")
    page = show(scene, "anna", "/cases?text=稀有案由&status=open&sort=exposure")
    assert case["number"] in page.text
    assert "1 case" in page.text
    assert "No case fits" in show(scene, "anna", "/cases?text=nothing-like-it").text
    assert "cannot be read" in show(scene, "anna", "/cases?min_amount=abc", status=422).text
    assert "cannot be read" in show(scene, "anna", "/cases?sort=odd", status=422).text


def test_the_graph_is_drawn_listed_and_never_an_error(scene: Scene, tmp_path: Path) -> None:
    case = scene.open()
    base = f"/cases/{case['number']}/graph"
    assert "does not hold this node" in show(scene, "anna", base).text
    assert "cannot be read" in show(scene, "anna", f"{base}?upto=yesterday").text
    assert "cannot be read" in show(scene, "anna", f"{base}?of=no").text
    away = Slow()
    for error, word in ((GraphTimeoutError, "slow"), (GraphAwayError, "away")):
        away.error = error("x", where="graph", cure="wait")
        assert neighbourhood.ask(away, "S1", "", "").problem == word  # type: ignore[arg-type]
    with store.open(f"sqlite:///{tmp_path / 'graph.db'}") as opened:
        entities = GraphScene(opened, opened.graph())
        entities.show(
            graph_claim(0, "A", "H1", phone="000-1"),
            graph_claim(1, "B", "H2", "2024-03-08", "2024-03-10", phone="000-1"),
        )
        whole = neighbourhood.ask(opened.graph(), "S000000", "", "")
        early = neighbourhood.ask(opened.graph(), "S000000", "", "2024-03-07")
        other = neighbourhood.ask(opened.graph(), "S000000", "stay:S000001", "")
        ana = scene.access.known["ana"]
        hidden = neighbourhood.ask(
            opened.graph(), "S000000", "", "", lambda keys: access.masked(ana, keys)
        )
    keys = {dot.key for dot in whole.dots}
    assert {"stay:S000000", "provider:H1"} <= keys
    assert {dot.key for dot in early.dots} < keys | {"x"}
    assert next(dot for dot in other.dots if dot.distance == 0).key == "stay:S000001"
    places = {(dot.left, dot.top) for dot in whole.dots}
    assert len(places) == len(whole.dots), "no two nodes lie on each other"
    assert all(0 <= x <= neighbourhood.SIZE and 0 <= y <= neighbourhood.SIZE for x, y in places)
    ends = {(line.left, line.top) for line in whole.lines}
    assert ends <= places
    people = {dot.label for dot in whole.dots if dot.kind in {"patient", "physician", "phone"}}
    assert people
    masked = [(dot.kind, dot.key, dot.label) for dot in hidden.dots]
    assert sorted(kind for kind, _, _ in masked) == sorted(dot.kind for dot in whole.dots)
    assert not [label for label in people for one in masked if label.rstrip("…") in "".join(one)]
    assert len({key for _, key, _ in masked}) == len(whole.dots)
    assert len(hidden.lines) == len(whole.lines), "edges still meet"
    show(scene, "ana", f"{base}?of=physician:D33010001", status=403)


def test_a_masked_account_sees_no_person_on_the_pages_and_in_the_file_of_a_case(
    scene: Scene,
) -> None:
    case = scene.open()
    record = scene.store.alert(case["alerts"][0]["alert_id"])
    assert record is not None
    claim = scene.store.cases.claim(record.decision["decision_id"])
    patient, physician = record.decision["patient_id"], record.decision["attending_physician_id"]
    assert patient[:9] in show(scene, "anna", f"/cases/{case['number']}").text
    for address in (f"/cases/{case['number']}", "/cases", f"/cases/{case['number']}?suggest=1"):
        text = show(scene, "ana", address).text
        assert patient[:9] not in text
        assert physician not in text
    known = scene.access.known["aud"]
    scene.access.known["narrow"] = replace(
        known, permissions=known.permissions - {Permission.IDENTIFIERS_READ}
    )
    file = scene.call("narrow", "GET", f"/v1/cases/{case['case_id']}/export").json()
    assert file["stays"][0]["claim"]["patient_id"] == "***"
    assert file["stays"][0]["claim"]["stay_id"] == claim["stay_id"]
    persons = {v for k, v in claim.items() if k.endswith(("physician_id", "nurse_id")) and v}
    assert not [one for one in persons | {patient} if one in str(file)]


def test_the_curve_shows_every_day_and_keeps_to_its_frame() -> None:
    curve = peers(None, "CNY", 9)
    chart = draw([(1, 500), (4, -200), (9, 40_000)], 9, curve, "CNY")
    points = [tuple(map(float, p.split(","))) for p in chart.cost.split()]
    assert len(points) == 9, "days without a charge carry the cost on"
    assert points[1][1] == points[0][1]
    for x, y in points + [tuple(map(float, p.split(","))) for p in chart.band.split()]:
        assert chart.left <= x <= chart.right
        assert chart.top <= y <= chart.bottom
    assert draw([(1, 0)], 1, None, "USD").band == ""


def test_peers_come_from_the_narrowest_curve() -> None:
    import numpy as np

    from drg import projection
    from streaming.grouping import PeerDesk

    stays = [
        projection_stays.Stay([100 * (i + 1)] * 4, nights=4, standard=1_000) for i in range(60)
    ]
    tables, priced = projection_stays.tabulate(stays)
    desk = PeerDesk(projection.fit(tables, priced))
    told = {"adrg": None, "mdc": None, "price": {"group": "ES25", "payment_standard_fen": 1_000}}
    found = desk(told, "CNY", 3)
    assert found is not None
    assert (found.cell, found.level, found.cases) == ("group:ES25", "group", 60)
    assert [day.day for day in found.days] == [1, 2, 3]
    low, median, high = np.quantile([100 * (i + 1) * 2 for i in range(60)], [0.25, 0.5, 0.75])
    second = found.days[1]
    for got, wanted in (
        (second.low_fen, low),
        (second.median_fen, median),
        (second.high_fen, high),
    ):
        assert abs(got - wanted) / wanted < 0.02
    assert desk(told, "USD", 3) is None


def test_cells_of_tables_do_not_run() -> None:
    made = write_csv(["a", "b"], [{"a": "@x", "b": -5}, {"a": datetime(2026, 1, 1, tzinfo=UTC)}])
    assert made.decode("utf-8-sig").splitlines() == ["a,b", "'@x,-5", "2026-01-01T00:00:00+00:00,"]
