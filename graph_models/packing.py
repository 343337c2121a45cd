"""The files of a model as bytes, written the same way when it is trained and when it is refreshed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from domain.tables import Tables
from graph_models import peers
from graph_models.artifact import Artifact
from graph_models.packed import Scored
from graph_models.window import cut, frame, known_on


def finish(files: Mapping[str, bytes], manifest: dict[str, Any], scored: Scored) -> Artifact:
    """The model with the providers that it has scored, its card, and the digests of all files.

    ``files`` are those that scoring needs; ``manifest`` is completed.
    """
    manifest["peers"] = peers.choose_groups(scored.features)
    entities = scored.features.with_columns(
        pl.Series("margin", scored.margins),
        pl.Series("score", scored.scores),
        pl.Series("peer_group", peers.assign(scored.features, manifest["peers"]), dtype=pl.String),
    )
    names = [n for n in scored.features.columns if n != "provider_id"]
    manifest["providers_scored"] = len(scored)
    made = {
        **files,
        "entities.parquet": parquet(entities),
        "peers.parquet": parquet(peers.summarise(entities, manifest["peers"], names)),
    }
    return Artifact.seal(made, manifest)


def window(tables: Tables, upto: date) -> dict[str, Any]:
    """How many claims were complete before ``upto``, their first admission and last day known."""
    days = frame(cut(tables, upto), "stays").select(
        claims=pl.len(), first=pl.col("admission_date").min(), last=known_on().max()
    )
    return {k: _text(v) for k, v in days.row(0, named=True).items()}


def parquet(table: pl.DataFrame) -> bytes:
    """The table as a Parquet file."""
    buffer = io.BytesIO()
    table.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
