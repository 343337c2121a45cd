"""What looking back finds."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import pyarrow as pa
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

import store
from domain.tables import Tables, concat
from store import bodies
from tests import service_samples as samples


def rows(tables: Tables) -> dict[str, list[dict[str, object]]]:
    return {
        name: sorted(table.to_pylist(), key=str) for name, table in tables.items() if table.num_rows
    }


def test_earlier_claims_of_the_patients_come_back_complete(opened: store.Store) -> None:
    batch = samples.claims(10)
    samples.write(opened, 10)
    patients = batch.stays["patient_id"].to_pylist()[:4]  # two patients of two stays each
    found = opened.history(patients)
    assert rows(found) == rows(samples.claims(4))


def test_the_stays_at_hand_are_left_out(opened: store.Store) -> None:
    batch = samples.claims(4)
    samples.write(opened, 4)
    found = opened.history(batch.stays["patient_id"].to_pylist(), excluding=["S000000", "S000003"])
    assert found.stays["stay_id"].to_pylist() == ["S000001", "S000002"]
    assert set(found.charges["stay_id"].to_pylist()) == {"S000001", "S000002"}


def test_claims_with_the_same_codes_are_found_whoever_the_patient_is(opened: store.Store) -> None:
    samples.write(opened, 9)  # fingerprints f0, f1, f2 in turn
    found = opened.history([], ["f1"])
    assert found.stays["stay_id"].to_pylist() == ["S000001", "S000004", "S000007"]


def test_a_common_code_vector_gives_the_newest_claims_only(opened: store.Store) -> None:
    samples.write(opened, 27)  # admitted on 1 to 27 March, in this order
    found = opened.history([], ["f0"], newest_per_fingerprint=2)
    assert found.stays["stay_id"].to_pylist() == ["S000021", "S000024"]


def test_a_correction_replaces_what_it_corrects(opened: store.Store) -> None:
    samples.write(opened, 2)
    batch = samples.claims(1)
    version = batch.stays.column_names.index("claim_version")
    corrected = replace(
        batch,
        stays=batch.stays.set_column(
            version, batch.stays.schema.field("claim_version"), pa.array([2], pa.int32())
        ),
        charges=batch.charges.slice(0, 1),
    )
    opened.write(
        claims=corrected, results=samples.assess(corrected), fingerprints={"S000000": "other"},
        ruleset=samples.RULESET, model=samples.MODEL,
    )  # fmt: skip
    for found in (
        opened.history(batch.stays["patient_id"].to_pylist()),
        opened.history([], ["other"]),
    ):
        first = found.select(pa.array(["S000000"]))
        assert first.stays["claim_version"].to_pylist() == [2]
        assert first.charges.num_rows == 1
    assert len(opened.history([], ["f0"])) == 0, "it no longer has the codes of version 1"


def test_many_patients_are_asked_for_in_parts(opened: store.Store) -> None:
    samples.write(opened, 6)
    patients = [f"nobody{i}" for i in range(2_500)] + samples.claims(6).stays[
        "patient_id"
    ].to_pylist()
    assert len(opened.history(patients)) == 6


def test_nothing_asked_nothing_found(opened: store.Store) -> None:
    samples.write(opened, 2)
    assert len(opened.history([])) == 0


def test_patients_are_found_by_index(opened: store.Store) -> None:
    with opened.engine.connect() as connection:
        plan = " ".join(
            str(row)
            for row in connection.exec_driver_sql(
                "EXPLAIN QUERY PLAN SELECT stay_id FROM stay_states WHERE patient_id IN ('a', 'b')"
            )
        )
    assert "USING INDEX ix_stay_states_patient_id_admission_date" in plan


def test_a_body_is_canonical_json_whatever_the_order_of_rows() -> None:
    batch = samples.claims(3)
    turned = Tables(
        **{
            name: table.take(pa.array(range(table.num_rows), pa.int64())[::-1])
            for name, table in batch.items()
        }
    )
    first = {row["stay_id"]: body for row, body in bodies.encode(batch)}
    second = {row["stay_id"]: body for row, body in bodies.encode(turned)}
    assert first == second
    claim = bodies.read(first["S000000"])
    assert rfc8785.dumps(claim) == bodies._ENCODER.encode(claim)
    assert claim["charges"][0]["unit_price"] == "45.5"
    assert "phone" not in claim, "empty fields are left out"


def test_the_stored_text_is_the_text_that_was_digested() -> None:
    """Who reads a claim out of the store can check it against its decision's input_sha256."""
    from streaming.digest import documents

    batch = samples.claims(12)
    stored = {row["stay_id"]: zlib.decompress(body).decode() for row, body in bodies.encode(batch)}
    assert stored == dict(documents(batch))


@pytest.mark.parametrize("body", [b"x", b"", zlib.compress(b"{"), zlib.compress(b'{"stay_id": 1}')])
def test_a_damaged_body_is_told_as_damage(body: bytes) -> None:
    with pytest.raises(store.StoreError, match="cannot be read back"):
        bodies.decode([body])


def test_a_damaged_claim_is_told_as_damage() -> None:
    with pytest.raises(store.StoreError, match="cannot be read back"):
        bodies.read(b"x")


def test_a_field_that_a_later_program_wrote_is_passed_over() -> None:
    (whole,) = (json.loads(zlib.decompress(b)) for _, b in bodies.encode(samples.claims(1)))
    newer = json.dumps(whole | {"of_tomorrow": [1]}).encode()
    assert rows(bodies.decode([bodies.pack(newer)])) == rows(samples.claims(1))


@pytest.mark.parametrize(("block", "at_once"), [(1, 1), (4_000, 10_000), (10**6, 10**8)])
def test_claims_are_whole_wherever_their_text_is_cut(
    monkeypatch: pytest.MonkeyPatch, block: int, at_once: int
) -> None:
    monkeypatch.setattr(bodies, "_BLOCK", block)
    monkeypatch.setattr(bodies, "_OCTETS_AT_ONCE", at_once)
    batch = samples.claims(40, lines=5)
    assert rows(bodies.decode(body for _, body in bodies.encode(batch))) == rows(batch)


@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=3, max_size=3
    ),
    amounts=st.lists(st.one_of(st.none(), st.integers(0, 2**53)), min_size=3, max_size=3),
    days=st.lists(st.one_of(st.none(), st.dates()), min_size=3, max_size=3),
)
def test_any_claim_comes_back_as_it_went_in(
    texts: list[str], amounts: list[int | None], days: list[object]
) -> None:
    batch = samples.claims(3)
    stays = batch.stays
    for name, values in (("ward", texts), ("deductible_fen", amounts), ("death_date", days)):
        field = stays.schema.field(name)
        stays = stays.set_column(
            stays.column_names.index(name), field, pa.array(values, field.type)
        )
    batch = replace(batch, stays=stays)
    assert rows(bodies.decode(body for _, body in bodies.encode(batch))) == rows(batch)


def test_history_joins_a_batch(opened: store.Store) -> None:
    samples.write(opened, 4)
    batch = samples.claims(2, first=4)
    joined = concat([opened.history(samples.claims(4).stays["patient_id"].to_pylist()), batch])
    assert len(joined) == 6
