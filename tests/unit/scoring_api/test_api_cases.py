"""Cases over HTTP: opened, worked on, approved by another, contested, taken away; by several people."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import scoring_api
import store
from domain.access import Role, Rows
from scoring_api.cases import files
from tests import service_samples as samples
from tests.case_scene import HOSPITAL, Scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    path: Path = tmp_path_factory.mktemp("cases") / "sentinel.db"
    with store.open(f"sqlite:///{path}") as opened:
        samples.write(opened, 240)
        made = Scene(opened)
        with made.client:
            yield made


def test_a_case_is_opened_once_for_a_key_and_listed(scene: Scene) -> None:
    alert = scene.free()
    body = {"alert_ids": [alert["alert_id"]]}
    key = {"Idempotency-Key": "open-0001"}
    first = scene.call("anna", "POST", "/v1/cases", json=body, headers=key)
    again = scene.call("anna", "POST", "/v1/cases", json=body, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    case = first.json()
    assert again.json()["case_id"] == case["case_id"]
    assert first.headers["location"] == f"/v1/cases/{case['case_id']}"
    assert first.headers["etag"] == '"1"'
    assert (case["title"], case["assignee"]) == (alert["title_zh"], "anna")
    assert case["exposure_fen"] == alert["exposure_fen"]
    assert (
        scene.call("bo", "GET", f"/v1/cases/{case['number']}").json()["case_id"] == case["case_id"]
    )
    held = scene.call("bo", "POST", "/v1/cases", json=body)
    assert held.status_code == 409
    assert held.json()["held"] == {alert["alert_id"]: case["number"]}
    listed = scene.call("bo", "GET", f"/v1/cases?text={alert['stay_id']}&open=true").json()
    assert [row["number"] for row in listed["cases"]] == [case["number"]]
    assert listed["sums"][0]["cases"] == 1


def test_pages_of_the_list_are_walked_by_cursor(scene: Scene) -> None:
    for _ in range(3):
        scene.open()
    for sort in ("clock", "newest", "exposure"):
        address, seen = f"/v1/cases?sort={sort}&limit=2", []
        while address:
            answer = scene.call("anna", "GET", address).json()
            seen += [row["case_id"] for row in answer["cases"]]
            address = answer["next"]
        whole = scene.call("anna", "GET", f"/v1/cases?sort={sort}&limit=200").json()["cases"]
        assert seen == [row["case_id"] for row in whole]
    cursor = scene.call("anna", "GET", "/v1/cases?limit=1").json()["cursor"]
    assert scene.call("anna", "GET", f"/v1/cases?sort=newest&cursor={cursor}").status_code == 400
    assert scene.call("anna", "GET", "/v1/cases?cursor=WzEsMl0").status_code == 400


def test_work_on_an_old_version_is_refused_with_what_changed(scene: Scene) -> None:
    case = scene.open()
    address = f"/v1/cases/{case['case_id']}"
    assert scene.call("anna", "PATCH", address, json={"title": "甲"}).status_code == 428
    first = scene.call("anna", "PATCH", address, json={"title": "甲"}, headers={"If-Match": '"1"'})
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    second = scene.call("bo", "PATCH", address, json={"title": "乙"}, headers={"If-Match": '"1"'})
    assert second.status_code == 412
    (change,) = second.json()["changes"]
    assert (change["kind"], change["by"], second.json()["version"]) == ("changed", "Anna", 2)
    assert scene.call("bo", "GET", address).json()["title"] == "甲"


def test_above_the_limit_a_second_person_has_to_approve(scene: Scene) -> None:
    case = scene.open(large=True)
    assert case["needs_approval"] is True
    early = scene.post("anna", case, "closing", {})
    assert (early.status_code, early.json()["type"][-10:]) == (409, "case-state")
    scene.conclude("anna", case)
    proposed = scene.post("sen", case, "closing", {})
    assert proposed.json()["status"] == "awaiting_approval"
    assert (proposed.json()["recovered_fen"], proposed.json()["concluded_fen"]) == (None, 1_000)
    assert scene.post("bo", case, "approvals", {"approved": True}).status_code == 403, (
        "no permission"
    )
    own = scene.post("sen", case, "approvals", {"approved": True})
    assert own.status_code == 403
    assert own.json()["type"].endswith("second-person")
    back = scene.post("sun", case, "approvals", {"approved": False, "reason": "请分列金额"})
    assert back.json()["status"] == "open"
    scene.conclude("sun", case)
    scene.post("anna", case, "closing", {})
    part = scene.post("sun", case, "approvals", {"approved": True})
    assert part.json()["type"].endswith("second-person"), "who concluded does not approve either"
    closed = scene.post("sky", case, "approvals", {"approved": True}).json()
    assert (closed["status"], closed["proposed_by"], closed["approved_by"]) == (
        "closed",
        "Anna",
        "Sky",
    )
    assert closed["recovered_fen"] == 1_000
    kinds = [event["kind"] for event in closed["timeline"]]
    assert kinds[-5:] == ["close_proposed", "sent_back", "disposed", "close_proposed", "closed"]
    stay = closed["alerts"][0]["stay_id"]
    assert [c.outcome for c in scene.store.conclusions() if c.stay_id == stay] == ["confirmed"]


def test_below_the_limit_one_person_closes_and_the_hospital_may_contest(scene: Scene) -> None:
    case = scene.open()
    scene.conclude("anna", case, 900)
    closed = scene.post("anna", case, "closing", {}).json()
    assert (closed["status"], closed["approved_by"]) == ("closed", None)
    assert closed["next_stage"] == "first_review"
    physician = Rows(frozenset({HOSPITAL}), None, case["physician_id"])
    scene.access.add("doc", Role.PHYSICIAN, physician)
    lodged = scene.post("doc", case, "appeals", {"statement": "病因不同"})
    assert (lodged.status_code, lodged.json()["status"]) == (201, "appealed")
    assert scene.post("sen", case, "appeals/decision", {"outcome": "partly", "note": "部分", "recovered_fen": 901}).status_code == 422  # fmt: skip
    part = scene.post("sen", case, "appeals/decision", {"outcome": "partly", "note": "部分", "recovered_fen": 400})  # fmt: skip
    assert part.json()["recovered_fen"] == 400
    scene.post("doc", case, "appeals", {"statement": "仍不同意"})
    same = scene.post("sen", case, "appeals/decision", {"outcome": "upheld", "note": "维持"})
    assert same.json()["type"].endswith("second-person")
    ended = scene.post("sun", case, "appeals/decision", {"outcome": "overturned", "note": "撤销", "reason": "documented"}).json()  # fmt: skip
    assert (ended["status"], ended["recovered_fen"], ended["next_stage"]) == ("closed", 0, None)
    assert [one["stage"] for one in ended["appeals"]] == ["first_review", "second_review"]


def test_a_physician_sees_own_cases_and_nothing_internal(scene: Scene) -> None:
    case = scene.open()
    address = f"/v1/cases/{case['case_id']}"
    scene.access.add("own", Role.PHYSICIAN, Rows(frozenset({HOSPITAL}), None, case["physician_id"]))
    scene.access.add("else", Role.PHYSICIAN, Rows(frozenset({HOSPITAL}), None, "D9"))
    scene.call("anna", "POST", f"{address}/comments", json={"text": "内部意见"})
    scene.call(
        "anna", "POST", f"{address}/comments", json={"text": "请说明", "visibility": "shared"}
    )
    scene.conclude("anna", case)
    secret = scene.call(
        "anna", "POST", f"{address}/attachments", files={"file": ("a.txt", b"secret")}
    ).json()["attachments"][0]["attachment_id"]
    assert scene.call("else", "GET", address).status_code == 404
    assert case["number"] not in scene.call("else", "GET", "/v1/cases?limit=200").text
    assert scene.call("own", "GET", f"{address}/attachments/{secret}").status_code == 404
    answer = scene.call("own", "POST", f"{address}/comments", json={"text": "病历见附件", "visibility": "internal"})  # fmt: skip
    seen = answer.json()
    assert [c["text"] for c in seen["comments"]] == ["请说明", "病历见附件"]
    assert {c["visibility"] for c in seen["comments"]} == {"shared"}
    assert (seen["dispositions"], seen["attachments"], seen["assignee"]) == ([], [], None)
    assert "内部意见" not in answer.text
    assert "disposed" not in {event["kind"] for event in seen["timeline"]}
    assert scene.post("own", case, "dispositions", {"items": []}).status_code == 403
    assert scene.call("aud", "POST", f"{address}/comments", json={"text": "x"}).status_code == 403
    assert scene.call("adm", "GET", address).status_code == 403
    masked = scene.call("ana", "GET", address).json()
    assert masked["physician_id"] == "***"
    assert case["physician_id"] not in scene.call("ana", "GET", address).text


def test_giving_a_case_to_others_needs_the_permission(scene: Scene) -> None:
    case = scene.open()
    address = f"/v1/cases/{case['case_id']}"
    match = {"If-Match": "*"}
    assert (
        scene.call("anna", "PATCH", address, json={"assignee": "bo"}, headers=match).status_code
        == 403
    )
    assert (
        scene.call("sen", "PATCH", address, json={"assignee": "aud"}, headers=match).status_code
        == 422
    )
    given = scene.call("sen", "PATCH", address, json={"assignee": "bo"}, headers=match).json()
    assert given["assignee_name"] == "Bo"
    nobody = scene.call("bo", "PATCH", address, json={"assignee": None}, headers=match).json()
    assert nobody["assignee"] is None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("dispositions", {"items": [{"outcome": "yes", "reason": "violation"}]}, 422),
        ("dispositions", {"items": [{"outcome": "confirmed", "reason": "documented"}]}, 422),
        ("dispositions", {"items": [{"outcome": "confirmed", "reason": "violation", "rule_id": "X"}]}, 422),
        ("dispositions", {"items": [{"outcome": "not_confirmed", "reason": "documented", "recovered_fen": 1}]}, 422),
        ("alerts", {"add": [], "remove": None}, 422),
        ("alerts", {"add": ["0" * 32]}, 422),
        ("alerts", {"remove": "0" * 32}, 422),
        ("information", {}, 409),
        ("appeals", {"statement": "x"}, 409),
        ("closing", {"now": True}, 422),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why(
    path: str, body: dict[str, Any], status: int, scene: Scene
) -> None:
    listed = scene.call("anna", "GET", "/v1/cases?status=open&limit=1").json()["cases"]
    case = listed[0] if listed else scene.open()
    answer = scene.post("anna", case, path, body)
    assert (answer.status_code, bool(answer.json()["cure"])) == (status, True), answer.text


def test_alerts_of_two_hospitals_or_currencies_are_no_case(scene: Scene) -> None:
    rows = scene.store.alerts(store.AlertFilter(statuses=frozenset({"new"})), limit=200).rows
    first = rows[0]
    other = next(r for r in rows if r["provider_id"] != first["provider_id"])
    answer = scene.call("anna", "POST", "/v1/cases", json={"alert_ids": [first["alert_id"], other["alert_id"]]})  # fmt: skip
    assert answer.status_code == 422
    limited = Rows(providers=frozenset({"H9"}))
    scene.access.add("far", Role.OFFICER, limited)
    answer = scene.call("far", "POST", "/v1/cases", json={"alert_ids": [first["alert_id"]]})
    assert (answer.status_code, answer.json()["field"]) == (422, "alert_ids"), "out of sight"


def office(member: str, *more: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name in ("[Content_Types].xml", member, *more):
            made.writestr(name, "<x/>")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "body", "kept"),
    [
        ("病历.pdf", b"%PDF-1.7", "病历.pdf"),
        ("../../etc/passwd.txt", b"x", "passwd.txt"),
        ("C:\\evil\\..\\a.PNG", b"\x89PNG\r\n\x1a\n0", "a.png"),
        ("photo.jpeg", b"\xff\xd8\xff\xe0", "photo.jpg"),
        ("a\r\nX-Evil: 1.csv", "科室,金额".encode("gb18030"), "aX-Evil_ 1.csv"),
        ("gpj\u202e.txt", b"abc", "gpj.txt"),
        ("con.txt", b"abc", "_con.txt"),
        ("x.xlsx", office("xl/workbook.xml"), "x.xlsx"),
        ("x.docx", office("word/document.xml"), "x.docx"),
        ("x.pdf", b"<script>alert(1)</script>", None),
        ("x.html", b"<script>alert(1)</script>", None),
        ("x.svg", b"<svg/>", None),
        ("x.xlsx", office("xl/workbook.xml", "xl/vbaProject.bin"), None),
        ("x.docx", office("a/b.xml"), None),
        ("x.txt", b"MZ\x00\x01", None),
        ("x.exe", b"%PDF-1.7", None),
        ("noending", b"abc", None),
        (".txt", b"abc", None),
        ("x.txt", b"", None),
    ],
)  # fmt: skip
def test_files_are_told_by_content_and_named_safely(
    name: str, body: bytes, kept: str | None
) -> None:
    if kept is None:
        with pytest.raises(scoring_api.problems.ProblemError):
            files.accept(name, body)
        return
    assert files.accept(name, body).name == kept


def test_an_attached_file_is_only_ever_saved(scene: Scene) -> None:
    case = scene.open()
    address = f"/v1/cases/{case['case_id']}/attachments"
    body = b"%PDF-1.7 <script>alert(1)</script>"
    told = scene.call("anna", "POST", address, files={"file": ("../病历<1>.pdf", body)}).json()
    (kept,) = told["attachments"]
    assert (kept["name"], kept["size"]) == ("病历_1_.pdf", len(body))
    answer = scene.call("anna", "GET", f"{address}/{kept['attachment_id']}")
    assert answer.content == body
    assert answer.headers["content-disposition"].startswith('attachment; filename="')
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    other = scene.open()
    assert scene.call("anna", "GET", f"/v1/cases/{other['case_id']}/attachments/{kept['attachment_id']}").status_code == 404  # fmt: skip
    large = scene.call("anna", "POST", address, files={"file": ("a.txt", b"x" * (21 * 2**20))})
    assert large.status_code == 413
    assert scene.call("anna", "POST", address, json={}).status_code == 415
    assert scene.call("anna", "POST", address, files={"other": ("a.txt", b"x")}).status_code == 422
    broken = {"content-type": "multipart/form-data; boundary=x"}
    assert scene.call("anna", "POST", address, content=b"--y\r\n", headers=broken).status_code in (
        400,
        422,
    )


def test_a_case_is_taken_away_whole(scene: Scene) -> None:
    case = scene.open(title="=cmd|' /C calc'!A0")
    address = f"/v1/cases/{case['case_id']}"
    scene.call("anna", "POST", f"{address}/comments", json={"text": "=1+1"})
    scene.call(
        "anna", "POST", f"{address}/attachments", files={"file": ("病历.txt", "内容".encode())}
    )
    whole = scene.call("aud", "GET", f"{address}/export")
    assert (
        whole.headers["content-disposition"] == f'attachment; filename="case-{case["number"]}.json"'
    )
    found = whole.json()
    assert found["case"]["title"] == "=cmd|' /C calc'!A0"
    assert found["stays"][0]["claim"]["charges"]
    packed = zipfile.ZipFile(
        io.BytesIO(scene.call("anna", "GET", f"{address}/export?format=zip").content)
    )
    assert json.loads(packed.read("case.json"))["case"]["number"] == case["number"]
    assert packed.read("attachments/01-病历.txt") == "内容".encode()
    (comment,) = csv.DictReader(io.StringIO(packed.read("comments.csv").decode("utf-8-sig")))
    assert comment["text"] == "'=1+1", "no cell runs as a formula"
    lines = list(csv.DictReader(io.StringIO(packed.read("charges.csv").decode("utf-8-sig"))))
    assert len(lines) == 3
    scene.access.add("mine", Role.PHYSICIAN, Rows(None, None, case["physician_id"]))
    assert scene.call("mine", "GET", f"{address}/export").status_code == 403


def test_an_unversioned_request_again_does_nothing_again(scene: Scene) -> None:
    case = scene.open()
    address = f"/v1/cases/{case['case_id']}/comments"
    key = {"Idempotency-Key": "comment-1"}
    for _ in range(2):
        told = scene.call("anna", "POST", address, json={"text": "一次"}, headers=key).json()
        assert len(told["comments"]) == 1
    assert scene.call("bo", "POST", address, json={"text": "x"}, headers={"Idempotency-Key": "x"}).status_code == 422  # fmt: skip
