import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, matthews_corrcoef

from graph_models import ablation
from graph_models.ablation import VARIANTS, ablate, neighbours
from graph_models.evaluation import difference, flag_metrics, recall_at
from graph_models.features import tabulate
from graph_models.fitting import Ground
from graph_models.graph import build
from graph_models.head import fit_booster, snap, used_columns
from graph_models.training import split_folds

CPU = torch.device("cpu")


def test_labels_of_a_held_out_fold_reach_no_variant_of_it(town):
    tables, labels, upto = town
    ground = Ground.of(tabulate(tables, upto=upto), build(tables, upto=upto), labels, CPU)
    near = neighbours(tables, ground.ids, upto=upto)
    assert near.degree.sum() > 0
    fold = split_folds(ground.y, 2, 0)
    turned = Ground(
        **{f: getattr(ground, f) for f in Ground.__slots__}
        | {"y": np.where(fold == 0, ~ground.y, ground.y)}
    )
    one, two = (
        ablation._out_of_fold(g, near, fold, seed=3, progress=None) for g in (ground, turned)
    )
    for variant in VARIANTS:
        assert np.array_equal(one[variant][fold == 0], two[variant][fold == 0])
        # The test can fail: the other half was trained on the turned labels.
        assert not np.array_equal(one[variant][fold == 1], two[variant][fold == 1])


def test_every_variant_is_reported_with_what_it_adds(town):
    tables, labels, upto = town
    found = ablate(tables, None, labels, upto=upto, folds=2, device="cpu")
    assert set(found) == {"all", "inpatient"}
    variants = found["all"]["variants"]
    assert tuple(variants) == VARIANTS
    assert variants["tabular"]["roc_auc"]["value"] > 0.8
    assert "adds" not in variants["tabular"]
    # Without verdicts there is nothing to add, and the interval says so.
    assert variants["+ verdicts"]["adds"]["roc_auc"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert variants["tabular"]["majority"] == pytest.approx(0.8)


def test_neighbours_are_providers_with_a_common_patient_or_physician(stays):
    tables = stays(
        {"provider_id": "A", "patient_id": "P1", "attending_physician_id": "D1"},
        {"provider_id": "B", "patient_id": "P1", "attending_physician_id": "P9"},
        {"provider_id": "C", "patient_id": "P9", "attending_physician_id": "D1"},
        {"provider_id": "E", "patient_id": "P5"},
    )
    after = ablation.date(2025, 1, 1)
    rows = neighbours(tables, ("A", "B", "C", "E"), upto=after)
    # B's physician P9 is not C's patient P9.
    assert rows.edges()[0].tolist() == [1, 2, 0, 0]
    assert rows.degree.tolist() == [2, 1, 1, 0]
    assert not len(neighbours(tables, ("A", "B"), upto=ablation.date(2024, 1, 1)).near)


def test_flags_are_measured_as_scikit_learn_measures_them():
    rng = np.random.default_rng(3)
    y = rng.random(300) < 0.2
    flagged = np.where(rng.random(300) < 0.8, y, ~y)
    found = flag_metrics(flagged, y, seed=0)
    assert found["accuracy"] == pytest.approx(accuracy_score(y, flagged), abs=1e-4)
    assert found["mcc"] == pytest.approx(matthews_corrcoef(y, flagged), abs=1e-4)
    assert found["majority"] == pytest.approx(max(y.mean(), 1 - y.mean()), abs=1e-4)
    assert flag_metrics(np.zeros(300, dtype=bool), y, seed=0)["mcc"] is None


def test_recall_at_the_top_and_a_paired_difference():
    y = np.array([True, False, True, False] * 5)
    values = np.arange(20)[::-1].astype(float)
    assert recall_at(values, y, 0.2) == pytest.approx(0.2)
    noisy = values + np.random.default_rng(0).normal(size=20) * 9
    same = difference(noisy, noisy, y, seed=0)["pr_auc"]
    assert same == {"value": 0.0, "low": 0.0, "high": 0.0}
    better = difference(y.astype(float), noisy, y, seed=0)["roc_auc"]
    assert better["low"] > 0


def test_a_booster_asks_only_about_the_columns_that_matter():
    rng = np.random.default_rng(4)
    x = snap(rng.normal(size=(400, 30)))
    y = x[:, 3] + x[:, 17] + rng.normal(size=400) * 0.5 > 0
    kept = used_columns(fit_booster(x, y, seed=0, keep=5))
    assert kept.sum() <= 5
    assert kept[[3, 17]].all()
    assert len(kept) == 30  # every column keeps its place
    assert used_columns(fit_booster(x, y, seed=0, keep=None)).sum() > 5
