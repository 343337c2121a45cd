"""Mutated resources crash nothing and lose none, and what is taken passes the intake behind."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fhir_messages import claim, mutations, stay
from streaming import intake
from streaming.fhir import events_of
from streaming.fhir.structure import faults_of
from streaming.fhir.texts import Read, read
from streaming.orders.events import decode
from streaming.pseudonym import PseudonymKey

KEY = PseudonymKey(b"tests of fhir, 32 bytes are enough")
AT = datetime(2025, 3, 3, 4, tzinfo=UTC)


def account(found: Read) -> None:
    aside = {one.index for one in found.refused}
    assert aside | set(found.taken) == set(range(found.read))
    assert not aside & set(found.taken)
    assert all(one.rule and one.reason for one in found.refused)


def behind(found: Read) -> list[Any]:
    refused: list[Any] = []
    if found.events:
        refused += decode([msgspec.json.encode(e) for e in found.events], key=KEY)[1]
    if found.claims:
        refused += intake.decode([msgspec.json.encode(c) for c in found.claims], key=KEY)[1]
    return refused


@pytest.mark.parametrize("models", [True, False])
def test_mutated_messages_crash_nothing_and_lose_none(models: bool) -> None:
    taken = refused = 0
    for text in islice(mutations(random.Random(4 + models)), 100):
        found = read(text, at=AT, models=models)
        account(found)
        assert not behind(found), text
        taken += len(found.taken)
        refused += len(found.refused)
    assert min(taken, refused) > 80, "the mutations try both"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["Patient/p1", "Encounter/e1", "active", "2025-03-03", "CNY"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KINDS = ("Patient", "Encounter", "MedicationRequest", "ServiceRequest", "ChargeItem", "Claim", "Coverage", "Procedure", "Condition", "MessageHeader", "Bundle")  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_value_in_any_element_is_taken_or_refused(data: st.DataObject) -> None:
    document = data.draw(st.sampled_from([stay, claim]))()
    place = data.draw(st.integers(0, len(document["entry"]) - 1))
    resource = document["entry"][place]["resource"]
    name = data.draw(st.sampled_from([*resource, "foo"]))
    resource[name] = data.draw(JSON)
    if data.draw(st.booleans()):
        resource["resourceType"] = data.draw(st.sampled_from(KINDS))
    # As plain data, with floats and lone surrogates: what a caller inside the house may hand over.
    found = events_of([document], provider_id=None, at=AT, models=data.draw(st.booleans()))
    aside = {one.index for one in found.refused}
    assert aside | set(found.taken) == set(range(found.read))
    assert not aside & set(found.taken)
    assert not decode([msgspec.json.encode(e) for e in found.events], key=KEY)[1]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda t: t.encode("utf-8", "ignore")))
def test_any_bytes_are_told_to_be_none(data: bytes) -> None:
    found = read(data, at=AT)
    account(found)
    assert not found.taken


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"resourceType":"Patient","x":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"resourceType":"Patient","id":1e999999999}',
        b'{"resourceType":"Patient","id":' + b"9" * 5000 + b"}",
        b'{"resourceType":"Patient","id":"a\\u0000b"}',
        b'{"resourceType":"Patient","name":[{"text":"\\ud800"}]}',
        b'\xff\xfe{"resourceType":"Patient"}',
        b'{"resourceType":"Bundle","type":"collection","entry":{"a":1}}',
        b'{"resourceType":"Bundle","type":"collection","entry":[null,1,{"resource":null},{}]}',
    ],
)  # fmt: skip
def test_attacks_are_refused(text: bytes) -> None:
    found = read(text, at=AT)
    account(found)
    assert not found.taken


def test_our_look_finds_what_the_models_let_pass() -> None:
    """The models take these; FHIR does not."""
    good = stay()["entry"][5]["resource"]
    for name, value in (("dosageInstruction", []), ("subject", {}), ("fhir_comments", "x"), ("implicitRules", "urn:x"), ("note", [{"text": "a\x00"}])):  # fmt: skip
        assert faults_of({**good, name: value}, models=False), name
    for change in ({"doNotPerform": "true"}, {"authoredOn": 5}, {"subject": '{"reference": "Patient/p1"}'}):  # fmt: skip
        document = stay()
        document["entry"][5]["resource"] |= change
        found = events_of([document], provider_id=None, at=AT, models=False)
        assert {r.resource for r in found.refused} == {"MedicationRequest/o1"}, change


def test_the_models_find_what_is_not_read() -> None:
    document = stay()
    document["entry"][5]["resource"]["substitution"] = {"allowed": "yes"}
    assert not events_of([document], provider_id=None, at=AT, models=False).refused
    document["entry"][5]["resource"]["substitution"] = {"allowedBoolean": "perhaps"}
    (one,) = events_of([document], provider_id=None, at=AT).refused
    assert (one.element, one.rule) == ("MedicationRequest.substitution.allowedBoolean", "structure")


@settings(max_examples=100, deadline=None)
@given(st.integers(-(10**12), 10**12), st.booleans())
def test_money_is_exact(fen: int, as_float: bool) -> None:
    """A JSON number, as text or as the float that a parser made of it, is the amount that was written."""
    amount = Decimal(fen).scaleb(-2)
    document = stay()
    charge = document["entry"][7]["resource"]
    charge["priceOverride"]["value"] = float(amount) if as_float else amount
    charge["quantity"]["value"] = 1
    charge["extension"].append({"url": "urn:drg-sentinel:field:charges.reverses_line_id", "valueString": "l0"})  # fmt: skip
    found = events_of([document], provider_id=None, at=AT, models=False)
    assert not found.refused
    assert found.events[-1]["charges"][0]["amount_fen"] == fen


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_bundle_of_no_time_that_can_be_told_is_refused(when: str) -> None:
    """Found by the mutations: it was taken here and refused by the intake behind."""
    found = read(json.dumps(stay() | {"timestamp": when}).encode(), at=AT, models=False)
    account(found)
    assert not behind(found)


def test_an_amount_with_a_third_place_is_refused_and_not_rounded() -> None:
    for value in (0.1 + 0.2, Decimal("1.005"), 1.0049999999999999):
        document = stay()
        document["entry"][7]["resource"]["priceOverride"]["value"] = value
        (one,) = events_of([document], provider_id=None, at=AT, models=False).refused
        assert one.element in ("ChargeItem.priceOverride.value",) or one.rule == "number", one
    text = json.dumps(stay()).replace("197.0", "197.001").encode()
    assert [r.rule for r in read(text, at=AT, models=False).refused] == ["range"]
