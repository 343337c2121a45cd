"""The handler of topic ``claims``: claims and withdrawals in, decisions and alerts out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl
import pyarrow as pa

from domain.errors import Refusal
from domain.results import Results
from domain.tables import Tables, concat
from store import Judged, Model, Outgoing, Partition, Store, Withdrawn, states
from store.journal import Write
from store.open_stays import close
from streaming import intake
from streaming.digest import digests
from streaming.intake.withdrawals import is_withdrawal, read_withdrawal
from streaming.messages import Handled, Message, refuse_unread
from streaming.pipeline import Engine, assess
from streaming.pseudonym import PseudonymKey
from streaming.service import fingerprints, look_back, ruleset_of
from streaming.telling import tell_results
from streaming.watch import Batch

_AGAIN: Final = ("stay_id", "duplicate-id")
"""Field and rule of a refusal that only says that this stay came before in the same batch."""

LATE_AT_ONCE: Final = 200
"""Stays judged again at a time: about what a second's claims of a province make late, and
few enough that they do not hold up the next batch."""


@dataclass(frozen=True, slots=True)
class ClaimsHandler:
    """Judges claims as ``POST /v1/assess`` does, a batch at a time.

    A batch may hold one stay several times: the same claim sent twice, a correction right
    after its first version. The tables hold a stay once, so the second comes in a second
    *round*, which looks back at the first; all rounds are stored in one transaction.
    """

    engine: Engine
    store: Store
    key: PseudonymKey

    def __call__(self, messages: Sequence[Message], batch: Batch, /) -> Handled:
        """Decode, look back, judge; nothing is written."""
        dead: list[tuple[Message, tuple[Refusal, ...]]] = []
        withdrawn: list[Withdrawn] = []
        same: defaultdict[bytes, list[Message]] = defaultdict(list)
        for message in messages:
            reasons = refuse_unread(message)
            value = message.value or b""
            if reasons:
                dead.append((message, reasons))
            elif is_withdrawal(value):
                found = read_withdrawal(value)
                if isinstance(found, Withdrawn):
                    withdrawn.append(found)
                else:
                    dead.append((message, found))
            else:
                same[value].append(message)
        judged: list[Judged] = []
        outgoing: list[Outgoing] = []
        waiting = list(same)
        before: list[Tables] = []
        while waiting:
            with batch.stage("decode"):
                claims, refused = intake.decode(waiting, key=self.key)
            again, refusals = [], set()
            for refusal in refused:
                refusals.add(refusal.index)
                value = waiting[refusal.index]
                if any((r.field, r.rule) == _AGAIN for r in refusal.reasons):
                    again.append(value)
                else:
                    # Each message stands in the topic by itself, so each is set aside.
                    dead += ((message, refusal.reasons) for message in same[value])
            if len(claims):
                taken = [v for i, v in enumerate(waiting) if i not in refusals]
                part, told = self._judge(claims, [same[v][0] for v in taken], before, batch)
                judged.append(part)
                outgoing += told
                before.append(claims)
            waiting = again
        writes = _close_settled(before)
        if withdrawn:
            writes.append(_withdraw(withdrawn))
        return Handled(dead=dead, judged=judged, writes=writes, outgoing=outgoing)

    def _judge(
        self, claims: Tables, messages: Sequence[Message], before: Sequence[Tables], batch: Batch
    ) -> tuple[Judged, list[Outgoing]]:
        with batch.stage("look_back"):
            prints = fingerprints(claims)
            history = self._look_back(claims, prints, before)
        with batch.stage("decide"):
            digested = digests(claims)
        results = assess(claims, self.engine, history=history, stage=batch.stage, digested=digested)
        batch.judged(results)
        with batch.stage("tell"):
            by_stay = dict(zip(claims.stays["stay_id"].to_pylist(), messages, strict=True))
            told = tell_results(results, by_stay)
        return _judged(claims, results, prints, self.engine, digested=digested), told

    def _look_back(
        self, claims: Tables, prints: dict[str, str], before: Sequence[Tables]
    ) -> Tables:
        """Stored claims, and those of earlier rounds of this batch, which are not stored yet."""
        here = set(claims.stays["stay_id"].to_pylist())
        newest: dict[str, tuple[int, int]] = {}
        for round_, tables in enumerate(before):
            ids, versions = (tables.stays[c].to_pylist() for c in ("stay_id", "claim_version"))
            for stay, version in zip(ids, versions, strict=True):
                if stay not in here:
                    newest[stay] = max(newest.get(stay, (0, 0)), (version, round_))
        stored = self.store.history(
            claims.stays["patient_id"].unique().to_pylist(),
            sorted(set(prints.values())),
            excluding=sorted(here | set(newest)),
        )
        unstored = [
            tables.select(pa.array(sorted(s for s, (_, r) in newest.items() if r == round_)))
            for round_, tables in enumerate(before)
            if any(r == round_ for _, r in newest.values())
        ]
        return concat([stored, *unstored]) if unstored else stored


@dataclass(frozen=True, slots=True)
class LateStays:
    """Judges again the stays whose look-back changed, between batches (``streaming.messages.Chore``).

    A claim of their patient came late, was corrected or withdrawn.
    """

    engine: Engine
    store: Store

    def waiting(self) -> bool:
        """Whether any stay is listed."""
        return bool(self.store.to_judge(1))

    def __call__(self, source: Partition, batch: Batch, /) -> Handled:
        """Take those that wait longest; what comes of them is published by whoever reads ``source``."""
        listed = self.store.to_judge(LATE_AT_ONCE)
        if not listed:
            return Handled()
        taken = [(row["stay_id"], row["since"]) for row in listed]
        claims = self.store.stays([stay_id for stay_id, _ in taken])
        with batch.stage("look_back"):
            prints = fingerprints(claims)
            history = look_back(self.store, claims)
        with batch.stage("decide"):
            digested = digests(claims)
        results = assess(claims, self.engine, history=history, stage=batch.stage, digested=digested)
        batch.judged(results)
        message = Message(*source, offset=-1, key=None, value=None)
        by_stay = dict.fromkeys(claims.stays["stay_id"].to_pylist(), message)
        return Handled(
            judged=[_judged(claims, results, prints, self.engine, digested=digested, taken=taken)],
            outgoing=tell_results(results, by_stay),
        )


def _judged(
    claims: Tables,
    results: Results,
    prints: dict[str, str],
    engine: Engine,
    *,
    digested: pl.DataFrame,
    taken: Sequence[tuple[str, datetime]] = (),
) -> Judged:
    artifact = engine.artifact
    return Judged(
        claims=claims,
        results=results,
        fingerprints=prints,
        ruleset=ruleset_of(engine.ruleset),
        model=None if artifact is None else Model(artifact.sha256, artifact.manifest),
        taken=taken,
        documents=digested["document"].to_list(),
    )


def _close_settled(rounds: Iterable[Tables]) -> list[Write]:
    """The order stream need not keep a stay whose claim says when it ended."""
    ended = {
        stay_id
        for claims in rounds
        for stay_id, discharge in zip(
            claims.stays["stay_id"].to_pylist(),
            claims.stays["discharge_date"].to_pylist(),
            strict=True,
        )
        if discharge is not None
    }
    return [close(sorted(ended))] if ended else []


def _withdraw(given: Sequence[Withdrawn]) -> Write:
    def write(connection: Any, now: datetime) -> None:
        states.withdraw(connection, given, now)

    return write
