"""Answers, and what is durable before they are given: with a real store behind the desk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store.tables import METADATA
from streaming.hl7 import letters
from streaming.hl7.answers import answers
from streaming.hl7.faults import Fault, Place
from streaming.hl7.sinks import StoreSink
from streaming.hl7.taking import Desk
from streaming.hl7.text import peek, read
from streaming.hl7.writing import Writer
from streaming.orders.handler import OrdersHandler
from streaming.schemas import schemas
from tests.hl7_messages import (
    DRUG,
    LINE,
    NOW,
    PID,
    PV1,
    MemorySink,
    admitted,
    charged,
    message,
    ordered,
    reader,
    sample,
)  # fmt: skip
from tests.message_mutations import HL7, mutate
from tests.order_events import KEY
from tests.small_catalogue import engine_of, write_catalogue


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return engine_of(
        write_catalogue(tmp_path_factory.mktemp("rules"), ORD_011="active", ORD_001="active")
    )


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[store.Store]:
    with store.open(f"sqlite:///{tmp_path / 'hl7.db'}") as found:
        yield found


@pytest.fixture
def desk(engine: Any, opened: store.Store) -> Desk:
    sink = StoreSink(OrdersHandler(engine, opened, KEY), opened.journal("hl7"))
    made = Desk(reader(), sink, KEY, now=lambda: NOW)
    made.reader.memory._known = sink.head
    return made


def msa(reply: bytes) -> list[str]:
    segment = read(reply).segments[1]
    assert segment.name == "MSA"
    return list(segment.fields[1:3])


def rows(opened: store.Store) -> dict[str, int]:
    with opened.engine.connect() as connection:
        return {
            t.name: connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one()
            for t in METADATA.sorted_tables
        }


def test_a_message_taken_is_stored_and_one_sent_again_changes_nothing(
    desk: Desk, opened: store.Store
) -> None:
    batch = [admitted(control="1"), ordered("NW", DRUG, control="2"), charged(LINE, control="3")]
    first = desk.take(batch)
    assert [msa(a.replies[0]) for a in first] == [["AA", "1"], ["AA", "2"], ["AA", "3"]]
    [page] = opened.open_stays.page()
    assert (page["stay_id"], page["running_cost_fen"], page["active_orders"]) == ("V1", 19700, 1)
    before, state = rows(opened), opened.open_stays.read(["V1"])
    again = desk.take(batch)
    assert [msa(a.replies[0])[0] for a in again] == ["AA"] * 3
    assert rows(opened) == before
    assert opened.open_stays.read(["V1"]) == state, "not even a version has changed"
    assert "PAT1" not in str(state), "the store has pseudonyms"


def test_a_refused_message_is_kept_whole_and_once_with_its_reasons(
    desk: Desk, opened: store.Store
) -> None:
    raw = message("ADT^A01", PID.replace("|F", "|?"), PV1.replace("|V1|", "||"), control="7")
    good = admitted(control="8")
    for _ in range(2):
        found = desk.take([raw, good])
        assert [a.outcome for a in found] == ["refused", "taken"]
    [letter] = opened.dead_letters()
    assert (letter.topic, letter.group, letter.value) == ("hl7", "hl7", raw)
    assert [(r.field, r.rule, r.value) for r in letter.reasons] == [("PID-8", "enum", "")]
    reply = found[0].replies[0].decode()
    assert "张" not in reply
    assert (
        "ERR||PID^1^8^1|103^Table value not found^HL70357|E|||PID-8 enum|Use a code of table sex"
        in reply
    )


def test_faults_that_only_the_intake_of_events_sees_have_their_place_too(desk: Desk) -> None:
    cases = {
        message("ADT^A01", PID, PV1.replace("|V1|", "||")): {("PV1-19", "required")},
        message("ADT^A01", "PID|1||||", PV1): {("PID-3", "required")},
        message("ADT^A01", PID, PV1, "DG1|1||J15~x||||W", "DG1|2||||||W"): {("DG1[2]", "required")},
        charged(LINE.replace("|L1|", "|L 1|")): {("FT1-2", "format")},
        ordered("NW"): {("ORC", "required")},
    }  # fmt: skip
    for raw, expected in cases.items():
        [found] = desk.take([raw])
        assert {(str(f.place), f.rule) for f in found.faults} >= expected, found.faults
        assert msa(found.replies[0])[0] == "AE"


def test_a_stay_beyond_its_bounds_refuses_the_message_and_takes_its_neighbour(
    desk: Desk, opened: store.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.orders.state.MOST_LINES", 2)
    many = charged(*(LINE.replace("|L1|", f"|L{n}|") for n in range(3)), control="2")
    found = desk.take([admitted(), many, charged(LINE, control="3")])
    assert [a.outcome for a in found] == ["taken", "refused", "taken"]
    assert opened.open_stays.page()[0]["running_cost_fen"] == 19700
    assert [x.value for x in opened.dead_letters()] == [many]


def test_what_cannot_be_stored_is_answered_ar_and_asked_for_again() -> None:
    sink = MemorySink()
    desk = Desk(reader(), sink, KEY, now=lambda: NOW)
    sink.away = True
    found = desk.take([admitted(), b"MSH|^~\\&|x\r"])
    assert [a.outcome for a in found] == ["not-kept", "not-kept"]
    assert [msa(a.replies[0])[0] for a in found] == ["AR", "AR"]
    assert "send it again" in found[0].replies[0].decode()
    assert desk.reader.memory.head("V1") == {}, "nothing is remembered of what is not stored"
    sink.away = False
    assert [a.outcome for a in desk.take([admitted()])] == ["taken"]
    assert [e["kind"] for e in sink.events] == ["stay"]


def test_a_defect_on_one_message_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = MemorySink()
    desk = Desk(reader(), sink, KEY, now=lambda: NOW)

    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("streaming.hl7.reading.read_charges", fails)
    found = desk.take([charged(LINE), admitted()])
    assert [a.outcome for a in found] == ["refused", "taken"]
    assert [f.rule for f in found[0].faults] == ["not-handled"]
    assert len(sink.dead) == 1


def test_two_messages_of_one_stay_in_one_batch_know_of_each_other() -> None:
    sink = MemorySink()
    desk = Desk(reader(), sink, KEY, now=lambda: NOW)
    short = message("ADT^A08", PID, PV1, at="20250304080000+0800", control="2")
    desk.take([admitted(), short])
    assert sink.events[1]["stay"]["insurance_type"] == "310"


def test_the_profile_passes_over_what_a_site_does_not_want_read() -> None:
    from dataclasses import replace

    sink = MemorySink()
    desk = Desk(reader(), sink, KEY, now=lambda: NOW)
    desk.reader.profile = replace(desk.reader.profile, ignored=("ADT^A31",))
    [found] = desk.take([message("ADT^A31", PID)])
    assert (found.outcome, msa(found.replies[0])[0], sink.events, sink.dead) == (
        "ignored",
        "AA",
        [],
        {},
    )


FAULTS = [
    Fault(Place("PID", 1, 8, 0), "enum", "Use M | F."),
    Fault(Place("FT1", 3, 11, 1), "type", "A number."),
]


@pytest.mark.parametrize(
    ("modes", "faults", "expected"),
    [
        ("|", [], ["AA"]), ("|", FAULTS, ["AE"]), ("|", [Fault(Place("MSH"), "not-kept", "Wait.")], ["AR"]),
        ("AL|AL", [], ["CA", "AA"]), ("AL|AL", FAULTS, ["CE", "AE"]), ("AL|NE", [], ["CA"]), ("NE|AL", FAULTS, ["AE"]),
        ("NE|NE", FAULTS, []), ("ER|ER", [], []), ("ER|ER", FAULTS, ["CE", "AE"]), ("SU|", [], ["CA"]), ("SU|SU", FAULTS, []),
        ("|AL", [], ["AA"]), ("AL|", [Fault(Place("MSH", 1, 9), "unsupported-type", "x")], ["CR"]),
    ],
)  # fmt: skip
def test_each_mode_of_answers(modes: str, faults: list[Fault], expected: list[str]) -> None:
    replies = answers(peek(admitted(control="c1", modes=modes)), faults, NOW)
    assert [msa(r) for r in replies] == [[code, "c1"] for code in expected]
    for reply in replies:
        head = read(reply).segments[0]
        assert (head.text(3), head.text(5), head.text(6), head.text(9), head.text(12)) == (
            "SENTINEL",
            "HIS",
            "H1",
            "ACK",
            "2.5",
        )
        assert len(read(reply).segments) == 2 + len(faults)


def test_an_answer_keeps_the_senders_signs_version_and_character_set() -> None:
    raw = "MSH#*!?%#张三#院%1#####ADT*A01#9#P#2.3######GBK\r".encode("gb18030")
    [reply] = answers(peek(raw), FAULTS, NOW)
    found = read(reply)
    assert reply.decode("gb18030").startswith("MSH#*!?%#SENTINEL##张三#院%1#")
    assert found.segments[2].raw(1) == "PID*1*8*103%Table value not found%HL70357"
    [other] = answers(peek(b"\xff\xfe"), FAULTS, NOW)
    assert msa(other) == ["AE", ""]


def test_a_letter_for_the_topic_has_its_schema_and_the_original_bytes() -> None:
    letter = letters.letter(b"\xff\x00raw", FAULTS * 80, "hl7")
    told = letters.told(letter)
    jsonschema_rs.validator_for(schemas()["dead-letters"]).validate(json.loads(told))
    assert letters.letter(b"\xff\x00raw", [], "other").dead_letter_id == letter.dead_letter_id
    assert (
        len(letters.told(letters.letter(b"x" * letters.LARGEST_IN_TOPIC, FAULTS * 80, "hl7")))
        < 1024 * 1024
    )


ORIGINALS = [
    *Writer().write(sample()[::6]),
    *Writer("gb18030", accept="AL", application="AL").write(sample()[::20]),
]


@settings(max_examples=30)
@given(
    st.randoms(use_true_random=False), st.lists(st.sampled_from(ORIGINALS), min_size=1, max_size=5)
)
def test_whatever_is_broken_is_answered_and_either_read_or_kept(
    dice: Any, chosen: list[bytes]
) -> None:
    sink = MemorySink()
    desk = Desk(reader(), sink, KEY, now=lambda: NOW)
    raws = [mutate(dice, raw, HL7) for raw in chosen]
    found = desk.take(raws)
    assert len(found) == len(raws)
    kept = {letter.value for letter in sink.dead.values()}
    for raw, done in zip(raws, found, strict=True):
        header = peek(raw)
        silent = header.is_enhanced and "AL" not in (header.accept, header.application)
        assert done.replies or silent
        assert (done.outcome == "taken") != (raw in kept)
        assert not {"not-handled", "not-kept"} & {f.rule for f in done.faults}
        for reply in done.replies:
            assert (msa(reply)[0][1] == "A") == (done.outcome == "taken")
