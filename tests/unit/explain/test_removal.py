import math

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import explain
from explain import removal
from graph_models import Artifact


@pytest.fixture(scope="module")
def scorer(model, town):
    tables, _, upto = town
    return explain.Scorer(model, tables, None, upto)


@pytest.fixture(scope="module")
def suspects(model, scorer):
    """The providers with the highest scores, and whom each score rests on."""
    order = model.entities.sort("score", descending=True)["provider_id"].to_list()
    return [explain.because(scorer, p) for p in order[:2]]


def test_a_persons_fall_is_the_score_without_their_claims(model, scorer, suspects, town):
    tables, _, upto = town
    named = [s for s in suspects if s.groups]
    assert named, "no score of the town rests on anybody: the tests below would show nothing"
    for found in named:
        assert len(found.groups) <= 4
        falls = [g.fall for g in found.groups]
        assert falls == sorted(falls, reverse=True)
        assert min(falls) >= explain.reasons.MIN_RAISE
        group = found.groups[0]
        rows = pl.DataFrame(tables.stays).filter(pl.col("stay_id").is_in(group.stay_ids))
        assert set(rows["provider_id"]) == {found.provider_id}
        column = {"patient": "patient_id", "physician": "attending_physician_id"}[group.kind]
        assert group.member_id in set(rows[column])
        # By hand: the model on the tables without these rows.
        kept = ~pl.DataFrame(tables.stays)["stay_id"].is_in(group.stay_ids)
        rest = tables.select(tables.stays["stay_id"].filter(kept.to_arrow().cast(pa.bool_())))
        scored = model.score(rest, upto=upto, device="cpu").select([found.provider_id])
        assert group.fall == found.score - scored.scores[0]


def test_the_same_people_are_named_in_every_run_and_order(scorer, suspects, town):
    tables, _, _ = town
    rng = np.random.default_rng(1)
    turned = type(tables)(
        **{n: t.take(pa.array(rng.permutation(t.num_rows))) for n, t in tables.items()}
    )
    again = explain.Scorer(scorer.artifact, turned, None, scorer.upto)
    found = explain.because(again, suspects[0].provider_id)
    assert [(g.kind, g.member_id) for g in found.groups] == [
        (g.kind, g.member_id) for g in suspects[0].groups
    ]
    assert found.together == pytest.approx(suspects[0].together, abs=1e-9)


def test_claims_after_the_day_are_not_looked_at(scorer):
    early = explain.Scorer(scorer.artifact, scorer.tables, None, removal.date(2024, 2, 1))
    provider = scorer.artifact.entities["provider_id"][0]
    assert 0 < early.claims(provider).height < scorer.claims(provider).height
    assert math.isnan(early.score("NOBODY"))


def test_named_reasons_carry_more_of_the_score_than_random_ones(model, scorer, suspects, town):
    tables, _, upto = town
    codes = explain.measure_codes(model, model.score(tables, upto=upto, device="cpu"), seed=1)
    assert codes["providers"] == (model.entities["score"] >= model.threshold).sum() > 5
    assert codes["named"] > codes["random"] + 0.05
    assert 0.5 < codes["stability"] <= 1
    people = explain.measure_people(scorer, [suspects[0].provider_id], seed=1)
    assert people["providers"] == 1
    assert people["stability"] == 1.0


def test_what_was_measured_stands_in_the_card_and_the_model_still_loads(model, tmp_path):
    figures = {"providers": 9, "with_reasons": 7, "named": 0.31, "random": None, "stability": 0.9}
    made = model.publish({"codes": figures})
    made.save(tmp_path)
    loaded = Artifact.load(tmp_path)
    assert loaded.sha256 != model.sha256
    assert "| 7 / 9 | 0.310 |  | 0.900 |" in loaded.files["card.md"].decode()
    assert "Reasons" not in model.files["card.md"].decode()
    assert loaded.entities.equals(model.entities)
