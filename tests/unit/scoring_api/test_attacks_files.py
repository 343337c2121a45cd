"""Attacks through files: what is attached, and what is taken away. docs/security.md lists them."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator

import pytest
from openpyxl import load_workbook

from domain.access import Role, Rows
from tests import attack_scene
from tests.access_scene import HOME
from tests.attack_scene import Person, World

FORMULA = '=HYPERLINK("http://evil.example","x")'


STARTS = "=+-@\t\r＝＋－＠"
"""What a spreadsheet takes for the beginning of a formula."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("files")
    with attack_scene.world(f"sqlite:///{folder / 'a.db'}", folder / "checks") as made:
        yield made


@pytest.fixture(scope="module")
def senior(world: World) -> Person:
    return Person(world.scene, "senior", Role.SENIOR)


def packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, body in members.items():
            made.writestr(name, body)
    return out.getvalue()


def attach(senior: Person, world: World, name: str, body: bytes) -> tuple[int, str]:
    answer = senior.ask(
        "POST", f"/v1/cases/{world.mine['case_id']}/attachments",
        files={"file": (name, body, "application/pdf")}, data={},
    )  # fmt: skip
    kept = answer.json()["attachments"][-1]["name"] if answer.status_code == 201 else ""
    return answer.status_code, kept


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("page.html", b"<html><script>1</script>"),
        ("image.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x'/>"),
        ("page.pdf", b"<html><script>1</script>"),
        ("run.exe", b"MZ\x90\x00"),
        ("run.txt", b"MZ\x90\x00\x03\x00"),
        ("letter.txt.exe", b"words"),
        ("letter", b"words"),
        (".htaccess", b"words"),
        ("macro.xlsx", packed({"[Content_Types].xml": b"", "xl/workbook.xml": b"", "xl/vbaProject.bin": b""})),
        ("macro.docm", packed({"[Content_Types].xml": b"", "word/document.xml": b""})),
        ("plain.zip", packed({"a.txt": b"words"})),
        ("archive.xlsx", packed({"a.txt": b"words"})),
        ("many.xlsx", packed({"[Content_Types].xml": b"", "xl/workbook.xml": b"", **{f"x{i}": b"" for i in range(5_001)}})),
        ("empty.pdf", b""),
        ("../../x", b"words"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)  # fmt: skip
def test_what_is_no_document_is_not_attached(
    world: World, senior: Person, name: str, body: bytes
) -> None:
    assert attach(senior, world, name, body)[0] in (400, 415, 422)


def test_a_bomb_is_kept_as_it_came_and_never_unpacked(world: World, senior: Person) -> None:
    """A gigabyte in a megabyte: names of members are read, and nothing of what they hold."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        made.writestr("[Content_Types].xml", b"")
        made.writestr("xl/workbook.xml", b"")
        with made.open("xl/bomb.xml", "w", force_zip64=True) as member:
            for _ in range(64):
                member.write(bytes(2**20))
    assert attach(senior, world, "bomb.xlsx", out.getvalue())[0] == 201
    taken = senior.get(f"/v1/cases/{world.mine['case_id']}/export?format=zip")
    assert len(taken.content) < 2 * len(out.getvalue()) + 200_000


@pytest.mark.parametrize(
    "name",
    ["../../../etc/cron.d/x.txt", "..\\..\\x.txt", "/etc/passwd.txt", "C:\\x.txt", "a/../../b.txt", "....//x.txt", "x\x00.txt", "%2e%2e%2fx.txt", "con.txt", "~/.ssh/x.txt"],
)  # fmt: skip
def test_no_name_leads_out_of_a_folder(world: World, senior: Person, name: str) -> None:
    """Neither as it is kept, nor in the archive of the case, which somebody will unpack."""
    status, kept = attach(senior, world, name, b"words")
    if status == 201:
        assert not re.search(r"[/\\\x00:]|^\.", kept), kept
        assert kept.partition(".")[0].lower() != "con"
    taken = senior.get(f"/v1/cases/{world.mine['case_id']}/export?format=zip")
    with zipfile.ZipFile(io.BytesIO(taken.content)) as archive:
        for member in archive.namelist():
            parts = member.split("/")
            assert not member.startswith("/"), member
            assert ".." not in parts, member
            assert "\\" not in member, member


@pytest.mark.parametrize("name", ["../application.py", "..%2f..%2fpyproject.toml", "%2e%2e%2fhealth.py", "....//x", "texts.py", "base.html", ".", "%00"])  # fmt: skip
def test_static_files_are_those_that_are_meant(senior: Person, name: str) -> None:
    answer = senior.client.get(f"http://testserver/static/{name}")
    assert answer.status_code in (404, 422), name
    assert "import " not in answer.text


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t=", "＝", "\u200b=", " ="])
def test_no_cell_of_a_file_is_a_formula(world: World, senior: Person, first: str) -> None:
    """Texts of a case and of alerts, in CSV and in a workbook: whatever they begin with."""
    text = f"{first}cmd|' /C calc'!A0,{FORMULA}"
    case = world.mine["case_id"]
    senior.made(f"/v1/cases/{case}/comments", {"text": text, "visibility": "shared"})
    taken = senior.get(f"/v1/cases/{case}/export?format=zip")
    with zipfile.ZipFile(io.BytesIO(taken.content)) as archive:
        for member in archive.namelist():
            if member.endswith(".csv") and "attach" not in member:
                table = io.StringIO(archive.read(member).decode("utf-8-sig"), newline="")
                cells = [cell for row in csv.reader(table) for cell in row]
                assert not [cell for cell in cells if cell[:1] in STARTS and cell], member
                assert member != "comments.csv" or any("cmd|" in cell for cell in cells)
    for path in ("/v1/alerts.xlsx", "/v1/findings.xlsx"):
        book = load_workbook(io.BytesIO(senior.get(path).content))
        for sheet in book:
            for row in sheet.iter_rows():
                assert not [cell for cell in row if cell.data_type == "f"], path


def test_a_file_of_another_hospital_is_in_no_archive(world: World) -> None:
    limited = Person(world.scene, "limited", Role.SENIOR, Rows(frozenset({HOME})))
    theirs = world.theirs["case_id"]
    for given in ("json", "zip"):
        assert limited.get(f"/v1/cases/{theirs}/export?format={given}").status_code == 404
    for path in ("/v1/alerts.csv", "/v1/findings.csv"):
        shown = limited.get(path).text
        assert world.theirs["provider_id"] not in shown
