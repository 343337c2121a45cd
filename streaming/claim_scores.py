"""Scores of single claims for a waiting caller: a model of claims with all stored ones in memory."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl
import pyarrow as pa

import drg
import rules
from domain.errors import SentinelError
from domain.service import NotReadyError, Told
from domain.tables import Tables
from explain import because_of, explain
from graph_models import cut, reviewed_claims
from graph_models.stays import Desk, StayModel, levels
from graph_models.stays.naming import party
from store import Store
from streaming import intake
from streaming.pipeline import Engine
from streaming.pseudonym import PseudonymKey
from streaming.readiness import told
from streaming.service import look_back

if TYPE_CHECKING:
    from graph_models import Scored

FRESH: Final = timedelta(hours=24)
"""After so long what is remembered is read anew."""
_AGAIN_S: Final = 30.0
SHOWN: Final = 20
"""Claims that a shared thing lists; the count is of all."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What was made of the stored claims, and when."""

    desk: Desk
    rival: Desk | None
    """The challenger's."""
    rings: pl.DataFrame
    upto: date
    claims: int
    at: datetime


class ClaimScores:
    """``domain.service.ScoreClaims`` on a thread of the service that remembers and, daily, remembers anew.

    Requests are answered by what was remembered last; until the first time is done they are told so.
    """

    def __init__(
        self,
        model: StayModel,
        engine: Engine,
        store: Store,
        key: PseudonymKey,
        *,
        challenger: StayModel | None = None,
    ) -> None:
        """``challenger`` scores the same claims in shadow: it alerts nobody and names no ring."""
        self._model, self._engine, self._store, self._key = model, engine, store, key
        self._challenger = challenger
        self._held: _Remembered | None = None
        self._trouble: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="claim scores", daemon=True)
        self._thread.start()

    def detail(self) -> str:
        """How it is, in words."""
        name = self._model.sha256
        if self._held is None:
            return f"{name}, {self._trouble or 'reading the stored claims'}"
        return f"{name}, {self._held.claims:,} claims before {self._held.upto}"

    def close(self) -> None:
        """Leave; what is under way ends with the process."""
        self._stop.set()

    def score(self, records: Sequence[bytes], /) -> Told:
        """See ``ScoreClaims``."""
        held = self._now()
        batch, refused = intake.decode(records, key=self._key)
        results: list[dict[str, Any]] = []
        if len(batch):
            said = self._verdicts(batch, look_back(self._store, batch))
            for stay_id in batch.stays["stay_id"].to_pylist():
                one = batch.select(pa.array([stay_id]))
                absent = self._absent(one)
                if absent is not None:
                    results.append({"stay_id": stay_id, "absent": absent})
                    continue
                own = said.filter(pl.col("stay_id") == stay_id)
                results.append(
                    {
                        **self._tell(_ask(held.desk, stay_id, one, own), held),
                        "known": held.desk.knows(stay_id),
                        "shared": _shared(held.desk, stay_id, one),
                        "challenger": held.rival
                        and _in_shadow(held.rival, _ask(held.rival, stay_id, one, own)),
                    }
                )
        return Told(results, tuple(refused))

    def again(self, stay_id: str, /) -> dict[str, Any] | None:
        """See ``ScoreClaims``."""
        held = self._now()
        if not held.desk.knows(stay_id):
            return None
        scored = held.desk.again(stay_id)
        rests = [
            {**_named(c.relation), "claims": c.claims, "stay_ids": c.stay_ids, "fall": c.fall}
            for c in because_of(held.desk, stay_id).connections
        ]
        shadow = held.rival and _in_shadow(held.rival, held.rival.again(stay_id))
        return {**self._tell(scored, held), "connections": rests, "challenger": shadow}

    def rings(self, limit: int, /) -> dict[str, Any]:
        """See ``ScoreClaims``."""
        held = self._now()
        rows = held.rings.head(limit).to_dicts()
        for row in rows:
            row["ties"] = [_named(tie) for tie in row["ties"] or []]
        return {**self._as_of(held), "count": held.rings.height, "rings": rows}

    def _run(self) -> None:
        while not self._stop.is_set():
            wait = FRESH.total_seconds()
            try:
                self._held = self._remember()
                self._trouble = None
            except SentinelError as error:  # the database is away, or has no claim yet
                self._trouble = told(error)
                wait = _AGAIN_S
            self._stop.wait(wait)

    def _remember(self) -> _Remembered:
        last = self._store.last_end()
        if last is None:
            raise NotReadyError(
                "no stored claim has ended",
                where="the database",
                cure="Assess claims first: POST /v1/claims:assess or sentinel assess.",
            )
        upto = last + timedelta(days=1)
        known = cut(self._store.ended(upto - self._model.reach, upto), upto)
        said = self._verdicts(known, None)
        findings = reviewed_claims(self._store.all_reviews())
        survey = self._model.survey(known, said, upto=upto, labels=findings)
        rival = None
        if self._challenger is not None:
            rival = self._challenger.remember(known, said, upto=upto, labels=findings)
        rings = levels.rings(survey.again(), survey.stays, least=self._model.threshold)
        return _Remembered(survey.desk(), rival, rings, upto, len(known), datetime.now(UTC))

    def _verdicts(self, claims: Tables, history: Tables | None) -> pl.DataFrame:
        settled = drg.settle(claims, self._engine.library)
        return rules.judge(self._engine.ruleset, claims, history=history, settled=settled).verdicts

    def _now(self) -> _Remembered:
        if self._held is None:
            raise NotReadyError(
                f"the stored claims are being read: {self._trouble or 'begun'}",
                where="scores of claims",
                cure="Ask again in a minute; GET /readyz tells how it is.",
            )
        return self._held

    def _as_of(self, held: _Remembered) -> dict[str, Any]:
        return {
            "model_sha256": self._model.sha256,
            "threshold": self._model.threshold,
            "currency": self._model.habits.currency,
            "upto": held.upto.isoformat(),
            "remembered_at": held.at.isoformat(timespec="seconds"),
            "remembered": held.claims,
        }

    def _tell(self, scored: Scored, held: _Remembered) -> dict[str, Any]:
        scores, reasons = explain(self._model, scored)
        (row,) = scores.to_pylist()
        return {
            "stay_id": row["subject_id"],
            "score": row["score"],
            "alert": row["score"] >= self._model.threshold,
            "base_value": row["base_value"],
            "reasons": reasons.to_pylist(),
            **self._as_of(held),
        }

    def _absent(self, claim: Tables) -> dict[str, str] | None:
        """Why a claim has no score, in Chinese and English; None if it has one."""
        (row,) = claim.stays.select(
            ["currency", "discharge_date", "settlement_end_date"]
        ).to_pylist()
        ours = self._model.habits.currency
        if ours is not None and row["currency"] != ours:
            zh, en = f"模型按{ours}学习", f"the model learned from amounts in {ours}"
        elif row["discharge_date"] is None and row["settlement_end_date"] is None:
            zh, en = "尚未出院或结算", "the patient has not left, and nothing is settled"
        else:
            return None
        return {"zh": zh, "en": en}


def _ask(desk: Desk, stay_id: str, claim: Tables, judged: pl.DataFrame) -> Scored:
    """The score of a claim as it is remembered, else as it was sent."""
    return desk.again(stay_id) if desk.knows(stay_id) else desk.score(claim, judged)


def _in_shadow(rival: Desk, scored: Scored) -> dict[str, Any]:
    """What the challenger says of a claim."""
    score = float(scored.scores[0])
    return {
        "model_sha256": rival.model.sha256,
        "score": score,
        "alert": score >= rival.model.threshold,
    }


def _shared(desk: Desk, stay_id: str, claim: Tables) -> list[dict[str, Any]]:
    """What a claim shares with which remembered ones."""
    found = []
    for relation, every in desk.shares(claim).items():
        others = [s for s in every if s != stay_id]
        if others:
            found.append({**_named(relation), "claims": len(others), "stay_ids": others[-SHOWN:]})
    return found


def _named(relation: str) -> dict[str, Any]:
    zh, en = party(relation)
    return {"relation": relation, "name": {"zh": zh, "en": en}}
