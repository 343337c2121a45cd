"""Tables: building, conforming, selecting, joining, and the three faces of one schema."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jsonschema_rs
import pyarrow as pa
import pytest

from domain.claim import CHILDREN, CLAIM_TABLES, DIAGNOSES, STAYS
from domain.errors import SchemaMismatchError
from domain.parties import PARTY_TABLES
from domain.results import RESULT_TABLES
from domain.schema import Kind, Privacy, schema_sha256
from domain.tables import Tables, concat, conform

ALL = (*CLAIM_TABLES, *PARTY_TABLES, *RESULT_TABLES)


def stay(stay_id: str, **given: Any) -> dict[str, Any]:
    return {
        "stay_id": stay_id,
        "claim_version": 1,
        "claim_type": "inpatient",
        "time_zone": "Asia/Shanghai",
        "currency": "CNY",
        "provider_id": "H1",
        "patient_id": "p_1",
        "admission_date": "2024-03-01",
        "diagnosis_system": "ICD-10-CN",
        "procedure_system": "ICD-9-CM-3-CN",
        **given,
    }


def stays(*ids: str) -> pa.Table:
    table = pa.Table.from_pylist([stay(i) for i in ids])
    return table.set_column(
        table.column_names.index("admission_date"),
        "admission_date",
        table["admission_date"].cast(pa.date32()),
    )


def diagnoses(*rows: tuple[str, int, str]) -> pa.Table:
    return pa.Table.from_pylist([{"stay_id": s, "ordinal": o, "code": c} for s, o, c in rows])


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_arrow_and_json_schema_speak_of_the_same_fields(table: Any) -> None:
    properties = table.json_schema()["properties"]
    key = {table.key[0]} if table.parent else set()
    assert set(properties) == {f.name for f in table.fields} - key
    dropped = {f.name for f in table.fields if f.privacy is Privacy.DROP}
    assert set(table.arrow.names) == {f.name for f in table.fields} - dropped
    for field in table.columns:
        assert table.arrow.field(field.name).nullable is not field.required
        if field.name not in key:
            takes_null = "null" in properties[field.name]["type"]
            assert takes_null is not field.required


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_money_is_a_whole_number_and_no_field_is_called_money_without_unit(table: Any) -> None:
    for field in table.fields:
        assert (field.kind is Kind.MONEY) is field.name.endswith("_fen")
        if field.kind is Kind.MONEY:
            assert field.arrow_type == pa.int64()
        assert field.kind is not Kind.NUMBER or table in RESULT_TABLES


def test_the_schema_takes_a_claim_and_refuses_a_foreign_field() -> None:
    validator = jsonschema_rs.Draft202012Validator(
        STAYS.json_schema(CHILDREN), validate_formats=True
    )
    assert validator.is_valid(stay("S1", diagnoses=[{"ordinal": 1, "code": "I10"}]))
    assert not validator.is_valid(stay("S1", diagnoses=[{"ordinal": 1}]))
    assert not validator.is_valid(stay("S1", colour="red"))
    assert not validator.is_valid(stay("S1", admission_date="2009-02-30"))
    assert not validator.is_valid(stay("S1", total_amount_fen=12.5))


def test_of_fills_what_is_missing_and_orders_columns() -> None:
    shuffled = stays("A").select(sorted(stays("A").column_names, reverse=True))
    tables = Tables.of({"stays": shuffled})
    assert tables.stays.schema.equals(STAYS.arrow)
    assert tables.stays["sex"].to_pylist() == [None]
    assert tables.charges.num_rows == 0
    assert len(tables) == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"stay": stays("A")}, "no table is named"),
        ({"stays": stays("A").append_column("colour", [["red"]])}, "unknown columns"),
        ({"stays": stays("A").drop_columns(["provider_id"])}, "required column provider_id"),
    ],
)
def test_of_says_what_does_not_fit(given: dict[str, pa.Table], says: str) -> None:
    with pytest.raises(SchemaMismatchError, match=says) as raised:
        Tables.of(given)
    assert raised.value.cure


def test_conform_refuses_loss_and_empty_required_values() -> None:
    rows = diagnoses(("A", 1, "I10"))
    wide = rows.set_column(1, "ordinal", pa.array([2**40]))
    with pytest.raises(SchemaMismatchError, match="ordinal of diagnoses cannot become int32"):
        conform(wide, DIAGNOSES)
    gap = rows.set_column(2, "code", pa.array([None], pa.string()))
    with pytest.raises(SchemaMismatchError, match="code of diagnoses has 1 empty"):
        conform(gap, DIAGNOSES)


def test_a_table_of_another_schema_is_refused() -> None:
    tables = Tables.of({"stays": stays("A")})
    with pytest.raises(SchemaMismatchError, match="table stays has another schema"):
        replace(tables, stays=tables.stays.drop_columns(["sex"]))


def test_select_keeps_the_children_of_the_stays_named() -> None:
    tables = Tables.of(
        {
            "stays": stays("A", "B"),
            "diagnoses": diagnoses(("A", 1, "I10"), ("B", 1, "J18"), ("B", 2, "I10")),
        }
    )
    kept = tables.select(pa.array(["B"]))
    assert kept.stays["stay_id"].to_pylist() == ["B"]
    assert kept.diagnoses["code"].to_pylist() == ["J18", "I10"]
    assert len(tables.select(pa.array([], pa.string()))) == 0


def test_concat_joins_batches_and_takes_none() -> None:
    a, b = (Tables.of({"stays": stays(i)}) for i in "AB")
    assert concat([a, b]).stays["stay_id"].to_pylist() == ["A", "B"]
    assert len(concat([])) == 0


def test_the_schema_hash_moves_with_a_type_and_not_with_words() -> None:
    before = schema_sha256((DIAGNOSES,))
    worded = replace(DIAGNOSES, meaning="Other words.")
    assert schema_sha256((worded,)) == before
    changed = replace(
        DIAGNOSES,
        fields=tuple(
            replace(f, kind=Kind.INTEGER) if f.name == "code" else f for f in DIAGNOSES.fields
        ),
    )
    assert schema_sha256((changed,)) != before
