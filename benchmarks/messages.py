"""Break messages in every way and see that each is answered, and read or kept.

    python benchmarks/messages.py [--messages 100000] [--stays 50] [--seed 1]

HL7 v2 messages of a generated month are mutated (bytes, fields, components, segments,
separators, versions, character sets, truncation) and given to the desk that `sentinel hl7
listen` runs, and settlement lists (4101) to their reader (FHIR has a benchmark of its own,
``benchmarks.fhir_messages``). Before that the month is written and read unbroken, and must be the same. Counted are crashes (none is allowed), messages without an answer, and messages
neither read nor kept with a reason. ``ms_a_message`` is the processor time of ours beside
hl7apy, which parses, and which validates as ``--strict`` does. Prints one line of JSON; exit status 1 on any.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from data_samples import month, ward
from data_samples.planting import SEED
from streaming import intake
from streaming.digest import documents
from streaming.hl7.reading import Reader
from streaming.hl7.sinks import Taken
from streaming.hl7.taking import Desk
from streaming.hl7.writing import Writer
from streaming.orders.events import decode
from streaming.orders.state import OpenStay, apply_events
from streaming.pseudonym import PseudonymKey
from streaming.settlement_message.reading import read_many
from streaming.settlement_message.writing import write as write_settlement
from tests.message_mutations import HL7, JSON, mutate

KEY = PseudonymKey(b"fuzzing of messages only, no secret")
BATCH = 100
NOT_IN_4101 = (
    "charges",
    "orders",
    "coverages",
    "ward",
    "deductible_fen",
    "bank_account",
    "billed_group_code",
)
STRICT_SHARE = 0.01


class Ledger:
    """A sink that keeps nothing but the proof: digests of what was taken and what was set aside."""

    def __init__(self) -> None:
        self.events = 0
        self.dead: dict[str, tuple[str, ...]] = {}

    def take(self, events: Sequence[Taken], dead: Sequence[Any], /) -> dict[int, tuple[str, str]]:
        """Count events, note letters by the digest of their bytes."""
        self.events += len(events)
        for letter in dead:
            digest = hashlib.sha256(letter.value).hexdigest()
            self.dead[digest] = tuple(r.rule for r in letter.reasons)
        return {}

    def head(self, _stay_id: str, /) -> None:
        """Nothing is stored."""


def round_trip(stays: int) -> dict[str, Any]:
    """A month written and read again: how many stays come to the same, in each form."""
    events = list(ward.stream(SEED, stays, still_in=stays // 5))
    want = _stays(events)
    result: dict[str, Any] = {"events": len(events), "stays": len(want)}
    for charset in ("utf-8", "gb18030"):
        reader, found = Reader(), list[dict[str, Any]]()
        for raw in Writer(charset).write(events):
            for event in reader.read(raw).events:
                found.append(event.document)
                if event.document["kind"] == "stay":
                    reader.memory.note(event.document)
        got = _stays(found)
        result[f"same_{charset}"] = sum(
            one.claim() == got[stay_id].claim() and one.phase is got[stay_id].phase
            for stay_id, one in want.items()
        )
    claims = [dict(claim) for claim in month.plan(SEED, stays).stays()]
    read = read_many([write_settlement(claim) for claim in claims], KEY)
    wanted = _texts([{n: v for n, v in c.items() if n not in NOT_IN_4101} for c in claims])
    got_texts = _texts([one.claim for one in read if one.claim is not None])
    result["claims"] = len(claims)
    result["same_4101"] = sum(got_texts.get(name) == text for name, text in wanted.items())
    return result


def _stays(events: Sequence[dict[str, Any]]) -> dict[str, OpenStay]:
    taken = []
    for start in range(0, len(events), 1000):
        records = [json.dumps(e).encode() for e in events[start : start + 1000]]
        found, refused = decode(records, key=KEY)
        if refused:
            raise AssertionError(refused[0])
        taken += [event for _, event in found]
    return apply_events(taken, {})[0]


def _texts(claims: Sequence[dict[str, Any]]) -> dict[str, str]:
    tables, _ = intake.decode([json.dumps(c, default=str).encode() for c in claims], key=KEY)
    return dict(documents(tables))


def speed(most: int = 200) -> dict[str, float]:
    """Processor ms a message of a generated month: read by us, parsed and validated by hl7apy."""
    from hl7apy.parser import parse_message

    from streaming.hl7.strict import check
    from streaming.hl7.text import read

    found = list(Writer().write(ward.stream(SEED, 12, still_in=3)))[:most]
    reader = Reader()

    def spent(work: Callable[[bytes], Any]) -> float:
        began = time.process_time()
        for raw in found:
            work(raw)
        return round(1000 * (time.process_time() - began) / len(found), 2)

    return {
        "messages": len(found),
        "ours": spent(reader.read),
        "hl7apy": spent(lambda raw: parse_message(raw.decode(), find_groups=False)),
        "hl7apy_strict": spent(lambda raw: check(read(raw))),
    }


def fuzz_hl7(count: int, seed: int) -> dict[str, Any]:
    """Mutated HL7 through the desk, a hundredth of it strictly."""
    dice = random.Random(seed)
    events = list(ward.stream(SEED, 12, still_in=3))
    originals = [m for m in Writer().write(events) if len(m) < 20_000]
    originals += Writer("gb18030", accept="AL", application="AL").write(events[:300])
    ledger, told = Ledger(), Counter[str]()
    desk = Desk(Reader(), ledger, KEY)
    worst = 0.0
    began = time.monotonic()
    for start in range(0, count, BATCH):
        batch = [
            mutate(dice, dice.choice(originals), HL7) for _ in range(min(BATCH, count - start))
        ]
        desk.is_strict = dice.random() < STRICT_SHARE
        one = time.monotonic()
        try:
            answered = desk.take(batch)
        except Exception as error:
            told[f"crash {type(error).__name__}"] += len(batch)
            continue
        worst = max(worst, time.monotonic() - one)
        for raw, done in zip(batch, answered, strict=True):
            told[done.outcome] += 1
            told["unanswered"] += not done.replies and not _asks_silence(raw)
            kept = ledger.dead.get(hashlib.sha256(raw).hexdigest())
            told["lost"] += done.outcome != "taken" and not kept
            told["defects"] += any(f.rule in ("not-handled", "not-kept") for f in done.faults)
    took = time.monotonic() - began
    if not count:
        return {}
    return {
        "messages": count, "seconds": round(took, 1), "a_second": round(count / took), "worst_batch_s": round(worst, 2),
        "crashes": sum(n for name, n in told.items() if name.startswith("crash")),
        "taken": told["taken"], "refused": told["refused"], "lost": told["lost"], "unanswered": told["unanswered"],
        "defects": told["defects"],
        "reasons": dict(Counter(r for rules in ledger.dead.values() for r in set(rules)).most_common()),
    }  # fmt: skip


def _asks_silence(raw: bytes) -> bool:
    """Whether what stands in MSH-15 and MSH-16, mutated or not, does not always ask for an answer."""
    from streaming.hl7.text import peek

    header = peek(raw)
    return header.is_enhanced and "AL" not in (header.accept, header.application)


def fuzz_json(
    count: int,
    seed: int,
    originals: Sequence[bytes],
    read: Callable[[list[bytes]], list[tuple[str, ...] | None]],
) -> dict[str, Any]:
    """Mutated JSON through a reader that gives the rules of the reasons, or None for what was read."""
    dice, told = random.Random(seed), Counter[str]()
    reasons: Counter[str] = Counter()
    began = time.monotonic()
    for start in range(0, count, BATCH):
        batch = [
            mutate(dice, dice.choice(originals), JSON) for _ in range(min(BATCH, count - start))
        ]
        try:
            found = read(batch)
        except Exception as error:
            told[f"crash {type(error).__name__}"] += len(batch)
            continue
        for rules in found:
            told["read" if rules is None else "refused" if rules else "lost"] += 1
            reasons.update(set(rules or ()))
    took = time.monotonic() - began
    return {
        "messages": count, "seconds": round(took, 1), "a_second": round(count / max(took, 0.001)),
        "crashes": sum(n for name, n in told.items() if name.startswith("crash")),
        "read": told["read"], "refused": told["refused"], "lost": told["lost"], "reasons": dict(reasons.most_common()),
    }  # fmt: skip


def settlement_rules(batch: list[bytes]) -> list[tuple[str, ...] | None]:
    """The rules of what was refused of settlement lists."""
    return [
        None if one.claim is not None else tuple(r.rule for r in one.reasons)
        for one in read_many(batch, KEY)
    ]


def main() -> int:
    """Run all; 1 if anything crashed, was lost or went unanswered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--stays", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    hl7 = asked.messages * 7 // 10
    claims = list(month.plan(SEED, 20).stays())
    result: dict[str, Any] = {
        "round_trip": round_trip(asked.stays),
        "ms_a_message": speed(),
        "hl7": fuzz_hl7(hl7, asked.seed),
        "settlement": fuzz_json(
            asked.messages - hl7,
            asked.seed,
            [write_settlement(c) for c in claims],
            settlement_rules,
        ),
    }
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    trip = result["round_trip"]
    whole = (
        trip["stays"] == trip["same_utf-8"] == trip["same_gb18030"]
        and trip["claims"] == trip["same_4101"]
    )
    parts = [part for part in result.values() if isinstance(part, dict)]
    return int(
        not whole
        or any(p.get(n) for p in parts for n in ("crashes", "lost", "unanswered", "defects"))
    )


if __name__ == "__main__":
    sys.exit(main())
