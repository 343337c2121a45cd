"""The canonical text of a claim: what changes it, what does not, and the way back."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import rfc8785

from domain.errors import SchemaMismatchError
from domain.tables import Tables
from streaming import digest, intake
from streaming.pseudonym import PseudonymKey
from tests.intake_claims import GOOD, claim

KEY = PseudonymKey(bytes(range(32)))
LINES = [GOOD["charges"][0] | {"line_id": f"L{i}", "item_name": f"甲{i}"} for i in range(20)]


def tables(*claims: dict[str, object]) -> Tables:
    found, refused = intake.decode([json.dumps(c).encode() for c in claims], key=KEY)
    assert not refused
    return found


def digest_of(given: Tables) -> dict[str, str]:
    return dict(digest.digests(given).select("stay_id", "input_sha256").iter_rows())


def test_the_text_is_pinned() -> None:
    record = claim(
        charges=[GOOD["charges"][0] | {"quantity": "1.500", "item_name": '甲"\\\n\x01😀', "charge_time": "2024-03-01T23:59:59.5+08:00"}],
        address=..., identity_number=..., phone=..., orders=..., diagnoses=[{"ordinal": 2, "code": "b"}, {"ordinal": 1, "code": "a"}],
    )  # fmt: skip
    ((stay, text),) = digest.documents(tables(record))
    assert stay == "S1"
    patient = KEY.pseudonym("patient_id", "clear-patient-0001")
    assert text == (
        '{"admission_date":"2024-03-01","admission_time":"2024-03-01T00:30:00Z","birth_date":"1960-05-04",'
        '"charges":[{"amount_fen":12345,"category":"01","charge_date":"2024-03-01",'
        '"charge_time":"2024-03-01T15:59:59.500000Z","item_code":"001","item_name":"甲\\"\\\\\\n\\u0001😀",'
        '"line_id":"L1","quantity":"1.5","unit_price":"123.45"}],"claim_type":"inpatient","claim_version":1,'
        '"currency":"CNY","diagnoses":[{"code":"a","ordinal":1},{"code":"b","ordinal":2}],'
        '"diagnosis_system":"ICD-10-CN","discharge_date":"2024-03-05",'
        f'"patient_id":"{patient}","procedure_system":"ICD-9-CM-3-CN","provider_id":"H330100001",'
        '"region_code":"330100","stay_id":"S1","time_zone":"Asia/Shanghai","total_amount_fen":12345}'
    )
    assert digest_of(tables(record)) == {"S1": hashlib.sha256(text.encode()).hexdigest()}
    assert rfc8785.dumps(json.loads(text)) == text.encode()


def test_the_order_of_rows_and_chunks_does_not_matter() -> None:
    given = tables(claim(charges=LINES), claim(stay_id="S2", charges=LINES[:3]))
    random = np.random.default_rng(7)
    shuffled = replace(
        given, **{n: t.take(pa.array(random.permutation(t.num_rows))) for n, t in given.items()}
    )
    assert digest_of(shuffled) == digest_of(given)
    assert shuffled.charges["line_id"].to_pylist() != given.charges["line_id"].to_pylist()
    alone = given.select(pa.array(["S2"]))
    assert digest_of(alone)["S2"] == digest_of(given)["S2"]


@pytest.mark.parametrize(
    "change",
    [
        {"total_amount_fen": 12346},
        {"claim_version": 2},
        {"admission_time": "2024-03-01T08:30:01+08:00"},
        {"diagnoses": GOOD["diagnoses"][:1]},
        {"diagnoses": None},
        {"charges": [GOOD["charges"][0] | {"quantity": "1.0001"}]},
        {"patient_id": "other"},
        {"ward": "0"},
    ],
)
def test_any_change_of_meaning_changes_the_digest(change: dict[str, object]) -> None:
    assert digest_of(tables(claim(**change)))["S1"] != digest_of(tables(claim()))["S1"]


def test_another_spelling_of_the_same_does_not() -> None:
    charges = [GOOD["charges"][0] | {"quantity": "1.0", "unit_price": 123.450, "item_name": None}]
    same = claim(
        admission_time="2024-03-01T00:30:00Z", charges=charges, patient_name="other", icu_stays=[]
    )
    assert digest_of(tables(same)) == digest_of(tables(claim()))


def test_no_claim_has_no_text() -> None:
    assert digest.digests(Tables.of()).height == 0
    assert list(digest.documents(Tables.of())) == []
    assert len(digest.tables_from_documents([])) == 0


def test_a_stored_text_of_another_schema_is_told() -> None:
    ((_, text),) = digest.documents(tables(claim()))
    for wrong in (
        text[:-1],
        text.replace('"S1"', "1"),
        text.replace("ward", "wards"),
        text[:-1] + ',"x":1}',
    ):
        if wrong == text:
            continue
        with pytest.raises(SchemaMismatchError) as raised:
            digest.tables_from_documents([wrong])
        assert raised.value.cure


def test_children_without_free_text_have_a_text_too() -> None:
    stay = {"ordinal": 1, "ward_type": "ICU", "start_time": "2024-03-02T00:00:00+08:00"}
    given = tables(claim(icu_stays=[stay]))
    ((_, text),) = digest.documents(given)
    assert (
        '"icu_stays":[{"ordinal":1,"start_time":"2024-03-01T16:00:00Z","ward_type":"ICU"}]' in text
    )
    assert digest.tables_from_documents([text]).icu_stays.equals(given.icu_stays)
