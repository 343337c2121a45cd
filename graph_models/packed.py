"""A model as a folder of files that vouch for each other, whatever it scores."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import lightgbm as lgb
import numpy as np
import polars as pl

from domain.claim import CLAIM_TABLES
from domain.errors import SchemaMismatchError, SentinelError
from domain.registry import level_of as level_in
from domain.schema import schema_sha256
from domain.tables import Tables
from graph_models.catalog import Feature
from graph_models.head import Matrix

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
PACKAGES: Final = ("lightgbm", "numpy", "polars", "shap", "torch", "torch-geometric")
"""Libraries whose major version must be the same when the model is loaded."""


class ArtifactError(SentinelError):
    """A model folder is damaged, incomplete or was made for another version."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of providers or claims with the features that they were made from.

    ``features`` has ``provider_id`` or ``stay_id`` and a Float64 column a feature, NaN where
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
        """Providers or claims, in the order of all columns."""
        return self.features.to_series(0).to_list()

    def select(self, subject_ids: Iterable[str]) -> Scored:
        """Only the subjects named, in the order kept here; unknown names are absent."""
        kept = self.features.to_series(0).is_in(list(set(subject_ids))).to_numpy()
        at = np.flatnonzero(kept)
        return Scored(
            self.upto, self.features[at], self.matrix[at], self.margins[at], self.scores[at],
            tuple(self.peer_groups[i] for i in at), self.level,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class Packed:
    """A trained model; equal bytes for equal data, labels, seed, versions and machine."""

    LEVEL: ClassVar[str]
    """What it scores; a folder of another level is refused."""
    FILES: ClassVar[tuple[str, ...]]
    """Its files beside the manifest."""

    files: Mapping[str, bytes]

    @staticmethod
    def describe(name: str) -> Feature:
        """What a column of the model means in this version."""
        raise NotImplementedError

    @staticmethod
    def write_card(manifest: dict[str, Any]) -> str:
        """The card, from the manifest alone."""
        raise NotImplementedError

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
    def reach(self) -> timedelta:
        """How far the claims of the training went back from its day."""
        trained = self.manifest.get("refreshed", {}).get("trained_upto", self.manifest["upto"])
        return date.fromisoformat(trained) - date.fromisoformat(self.manifest["window"]["first"])

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

    def score(self, tables: Tables, verdicts: pl.DataFrame | None = None, *, upto: date) -> Scored:
        """The scores of whom the model scores, from the claims complete before ``upto``."""
        raise NotImplementedError

    @cached_property
    def entities(self) -> pl.DataFrame:
        """Those whom a reason compares with: an identifier, the features, and ``score``.

        Of a model of providers every provider known at ``upto``, with ``margin`` and ``peer_group``.
        """
        return self._table("entities.parquet")

    def save(self, folder: Path) -> None:
        """Write the model's files; an older model there is replaced, other files stay.

        The manifest is written last, so a folder that was cut off does not load.
        """
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        for name in (*self.FILES, MANIFEST):
            (folder / name).write_bytes(self.files[name])

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a model folder and refuse one that is damaged or made for another version.

        ArtifactError for a missing or changed file and another format;
        SchemaMismatchError for another claim schema, feature list or major version of
        a library.
        """
        try:
            cls._refuse_level(level_of(folder), folder)
            files = {name: (folder / name).read_bytes() for name in (MANIFEST, *cls.FILES)}
        except OSError as error:
            raise _unreadable(error, folder) from error
        return cls.of(files, folder)

    @classmethod
    def of(cls, files: Mapping[str, bytes], where: Path) -> Self:
        """The model in these files, refused as by ``load``; errors name them as lying in ``where``."""
        if MANIFEST in files:
            cls._refuse_level(level_in(read_manifest(files[MANIFEST], where)), where)
        missing = [name for name in (MANIFEST, *cls.FILES) if name not in files]
        if missing:
            raise ArtifactError(
                f"files of the model are missing: {', '.join(missing)}",
                where=str(where),
                cure="Register the model again from the folder where it was trained.",
            )
        made = cls({name: files[name] for name in (MANIFEST, *cls.FILES)})
        made._verify(where)
        return made

    @classmethod
    def _refuse_level(cls, level: str, where: Path) -> None:
        if level != cls.LEVEL:
            raise ArtifactError(
                f"the model is of level {level}, a model of level {cls.LEVEL} is needed here",
                where=str(where),
                cure="Name a model of that level.",
            )

    def _verify(self, folder: Path) -> None:
        manifest = read_manifest(self.files[MANIFEST], folder)
        digests, packages, schema = (manifest[k] for k in ("files", "packages", "schema"))
        for name in self.FILES:
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
        for what, found in self.schema_digests(self.feature_names).items():
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

    def publish(self, reasons: Mapping[str, Any]) -> Self:
        """The same model with what was measured of its reasons in manifest and card.

        It gets another ``sha256``, since that covers the card; its scores are the same.
        """
        return self.seal(self.files, {**self.manifest, "reasons": dict(reasons)})

    @classmethod
    def seal(cls, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Self:
        """The model of these files, with the card of its manifest and the digests of all files."""
        made = {**files, "card.md": cls.write_card(dict(manifest)).encode()}
        digests = {n: hashlib.sha256(made[n]).hexdigest() for n in cls.FILES}
        return cls({**made, MANIFEST: to_json({**manifest, "files": digests})})

    @classmethod
    def schema_digests(cls, names: Iterable[str]) -> dict[str, str]:
        """Digests of the claim schema and of the features' present meaning."""
        meaning = [cls.describe(n).record() for n in names]
        text = json.dumps(meaning, ensure_ascii=False, sort_keys=True)
        return {
            "claim_schema": schema_sha256(CLAIM_TABLES),
            "feature_list": hashlib.sha256(text.encode()).hexdigest(),
        }


def level_of(folder: Path) -> str:
    """What the model in a folder scores: ``provider`` or ``claim``. ArtifactError as by ``load``."""
    try:
        head = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise _unreadable(error, folder) from error
    return level_in(read_manifest(head, folder))


def _unreadable(error: OSError, folder: Path) -> ArtifactError:
    return ArtifactError(
        f"a file of the model cannot be read: {error.strerror or error}",
        where=str(error.filename or folder),
        cure="Name a folder that `sentinel train --model` wrote, or train again.",
    )


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


def read_manifest(text: bytes, folder: Path) -> dict[str, Any]:
    """The manifest in a text that lies in ``folder``; ArtifactError if it is none of ours."""
    try:
        manifest: dict[str, Any] = json.loads(text)
        _ = [manifest[k] for k in ("files", "packages", "schema")]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(
            "the manifest is not one of ours",
            where=str(folder / MANIFEST),
            cure="Copy the model again from where it was trained, or train again.",
        ) from error
    return manifest
