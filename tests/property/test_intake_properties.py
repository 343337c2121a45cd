"""Whatever comes in: no crash, every record accounted for, good ones kept whole."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import rfc8785
from hypothesis import given, settings

from domain.claim import CHILDREN, CLAIM_TABLES, STAYS
from domain.schema import Field, Kind, Privacy
from domain.tables import Tables
from streaming import digest, intake
from streaming.intake import RULES, Limits
from streaming.pseudonym import PseudonymKey
from tests.intake_claims import GOOD, claims

KEY = PseudonymKey(bytes(range(32)))


def dump(record: Any) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass")


def frames(tables: Tables) -> dict[str, list[dict[str, Any]]]:
    """Rows of each table in a fixed order, for comparison: order carries no meaning."""
    return {
        t.name: pl.DataFrame(pl.from_arrow(getattr(tables, t.name))).sort(t.key).to_dicts()
        for t in CLAIM_TABLES
    }


@settings(max_examples=60)
@given(claims())
def test_valid_claims_are_accepted_and_come_back_exactly(records: list[dict[str, Any]]) -> None:
    tables, refused = intake.decode([dump(r) for r in records], key=KEY)
    assert refused == []
    assert tables.stays["stay_id"].to_pylist() == [r["stay_id"] for r in records]
    for table in CHILDREN:
        rows = getattr(tables, table.name)
        assert rows.num_rows == sum(len(r.get(table.name) or ()) for r in records)
    texts = dict(digest.documents(tables))
    back = digest.tables_from_documents(texts.values())
    assert frames(back) == frames(tables)
    assert dict(digest.documents(back)) == texts
    for text in texts.values():
        assert rfc8785.dumps(json.loads(text)).decode() == text


@settings(max_examples=40)
@given(claims())
def test_json_lines_and_parquet_say_the_same(records: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lines, parquet = Path(folder) / "a.jsonl", Path(folder) / "a.parquet"
        lines.write_bytes(b"\n".join(map(dump, records)))
        names = {k: None for r in records for k in r}
        rows = [names | r for r in records]
        for child in CHILDREN:
            keys = {k: None for r in records for c in r.get(child.name) or () for k in c}
            for row in rows:
                if row.get(child.name):
                    row[child.name] = [keys | c for c in row[child.name]]
        pq.write_table(pa.Table.from_pylist(rows), parquet)
        one = intake.read([lines], "jsonl", key=KEY)
        other = intake.read([parquet], "parquet", key=KEY)
    assert one.refusals == other.refusals == ()
    assert frames(one.tables) == frames(other.tables)


_JUNK = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from([f.name for f in STAYS.fields]) | st.text(max_size=4),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    ).map(lambda v: json.dumps(v).encode()),
    st.sampled_from(
        [
            b"[" * 5000,
            b'{"a":' * 2000,
            b"\xef\xbb\xbf{}",
            b"NaN",
            b'{"stay_id":"\\ud800"}',
            b'{"total_amount_fen":1e999}',
            b"9" * 6000,
        ]
    ),
)


@settings(max_examples=80)
@given(
    st.lists(_JUNK, max_size=6),
    claims(max_size=2),
    st.randoms(use_true_random=False),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_junk_between_good_records_loses_none(
    junk: list[bytes], records: list[dict[str, Any]], random: Any, end: bytes
) -> None:
    good = [dump(r) for r in records]
    lines = [*(j.replace(b"\n", b"?") for j in junk), *good]
    random.shuffle(lines)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jsonl"
        path.write_bytes(end.join(lines))
        result = intake.read([path], "jsonl", key=KEY, limits=Limits(batch_records=3))
    assert result.accepted + result.set_aside == result.read
    assert set(result.tables.stays["stay_id"].to_pylist()) == {r["stay_id"] for r in records}, (
        result.refusals
    )
    assert all(a.reasons and {r.rule for r in a.reasons} <= set(RULES) for a in result.refusals)
    tables, refused = intake.decode(lines, key=KEY)
    assert len(tables) + len(refused) == len(lines)
    assert len(tables) == len(records)


_FIELDS = [(STAYS, f) for f in STAYS.fields] + [
    (t, f) for t in CHILDREN for f in t.fields if f.name != t.key[0]
]


def _mutants(field: Field) -> dict[str, Any]:
    """Values that break the field, each with the rule that must say so."""
    found: dict[str, Any] = {"type": {"an": "object"}}
    if field.kind is Kind.DECIMAL:
        found["not-finite"] = "NaN"
        found["format"] = "1." + "0" * (field.places + 1)
    if field.kind in {Kind.INTEGER, Kind.MONEY}:
        found["range"] = 2**60
        found["type"] = "12"
    if field.kind in {Kind.DATE, Kind.INSTANT}:
        found["format"] = "2009-02-30"
    if field.codes is not None:
        found["enum"] = "no such code"
    elif field.kind in {Kind.TEXT, Kind.CODE}:
        found["range"] = "x" * (field.max_length + 1)
        found["too-large"] = "x" * 70_000
    if field.kind is Kind.MONEY and field.minimum == 0:
        found["negative-amount"] = -1
    if field.required:
        found["required"] = None
    return found


@settings(max_examples=250)
@given(st.data())
def test_one_mutation_is_refused_with_its_rule_at_its_place(data: st.DataObject) -> None:
    table, field = data.draw(st.sampled_from(_FIELDS))
    rule, value = data.draw(st.sampled_from(sorted(_mutants(field).items(), key=lambda i: i[0])))
    record = copy.deepcopy(GOOD)
    path = field.name
    holder = record
    if table is not STAYS:
        rows = record.setdefault(table.name, [_least(table)])
        holder, path = rows[0], f"{table.name}[0].{field.name}"
    holder[field.name] = value
    if field.name == "admission_date" and rule == "required":
        del record["admission_time"]
    tables, refused = intake.decode([dump(record)], key=KEY)
    assert len(tables) == 0
    reasons = refused[0].reasons
    assert (path, rule) in {(r.field, r.rule) for r in reasons}, reasons
    assert all(r.field == path for r in reasons), reasons
    if field.privacy in {Privacy.PSEUDONYM, Privacy.DROP} and value is not None:
        assert {r.value for r in reasons if r.rule != "too-large"} <= {"<personal>"}


def _least(table: Any) -> dict[str, Any]:
    """A child record with its required fields only."""
    values = {Kind.INTEGER: 1, Kind.INSTANT: "2024-03-01T09:00:00+08:00", Kind.DATE: "2024-03-01"}
    return {
        f.name: next(iter(f.codes)) if f.codes else values.get(f.kind, "x")
        for f in table.fields
        if f.required and f.name != table.key[0]
    }
