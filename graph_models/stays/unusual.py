"""How unusual a claim is among others, without any label: for sites that have none, and beside the score."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from domain.tables import Tables
from graph_models.learning import SEED
from graph_models.stays import links, naming
from graph_models.stays.fitting import Progress, pretrain, run, surprise
from graph_models.stays.ground import Graph, Known, Scaling, inputs, logged, number
from graph_models.stays.reading import OWN, day_number, read
from graph_models.training import choose_device

Numbers = NDArray[np.float64]

TREES: Final = 200
LEARNED: Final = 20_000
"""Claims that the forest learns from; more change nothing that can be told."""
COLUMNS: Final = (*OWN, *links.NAMES, naming.SURPRISE, *naming.FITS)


class Forest:
    """An isolation forest over a claim's numbers, its company, and how far it is from what was expected.

    It learns when it is made, from a seeded choice of the rows: the same rows give the same forest.
    """

    def __init__(self, rows: Numbers, *, seed: int = SEED) -> None:
        """``rows`` is (claims, ``COLUMNS``), NaN where unknown."""
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.permutation(len(rows))[:LEARNED])
        self._forest = IsolationForest(n_estimators=TREES, random_state=seed)
        self._forest.fit(_known(rows[chosen]))
        self._usual = np.sort(self._forest.score_samples(_known(rows[chosen])))

    def rank(self, rows: Numbers) -> Numbers:
        """0 to 1 for each row: the share of the claims learned from that are less unusual."""
        if not len(rows):
            return np.empty(0)
        said = self._forest.score_samples(_known(rows))
        less = np.searchsorted(self._usual, said, side="right") / len(self._usual)
        return np.asarray(1.0 - less)


def rank(
    tables: Tables,
    verdicts: pl.DataFrame | None = None,
    *,
    upto: date,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress | None = None,
) -> pl.DataFrame:
    """``stay_id``, ``unusual`` (0 to 1) of every claim complete before ``upto``; no label is needed.

    A network learns from all of them what claims tell of those that come after them; a forest
    says which are unlike the rest. Each is seen with all others that are known on the day.
    """
    say = progress or (lambda _: None)
    chosen = choose_device(device)
    stays = read(tables, verdicts, upto=upto)
    if not len(stays):
        return pl.DataFrame(schema={"stay_id": pl.String, "unusual": pl.Float64})
    _, codes = number(stays)
    graph = Graph(codes, stays, Known.of(stays, {}), device=chosen)
    again = graph.again(day_number(upto))
    first, later = graph.links(), again.links()
    scaling = Scaling.fit(inputs(stays.own, first))
    then, now = (scaling.apply(inputs(stays.own, v)).to(chosen) for v in (first, later))
    say("learning without labels")
    everything = np.ones(len(stays), dtype=np.bool_)
    learnt = pretrain(graph, then, everything, kind="sage", seed=seed)
    said = run(learnt.network, graph, then)[1]
    rows = np.hstack([stays.own, later, surprise(learnt, again, now, said)])
    say("looking for the unusual")
    ranked = Forest(rows, seed=seed).rank(rows)
    return pl.DataFrame({"stay_id": stays.ids, "unusual": ranked})


def _known(rows: Numbers) -> Numbers:
    own = logged(rows[:, : len(OWN)])
    # Trees of the forest read no gap; nothing that is known lies as low.
    return np.nan_to_num(np.hstack([own, rows[:, len(OWN) :]]), nan=-20.0)
