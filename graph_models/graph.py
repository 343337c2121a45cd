"""Claims as a heterogeneous graph of providers, patients, physicians, claims and codes."""

from __future__ import annotations

import copy
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
PROVIDER_FIELDS: Final = ("claims", "patients")
"""A provider node knows only its size: what the provider table says goes to the head
directly, so the network adds what claims and connections say and nothing twice."""
RELATIONS: Final = (
    ("diagnosis", "is_on", "claim"),
    ("procedure", "is_on", "claim"),
    ("patient", "has", "claim"),
    ("physician", "signs", "claim"),
    ("provider", "bills", "claim"),
)
"""The edges, each towards the claim; the network also walks them backwards."""


def build(tables: Tables, verdicts: pl.DataFrame | None = None, *, upto: date) -> HeteroData:
    """The graph of the claims complete before ``upto``.

    Nodes of each kind are sorted by their identifier, so that the same claims give the
    same tensors whatever the order of rows; ``data["provider"].ids`` names the
    providers. Node numbers are raw float32 with NaN where nothing is known; codes
    carry ``bucket`` instead. Each edge tensor is (2, edges) int64, sorted by claim.
    """
    known = cut(tables, upto)
    claims = claim_rows(known)
    named = physicians_of(claims)
    claims = _with_counts(claims, named, verdicts)
    data = HeteroData()
    data["claim"].x = _tensor(claims.select(CLAIM_FIELDS))
    claim_at = claims.select("stay_id").with_row_index("claim")
    others = pl.col("provider_id").n_unique().log1p().alias("providers")
    patients = pl.col("patient_id").n_unique().log1p().alias("patients")
    counted = pl.len().log1p().alias("claims")
    for kind, key, fields, rows, numbers in (
        ("provider", "provider_id", PROVIDER_FIELDS, claims, [counted, patients]),
        ("patient", "patient_id", PATIENT_FIELDS, claims, [counted, others, pl.col("age").mean()]),
        ("physician", "physician_id", PHYSICIAN_FIELDS, named, [counted, others, patients]),
    ):
        nodes = rows.group_by(key, maintain_order=True).agg(numbers).sort(key)
        data[kind].x = _tensor(nodes.select(fields))
        relation = next(r for r in RELATIONS if r[0] == kind)
        _connect(data, relation, pairs=rows, nodes=nodes[key], key=key, claim_at=claim_at)
        if kind == "provider":
            data[kind].ids = nodes[key].to_list()
    for kind, table in (("diagnosis", "diagnoses"), ("procedure", "procedures")):
        codes = frame(known, table).select("stay_id", "code").unique()
        nodes_of = codes["code"].unique().sort()
        data[kind].bucket = torch.tensor(
            [zlib.crc32(c[:3].encode()) % BUCKETS for c in nodes_of.to_list()], dtype=torch.int64
        )
        data[kind].num_nodes = nodes_of.len()
        coded = (kind, "is_on", "claim")
        _connect(data, coded, pairs=codes, nodes=nodes_of, key="code", claim_at=claim_at)
    return data


def neighbourhood(data: HeteroData, providers: torch.Tensor) -> HeteroData:
    """The graph with only the claims that can reach the given provider nodes.

    These are the providers' own claims and the other claims of the patients and
    physicians on them; the network reads no farther, so its output for these
    providers is the same as on the whole graph. Nodes other than claims keep their
    numbers.
    """
    count = data["claim"].num_nodes
    bills = data["provider", "bills", "claim"].edge_index
    own = torch.zeros(count, dtype=torch.bool)
    own[bills[1, torch.isin(bills[0], providers)]] = True
    kept = own.clone()
    for kind in ("patient", "physician"):
        edges = next(data[r].edge_index for r in RELATIONS if r[0] == kind)
        near = torch.zeros(data[kind].num_nodes, dtype=torch.bool)
        near[edges[0, own[edges[1]]]] = True
        kept[edges[1, near[edges[0]]]] = True
    number = torch.cumsum(kept, 0) - 1
    small = copy.copy(data)
    small["claim"].x = data["claim"].x[kept]
    for relation in RELATIONS:
        source, claim = data[relation].edge_index
        inside = kept[claim]
        small[relation].edge_index = torch.stack([source[inside], number[claim[inside]]])
    return small


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
    *,
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
