"""Train a model: evaluate it honestly, fit it on all labels, and pack it as an artifact."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl
import torch

from domain import SCHEMA_VERSION
from domain.errors import SentinelError
from domain.tables import Tables
from graph_models import packing
from graph_models.artifact import Artifact
from graph_models.catalog import GNN, describe
from graph_models.evaluation import OutOfFold, best_threshold, cross_validate, report
from graph_models.features import tabulate
from graph_models.fitting import MIN_CLASS, Fitted, Ground, Progress, fit
from graph_models.graph import build
from graph_models.head import (
    Calibration,
    Matrix,
    blind_columns,
    fold_in,
    sigmoid,
    snap,
    used_columns,
)
from graph_models.packed import FORMAT, MANIFEST, installed, to_json
from graph_models.sources import listed
from graph_models.training import choose_device

FOLDS: Final = 5
SEED: Final = 20240501
BACKGROUND_ROWS: Final = 100
"""Reference rows of the SHAP values: the usual size; cost grows with it, the mean hardly moves."""


def train(
    tables: Tables,
    verdicts: pl.DataFrame | None,
    labels: pl.DataFrame,
    *,
    upto: date,
    extra: pl.DataFrame | None = None,
    seed: int = SEED,
    folds: int = FOLDS,
    device: str = "auto",
    progress: Progress | None = None,
) -> Artifact:
    """Train on the claims complete before ``upto`` and the labels of providers.

    ``labels`` has ``provider_id`` and ``label`` (bool), perhaps ``known_on`` (a row not
    known before ``upto`` is left out and counted), or is what ``sources.combine`` made;
    providers without claims and without a row in ``extra`` are left out and counted. ``verdicts`` must have been
    judged on claims before ``upto`` alone. ``extra`` carries no dates: whoever gives
    it vouches that it knows nothing later than ``upto``. SentinelError if fewer than
    four providers of a class have data.
    """
    say = progress or (lambda _: None)
    chosen = choose_device(device)
    say("building the provider table and the graph")
    table = tabulate(tables, verdicts, upto=upto, extra=extra)
    graph = build(tables, verdicts, upto=upto)
    table = table.select("provider_id", *_informative(table))
    given = labels.height
    labels = labels if "source" in labels.columns else listed(labels, before=upto)
    ground = Ground.of(table, graph, labels, chosen)
    judged = ground.y[ground.judges]
    positive, negative = int(judged.sum()), int((~judged).sum())
    if min(positive, negative) < MIN_CLASS:
        raise SentinelError(
            f"too few labelled providers with data: {positive} fraudulent, {negative} others",
            where="graph_models.train",
            cure=f"Label at least {MIN_CLASS} providers of each kind that have claims before {upto}.",
        )
    folds = min(folds, positive, negative)
    scores = cross_validate(ground, folds=folds, seed=seed, progress=progress)
    say("fitting the final model")
    fitted = fit(ground, np.ones(len(ground.y), dtype=np.bool_), folds=folds, seed=seed)
    line = Calibration.fit(scores.margin[ground.judges], judged)
    pack = _Pack(ground, fitted, scores, line, seed=seed, folds=folds, upto=upto, given=given)
    return pack.artifact(tables, verdicts, labels, extra, device)


def _informative(table: pl.DataFrame) -> list[str]:
    """Columns that are known for some provider; the claim counts always stay, peers need them."""
    always = {"claims", "claims_inpatient"}
    return [
        c
        for c in table.columns
        if c != "provider_id" and (c in always or table[c].is_not_nan().any())
    ]


@dataclass(frozen=True, slots=True)
class _Pack:
    """Everything that a fit left, on its way into the artifact's files."""

    ground: Ground
    fitted: Fitted
    scores: OutOfFold
    line: Calibration
    seed: int
    folds: int
    upto: date
    given: int

    def artifact(
        self,
        tables: Tables,
        verdicts: pl.DataFrame | None,
        labels: pl.DataFrame,
        extra: pl.DataFrame | None,
        device: str,
    ) -> Artifact:
        names = (*self.ground.names, GNN)
        full = snap(np.column_stack([self.ground.x, self.fitted.network_score]))
        fill = self._fill(full, names)
        files: dict[str, bytes] = {
            "model.txt": fold_in(self.fitted.booster, self.line).model_to_string().encode(),
            "gnn.pt": self._weights(),
            "background.parquet": packing.parquet(self._background(full, names, fill)),
        }
        manifest = self._manifest(tables, labels, names, fill)
        # The new model scores all providers itself, exactly as it will later.
        draft = Artifact({**files, MANIFEST: to_json(manifest)})
        scored = draft.score(tables, verdicts, upto=self.upto, extra=extra, device=device)
        return packing.finish(files, manifest, scored)

    def _fill(self, full: Matrix, names: tuple[str, ...]) -> dict[str, float]:
        """Training medians for the columns in which the booster cannot read a gap."""
        blind = blind_columns(self.fitted.booster)
        return {
            names[i]: float(np.nanmedian(full[:, i]))
            for i in np.flatnonzero(blind)
            if not np.isnan(full[:, i]).all()
        }

    def _background(
        self, full: Matrix, names: tuple[str, ...], fill: dict[str, float]
    ) -> pl.DataFrame:
        """A seeded sample of labelled rows, without their identifiers."""
        rng = np.random.default_rng(self.seed)
        rows = np.sort(rng.permutation(len(full))[:BACKGROUND_ROWS])
        sample = pl.DataFrame(full[rows], schema=list(names), orient="row")
        return sample.with_columns(pl.col(n).fill_nan(v) for n, v in fill.items())

    def _weights(self) -> bytes:
        scaling = self.ground.scaling
        buffer = io.BytesIO()
        torch.save(
            {
                "mean": scaling.mean,
                "spread": scaling.spread,
                "networks": [
                    {k: v.cpu() for k, v in n.state_dict().items()} for n in self.fitted.networks
                ],
            },
            buffer,
        )
        return buffer.getvalue()

    def _manifest(
        self, tables: Tables, labels: pl.DataFrame, names: tuple[str, ...], fill: dict[str, float]
    ) -> dict[str, Any]:
        y, margin = self.ground.y, self.scores.margin
        judges = self.ground.judges
        used = used_columns(self.fitted.booster)
        return {
            "format": FORMAT,
            "level": Artifact.LEVEL,
            "kind": "provider fraud: GraphSAGE, LightGBM, Platt calibration",
            "schema": {"version": SCHEMA_VERSION, **Artifact.schema_digests(names)},
            "upto": self.upto.isoformat(),
            "window": packing.window(tables, self.upto),
            "labels": {
                "given": self.given,
                "late": self.given - labels.height,
                "weak": int((~judges).sum()),
                "used": len(y),
                "positive": int(y.sum()),
                "negative": int((~y).sum()),
                "without_data": labels.height - len(y),
                "with_claims": int((self.ground.node >= 0).sum()),
            },
            "seed": self.seed,
            "folds": self.folds,
            "networks": len(self.fitted.networks),
            "calibration": {
                "method": "Platt on out-of-fold margins, folded into the leaves",
                "slope": self.line.slope,
                "offset": self.line.offset,
            },
            "threshold": {
                "score": best_threshold(sigmoid(self.line.apply(margin[judges])), y[judges]),
                "chosen": "highest F1 of the out-of-fold scores",
            },
            "metrics": report(self.ground, self.scores, seed=self.seed),
            "features": [
                describe(n).record() | {"used": bool(u)} for n, u in zip(names, used, strict=True)
            ],
            "fill": fill,
            "peers": {"bands": {}, "groups": []},
            "packages": installed(),
        }
