"""Train a model of claims: everything that judges a claim has learned from earlier ones."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

import lightgbm as lgb
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from domain import SCHEMA_VERSION
from domain.errors import SentinelError
from domain.tables import Tables
from graph_models.catalog import CHECK
from graph_models.evaluation import best_threshold
from graph_models.fitting import MIN_CLASS
from graph_models.head import Calibration, fold_in, raw, sigmoid, snap, used_columns
from graph_models.learning import BACKGROUND_ROWS, SEED
from graph_models.packed import FORMAT, installed
from graph_models.packing import parquet
from graph_models.stays import naming
from graph_models.stays.fitting import (
    Learnt,
    Progress,
    choose,
    divide,
    fit_network,
    fit_trees,
    pretrain,
    run,
    surprise,
)
from graph_models.stays.ground import UNKNOWN, Graph, Known, Scaling, inputs, number
from graph_models.stays.measuring import quality
from graph_models.stays.model import StayModel, assemble, days, names
from graph_models.stays.network import KINDS, StayNetwork
from graph_models.stays.reading import OWN, Stays, day_number, day_of, read
from graph_models.training import choose_device

Numbers = NDArray[np.float64]
Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

PEERS: Final = 5_000
"""Claims of the training that reasons compare with."""
ALONE: Final = "claim alone"
NO_BETTER: Final = 0.01
"""Columns that better the PR-AUC of later blocks by less are left out: fewer columns, fewer surprises."""
LEAST_HITS: Final = 20
"""A check that hit fewer claims of the training is no column; its hits still count."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a fit left: the networks, and the labelled claims with their columns.

    ``then`` and ``again`` are (claims, ``columns``): each claim as it was when it came, and as all
    others are known at the end. The network's column of both comes from one that learned from
    earlier blocks of time alone, NaN in the first. ``judged`` marks the labelled claims of the others.
    """

    stays: Stays
    known: Known
    block: Codes
    judged: Flags
    columns: tuple[str, ...]
    then: Numbers
    again: Numbers
    kind: str
    quality: dict[str, float]
    network: StayNetwork
    before: Learnt
    scaling: Scaling

    @property
    def fraud(self) -> Flags:
        """Which claims are known as fraudulent."""
        return np.asarray(self.known.label == 1)

    def sets(self) -> dict[str, Flags]:
        """Columns that a booster may ask about, from few to all: a flag a column."""
        names = np.array(self.columns)
        alone = np.isin(names, OWN) | np.char.startswith(names, CHECK)
        odd = np.isin(names, (naming.SURPRISE, *naming.FITS))
        network = names == naming.NETWORK
        return {
            "claim alone": alone,
            "and links": ~(odd | network),
            "and network": ~odd,
            "and surprise": np.ones(len(names), dtype=np.bool_),
        }

    def trees(self, inside: Flags, columns: Flags, *, seed: int) -> lgb.Booster:
        """A booster of the claims ``inside``, each as it was when it came and as it is at the end."""
        rows = np.vstack([m[inside] for m in (self.then, self.again)])
        # A column without values is never asked about and keeps its place.
        rows[:, ~columns] = np.nan
        return fit_trees(rows, np.tile(self.fraud[inside], 2), seed=seed)

    def later(self, columns: Flags, *, seed: int) -> Numbers:
        """Margins of the labelled claims from boosters of earlier blocks; NaN where there are none."""
        margin = np.full(len(self.stays), np.nan)
        for k in _judges(self.judged, self.fraud, self.block):
            here = self.judged & (self.block == k)
            booster = self.trees(self.judged & (self.block < k), columns, seed=seed)
            margin[here] = raw(booster, snap(self.again[here]))
        return margin


def _judges(judged: Flags, fraud: Flags, block: Codes) -> list[int]:
    """The blocks that a booster of earlier ones can judge: it has learned from some of either kind."""

    def enough(learn: Flags) -> bool:
        return bool(min(fraud[learn].sum(), (~fraud)[learn].sum()) >= MIN_CLASS // 2)

    last = int(block.max(initial=0))
    return [
        k
        for k in range(2, last + 1)
        if enough(judged & (block < k)) and (judged & (block == k)).any()
    ]


def train(
    tables: Tables,
    verdicts: pl.DataFrame | None,
    labels: pl.DataFrame,
    *,
    upto: date,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress | None = None,
) -> StayModel:
    """Train on the claims complete before ``upto`` and what was found of them before that day.

    ``labels`` has ``stay_id``, ``label`` (bool) and ``known_on``, the day of the finding. ``verdicts``
    must have been judged on claims before ``upto`` alone. SentinelError if fewer than four claims of
    a kind are labelled after the first quarter of the time.
    """
    lesson = learn(tables, verdicts, labels, upto=upto, seed=seed, device=device, progress=progress)
    return pack(lesson, upto=upto, given=labels.height, seed=seed)


def learn(
    tables: Tables,
    verdicts: pl.DataFrame | None,
    labels: pl.DataFrame,
    *,
    upto: date,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress | None = None,
) -> Lesson:
    """All that ``train`` learns but for the trees."""
    say = progress or (lambda _: None)
    chosen = choose_device(device)
    say("reading the claims and what they have in common")
    stays = read(tables, verdicts, upto=upto)
    last = day_number(upto)
    known = Known.of(stays, days(labels)).before(last)
    block = divide(stays, known)
    judged = (known.label != UNKNOWN) & (block > 0)
    frauds, others = (int((known.label[judged] == v).sum()) for v in (1, 0))
    if min(frauds, others) < MIN_CLASS:
        raise SentinelError(
            f"too few labelled claims: {frauds} fraudulent, {others} others after the first quarter of the time",
            where="graph_models.stays.train",
            cure=f"Label at least {MIN_CLASS} claims of each kind whose finding was known before {upto}.",
        )
    late = judged & np.isin(block, _judges(judged, known.label == 1, block))
    if not (known.label[late] == 1).any() or not (known.label[late] == 0).any():
        raise SentinelError(
            "no later claims of both kinds are left to judge the model by, once it has learned from earlier ones",
            where="graph_models.stays.train",
            cure="Give findings, fraudulent and not, that are spread over the time of the claims.",
        )
    _, codes = number(stays)
    graph = Graph(codes, stays, known, device=chosen)
    again = graph.again(last)
    first, later = graph.links(), again.links()
    scaling = Scaling.fit(inputs(stays.own, first))
    x, x_again = (scaling.apply(inputs(stays.own, v)).to(chosen) for v in (first, later))
    early = block == 0
    count = int(np.flatnonzero(early).max()) + 1
    before = {}
    for kind in KINDS:
        say(f"learning without labels: {kind}")
        before[kind] = pretrain(graph.head(count), x[:count], early[:count], kind=kind, seed=seed)
    kind, chain, found = choose(
        (graph, x),
        (again, x_again),
        block,
        seed=seed,
        start={k: v.network for k, v in before.items()},
        progress=say,
    )
    say("fitting the final network")
    everything = np.ones(len(stays), dtype=np.bool_)
    network = fit_network(graph, x, everything, kind=kind, seed=seed, start=before[kind].network)
    said = run(before[kind].network, graph, x)[1]
    checks = [c for c, v in stays.checks.items() if np.nansum(v) >= LEAST_HITS]
    rows = [
        assemble(
            stays.own,
            np.hstack([links, g.heard(first)]),
            [stays.checks[c] for c in checks],
            sigmoid(margin),
            surprise(before[kind], g, seen, said),
        )
        for g, links, seen, margin in (
            (graph, first, x, chain.then),
            (again, later, x_again, chain.again),
        )
    ]
    return Lesson(
        stays,
        known,
        block,
        judged,
        names(checks),
        then=rows[0],
        again=rows[1],
        kind=kind,
        quality=found,
        network=network,
        before=before[kind],
        scaling=scaling,
    )


def pack(lesson: Lesson, *, upto: date, given: int, seed: int = SEED) -> StayModel:
    """The model of a lesson: its trees, calibrated by what they say of later blocks, and its card."""
    fraud, columns = lesson.fraud, lesson.columns
    margins = {name: lesson.later(flags, seed=seed) for name, flags in lesson.sets().items()}
    late = ~np.isnan(margins[ALONE])
    found = {
        name: round(float(average_precision_score(fraud[late], margin[late])), 4)
        for name, margin in margins.items()
    }
    enough = max(v for n, v in found.items() if n != ALONE) - NO_BETTER
    chosen = next(n for n, v in found.items() if n != ALONE and v >= enough)
    margin = margins[chosen]
    line = Calibration.fit(margin[late], fraud[late])
    trees = lesson.trees(lesson.judged, lesson.sets()[chosen], seed=seed)
    booster = fold_in(trees, line)
    used = used_columns(booster)
    rng = np.random.default_rng(seed)
    judged = np.flatnonzero(lesson.judged)
    shown, background = (np.sort(rng.permutation(judged)[:n]) for n in (PEERS, BACKGROUND_ROWS))
    files = {
        "model.txt": booster.model_to_string().encode(),
        "network.pt": _weights(lesson),
        "background.parquet": parquet(
            pl.DataFrame(snap(lesson.again[background]), schema=list(columns), orient="row")
        ),
        "entities.parquet": parquet(
            pl.DataFrame(lesson.again[shown], schema=list(columns), orient="row")
            .insert_column(
                0, pl.Series("stay_id", [f"peer-{n}" for n in range(len(shown))], dtype=pl.String)
            )
            .with_columns(score=sigmoid(raw(booster, snap(lesson.again[shown]))))
        ),
    }
    probability = sigmoid(line.apply(margin[late]))
    manifest = {
        "format": FORMAT,
        "level": StayModel.LEVEL,
        "kind": f"claim fraud: {lesson.kind} network of earlier claims, LightGBM, Platt calibration",
        "schema": {"version": SCHEMA_VERSION, **StayModel.schema_digests(columns)},
        "upto": upto.isoformat(),
        "window": {
            "claims": len(lesson.stays),
            "first": day_of(int(lesson.stays.known.min())).isoformat(),
            "last": day_of(int(lesson.stays.known.max())).isoformat(),
        },
        "labels": {
            "given": given,
            "used": int((lesson.known.label != UNKNOWN).sum()),
            "positive": int(fraud.sum()),
            "judged_later": int(late.sum()),
        },
        "seed": seed,
        "network": {"kind": lesson.kind, "later_pr_auc": lesson.quality},
        "columns": {"chosen": chosen, "later_pr_auc": found},
        "calibration": {"slope": line.slope, "offset": line.offset},
        "threshold": {
            "score": best_threshold(probability, fraud[late]),
            "chosen": "highest F1 of the scores of later blocks",
        },
        "metrics": {
            "whole": quality(margin[late], fraud[late], seed=seed),
            "claim_alone": quality(margins[ALONE][late], fraud[late], seed=seed),
        },
        "habits": asdict(lesson.stays.habits),
        "features": [
            naming.describe(n).record() | {"used": bool(u)}
            for n, u in zip(columns, used, strict=True)
        ],
        "fill": {},
        "peers": {"bands": {}, "groups": []},
        "packages": installed(),
    }
    return StayModel.seal(files, manifest)


def _weights(lesson: Lesson) -> bytes:
    buffer = io.BytesIO()
    torch.save(
        {
            "kind": lesson.kind,
            "mean": torch.from_numpy(lesson.scaling.mean),
            "spread": torch.from_numpy(lesson.scaling.spread),
            **{
                name: {k: v.cpu() for k, v in module.state_dict().items()}
                for name, module in (
                    ("network", lesson.network),
                    ("before", lesson.before.network),
                    ("guess", lesson.before.guess),
                )
            },
        },
        buffer,
    )
    return buffer.getvalue()
