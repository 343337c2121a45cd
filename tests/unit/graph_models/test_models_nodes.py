import json

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

import cli
from domain.errors import SentinelError
from graph_models.aggregates import label_rates, positions, structure, surroundings, wavelets
from graph_models.csr import Rows, sample_hops, whole
from graph_models.family import FRAUD, HONEST, KINDS, UNKNOWN, NodeNetwork
from graph_models.node_task import read_task
from graph_models.node_training import Settings, Split, fit_nodes, run_nodes, visible

CPU = torch.device("cpu")


def random_rows(nodes, edges, seed=0):
    pairs = np.random.default_rng(seed).integers(0, nodes, (2, edges))
    return Rows.of(torch.from_numpy(pairs), nodes)


@pytest.fixture(scope="module")
def opposed():
    """400 nodes whose own numbers say nothing and whose neighbours are of the other class."""
    rng = np.random.default_rng(5)
    labels = np.arange(400) % 3 == 0
    one, other = np.flatnonzero(labels), np.flatnonzero(~labels)
    pairs = np.stack([rng.choice(one, 2400), rng.choice(other, 2400)])
    noise = rng.integers(0, 400, (2, 300))
    part = rng.permutation(400) % 4
    return {
        "edges": np.concatenate([pairs, noise], axis=1),
        "x": rng.normal(size=(400, 4)),
        "labels": labels,
        "training": part < 2,
        "checking": part == 2,
        "judging": part == 3,
    }


def test_edges_are_kept_both_ways_once_and_without_loops():
    rows = Rows.of(torch.tensor([[0, 1, 2, 2, 3], [1, 0, 2, 0, 2]]), 5)
    assert rows.start.tolist() == [0, 2, 3, 5, 6, 6]
    assert rows.near.tolist() == [1, 2, 0, 0, 3, 2]


def test_a_sample_takes_each_neighbour_at_most_once_and_all_with_the_same_chance():
    rows = random_rows(60, 900)
    nodes = torch.arange(60)
    taken = torch.zeros(60, 60)
    generator = torch.Generator().manual_seed(1)
    for _ in range(800):
        near, count = rows.sample(nodes, 7, generator)
        target = torch.repeat_interleave(nodes, count)
        assert len(torch.unique(target * 60 + near)) == len(near)
        taken[target, near] += 1
    assert torch.equal(count, rows.degree.clamp(max=7))
    linked = torch.zeros(60, 60, dtype=torch.bool)
    linked[rows.edges()[1], rows.edges()[0]] = True
    assert not taken[~linked].any()
    expected = (7 / rows.degree.double()).clamp(max=1)[:, None].expand(60, 60)[linked]
    # Five standard deviations of a share of 800 draws.
    assert ((taken[linked] / 800 - expected).abs() < 5 * (0.25 / 800) ** 0.5).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_that_misses_nobody_gives_what_the_whole_graph_gives(kind):
    rows = random_rows(50, 150)
    torch.manual_seed(0)
    network = NodeNetwork(kind, 3, width=8, steps=2, dropout=0.0).eval()
    x, known = torch.randn(50, 3), torch.arange(50) % 3
    seeds = torch.tensor([7, 3, 40])
    nodes, hops = sample_hops(rows, seeds, (100, 100), torch.Generator())
    assert len(nodes) < 50  # the rest is out of reach of two steps or the test shows nothing
    with torch.no_grad():
        part = network(x[nodes], hops, known[nodes])
        full = network(x, whole(rows, 2)[1], known)
    assert torch.allclose(part, full[seeds], atol=1e-5)
    assert full.std() > 1e-3


def test_a_graph_on_disk_is_sampled_like_one_in_memory(tmp_path):
    rows = random_rows(50, 400)
    rows.near.numpy().tofile(tmp_path / "near")
    mapped = np.memmap(tmp_path / "near", dtype=np.int64, mode="r+")
    stored = Rows(rows.start, torch.from_numpy(mapped))
    seeds = torch.tensor([1, 2, 3])
    drawn = [
        sample_hops(r, seeds, (5, 5), torch.Generator().manual_seed(3)) for r in (rows, stored)
    ]
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert all(torch.equal(a.edges, b.edges) for a, b in zip(drawn[0][1], drawn[1][1], strict=True))


def test_a_nodes_own_label_is_in_none_of_its_own_rates():
    rows = random_rows(80, 400)
    rng = np.random.default_rng(2)
    labels, training = rng.random(80) < 0.3, rng.random(80) < 0.6
    before = label_rates(rows, labels, training)
    for node in np.flatnonzero(training)[:10]:
        flipped = labels.copy()
        flipped[node] = ~flipped[node]
        after = label_rates(rows, flipped, training)
        np.testing.assert_allclose(after[node], before[node], atol=1e-12)
        # The test can fail: neighbours do hear of it.
        assert not np.allclose(after, before, atol=1e-6)
    unseen = np.where(training, labels, ~labels)
    assert np.array_equal(label_rates(rows, unseen, training), before)


def test_a_planted_leak_is_caught():
    """Two-step sums without the returning walks taken out carry a node's own label."""
    rows = random_rows(80, 400)
    labels = np.random.default_rng(2).random(80) < 0.3
    every = np.ones(80, dtype=np.bool_)

    def leaky(y):
        edges = rows.edges().numpy()
        near = np.bincount(edges[1], y[edges[0]], 80)
        return np.bincount(edges[1], near[edges[0]], 80)

    node = int(rows.degree.argmax())
    flipped = labels.copy()
    flipped[node] = ~flipped[node]
    assert leaky(flipped)[node] != leaky(labels)[node]
    ours = [label_rates(rows, y, every)[node] for y in (labels, flipped)]
    np.testing.assert_allclose(*ours, atol=1e-12)


def test_what_neighbours_may_know_is_training_labels_without_the_targets():
    labels = np.array([True, False, True, False])
    training = np.array([True, True, False, False])
    assert visible(labels, training).tolist() == [FRAUD, HONEST, UNKNOWN, UNKNOWN]
    assert visible(labels, training, torch.tensor([0]))[0] == UNKNOWN
    assert visible(labels, training, torch.tensor([0]))[1] == HONEST


def test_labels_outside_training_and_checking_do_not_reach_a_network(opposed):
    rows = Rows.of(torch.from_numpy(opposed["edges"]), 400)
    x = torch.from_numpy(opposed["x"]).float()
    split = Split(opposed["training"], opposed["checking"], opposed["judging"])
    settings = Settings("partition", width=8, most=(5, 5), epochs=2)
    margins = []
    for labels in (opposed["labels"], opposed["labels"] ^ opposed["judging"]):
        network, _ = fit_nodes(rows, x, labels, split, settings, seed=1, device=CPU)
        margins.append(run_nodes(network, rows, x, visible(labels, opposed["training"]), CPU))
    assert np.array_equal(*margins)


def test_only_the_partitioned_network_reads_neighbours_of_the_other_class(opposed):
    rows = Rows.of(torch.from_numpy(opposed["edges"]), 400)
    x = torch.from_numpy(opposed["x"]).float()
    split = Split(opposed["training"], opposed["checking"], opposed["judging"])
    found = {}
    for kind in ("sage", "partition"):
        settings = Settings(kind, width=16, most=(8, 8), batch=64, epochs=15, dropout=0.2)
        network, _ = fit_nodes(rows, x, opposed["labels"], split, settings, seed=1, device=CPU)
        known = visible(opposed["labels"], opposed["training"])
        margin = run_nodes(network, rows, x, known, CPU)
        judged = opposed["judging"]
        found[kind] = roc_auc_score(opposed["labels"][judged], margin[judged])
    assert found["partition"] > 0.95
    assert found["sage"] < found["partition"] - 0.1


def test_wavelets_take_a_column_apart_and_lose_nothing():
    rows = random_rows(40, 100)
    x = np.random.default_rng(0).normal(size=(40, 2))
    parts = wavelets(rows, x, 3).reshape(40, 4, 2)
    np.testing.assert_allclose(parts.sum(axis=1), x, atol=1e-12)
    # What is the same everywhere, up to the root of the degree, is all in the lowest.
    flat = np.sqrt(rows.degree.numpy().astype(float))[:, None]
    assert np.abs(wavelets(rows, flat, 3)[:, 1:]).max() < 1e-9


def test_columns_of_a_small_graph_are_what_one_counts_by_hand():
    # A triangle 0-1-2 with 3 hanging on 2, and 4 alone.
    rows = Rows.of(torch.tensor([[0, 1, 0, 2], [1, 2, 2, 3]]), 5)
    shape = structure(rows)
    np.testing.assert_allclose(shape[:, 0], np.log1p([2, 2, 3, 1, 0]))
    np.testing.assert_allclose(shape[:, 2], [1, 1, 1 / 3, 0, 0])
    x = np.array([[1.0], [2.0], [6.0], [4.0], [9.0]])
    around = surroundings(rows, x)
    np.testing.assert_allclose(around[:, 1], [4, 3.5, 7 / 3, 6, 0])
    np.testing.assert_allclose(around[:, 5], [6, 6, 4, 6, 0])  # highest
    np.testing.assert_allclose(around[:, 6], [2, 1, 1, 6, 0])  # lowest
    place = positions(random_rows(40, 200), 3, 2)
    assert np.array_equal(place, positions(random_rows(40, 200), 3, 2))


def write_task(path, opposed, **changed):
    masks = {"train": "training", "val": "checking", "test": "judging"}
    arrays = {
        "node_features": opposed["x"].astype(np.float32),
        "node_labels": opposed["labels"].astype(np.int64),
        "edges": opposed["edges"].T,
        **{f"{k}_masks": np.stack([opposed[v]] * 2) for k, v in masks.items()},
    }
    np.savez(path, **(arrays | changed))


def test_the_command_measures_every_variant_on_a_task(opposed, tmp_path):
    write_task(tmp_path / "task.npz", opposed)
    given = ["evaluate", "tolokers", "--data", str(tmp_path / "task.npz"), "--device", "cpu"]
    run = CliRunner().invoke(
        cli.app, [*given, "--boosters-only", "--out", str(tmp_path / "o.json")]
    )
    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["splits"] == 2
    assert told["test_roc_auc"]["own columns"] < 0.65
    assert told["test_roc_auc"]["and neighbours' labels"] > 0.9
    kept = json.loads((tmp_path / "o.json").read_text())
    assert len(kept["and positions"]["validation"]["each"]) == 2


def test_a_task_whose_splits_overlap_is_refused(opposed, tmp_path):
    write_task(tmp_path / "bad.npz", opposed, val_masks=np.stack([opposed["training"]] * 2))
    with pytest.raises(SentinelError, match="two parts of one split"):
        read_task(tmp_path / "bad.npz")
    np.savez(tmp_path / "other.npz", edges=np.zeros((2, 2)))
    with pytest.raises(SentinelError, match="lacks the arrays"):
        read_task(tmp_path / "other.npz")
