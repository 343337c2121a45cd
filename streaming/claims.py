"""The handler of topic ``claims``: canonical JSON claims in, decisions and alerts out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from domain.errors import Refusal
from domain.tables import Tables, concat
from store import Judged, Model, Outgoing, Ruleset, Store
from streaming import intake
from streaming.messages import Handled, Message, refuse_unread
from streaming.pipeline import Engine, assess
from streaming.pseudonym import PseudonymKey
from streaming.service import fingerprints
from streaming.telling import tell_results
from streaming.watch import Batch

_AGAIN = ("stay_id", "duplicate-id")
"""Field and rule of a refusal that only says that this stay came before in the same batch."""


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
        same: defaultdict[bytes, list[Message]] = defaultdict(list)
        for message in messages:
            reasons = refuse_unread(message)
            if reasons:
                dead.append((message, reasons))
            elif message.value is not None:
                same[message.value].append(message)
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
        return Handled(dead=dead, judged=judged, outgoing=outgoing)

    def _judge(
        self, claims: Tables, messages: Sequence[Message], before: Sequence[Tables], batch: Batch
    ) -> tuple[Judged, list[Outgoing]]:
        with batch.stage("look_back"):
            prints = fingerprints(claims)
            history = self._look_back(claims, prints, before)
        results = assess(claims, self.engine, history=history, stage=batch.stage)
        batch.judged(results)
        with batch.stage("tell"):
            by_stay = dict(zip(claims.stays["stay_id"].to_pylist(), messages, strict=True))
            told = tell_results(results, by_stay)
        ruleset, artifact = self.engine.ruleset, self.engine.artifact
        part = Judged(
            claims=claims,
            results=results,
            fingerprints=prints,
            ruleset=Ruleset(ruleset.sha256, ruleset.ids, {r.id: r.sha256 for r in ruleset.rules}),
            model=None if artifact is None else Model(artifact.sha256, artifact.manifest),
        )
        return part, told

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
