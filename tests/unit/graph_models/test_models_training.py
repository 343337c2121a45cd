import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

import graph_models as gm
from domain.errors import SentinelError
from graph_models import evaluation
from graph_models.evaluation import (
    best_threshold,
    calibration_metrics,
    cross_validate,
    rank_metrics,
)
from graph_models.features import tabulate
from graph_models.fitting import Ground, fit
from graph_models.graph import build, neighbourhood
from graph_models.head import (
    Calibration,
    blind_columns,
    fit_booster,
    fold_in,
    raw,
    sigmoid,
    snap,
)
from graph_models.training import (
    Prepared,
    Scaling,
    fit_network,
    fit_out_of_fold,
    run_networks,
    split_folds,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def ground(town):
    tables, labels, upto = town
    return Ground.of(tabulate(tables, upto=upto), build(tables, upto=upto), labels, CPU)


def test_a_providers_own_label_does_not_move_its_own_network_output(ground):
    fold = split_folds(ground.y, 4, 0)
    outputs = []
    for y in (ground.y, np.where(np.arange(len(ground.y)) == 7, ~ground.y, ground.y)):
        _, margin = fit_out_of_fold(
            ground.graph, ground.scaling.widths(), ground.node, y, fold, seed=1
        )
        outputs.append(margin[ground.node])
    assert outputs[0][7] == outputs[1][7]
    # The test can fail: others do hear of the changed label.
    assert not np.array_equal(outputs[0], outputs[1])


def test_labels_outside_a_fit_do_not_reach_it(ground):
    inside = np.arange(len(ground.y)) % 3 != 0
    turned = Ground(
        **{f: getattr(ground, f) for f in Ground.__slots__}
        | {"y": np.where(inside, ground.y, ~ground.y)}
    )
    first, second = (fit(g, inside, folds=3, seed=2) for g in (ground, turned))
    assert np.array_equal(first.margin, second.margin)


def test_permuted_labels_are_guessed_no_better_than_chance(town):
    tables, labels, upto = town
    table, graph = tabulate(tables, upto=upto), build(tables, upto=upto)
    results = []
    for seed in range(3):
        mixed = labels.with_columns(pl.col("label").shuffle(seed=seed))
        ground = Ground.of(table, graph, mixed, CPU)
        results.append(roc_auc_score(ground.y, cross_validate(ground, folds=3, seed=seed).margin))
    assert 0.25 < np.mean(results) < 0.75


def test_real_labels_are_found(model):
    found = model.manifest["metrics"]["all"]["variants"]["both"]
    assert found["roc_auc"]["value"] > 0.85
    assert found["roc_auc"]["low"] <= found["roc_auc"]["value"] <= found["roc_auc"]["high"]


def test_the_neighbourhood_gives_the_same_output_as_the_whole_graph(town):
    tables, _, upto = town
    graph = build(tables, upto=upto)
    scaling = Scaling.fit(graph)
    some = torch.arange(0, 8)
    small = neighbourhood(graph, some)
    assert small["claim"].num_nodes < graph["claim"].num_nodes
    whole = Prepared.of(graph, scaling, CPU)
    y = np.arange(graph["provider"].num_nodes) % 2 == 0
    network = fit_network(whole, scaling.widths(), np.arange(len(y)), y, seed=0)
    a = run_networks([network], whole)[:8]
    b = run_networks([network], Prepared.of(small, scaling, CPU))[:8]
    assert np.allclose(a, b, atol=1e-5)


def test_the_same_seed_gives_the_same_files(town, model):
    tables, labels, upto = town
    again = gm.train(tables, None, labels, upto=upto, seed=5, folds=3, device="cpu")
    assert again.files["model.txt"] == model.files["model.txt"]
    assert again.entities.equals(model.entities)
    assert again.sha256 == model.sha256


def test_tiny_data_trains_and_less_is_refused(town):
    tables, labels, upto = town
    few = pl.concat([labels.filter("label").head(4), labels.filter(~pl.col("label")).head(12)])
    assert gm.train(tables, None, few, upto=upto, device="cpu").manifest["folds"] == 4
    with pytest.raises(SentinelError, match="Label at least 4"):
        gm.train(tables, None, few.slice(1), upto=upto, folds=3, device="cpu")


def test_labels_without_data_are_left_out_and_counted(town):
    tables, labels, upto = town
    more = pl.concat([labels, pl.DataFrame({"provider_id": ["NOBODY"], "label": [True]})])
    counted = gm.train(tables, None, more, upto=upto, folds=3, device="cpu").manifest["labels"]
    assert (counted["given"], counted["used"], counted["without_data"]) == (61, 60, 1)


def test_a_model_learns_from_an_extra_table_alone():
    rng = np.random.default_rng(0)
    label = np.arange(120) % 4 == 0
    extra = pl.DataFrame(
        {"provider_id": [f"E{i:03d}" for i in range(120)], "Hint": rng.normal(label * 2.0, 1.0)}
    )
    labels = extra.select("provider_id", label=pl.Series(label))
    made = gm.train(
        gm.learning.Tables.of(), None, labels, upto=gm.fake.FIRST_DAY, extra=extra, device="cpu"
    )
    assert made.manifest["networks"] == 0
    assert made.manifest["metrics"]["all"]["variants"]["both"]["roc_auc"]["value"] > 0.8


def test_the_folded_booster_gives_the_calibrated_log_odds():
    rng = np.random.default_rng(0)
    x = snap(rng.normal(size=(300, 4)))
    y = x[:, 0] + rng.normal(size=300) > 0.5
    booster = fit_booster(x, y, seed=0)
    plain = raw(booster, x)
    line = Calibration(0.7, -1.3)
    assert np.allclose(raw(fold_in(booster, line), x), line.apply(plain), atol=1e-12)
    assert blind_columns(booster).all()


def test_platts_line_makes_mean_score_and_share_agree():
    rng = np.random.default_rng(1)
    margin = rng.normal(size=4000) * 3
    y = rng.random(4000) < sigmoid(0.5 * margin - 1)
    line = Calibration.fit(margin, y)
    assert line.slope == pytest.approx(0.5, abs=0.06)
    assert calibration_metrics(sigmoid(line.apply(margin)), y)["calibration_error"] < 0.03
    assert Calibration.fit(-margin, y).slope > 0


def test_metrics_agree_with_scikit_learn_also_with_ties(monkeypatch):
    monkeypatch.setattr(evaluation, "RESAMPLES", 20)
    rng = np.random.default_rng(2)
    y = rng.random(200) < 0.3
    values = np.round(rng.normal(y * 1.0), 1)
    found = rank_metrics(values, y, seed=0)
    assert found["roc_auc"]["value"] == pytest.approx(roc_auc_score(y, values), abs=1e-4)
    assert found["pr_auc"]["value"] == pytest.approx(average_precision_score(y, values), abs=1e-4)
    assert found["roc_auc"]["low"] < found["roc_auc"]["value"] < found["roc_auc"]["high"]


def test_the_threshold_is_the_score_with_the_highest_f1():
    probability = np.array([0.9, 0.8, 0.8, 0.4, 0.1])
    y = np.array([True, True, False, True, False])
    assert best_threshold(probability, y) == 0.4
