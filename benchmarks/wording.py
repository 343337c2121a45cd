"""How many inventions of a language model are caught, and how many faithful rewordings pass.

    python -m benchmarks.wording [--attempts 5000] [--seed 1]

A stub server speaks the protocol of chat completions and invents codes, numbers, drugs, clauses,
advice and turned meanings on cards of all checks, in Chinese and English; the words are asked for over
HTTP as in the service. Prints one JSON line: attempts by kind, those shown (none may be), the share
of the 60 hand-written faithful rewordings that pass, and milliseconds of one verification.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections import Counter
from typing import Any

from explain.wording import Client, Settings, Verifier, Writer, facts_of
from tests import wording_cards as cards
from tests.wording_inventions import KINDS, invent
from tests.wording_rephrasings import TRIED, UNSEEN
from tests.wording_stub import serve


def main() -> int:
    """Print the figures; 1 if an invention was shown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found = inventions(asked.attempts, asked.seed) | rewordings() | {"seed": asked.seed}
    print(json.dumps(found, ensure_ascii=False))
    return 1 if found["shown"] else 0


def inventions(attempts: int, seed: int) -> dict[str, Any]:
    """Ask for words of a model that invents; every attempt is another one."""
    rng = random.Random(seed)
    every = [*cards.cards("zh"), *cards.cards("en")]
    by_kind: Counter[str] = Counter()
    by_lang: Counter[str] = Counter()
    forms: set[tuple[str, str]] = set()
    reasons: Counter[str] = Counter()
    shown: list[dict[str, str]] = []
    spent: list[float] = []
    with serve() as stub:
        client = Client(Settings(base_url=stub.base_url, model="stub"))
        writer = Writer(cards.names(), client)
        while by_kind.total() < attempts:
            facts, kind = rng.choice(every), rng.choice(KINDS)
            made = invent(rng, facts, cards.names(), kind)
            if made is None:
                continue
            stub.answer = lambda body, content=made.content: content  # type: ignore[misc]
            stub.asked.clear()
            stub.raw.clear()
            stub.headers.clear()
            words, record = writer.write(facts)
            by_kind[kind] += 1
            by_lang[made.lang] += 1
            forms.add((kind, made.form))
            if record is None or words.source != "template":
                shown.append(made.texts)
                print(json.dumps(made.texts, ensure_ascii=False), file=sys.stderr)
            else:
                reasons.update({one.partition(":")[0] for one in record.refused})
            began = time.perf_counter()
            Verifier(facts, cards.names()).faults(made.texts)
            spent.append(time.perf_counter() - began)
        client.close()
    return {
        "attempts": by_kind.total(),
        "shown": len(shown),
        "caught_share": 1 - len(shown) / by_kind.total(),
        "by_kind": dict(sorted(by_kind.items())),
        "by_language": dict(sorted(by_lang.items())),
        "forms": len(forms),
        "reasons": dict(reasons.most_common()),
        "verify_ms_median": round(1000 * statistics.median(spent), 2),
    }


def rewordings() -> dict[str, Any]:
    """How many of the hand-written faithful rewordings pass."""
    passed: Counter[str] = Counter()
    for name, group in (("tried", TRIED), ("unseen", UNSEEN)):
        for rule_id, lang, summary, detail in group:
            facts = facts_of(cards.stream_suggestion(rule_id), lang, cards.names())
            texts = {"summary": summary, "detail": detail, "action": facts.action}
            passed[name] += not Verifier(facts, cards.names()).faults(texts)
            passed[lang] += not Verifier(facts, cards.names()).faults(texts)
    number = len(TRIED) + len(UNSEEN)
    return {
        "faithful": number,
        "faithful_passed": passed["tried"] + passed["unseen"],
        "faithful_share": round((passed["tried"] + passed["unseen"]) / number, 3),
        "faithful_by": dict(passed),
    }


if __name__ == "__main__":
    sys.exit(main())
