"""A model at a later day: the same networks and trees, its providers scored anew.

Nothing is learned, so no label is needed and the out-of-fold quality stays what it was. What
``lookup`` answers is then exactly what ``score`` gives for all claims before that day.
"""

from __future__ import annotations

import json
from datetime import date

import polars as pl

from domain.errors import SentinelError
from domain.tables import Tables
from graph_models import packing
from graph_models.artifact import Artifact
from graph_models.packed import MANIFEST, Packed

_LEARNED = ("model.txt", "gnn.pt", "background.parquet")


def refresh(
    artifact: Artifact,
    tables: Tables,
    verdicts: pl.DataFrame | None,
    *,
    upto: date,
    extra: pl.DataFrame | None = None,
    device: str = "auto",
) -> Artifact:
    """The model with the scores of every provider of the claims before ``upto`` (and of ``extra``).

    Its manifest says from which model it comes (``refreshed.from``), which one was trained
    (``refreshed.origin``), and from which claims. SentinelError if no provider has a claim that was
    complete before ``upto``, or if that day is before the model's own.
    """
    if upto < artifact.upto:
        raise SentinelError(
            f"the model already knows what was complete before {artifact.upto}",
            where=f"refresh up to {upto}",
            cure=f"Refresh it up to {artifact.upto} or later.",
        )
    scored = artifact.score(tables, verdicts, upto=upto, extra=extra, device=device)
    if not len(scored):
        raise SentinelError(
            f"no provider has a claim that was complete before {upto}",
            where="refresh",
            cure="Assess claims into the database first, or name a later day.",
        )
    # A copy: the manifest of the model at hand stays what its digest says.
    manifest = json.loads(artifact.files[MANIFEST])
    earlier = manifest.get("refreshed", {})
    manifest["refreshed"] = {
        "from": artifact.sha256,
        "origin": origin(artifact),
        "trained_upto": earlier.get("trained_upto", manifest["upto"]),
        "window": packing.window(tables, upto),
    }
    manifest["upto"] = upto.isoformat()
    return packing.finish({n: artifact.files[n] for n in _LEARNED}, manifest, scored)


def origin(artifact: Packed) -> str:
    """The digest of the model that was trained; its own if it was never refreshed."""
    found: str = artifact.manifest.get("refreshed", {}).get("origin", artifact.sha256)
    return found
