import json
import shutil

import numpy as np
import polars as pl
import pytest

import graph_models as gm
from domain.errors import SchemaMismatchError
from graph_models import Artifact
from graph_models import packed as module
from graph_models.packed import MANIFEST, ArtifactError


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    model.save(folder)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "model")


def test_a_loaded_model_scores_like_the_one_saved(model, saved, town):
    tables, _, upto = town
    loaded = gm.Artifact.load(saved)
    assert loaded.sha256 == model.sha256
    scored = loaded.score(tables, upto=upto)
    assert len(scored) == 60
    known = loaded.lookup(scored.subject_ids)
    assert np.array_equal(known.scores, scored.scores)
    assert ((scored.scores > 0) & (scored.scores < 1)).all()


def test_an_unknown_provider_is_absent_and_not_guessed(model):
    found = model.lookup(["H0003", "NOBODY"])
    assert found.subject_ids == ["H0003"]
    assert len(model.lookup([])) == 0


def test_select_keeps_rows_together(model, town):
    tables, _, upto = town
    scored = model.score(tables, upto=upto)
    part = scored.select(["H0009", "H0002"])
    assert part.subject_ids == ["H0002", "H0009"]
    at = scored.subject_ids.index("H0009")
    assert part.scores[1] == scored.scores[at]
    assert np.array_equal(part.matrix[1], scored.matrix[at], equal_nan=True)


@pytest.mark.parametrize("name", Artifact.FILES)
def test_a_changed_file_is_refused(copied, name):
    path = copied / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ArtifactError, match=name):
        gm.Artifact.load(copied)


@pytest.mark.parametrize("name", [*Artifact.FILES, MANIFEST])
def test_a_missing_file_is_refused(copied, name):
    (copied / name).unlink()
    with pytest.raises(ArtifactError, match="train"):
        gm.Artifact.load(copied)


@pytest.mark.parametrize(
    ("path", "value", "error", "words"),
    [
        (("format",), 99, ArtifactError, "format 99"),
        (("schema", "claim_schema"), "0" * 64, SchemaMismatchError, "claim schema"),
        (("schema", "feature_list"), "0" * 64, SchemaMismatchError, "feature list"),
        (("packages", "lightgbm"), "3.3.5", SchemaMismatchError, "lightgbm 3.3.5"),
        (("files",), {}, ArtifactError, "background.parquet"),
    ],
)
def test_a_model_of_another_version_is_refused_with_a_cure(copied, path, value, error, words):
    manifest = json.loads((copied / MANIFEST).read_bytes())
    inner = manifest
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    (copied / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(error, match=words) as caught:
        gm.Artifact.load(copied)
    assert caught.value.cure


def test_a_manifest_of_something_else_is_refused(copied):
    (copied / MANIFEST).write_text("not json")
    with pytest.raises(ArtifactError, match="manifest"):
        gm.Artifact.load(copied)


def test_a_missing_value_takes_the_training_median_where_the_booster_is_blind(model, town):
    tables, _, upto = town
    assert model.manifest["fill"]
    scored = model.score(tables, upto=upto)
    name, median = next(iter(model.manifest["fill"].items()))
    gone = scored.features.with_columns(pl.lit(float("nan")).alias(name))
    again = model._finish(gone, upto)
    at = model.feature_names.index(name)
    assert np.allclose(again.matrix[:, at], median, rtol=1e-6)
    assert again.features[name].is_nan().all()


def test_the_extra_table_is_remembered_and_checked(town):
    tables, labels, upto = town
    rng = np.random.default_rng(0)
    extra = labels.select(
        "provider_id", Beds=pl.Series(rng.normal(labels["label"].to_numpy() * 3.0))
    )
    made = gm.train(tables, None, labels, upto=upto, extra=extra, folds=3, device="cpu")
    with_it = made.score(tables, upto=upto, extra=extra)
    assert np.array_equal(made.score(tables, upto=upto).scores, with_it.scores)
    with pytest.raises(SchemaMismatchError, match="Beds"):
        made.score(tables, upto=upto, extra=extra.select("provider_id"))


def test_the_card_says_what_the_model_is_not_for(model):
    card = model.files["card.md"].decode()
    assert "不是结论" in card
    assert "never deny" in card
    assert f"{model.threshold:.4f}" in card


def test_packages_in_the_manifest_are_the_installed_ones(model):
    assert model.manifest["packages"] == module.installed()
    assert set(module.installed()) == set(module.PACKAGES)
