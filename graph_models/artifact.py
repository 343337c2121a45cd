"""The model as a folder: what it is, what it was trained on, and how it scores."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import polars as pl
import torch

from domain.claim import CLAIM_TABLES
from domain.errors import SchemaMismatchError, SentinelError
from domain.schema import schema_sha256
from domain.tables import Tables
from graph_models import peers
from graph_models.card import write_card
from graph_models.catalog import EXTRA, GNN, Feature, describe
from graph_models.features import tabulate
from graph_models.graph import build
from graph_models.head import Matrix, raw, sigmoid, snap
from graph_models.network import Network
from graph_models.training import Prepared, Scaling, choose_device, run_networks

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
FILES: Final = (
    "background.parquet", "card.md", "entities.parquet", "gnn.pt", "model.txt", "peers.parquet",
)  # fmt: skip
PACKAGES: Final = ("lightgbm", "numpy", "polars", "shap", "torch", "torch-geometric")
"""Libraries whose major version must be the same when the model is loaded."""


class ArtifactError(SentinelError):
    """A model folder is damaged, incomplete or was made for another version."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of providers with the features that they were made from.

    ``features`` has ``provider_id`` and a Float64 column a feature, NaN where
    unknown; ``matrix`` is what the booster read: values on its grid (one part in a
    million), training medians where it cannot read a gap. ``margins`` are calibrated log-odds, ``scores`` their probabilities.
    """

    upto: date
    features: pl.DataFrame
    matrix: Matrix
    margins: Matrix
    scores: Matrix
    peer_groups: tuple[str, ...]
    level: str = "provider"

    @property
    def subject_ids(self) -> list[str]:
        """The providers, in the order of all columns."""
        return self.features["provider_id"].to_list()

    def select(self, provider_ids: Iterable[str]) -> Scored:
        """Only the providers named, in the order kept here; unknown names are absent."""
        kept = self.features["provider_id"].is_in(list(set(provider_ids))).to_numpy()
        at = np.flatnonzero(kept)
        return Scored(
            self.upto, self.features[at], self.matrix[at], self.margins[at], self.scores[at],
            tuple(self.peer_groups[i] for i in at), self.level,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Artifact:
    """A trained model; equal bytes for equal data, labels, seed, versions and machine."""

    files: Mapping[str, bytes]

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the model is; docs/models.md explains each entry."""
        return json.loads(self.files[MANIFEST])  # type: ignore[no-any-return]

    @property
    def sha256(self) -> str:
        """Digest of the whole model: of the manifest, which holds every other file's digest."""
        return hashlib.sha256(self.files[MANIFEST]).hexdigest()

    @property
    def upto(self) -> date:
        """The first day whose claims the stored scores do not know."""
        return date.fromisoformat(self.manifest["upto"])

    @property
    def threshold(self) -> float:
        """The score from which the model alone raises an alert."""
        return float(self.manifest["threshold"]["score"])

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The booster's columns in order."""
        return tuple(f["name"] for f in self.manifest["features"])

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Names, units and reason codes as they were at training."""
        keys = ("name", "zh", "en", "unit", "reason")
        return tuple(Feature(*(f[k] for k in keys)) for f in self.manifest["features"])

    @cached_property
    def booster(self) -> lgb.Booster:
        """The calibrated booster: sigmoid of its raw sum is the score."""
        return lgb.Booster(model_str=self.files["model.txt"].decode())

    @cached_property
    def background(self) -> Matrix:
        """The reference rows of the SHAP values, (rows, features)."""
        return self._table("background.parquet").to_numpy()

    @cached_property
    def entities(self) -> pl.DataFrame:
        """Every provider known at ``upto``: features, ``margin``, ``score``, ``peer_group``."""
        return self._table("entities.parquet")

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

    def save(self, folder: Path) -> None:
        """Write the model's files; an older model there is replaced, other files stay.

        The manifest is written last, so a folder that was cut off does not load.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for name in (*FILES, MANIFEST):
            (folder / name).write_bytes(self.files[name])

    def publish(self, reasons: Mapping[str, Any]) -> Artifact:
        """The same model with what was measured of its reasons in manifest and card.

        It gets another ``sha256``, since that covers the card; its scores are the same.
        """
        return seal(self.files, {**self.manifest, "reasons": dict(reasons)})

    @classmethod
    def load(cls, folder: Path) -> Artifact:
        """Read a model folder and refuse one that is damaged or made for another version.

        ArtifactError for a missing or changed file and another format;
        SchemaMismatchError for another claim schema, feature list or major version of
        a library.
        """
        try:
            files = {name: (folder / name).read_bytes() for name in (MANIFEST, *FILES)}
        except OSError as error:
            raise ArtifactError(
                f"a file of the model cannot be read: {error.strerror or error}",
                where=str(error.filename or folder),
                cure="Name a folder that `sentinel train --model` wrote, or train again.",
            ) from error
        return cls.of(files, folder)

    @classmethod
    def of(cls, files: Mapping[str, bytes], where: Path) -> Artifact:
        """The model in these files, refused as by ``load``; errors name them as lying in ``where``."""
        missing = [name for name in (MANIFEST, *FILES) if name not in files]
        if missing:
            raise ArtifactError(
                f"files of the model are missing: {', '.join(missing)}",
                where=str(where),
                cure="Register the model again from the folder where it was trained.",
            )
        made = cls({name: files[name] for name in (MANIFEST, *FILES)})
        made._verify(where)
        return made

    def _verify(self, folder: Path) -> None:
        try:
            manifest = self.manifest
            digests, packages, schema = (manifest[k] for k in ("files", "packages", "schema"))
        except (ValueError, KeyError) as error:
            raise ArtifactError(
                "the manifest is not one of ours",
                where=str(folder / MANIFEST),
                cure="Copy the model again from where it was trained, or train again.",
            ) from error
        for name in FILES:
            if hashlib.sha256(self.files[name]).hexdigest() != digests.get(name):
                raise ArtifactError(
                    f"{name} is not the file that the manifest names",
                    where=str(folder / name),
                    cure="Copy the model again from where it was trained, or train again.",
                )
        if manifest["format"] != FORMAT:
            raise ArtifactError(
                f"the model has format {manifest['format']}, this version reads {FORMAT}",
                where=str(folder / MANIFEST),
                cure="Train again with this version.",
            )
        for what, found in schema_digests(self.feature_names).items():
            if schema.get(what) != found:
                raise SchemaMismatchError(
                    f"the model was trained with another {what.replace('_', ' ')}",
                    where=str(folder / MANIFEST),
                    cure="Train again with this version, or install the version that trained it.",
                )
        for name, then in packages.items():
            now = installed().get(name, "absent")
            if then.split(".")[0] != now.split(".")[0]:
                raise SchemaMismatchError(
                    f"the model was trained with {name} {then}, installed is {now}",
                    where=str(folder / MANIFEST),
                    cure=f"Install {name} {then}, or train again.",
                )

    def _table(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(io.BytesIO(self.files[name]))

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


def seal(files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Artifact:
    """The model of these files, with the card of its manifest and the digests of all files."""
    made = {**files, "card.md": write_card(dict(manifest)).encode()}
    digests = {n: hashlib.sha256(made[n]).hexdigest() for n in FILES}
    return Artifact({**made, MANIFEST: to_json({**manifest, "files": digests})})


def to_json(value: Any) -> bytes:
    """The value as JSON, with sorted keys."""
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def installed() -> dict[str, str]:
    """Versions of ``PACKAGES``; one that is not installed is absent (shap, where only training runs)."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def schema_digests(names: Iterable[str]) -> dict[str, str]:
    """Digests of the claim schema and of the features' present meaning."""
    meaning = [describe(n).record() for n in names]
    text = json.dumps(meaning, ensure_ascii=False, sort_keys=True)
    return {
        "claim_schema": schema_sha256(CLAIM_TABLES),
        "feature_list": hashlib.sha256(text.encode()).hexdigest(),
    }
