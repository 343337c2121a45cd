"""Claims as a heterogeneous graph of providers, patients, physicians, claims and codes."""

from __future__ import annotations

import zlib
from datetime import date
from typing import Final

import numpy as np
import polars as pl
import torch
from torch_geometric.data import HeteroData

from domain.results import Verdict
from domain.tables import Tables
from graph_models.features import claim_rows, physicians_of
from graph_models.window import cut, frame

BUCKETS: Final = 512
"""Codes share this many learned vectors, by a hash of their category (first three
characters): a code never seen in training still has a place, and rare codes cannot
each memorise a provider."""

CLAIM_FIELDS: Final = (
    "inpatient", "payment", "deductible", "total", "nights", "age", "diagnosis_count",
    "procedure_count", "gap_days", "payment_ratio", "named_physicians", "hits",
)  # fmt: skip
"""Numbers of a claim node, in this order; amounts and counts as log(1 + x)."""
PATIENT_FIELDS: Final = ("claims", "providers", "age")
PHYSICIAN_FIELDS: Final = ("claims", "providers", "patients")
RELATIONS: Final = (
    ("diagnosis", "is_on", "claim"),
    ("procedure", "is_on", "claim"),
    ("patient", "has", "claim"),
    ("physician", "signs", "claim"),
    ("provider", "bills", "claim"),
)
"""The edges, each towards the claim; the network also walks them backwards."""


def build(
    tables: Tables, providers: pl.DataFrame, verdicts: pl.DataFrame | None = None, *, upto: date
) -> HeteroData:
    """The graph of the claims complete before ``upto``.

    ``providers`` is the provider table (``features.tabulate``): one node a row, its
    columns the node's numbers, in its order. Every other kind of node is sorted by its
    identifier, so that the same claims give the same tensors whatever the order of
    rows. Node numbers are raw float32 with NaN where nothing is known; codes carry
    ``bucket`` instead. Each edge tensor is (2, edges) int64, sorted by claim.
    """
    known = cut(tables, upto)
    claims = claim_rows(known)
    named = physicians_of(claims)
    claims = _with_counts(claims, named, verdicts)
    data = HeteroData()
    data["provider"].x = _tensor(providers.drop("provider_id"))
    data["claim"].x = _tensor(claims.select(CLAIM_FIELDS))

    claim_at = claims.select("stay_id").with_row_index("claim")
    patients = (
        claims.group_by("patient_id")
        .agg(
            claims=pl.len().log1p(),
            providers=pl.col("provider_id").n_unique().log1p(),
            age=pl.col("age").mean(),
        )
        .sort("patient_id")
    )
    data["patient"].x = _tensor(patients.select(PATIENT_FIELDS))
    physicians = (
        named.group_by("physician_id")
        .agg(
            claims=pl.len().log1p(),
            providers=pl.col("provider_id").n_unique().log1p(),
            patients=pl.col("patient_id").n_unique().log1p(),
        )
        .sort("physician_id")
    )
    data["physician"].x = _tensor(physicians.select(PHYSICIAN_FIELDS))

    pairs = claims.select("stay_id", "patient_id", "provider_id")
    _connect(data, RELATIONS[2], pairs, patients["patient_id"], "patient_id", claim_at)
    _connect(data, RELATIONS[3], named, physicians["physician_id"], "physician_id", claim_at)
    _connect(data, RELATIONS[4], pairs, providers["provider_id"], "provider_id", claim_at)
    for relation, table in ((RELATIONS[0], "diagnoses"), (RELATIONS[1], "procedures")):
        codes = frame(known, table).select("stay_id", "code").unique()
        nodes = codes["code"].unique().sort()
        data[relation[0]].bucket = torch.tensor(
            [zlib.crc32(c[:3].encode()) % BUCKETS for c in nodes.to_list()], dtype=torch.int64
        )
        data[relation[0]].num_nodes = nodes.len()
        _connect(data, relation, codes, nodes, "code", claim_at)
    return data


def _with_counts(
    claims: pl.DataFrame, named: pl.DataFrame, verdicts: pl.DataFrame | None
) -> pl.DataFrame:
    per_claim = named.group_by("stay_id").len("named_physicians")
    joined = claims.join(per_claim, on="stay_id", how="left", maintain_order="left")
    rules = [] if verdicts is None else [c for c in verdicts.columns if c != "stay_id"]
    if verdicts is None or not rules:
        joined = joined.with_columns(hits=pl.lit(None, pl.Float64))
    else:
        hits = verdicts.select(
            "stay_id", hits=pl.sum_horizontal(pl.col(r) == int(Verdict.HIT) for r in rules)
        )
        joined = joined.join(hits, on="stay_id", how="left", maintain_order="left")
    return joined.with_columns(
        pl.col("inpatient").cast(pl.Float64),
        *(pl.col(c).log1p() for c in ("payment", "deductible", "total", "nights")),
        # A prior discharge after the admission is an overlap: a negative gap.
        gap_days=pl.col("gap_days").sign() * pl.col("gap_days").abs().log1p(),
        payment_ratio=pl.when(pl.col("usual") > 0).then(
            (pl.col("payment") / pl.col("usual")).log1p()
        ),
        named_physicians=pl.col("named_physicians").fill_null(0),
    )


def _tensor(table: pl.DataFrame) -> torch.Tensor:
    values = table.select(pl.all().cast(pl.Float64).fill_null(float("nan"))).to_numpy()
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _connect(
    data: HeteroData,
    relation: tuple[str, str, str],
    pairs: pl.DataFrame,
    nodes: pl.Series,
    key: str,
    claim_at: pl.DataFrame,
) -> None:
    node_at = pl.DataFrame({key: nodes}).with_row_index("node")
    edges = (
        pairs.select("stay_id", key)
        .drop_nulls(key)
        .join(node_at, on=key)
        .join(claim_at, on="stay_id")
        .select(pl.col("node", "claim").cast(pl.Int64))
        .sort("claim", "node")
    )
    data[relation].edge_index = torch.from_numpy(np.ascontiguousarray(edges.to_numpy().T))
