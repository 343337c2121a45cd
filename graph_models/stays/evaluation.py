"""Do connections find what one claim does not show? Measured on months with planted rings."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from domain.errors import SentinelError
from domain.tables import Tables
from graph_models.evaluation import foremost
from graph_models.head import raw, snap
from graph_models.learning import SEED
from graph_models.packed import Scored
from graph_models.stays import levels, naming
from graph_models.stays.fitting import Progress
from graph_models.stays.learning import Lesson, learn, pack
from graph_models.stays.measuring import quality, rings_found
from graph_models.stays.reading import Stays, day_number, read
from graph_models.stays.unusual import COLUMNS as SEEN
from graph_models.stays.unusual import Forest
from graph_models.window import KNOWN_ON, day_after_last, frame, known_on

Numbers = NDArray[np.float64]

SHARE: Final = 0.01
"""Of the judged claims, those that people look at."""
RING_SHARE: Final = 0.015
"""Of the judged claims, those whose ties make rings."""


def evaluate_rings(
    tables: Tables,
    labels: pl.DataFrame,
    *,
    upto: date,
    seed: int = SEED,
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train before ``upto`` and judge every later claim, of which no label is known to anything.

    ``labels`` has ``stay_id, label, known_on, ring, kind`` (empty where there is none). The claims are
    judged twice: ``then``, each as it was when it came, and ``again``, as all are known at the end. Plain
    JSON values: a variant's quality, the rings of which two claims are among the first ``SHARE``,
    its recall by kind; and what physicians' shares and rings say (``levels``).
    """
    say = progress or (lambda _: None)
    end = day_after_last(tables)
    days = frame(tables, "stays").select("stay_id", known_on())
    later = days.filter(pl.col(KNOWN_ON) >= upto).join(labels.filter("label"), on="stay_id")
    if not later.height:
        raise SentinelError(
            f"no ring was planted among the claims of {upto} and later",
            where="graph_models.stays.evaluate_rings",
            cure="Name an earlier day with --upto, or generate more months: sentinel samples rings.",
        )
    found_by_then = labels.filter(pl.col("known_on") < upto)
    lesson = learn(tables, None, labels, upto=upto, seed=seed, device=device, progress=progress)
    model = pack(lesson, upto=upto, given=labels.height, seed=seed)
    survey = model.survey(tables, upto=end, labels=found_by_then, device=device)
    stays = survey.stays
    late = stays.known >= day_number(upto)
    truth = _Truth.of(labels, stays, late)
    made: dict[str, Any] = {
        "learned_from": {
            "claims": len(lesson.stays),
            "labelled": model.manifest["labels"]["used"],
            "fraudulent": model.manifest["labels"]["positive"],
        },
        "network": model.manifest["network"],
        "columns": model.manifest["columns"],
    }
    boosters = {n: lesson.trees(lesson.judged, c, seed=seed) for n, c in lesson.sets().items()}
    forest = Forest(lesson.again[:, _seen(lesson)], seed=seed)
    for mode, look in (("then", survey.then), ("again", survey.again)):
        say(f"judging the later claims, {mode}")
        scored = look()
        x = scored.features[:, 1:].to_numpy()[late]
        values = {n: raw(b, snap(x)) for n, b in boosters.items()}
        values["network alone"] = x[:, model.feature_names.index(naming.NETWORK)]
        values["model"] = scored.margins[late]
        values["without labels"] = forest.rank(x[:, _seen(lesson)])
        made[mode] = {name: truth.judge(v, seed=seed) for name, v in values.items()}
    made["levels"] = _levels(scored, tables, late, truth)
    return made


def _seen(lesson: Lesson) -> list[int]:
    return [lesson.columns.index(n) for n in SEEN]


class _Truth:
    """What was planted among the judged claims."""

    def __init__(self, fraud: NDArray[np.bool_], ring: NDArray[np.str_], kind: NDArray[np.str_]):
        self.fraud, self.ring, self.kind = fraud, ring, kind

    @classmethod
    def of(cls, labels: pl.DataFrame, stays: Stays, late: NDArray[np.bool_]) -> _Truth:
        table = pl.DataFrame({"stay_id": stays.ids}).join(
            labels, on="stay_id", how="left", maintain_order="left"
        )
        return cls(
            table["label"].fill_null(value=False).to_numpy()[late],
            *(np.array(table[c].fill_null("").to_list())[late] for c in ("ring", "kind")),
        )

    def judge(self, values: Numbers, *, seed: int) -> dict[str, Any]:
        found, rings = rings_found(values, self.ring, SHARE)
        first = foremost(values, SHARE)
        kinds = sorted(set(self.kind.tolist()) - {""})
        return quality(values, self.fraud, seed=seed) | {
            "rings_found": found,
            "rings": rings,
            "recall_by_kind": {
                k: round(float((self.kind[first] == k).sum() / (self.kind == k).sum()), 4)
                for k in kinds
            },
        }


def _levels(
    scored: Scored, tables: Tables, late: NDArray[np.bool_], truth: _Truth
) -> dict[str, Any]:
    ids = [s for s, kept in zip(scored.subject_ids, late.tolist(), strict=True) if kept]
    judged, inside = scored.select(ids), read(tables.select(pa.array(ids)), upto=scored.upto)
    ring_of = dict(zip(ids, truth.ring.tolist(), strict=True))
    least = float(np.quantile(judged.scores, 1 - RING_SHARE))
    found = levels.rings(judged, inside, least=least)
    planted: dict[str, set[str]] = {}
    for stay, ring in ring_of.items():
        if ring:
            planted.setdefault(ring, set()).add(stay)
    hit, good = set(), 0
    for members in found["stay_ids"].to_list():
        got = set(members)
        hit |= {r for r, all_of in planted.items() if 2 * len(all_of & got) >= len(all_of)}
        good += 2 * sum(bool(ring_of[s]) for s in got) >= len(got)
    made: dict[str, Any] = {
        "rings": {
            "named": found.height,
            "mostly_planted": good,
            "found": len(hit),
            "planted": len(planted),
        }
    }
    for relation in ("physician", "provider"):
        table = levels.parties(judged, inside, relation)
        guilty = levels.count_in(inside, relation, {s for s, r in ring_of.items() if r})
        y = np.array([guilty.get(p, 0) >= 2 for p in table["party_id"].to_list()])
        if y.any() and not y.all():
            made[relation] = quality(table["share"].to_numpy(), y, seed=SEED)
    return made
