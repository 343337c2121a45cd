from datetime import date, timedelta

import polars as pl
import pyarrow as pa
import pytest
import torch

from domain.errors import SentinelError
from domain.tables import Tables, concat
from graph_models.features import tabulate
from graph_models.graph import build
from graph_models.window import cut, day_after_last, frame


def same_graph(a, b):
    assert a["provider"].ids == b["provider"].ids
    for kind in ("provider", "patient", "physician", "claim"):
        assert torch.equal(a[kind].x.nan_to_num(-9), b[kind].x.nan_to_num(-9))
    for relation in a.edge_types:
        assert torch.equal(a[relation].edge_index, b[relation].edge_index)


def test_a_claim_on_or_after_the_day_changes_nothing(town, stays):
    tables, _, _ = town
    day = date(2024, 4, 1)
    late = stays(
        {"stay_id": "LATE1", "patient_id": "P000001", "discharge_date": day},
        {"stay_id": "LATE2", "discharge_date": None},
        {"stay_id": "LATE3", "discharge_date": date(2024, 3, 1), "settlement_end_date": day},
        diagnoses=[("LATE1", 1, "E10.0"), ("LATE3", 1, "Z99.9")],
    )
    more = concat([tables, late])
    assert tabulate(more, upto=day).equals(tabulate(tables, upto=day))
    same_graph(build(more, upto=day), build(tables, upto=day))


def test_a_claim_of_the_day_before_counts(town, stays):
    tables, _, _ = town
    day = date(2024, 4, 1)
    more = concat([tables, stays({"stay_id": "NEW", "discharge_date": day - timedelta(days=1)})])
    before, after = tabulate(tables, upto=day), tabulate(more, upto=day)
    claims = pl.col("provider_id") == "H0001"
    assert after.filter(claims)["claims"].item() == before.filter(claims)["claims"].item() + 1


def test_a_death_after_the_day_is_not_known_before_it(stays):
    tables = stays({"death_date": date(2024, 2, 1)})
    assert frame(cut(tables, date(2024, 2, 1)), "stays")["death_date"].to_list() == [None]
    assert frame(cut(tables, date(2024, 2, 2)), "stays")["death_date"].null_count() == 0


def test_the_order_of_rows_does_not_matter(town):
    tables, _, upto = town
    turned = Tables(
        **{n: t.take(pa.array(range(t.num_rows), pa.int64())[::-1]) for n, t in tables.items()}
    )
    assert tabulate(turned, upto=upto).equals(tabulate(tables, upto=upto))
    same_graph(build(turned, upto=upto), build(tables, upto=upto))


def test_no_dated_claim_says_what_to_do(stays):
    with pytest.raises(SentinelError, match="--upto"):
        day_after_last(stays({"discharge_date": None}))
