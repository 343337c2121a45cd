"""Bytes to segments: what is taken apart, what is refused, and that hl7apy agrees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hl7apy.parser import parse_message
from hypothesis import given
from hypothesis import strategies as st

from streaming.hl7.faults import MessageError
from streaming.hl7.text import Limits, Separators, peek, read
from streaming.hl7.times import read_date, read_instant, write_instant
from streaming.hl7.writing import Writer
from tests.hl7_messages import PID, PV1, admitted, message, sample

ZONE = ZoneInfo("Asia/Shanghai")


def rules(raw: bytes, **given: object) -> list[tuple[str, str]]:
    with pytest.raises(MessageError) as refused:
        read(raw, **given)  # type: ignore[arg-type]
    return [(str(f.place), f.rule) for f in refused.value.faults]


def test_fields_components_repetitions_and_subcomponents_are_told_apart() -> None:
    pid = read(message("ADT^A01", 'PID|1||a^b^c&d~e^^^^MR|""|x\\T\\y\\F\\z \\.br\\w')).segments[2]
    assert (pid.text(3), pid.text(3, 2), pid.text(3, 3), pid.text(3, 3, sub=2)) == (
        "a",
        "b",
        "c",
        "d",
    )
    assert (pid.text(3, repetition=2), pid.text(3, 5, repetition=2)) == ("e", "MR")
    assert (pid.text(4), pid.is_null(4), pid.text(9), pid.is_null(9)) == ("", True, "", False)
    assert pid.text(5) == "x&y|z \nw"
    assert str(pid.place(3)) == "PID-3"


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\r\n\r\n"])
def test_segments_may_end_as_files_do(end: bytes) -> None:
    found = read(b"\xef\xbb\xbf\n" + admitted().replace(b"\r", end))
    assert [s.name for s in found.segments] == ["MSH", "EVN", "PID", "PV1", "DG1", "IN1"]


@pytest.mark.parametrize(
    ("named", "codec"),
    [("UNICODE UTF-8", "utf-8"), ("GB 18030-2000", "gb18030"), ("gbk", "gb18030"), ("", "gb18030")],
)
def test_the_character_set_is_that_of_the_header_else_of_the_site(named: str, codec: str) -> None:
    raw = (
        message("ADT^A01", "PID|1||P||𠮷田^羅")
        .decode()
        .replace("UNICODE UTF-8", named)
        .encode(codec)
    )
    found = read(raw, charset="gb18030").segments[2]
    assert (found.text(5), found.text(5, 2)) == ("𠮷田", "羅")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", [("MSH", "no-header")]),
        (b"\x00\x01\x02", [("MSH", "no-header")]),
        (b"PID|1", [("MSH", "no-header")]),
        (b"MSH", [("MSH-2", "separators")]),
        (b"MSH|^~\\|a|b\r", [("MSH-2", "separators")]),
        (b"MSH|^^\\&|a|b\r", [("MSH-2", "separators")]),
        (b"MSH|A~\\&|a|b\r", [("MSH-2", "separators")]),
        (admitted().replace(b"UNICODE UTF-8", b"UNICODE UTF-16"), [("MSH-18", "charset")]),
        (admitted().replace(b"UNICODE UTF-8", b"ASCII"), [("MSH-18", "not-utf8")]),
        (admitted().replace("张".encode(), b"\xd5\xc5"), [("MSH-18", "not-utf8")]),
        (admitted().replace(b"PAT1", b"PA\x00T"), [("MSH", "format")]),
        (admitted() + b"pid|1\r", [("MSH", "segment")]),
        (admitted() + b"PIDX|1\r", [("MSH", "segment")]),
        (admitted() + admitted(), [("MSH", "segment")]),
    ],
)
def test_what_cannot_be_told_apart_is_refused(raw: bytes, expected: list[tuple[str, str]]) -> None:
    assert rules(raw) == expected


def test_size_and_number_of_segments_are_bounded() -> None:
    assert rules(b"MSH|" + b"x" * 100, limits=Limits(octets=50)) == [("MSH", "too-large")]
    assert rules(message("ADT^A01", *["NTE|1"] * 30), limits=Limits(segments=20)) == [
        ("MSH", "too-large")
    ]


def test_other_separators_are_those_of_the_header_and_a_truncated_value_is_no_value() -> None:
    raw = b"MSH#*!?%:#HIS#H1####ADT*A01#7#P#2.7\rPID#1##a*b%c!d#x?F?y#cut:\r"
    pid = read(raw).segments[1]
    assert (pid.text(3), pid.text(3, 2, sub=2), pid.text(3, repetition=2), pid.text(4)) == (
        "a",
        "c",
        "d",
        "x#y",
    )
    with pytest.raises(MessageError) as refused:
        pid.text(5)
    assert refused.value.faults[0].rule == "continued"


@given(
    st.text(alphabet=st.characters(blacklist_categories=("Cs", "Cc")), max_size=60).map(str.strip)
)
def test_every_text_comes_back_from_its_escaped_form(text: str) -> None:
    for signs in (Separators(), Separators("#", "*", "!", "?", "%")):
        written = signs.write(text)
        assert not set(written) & {signs.field, signs.component, signs.repetition, signs.sub}
        assert signs.read(written, "utf-8") == text


def test_the_header_of_anything_can_be_answered() -> None:
    broken = admitted(control="77").replace("张".encode(), b"\xff\xfe")[:60]
    header = peek(broken)
    assert (header.control_id, header.type, header.event) == (
        "",
        "ADT",
        "A01",
    ) or header.type == "ADT"
    assert peek(b"\xff\xfe\x00").control_id == ""
    assert peek(admitted(control="张1")).control_id == "张1"


def test_hl7apy_reads_the_same_values_of_every_written_message() -> None:
    seen: set[str] = set()
    for raw in Writer().write(sample()):
        ours = read(raw)
        kind = ours.header.type + ours.header.event
        if kind in seen:
            continue
        seen.add(kind)
        theirs = parse_message(raw.decode(), find_groups=False)
        assert [s.name for s in ours.segments] == [s.name for s in theirs.children]
        for mine, other in zip(ours.segments[1:], theirs.children[1:], strict=True):
            for field in other.children:
                number = int(field.name.split("_")[1])
                assert field.to_er7() in mine.repetitions(number), f"{mine.name}-{number}"
    assert len(seen) == 7


@pytest.mark.parametrize(
    ("text", "instant", "day"),
    [
        ("20250303", None, "2025-03-03"),
        ("2025030309", "2025-03-03T09:00:00+08:00", "2025-03-03"),
        ("20250303092015.5+0000", "2025-03-03T09:20:15.500000+00:00", "2025-03-03"),
        ("20250303230000+0000", "2025-03-03T23:00:00+00:00", "2025-03-04"),
        ("202503", None, None),
        ("20250230", None, None),
        ("20250303250000", None, None),
        ("00000101000000", None, None),
        ("99991231235959", None, None),
        ("99991231", None, "9999-12-31"),
        ("2025-03-03", None, None),
        ("20250303092000+0899", None, None),
    ],
)
def test_times_are_as_exact_as_they_are_written(
    text: str, instant: str | None, day: str | None
) -> None:
    found = read_instant(text, ZONE)
    assert (None if found is None else found.isoformat()) == instant
    assert read_date(text, ZONE) == day


@given(st.integers(0, 1_900_000_000_0000))
def test_an_instant_comes_back(ticks: int) -> None:
    known = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=100 * ticks)
    assert read_instant(write_instant(known.isoformat()), ZONE) == known


def test_the_sample_names_no_person() -> None:
    assert "张" in PID
    assert PV1
    for raw in Writer().write(sample()):
        assert "测试" not in raw.decode(), "names of persons are not written"
