"""The model of claims, on two invented months with rings: small, but trained and scored as a large one."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from data_samples import ring_months
from domain.errors import SchemaMismatchError, SentinelError
from domain.review import Review
from explain import because_of, explain, measure_connections
from graph_models import (
    Artifact,
    ArtifactError,
    LabelError,
    day_after_last,
    level_of,
    read_claim_labels,
    reviewed_claims,
)
from graph_models.packed import MANIFEST
from graph_models.stays import StayModel, evaluate_rings, levels, train, unusual
from streaming import intake
from streaming.pseudonym import PseudonymKey

MIDDLE = date(2025, 2, 20)
EXACT = 1e-5


@pytest.fixture(scope="module")
def months(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rings")
    with pytest.MonkeyPatch.context() as patch:
        # Two months of a region would hold few rings; a model must have some to learn from.
        patch.setattr(ring_months, "RING_SHARE", 0.08)
        ring_months.produce(folder, months=2, stays=500, seed=5)
    key = PseudonymKey.find(folder / "key")
    tables = intake.read([folder / "claims.jsonl"], "jsonl", key=key).tables
    labels = read_claim_labels(folder / "labels.csv")
    # Some findings earlier than an inquiry takes, so that two months have enough to learn from.
    return folder, tables, labels.with_columns(pl.col("known_on") - timedelta(days=15))


@pytest.fixture(scope="module")
def model(months):
    _, tables, labels = months
    return train(tables, None, labels, upto=MIDDLE, device="cpu")


def before(tables, day):
    stays = pl.from_arrow(tables.stays)
    known = pl.max_horizontal("discharge_date", "settlement_end_date")
    return tables.select(stays.filter(known < day)["stay_id"].to_arrow())


def later_ids(tables, day):
    stays = pl.from_arrow(tables.stays)
    known = pl.max_horizontal("discharge_date", "settlement_end_date")
    return stays.filter(known >= day).sort(known, "stay_id")["stay_id"].to_list()


def test_one_claim_beside_a_memory_scores_as_in_the_whole_graph(months, model):
    _, tables, labels = months
    known = labels.filter(pl.col("known_on") < MIDDLE)
    past = before(tables, MIDDLE)
    desk = model.remember(past, upto=MIDDLE, labels=known)
    seen = past.stays["stay_id"].to_pylist()
    shares = 0
    for stay in later_ids(tables, MIDDLE)[::6]:
        alone = desk.score(tables.select(pa.array([stay])))
        together = model.score(
            tables.select(pa.array([*seen, stay])),
            upto=date(2025, 4, 1), labels=known, again=False, device="cpu",
        ).select([stay])  # fmt: skip
        np.testing.assert_allclose(alone.matrix, together.matrix, atol=EXACT, rtol=EXACT)
        assert alone.scores[0] == pytest.approx(together.scores[0], abs=EXACT)
        shares += together.features["phone:patients"][0] > 0
    assert shares > 3


def test_a_known_claim_scores_again_as_in_the_whole_graph(months, model):
    _, tables, labels = months
    known = labels.filter(pl.col("known_on") < MIDDLE)
    past = before(tables, MIDDLE)
    desk = model.remember(past, upto=MIDDLE, labels=known)
    whole = model.score(past, upto=MIDDLE, labels=known, device="cpu")
    first = [whole.subject_ids[i] for i in np.argsort(-whole.scores)[:15]]
    for stay in [*first, *whole.subject_ids[::25]]:
        alone, together = desk.again(stay), whole.select([stay])
        np.testing.assert_allclose(alone.matrix, together.matrix, atol=EXACT, rtol=EXACT)
        assert alone.scores[0] == pytest.approx(together.scores[0], abs=EXACT)


def test_connections_are_named_by_what_the_score_loses_without_them(months, model):
    _, tables, _ = months
    desk = model.remember(tables, upto=day_after_last(tables))
    scored = model.score(tables, upto=day_after_last(tables), device="cpu")
    first = [scored.subject_ids[i] for i in np.argsort(-scored.scores)[:20]]
    told = [because_of(desk, stay) for stay in first]
    assert [because_of(desk, stay) for stay in first] == told
    assert sum(len(b.connections) for b in told) > 5
    for one in told:
        assert len(one.connections) <= 4
        for connection in one.connections:
            lost = desk.again(one.stay_id, without={connection.relation}).scores[0]
            assert connection.fall == pytest.approx(one.score - lost)
            assert connection.fall > 0
            assert one.stay_id not in connection.stay_ids
    measured = measure_connections(desk, first, seed=1)
    assert measured["named"] > measured["random"]


def test_a_scored_claim_is_not_remembered(months, model):
    _, tables, _ = months
    desk = model.remember(before(tables, MIDDLE), upto=MIDDLE)
    first = tables.select(pa.array(later_ids(tables, MIDDLE)[:1]))
    assert desk.score(first).scores[0] == desk.score(first).scores[0]


def test_nothing_later_changes_a_score_of_its_own_time(months, model):
    _, tables, labels = months
    past = before(tables, MIDDLE)
    known = labels.filter(pl.col("known_on") < MIDDLE)
    then = model.score(past, upto=MIDDLE, labels=known, again=False, device="cpu")
    flipped = labels.with_columns(
        label=pl.when(pl.col("known_on") < MIDDLE).then("label").otherwise(~pl.col("label"))
    )
    now = model.score(
        tables, upto=day_after_last(tables), labels=flipped, again=False, device="cpu"
    ).select(then.subject_ids)
    assert now.subject_ids == then.subject_ids
    np.testing.assert_allclose(now.scores, then.scores, atol=1e-9)


def test_training_knows_no_later_claim_and_no_finding_before_its_day(months, model):
    _, tables, labels = months
    planted = labels.with_columns(
        label=pl.when(pl.col("known_on") < MIDDLE).then("label").otherwise(statement=True)
    )
    again = train(tables, None, planted, upto=MIDDLE, device="cpu")
    alone = train(before(tables, MIDDLE), None, planted, upto=MIDDLE, device="cpu")
    assert again.files == alone.files == model.files


def test_the_findings_of_a_claim_itself_never_reach_its_score(months, model):
    _, tables, labels = months
    known = labels.filter(pl.col("known_on") < MIDDLE)
    past = before(tables, MIDDLE)
    frauds = known.filter("label")["stay_id"].to_list()[:3]
    given = model.score(past, upto=MIDDLE, labels=known, device="cpu")
    for stay in frauds:
        without = known.filter(pl.col("stay_id") != stay)
        hidden = model.score(past, upto=MIDDLE, labels=without, device="cpu").select([stay])
        assert given.select([stay]).scores[0] == pytest.approx(hidden.scores[0], abs=1e-9)


def test_a_folder_is_loaded_as_it_was_saved_and_a_changed_one_refused(months, model, tmp_path):
    _, tables, _ = months
    model.save(tmp_path)
    loaded = StayModel.load(tmp_path)
    assert loaded.sha256 == model.sha256
    assert level_of(tmp_path) == "claim"
    scored = [m.score(tables, upto=MIDDLE, device="cpu").scores for m in (model, loaded)]
    np.testing.assert_array_equal(*scored)
    with pytest.raises(ArtifactError, match="level claim, a model of level provider"):
        Artifact.load(tmp_path)
    path = tmp_path / "network.pt"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError, match=r"network\.pt"):
        StayModel.load(tmp_path)


def test_a_model_of_other_columns_is_refused(model, tmp_path):
    manifest = json.loads(model.files[MANIFEST])
    manifest["schema"]["feature_list"] = "0" * 64
    replace(model, files={**model.files, MANIFEST: json.dumps(manifest).encode()}).save(tmp_path)
    with pytest.raises(SchemaMismatchError, match="feature list"):
        StayModel.load(tmp_path)


def test_reasons_of_claims_add_up_and_are_four_at_most(months, model):
    _, tables, _ = months
    scored = model.score(tables, upto=day_after_last(tables), device="cpu")
    first = scored.select([scored.subject_ids[i] for i in np.argsort(-scored.scores)[:20]])
    scores, reasons = explain(model, first)
    assert set(scores["level"].to_pylist()) == {"claim"}
    for row in scores.to_pylist():
        told = json.loads(row["contributions"])
        assert row["base_value"] + sum(c["shap"] for c in told) == pytest.approx(
            row["score"], abs=1e-6
        )
    ranks = reasons["rank"].to_pylist()
    assert ranks
    assert max(ranks) <= 4
    assert all(r["name_zh"] and r["name_en"] for r in reasons.to_pylist())


def test_connections_find_what_single_claims_do_not(months):
    _, tables, labels = months
    found = evaluate_rings(tables, labels, upto=MIDDLE, device="cpu")
    again = found["again"]
    assert again["model"]["pr_auc"] > again["claim alone"]["pr_auc"] + 0.1
    assert again["without labels"]["roc_auc"] > 0.7


def test_shares_of_parties_and_rings_come_from_the_scores(months, model):
    _, tables, _ = months
    survey = model.survey(tables, upto=day_after_last(tables), device="cpu")
    scored = survey.again()
    physicians = levels.parties(scored, survey.stays, "physician")
    assert set(physicians["currency"]) == {"CNY"}
    assert physicians["at_risk_fen"].dtype == pl.Int64
    assert physicians["expected"].sum() == pytest.approx(scored.scores.sum())
    assert physicians["claims"].sum() == len(scored)
    assert physicians["share"].is_sorted(descending=True)
    least = float(np.quantile(scored.scores, 0.97))
    found = levels.rings(scored, survey.stays, least=least)
    assert found.height
    person = dict(
        zip(*(tables.stays[c].to_pylist() for c in ("stay_id", "patient_id")), strict=True)
    )
    score = dict(zip(scored.subject_ids, scored.scores, strict=True))
    everybody = [s for members in found["stay_ids"].to_list() for s in members]
    assert len(everybody) == len(set(everybody))
    assert min(score[s] for s in everybody) >= least
    for row in found.iter_rows(named=True):
        assert {person[s] for s in row["stay_ids"]} == set(row["patient_ids"])
        assert len(row["patient_ids"]) >= 2
        assert row["ties"]
        assert row["score"] == pytest.approx(np.mean([score[s] for s in row["stay_ids"]]))


def test_the_unusual_is_ranked_without_any_label(months):
    _, tables, labels = months
    ranked = unusual.rank(tables, upto=day_after_last(tables), device="cpu")
    again = unusual.rank(tables, upto=day_after_last(tables), device="cpu")
    assert ranked.equals(again)
    assert ranked["unusual"].is_between(0, 1).all()
    joined = ranked.join(labels, on="stay_id")
    fraud, others = (joined.filter(pl.col("label") == v)["unusual"].mean() for v in (True, False))
    assert fraud > others


def test_too_few_findings_and_odd_claims_are_refused(months, model):
    _, tables, labels = months
    with pytest.raises(SentinelError, match="too few labelled claims: 0 fraudulent"):
        train(tables, None, labels.filter(~pl.col("label")), upto=MIDDLE, device="cpu")
    desk = model.remember(before(tables, MIDDLE), upto=MIDDLE)
    with pytest.raises(SentinelError, match="2 claims were given"):
        desk.score(tables.select(pa.array(later_ids(tables, MIDDLE)[:2])))
    one = tables.select(pa.array(later_ids(tables, MIDDLE)[:1]))
    stay = pl.from_arrow(one.stays).with_columns(
        discharge_date=pl.lit(None, pl.Date), settlement_end_date=pl.lit(None, pl.Date)
    )
    inside = replace(one, stays=stay.to_arrow().cast(one.stays.schema))
    with pytest.raises(SentinelError, match="no day of discharge"):
        desk.score(inside)


def test_frauds_of_the_first_months_alone_are_refused(months):
    _, tables, labels = months
    first = labels.sort("known_on").filter("label")["stay_id"][:8]
    few = labels.filter(~pl.col("label") | pl.col("stay_id").is_in(first.implode()))
    with pytest.raises(SentinelError, match="later claims"):
        train(tables, None, few, upto=day_after_last(tables), device="cpu")


def test_rings_are_not_evaluated_where_none_was_planted(months):
    _, tables, labels = months
    with pytest.raises(SentinelError, match="no ring was planted among the claims of"):
        evaluate_rings(tables, labels, upto=day_after_last(tables), device="cpu")


def test_claims_of_another_currency_are_refused(months, model):
    _, tables, _ = months
    stays = pl.from_arrow(tables.stays).with_columns(currency=pl.lit("USD"))
    dollars = replace(tables, stays=stays.to_arrow().cast(tables.stays.schema))
    with pytest.raises(SentinelError, match=r"several currencies \['CNY', 'USD'\]"):
        model.score(dollars, upto=MIDDLE, device="cpu")


def test_no_personal_trait_is_a_column(model):
    assert not {"age", "sex", "birth_date"} & set(model.feature_names)


def test_labels_of_claims_need_the_day_of_the_finding(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("stay_id,label\nS1,Yes\n", encoding="utf-8")
    with pytest.raises(LabelError, match="known_on"):
        read_claim_labels(path)
    path.write_text(
        "stay_id,label,known_on,ring\nS1,Yes,2025-03-01,R1\nS1,No,2025-03-02,\n", "utf-8"
    )
    with pytest.raises(LabelError, match="a claim that is named twice"):
        read_claim_labels(path)


def test_reviews_label_claims_from_the_day_after_on():
    late = datetime(2025, 3, 5, 23, 30, tzinfo=UTC)
    said = [
        ("A", "X-1", "not_confirmed", "documented", 3),
        ("A", "X-2", "confirmed", "violation", 0),
        ("B", "X-1", "confirmed", "violation", 2),
        ("B", "X-1", "not_confirmed", "documented", 0),
        ("C", "X-1", "needs_information", "other", 0),
        ("D", "X-1", "confirmed", "data-error", 0),
    ]
    found = reviewed_claims(
        Review(f"r{n}", rule, outcome, reason, "ana", late - timedelta(days=ago), stay_id=stay)
        for n, (stay, rule, outcome, reason, ago) in enumerate(said)
    )
    assert found.rows() == [("A", True, date(2025, 3, 6)), ("B", False, date(2025, 3, 6))]
