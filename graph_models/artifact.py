"""The providers' model as a folder: what it was trained on, and how it scores."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import ClassVar

import numpy as np
import polars as pl
import torch

from domain.errors import SchemaMismatchError
from domain.tables import Tables
from graph_models import catalog, peers
from graph_models.card import write_card
from graph_models.catalog import EXTRA, GNN
from graph_models.features import tabulate
from graph_models.graph import build
from graph_models.head import Matrix, raw, sigmoid, snap
from graph_models.network import Network
from graph_models.packed import Packed, Scored
from graph_models.training import Prepared, Scaling, choose_device, run_networks


@dataclass(frozen=True)
class Artifact(Packed):
    """A trained model of providers."""

    LEVEL: ClassVar[str] = "provider"
    FILES: ClassVar[tuple[str, ...]] = (
        "background.parquet", "card.md", "entities.parquet", "gnn.pt", "model.txt", "peers.parquet",
    )  # fmt: skip
    describe = staticmethod(catalog.describe)
    write_card = staticmethod(write_card)

    @cached_property
    def peers(self) -> pl.DataFrame:
        """Quantiles of each feature in each peer group."""
        return self._table("peers.parquet")

    @property
    def headline(self) -> str:
        """One line for a person: the out-of-fold quality and the labels behind it."""
        labels, metrics = self.manifest["labels"], self.manifest["metrics"]["all"]
        roc, pr = (metrics["variants"]["both"][m] for m in ("roc_auc", "pr_auc"))
        return (
            f"out of fold: ROC-AUC {roc['value']:.3f} ({roc['low']:.3f} to {roc['high']:.3f}), "
            f"PR-AUC {pr['value']:.3f} ({pr['low']:.3f} to {pr['high']:.3f}); "
            f"{labels['positive']} fraudulent of {labels['used']} labelled providers"
        )

    def score(
        self,
        tables: Tables,
        verdicts: pl.DataFrame | None = None,
        *,
        upto: date,
        extra: pl.DataFrame | None = None,
        device: str = "auto",
    ) -> Scored:
        """Score every provider of the claims before ``upto`` and of ``extra``.

        Without ``extra``, a model trained with an extra table uses the rows that it
        stored then, for the providers of the claims; a provider without a row counts
        as unknown there. A provider of the training set is scored by all networks,
        also those that knew its label: stored metrics never come from such scores.
        SchemaMismatchError if ``extra`` lacks columns of the training.
        """
        wanted = [n.removeprefix(EXTRA) for n in self.feature_names if n.startswith(EXTRA)]
        given = extra
        if extra is not None:
            lacking = sorted(set(wanted) - set(extra.columns))
            if lacking:
                raise SchemaMismatchError(
                    f"the extra table lacks columns of the training: {lacking[:5]}",
                    where="Artifact.score",
                    cure="Give the same table as for training, or train again without it.",
                )
            given = extra.select("provider_id", *wanted) if wanted else None
        elif wanted:
            seen = tables.stays["provider_id"].unique().to_pylist()
            stored = self.entities.filter(pl.col("provider_id").is_in(seen))
            given = stored.select(
                "provider_id", *(pl.col(EXTRA + c).fill_nan(None).alias(c) for c in wanted)
            )
        table = tabulate(tables, verdicts, upto=upto, extra=given)
        score = self._network_score(tables, table, verdicts, upto, device)
        return self._finish(table.with_columns(pl.Series(GNN, score, dtype=pl.Float64)), upto)

    def lookup(self, provider_ids: Iterable[str]) -> Scored:
        """The stored scores at the artifact's ``upto``; providers not known then are absent."""
        rows = self.entities.filter(pl.col("provider_id").is_in(list(set(provider_ids))))
        return self._finish(rows.select("provider_id", *self.feature_names), self.upto)

    @cached_property
    def _networks(self) -> tuple[list[Network], Scaling | None]:
        # weights_only: the file is data; a pickle could run code.
        stored = torch.load(io.BytesIO(self.files["gnn.pt"]), map_location="cpu", weights_only=True)
        if not stored["networks"]:
            return [], None
        scaling = Scaling(stored["mean"], stored["spread"])
        networks = []
        for state in stored["networks"]:
            network = Network(scaling.widths())
            network.load_state_dict(state)
            networks.append(network.eval())
        return networks, scaling

    def _network_score(
        self,
        tables: Tables,
        table: pl.DataFrame,
        verdicts: pl.DataFrame | None,
        upto: date,
        device: str,
    ) -> Matrix:
        score = np.full(table.height, np.nan)
        networks, scaling = self._networks
        graph = build(tables, verdicts, upto=upto)
        if scaling is None or not graph["provider"].ids:
            return score
        chosen = choose_device(device)
        prepared = Prepared.of(graph, scaling, chosen)
        margin = run_networks([n.to(chosen) for n in networks], prepared)
        at = {p: i for i, p in enumerate(table["provider_id"].to_list())}
        score[[at[p] for p in graph["provider"].ids]] = sigmoid(margin)
        return score

    def _finish(self, table: pl.DataFrame, upto: date) -> Scored:
        absent = [n for n in self.feature_names if n not in table.columns]
        table = table.with_columns(pl.lit(float("nan")).alias(n) for n in absent)
        features = table.select("provider_id", *self.feature_names)
        matrix = snap(features.drop("provider_id").to_numpy())
        for column, value in self.manifest["fill"].items():
            at = self.feature_names.index(column)
            matrix[np.isnan(matrix[:, at]), at] = value
        margins = raw(self.booster, matrix) if len(matrix) else np.empty(0)
        groups = peers.assign(table, self.manifest["peers"])
        return Scored(upto, features, matrix, margins, sigmoid(margins), tuple(groups))
