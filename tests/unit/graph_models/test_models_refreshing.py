import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

import graph_models as gm
from domain.errors import SentinelError
from graph_models.packed import MANIFEST


@pytest.fixture(scope="module")
def later(town):
    """The town a month on: the same claims, and half of them again under new names."""
    tables, _, upto = town
    stays = pl.DataFrame(tables.stays)
    more = stays[: stays.height // 2].with_columns(
        pl.col("stay_id") + "-again",
        pl.col("admission_date") + pl.duration(days=30),
        pl.col("discharge_date") + pl.duration(days=30),
        pl.col("fund_payment_fen") * 2,
    )
    both = pl.concat([stays, more]).to_arrow().cast(tables.stays.schema)
    return replace(tables, stays=both), upto + timedelta(days=30)


def test_a_refreshed_model_looks_up_what_the_whole_graph_gives(model, later):
    tables, upto = later
    made = gm.refresh(model, tables, None, upto=upto, device="cpu")
    whole = model.score(tables, upto=upto, device="cpu")
    found = made.lookup(whole.subject_ids)
    assert found.subject_ids == whole.subject_ids
    assert np.abs(found.scores - whole.scores).max() < 1e-5
    assert np.abs(found.scores - model.lookup(whole.subject_ids).scores).max() > 1e-3
    assert made.upto == upto


def test_nothing_is_learned_and_the_manifest_says_whence(model, later, tmp_path):
    tables, upto = later
    once = gm.refresh(model, tables, None, upto=upto, device="cpu")
    twice = gm.refresh(once, tables, None, upto=upto + timedelta(days=1), device="cpu")
    for made in (once, twice):
        assert made.manifest["metrics"] == model.manifest["metrics"]
        assert all(made.files[n] == model.files[n] for n in ("model.txt", "gnn.pt"))
        assert gm.origin(made) == model.sha256
        assert made.manifest["refreshed"]["trained_upto"] == model.manifest["upto"]
    assert twice.manifest["refreshed"]["from"] == once.sha256
    assert once.manifest["refreshed"]["window"]["claims"] == len(tables)
    card = once.files["card.md"].decode()
    assert model.sha256[:12] in card
    assert f"complete before {model.manifest['upto']}" in card
    once.save(tmp_path)
    assert gm.Artifact.load(tmp_path).sha256 == once.sha256
    assert "refreshed" not in json.loads(model.files[MANIFEST])


def test_a_model_is_not_refreshed_into_the_past_or_from_nothing(model, town):
    tables, _, upto = town
    with pytest.raises(SentinelError, match="already knows"):
        gm.refresh(model, tables, None, upto=upto - timedelta(days=1))
    nothing = tables.select(tables.stays["stay_id"].combine_chunks().slice(0, 0))
    with pytest.raises(SentinelError, match="no provider"):
        gm.refresh(model, nothing, None, upto=upto)
