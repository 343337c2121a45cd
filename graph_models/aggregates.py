"""What a node's surroundings look like, as columns: no weights, nothing learned from its own label.

All take the graph as ``Rows``. What has no neighbour gets 0 of them, its log degree 0 says so.
"""

from __future__ import annotations

from math import comb
from typing import Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import eigsh

from graph_models.csr import Rows

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESTART: Final = 0.15
"""PageRank's usual share of restarts."""
PRIOR: Final = (1.0, 10.0)
"""Labels at the training rate that a neighbours' rate starts from: few, so that the rate is sharp,
and more, so that it is steady where few neighbours are labelled."""


def matrix(rows: Rows) -> sp.csr_array:
    """The graph as a SciPy matrix of ones."""
    near, start = rows.near.numpy(), rows.start.numpy()
    return sp.csr_array((np.ones(len(near)), near, start), shape=(len(rows), len(rows)))


def structure(rows: Rows) -> Numbers:
    """Log degree, PageRank (mean 1), clustering coefficient, and the neighbours' mean of each."""
    a = matrix(rows)
    degree = _degree(a)
    mean = _scaled(a, 1 / np.maximum(degree, 1))
    back = mean.T.tocsr()
    rank = np.ones(len(degree))
    for _ in range(50):
        rank = RESTART + (1 - RESTART) * (back @ rank)
    triangles = np.asarray((a * (a @ a)).sum(axis=1)).ravel()
    closed = triangles / np.maximum(degree * (degree - 1), 1)
    own = np.column_stack([np.log1p(degree), rank, closed])
    return np.column_stack([own, mean @ own])


def surroundings(rows: Rows, x: Numbers) -> Numbers:
    """Of each column: means one, two and three steps away, and the neighbours' spread and extremes."""
    a = matrix(rows)
    mean = _scaled(a, 1 / np.maximum(_degree(a), 1))
    first = mean @ x
    second = mean @ first
    spread = np.sqrt(np.maximum(mean @ x**2 - first**2, 0))
    highest, lowest = _extremes(a, x)
    return np.column_stack([x, first, second, mean @ second, spread, highest, lowest])


def wavelets(rows: Rows, x: Numbers, order: int) -> Numbers:
    """The ``order`` + 1 beta wavelets of each column, low frequencies first (Tang et al. 2022).

    Wavelet p is comb(order, p) (L/2)^p (1 - L/2)^(order - p) x with the normalised Laplacian
    L: a partition of what a column says by how much it differs between neighbours. Together
    they add up to x (the paper scales each by (order + 1) / 2 instead; ``unverified``).
    """
    a = matrix(rows)
    root = 1 / np.sqrt(np.maximum(_degree(a), 1))
    smooth = _scaled(a, root) * root[None, :]
    parts = []
    for p in range(order + 1):
        part = comb(order, p) * x
        for _ in range(p):
            part = (part - smooth @ part) / 2
        for _ in range(order - p):
            part = (part + smooth @ part) / 2
        parts.append(part)
    return np.column_stack(parts)


def positions(rows: Rows, smooth: int, heavy: int) -> Numbers:
    """Where a node lies: leading eigenvectors of the normalised graph and of the plain one.

    ``smooth`` of the first kind (communities) and ``heavy`` of the second (the dense core).
    Fixed start and sign, so that the same graph gives the same columns.
    """
    a = matrix(rows)
    root = 1 / np.sqrt(np.maximum(_degree(a), 1))
    start = np.ones(len(root))
    value, vector = eigsh(_scaled(a, root) * root[None, :], k=smooth, which="LA", v0=start)
    vector = vector[:, np.argsort(-value)]
    size, core = eigsh(a, k=heavy, which="LM", v0=start)
    found = np.column_stack([vector, core[:, np.argsort(-np.abs(size))]])
    peak = found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])]
    return np.asarray(found * np.sign(peak))


def label_rates(rows: Rows, labels: Flags, training: Flags) -> Numbers:
    """How the labelled neighbours are labelled, one and two steps away; a node's own label excluded.

    Only labels of ``training`` are read. One step away a node is not its own neighbour; of the
    two-step sums the walks that return are taken out. So a node's row does not change with its
    own label (a test flips labels), and rows of training nodes mean what rows of others mean.
    The prior is one constant, 1/2: a training rate would carry every label into every row.
    """
    a = matrix(rows)
    degree = _degree(a)
    seen = training.astype(np.float64)
    fraud = (training & labels).astype(np.float64)
    one = np.column_stack([fraud, seen])
    near = a @ one
    columns = [near[:, 0], near[:, 1], *(_rate(near, prior) for prior in PRIOR)]
    for power in (0.5, 1.0):
        weight = 1 / np.maximum(degree, 1) ** power
        columns.append(_rate(a @ (weight[:, None] * one) / weight.mean(), PRIOR[0]))
    for power in (0.5, 1.0, 2.0):
        weight = 1 / np.maximum(degree, 1) ** power
        returning = a @ weight
        far = a @ (weight[:, None] * near) - returning[:, None] * one
        # The prior weighs as much as one typical labelled walk in a hundred.
        columns.append(_rate(np.maximum(far, 0) / max(returning.mean(), 1e-12), PRIOR[0]))
    return np.column_stack(columns)


def _rate(counts: Numbers, prior: float) -> Numbers:
    return np.asarray((counts[:, 0] + prior / 2) / (counts[:, 1] + prior))


def _degree(a: sp.csr_array) -> Numbers:
    return np.asarray(np.diff(a.indptr), dtype=np.float64)


def _scaled(a: sp.csr_array, weight: Numbers) -> sp.csr_array:
    """Each row times its weight."""
    data = a.data * np.repeat(weight, np.diff(a.indptr))
    return sp.csr_array((data, a.indices, a.indptr), shape=a.shape)


def _extremes(a: sp.csr_array, x: Numbers) -> tuple[Numbers, Numbers]:
    highest, lowest = np.zeros_like(x), np.zeros_like(x)
    some = np.diff(a.indptr) > 0
    # reduceat would give a row without neighbours the value of the next one.
    begin = a.indptr[:-1][some]
    for column in range(x.shape[1]):
        values = x[a.indices, column]
        if len(begin):
            highest[some, column] = np.maximum.reduceat(values, begin)
            lowest[some, column] = np.minimum.reduceat(values, begin)
    return highest, lowest
