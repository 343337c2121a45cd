import json

import numpy as np
import polars as pl
import pytest

import explain
from domain.results import REASONS, SCORES, identifier
from explain import reasons as module
from graph_models import Artifact
from graph_models.catalog import describe


@pytest.fixture(scope="module")
def explained(model, town):
    tables, _, upto = town
    scored = model.score(tables, upto=upto)
    return scored, *explain.explain(model, scored)


def test_every_explanation_adds_up_to_its_score(model, explained):
    scored, scores, _ = explained
    rows = scores.to_pylist()
    assert len(rows) == len(scored) == 60
    for row in rows:
        total = row["base_value"] + sum(c["shap"] for c in json.loads(row["contributions"]))
        assert abs(total - row["score"]) <= explain.TOLERANCE
    assert 0 < rows[0]["base_value"] < 1


def test_tables_have_their_schema_and_stable_identifiers(model, explained, town):
    scored, scores, reasons = explained
    assert scores.schema.equals(SCORES.arrow)
    assert reasons.schema.equals(REASONS.arrow)
    assert scores["score_id"][3].as_py() == identifier(
        "score", model.sha256, "provider", scored.subject_ids[3], scored.upto.isoformat()
    )


def test_reasons_are_few_distinct_and_raise_the_score(explained):
    _, _, reasons = explained
    table = pl.DataFrame(reasons)
    per = table.group_by("score_id").agg(
        pl.len(), pl.col("code").n_unique().alias("codes"), pl.col("shap"), pl.col("rank")
    )
    for row in per.iter_rows(named=True):
        assert row["len"] <= module.MOST
        assert row["codes"] == row["len"]
        assert row["shap"] == sorted(row["shap"], reverse=True)
        assert row["rank"] == list(range(1, row["len"] + 1))
    assert (table["shap"] >= module.MIN_RAISE).all()


def test_a_check_that_hit_nothing_is_no_reason(model):
    shares = np.zeros((1, len(model.features)))
    values = np.ones(len(model.features))
    at = next(i for i, f in enumerate(model.features) if f.reason == "PAY")
    shares[0, at] = 0.2
    assert module.leading(model, shares[0], values) == [(at, 0.2)]

    class Checked:
        features = (describe("check:ADM-003"), describe("hits_per_claim"))

    found = module.leading(Checked, np.array([0.3, 0.2]), np.array([0.0, 1.5]))
    assert found == [(1, 0.2)]


def test_a_reason_is_the_sum_of_its_features(model, explained):
    _, scores, reasons = explained
    first = reasons.to_pylist()[0]
    row = next(r for r in scores.to_pylist() if r["score_id"] == first["score_id"])
    code_of = {f.name: f.reason for f in model.features}
    shares = [
        c["shap"]
        for c in json.loads(row["contributions"])
        if code_of[c["feature"]] == first["code"]
    ]
    assert first["shap"] == pytest.approx(sum(shares), abs=1e-12)


def test_percentile_and_median_are_those_of_the_peers(model, explained):
    scored, scores, reasons = explained
    ids = scores["score_id"].to_pylist()
    names = {(f.en): f.name for f in model.features}
    checked = 0
    for reason in reasons.to_pylist()[:40]:
        i = ids.index(reason["score_id"])
        group = scored.peer_groups[i]
        entities = model.entities
        inside = entities.filter(module.members(entities, model.manifest["peers"], group))[
            names[reason["name_en"]]
        ].drop_nans()
        if reason["value"] is None:
            assert reason["peer_percentile"] is None
            continue
        share = 100 * (inside <= reason["value"]).sum() / len(inside)
        assert reason["peer_percentile"] == pytest.approx(share)
        assert reason["peer_median"] == pytest.approx(inside.median())
        checked += 1
    assert checked


def test_unknown_values_are_null_in_contributions(model, explained):
    scored, scores, _ = explained
    values = scored.features
    row = json.loads(scores["contributions"][0].as_py())
    for entry in row:
        value = values[entry["feature"]][0]
        assert entry["value"] is None if np.isnan(value) else entry["value"] == value
    assert {e["feature"] for e in row} == {
        f["name"] for f in model.manifest["features"] if f["used"]
    }


def test_an_explanation_that_does_not_add_up_is_refused(model, town):
    tables, _, upto = town
    scored = model.score(tables, upto=upto)
    object.__setattr__(scored, "scores", scored.scores + 0.01)
    with pytest.raises(explain.ExplanationError, match="misses the score"):
        explain.attribute(model, scored)


def test_nothing_to_explain_gives_empty_tables(model):
    scores, reasons = explain.explain(model, model.lookup([]))
    assert (scores.num_rows, reasons.num_rows) == (0, 0)


def test_a_model_read_again_explains_the_same(model, tmp_path, explained):
    model.save(tmp_path)
    scored, scores, reasons = explained
    again = explain.explain(Artifact.load(tmp_path), scored)
    assert again[0].equals(scores)
    assert again[1].equals(reasons)
