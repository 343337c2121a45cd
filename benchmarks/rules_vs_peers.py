"""150 predicates over a million rows: ours beside Zen and rule-engine, in one run.

    python -m benchmarks.rules_vs_peers [--rows N] [--seconds S]

The same predicates over the same rows. Ours are rule files, loaded and compiled as the
catalogue is, over all rows. The peers judge row by row from dictionaries that are made
beforehand (that time is not counted); they get as many rows as fit into the seconds,
and their time for all rows is extrapolated from that rate. Zen runs both ways that it
offers (one decision with 150 expressions; 150 compiled expressions) and the faster
counts. No value is null, since both peers fail on null where SQL gives NULL.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import rule_engine
import zen

import rules
from benchmarks.assess_real_claims import machine
from rules.engine import verdict_columns
from rules.facts.table import CURRENCY, REGION, SERVICE_DATE

NUMBERS = (
    "stay_days", "age_at_admission_years", "diagnosis_count", "procedure_count", "charge_line_count",
    "stays_in_365_days", "days_since_prior_stay", "length_of_stay_days", "full_days",
    "days_without_activity", "lines_posted_at_once", "nursing_levels_on_a_day", "order_count",
    "antibacterials_at_once", "code_count", "outpatient_claims_during_stay", "total_amount_fen",
    "fund_payment_fen", "payment_standard_fen", "charge_lines_total_fen",
)  # fmt: skip
FLAGS = (
    "has_prior_stay",
    "stated_day_surgery",
    "stated_transfer_out",
    "death_is_known",
    "prior_stated_plan",
)
CODES = {
    "claim_type": ["inpatient", "outpatient"],
    "discharge_way": ["1", "2", "3", "4", "5", "9"],
    "sex": ["1", "2"],
    "provider_level": ["1", "2", "3"],
}
RUNS = 5


@dataclass(frozen=True)
class Written:
    """One predicate in the three languages."""

    ours: str
    peer: str
    params: dict[str, int]


def write(lot: random.Random) -> Written:
    """Two to five conditions joined by AND and OR."""
    params: dict[str, int] = {}

    def atom() -> tuple[str, str]:
        match lot.randrange(8):
            case 0:
                flag = lot.choice(FLAGS)
                return (flag, flag) if lot.random() < 0.5 else (f"NOT {flag}", f"not {flag}")
            case 1 | 2:
                name = lot.choice(list(CODES))
                code = lot.choice(CODES[name])
                sign = lot.choice(["=", "<>"])
                return f"{name} {sign} '{code}'", f"{name} {'==' if sign == '=' else '!='} '{code}'"
            case 3:
                one, two = lot.sample(NUMBERS, 2)
                return f"{one} > {two}", f"{one} > {two}"
            case _:
                name, sign, value = (
                    lot.choice(NUMBERS),
                    lot.choice(["<", "<=", ">", ">="]),
                    lot.randrange(100),
                )
                param = f"p{len(params)}"
                params[param] = value
                return f"{name} {sign} :{param}", f"{name} {sign} {value}"

    ours, peer = atom()
    for _ in range(lot.randrange(1, 5)):
        more, same = atom()
        word = lot.choice(["AND", "OR"])
        ours, peer = f"({ours} {word} {more})", f"({peer} {word.lower()} {same})"
    return Written(ours, peer, params)


def rule_file(number: int, written: Written) -> str:
    """The predicate as a rule file."""
    params = "".join(
        f"  {name}: {{unit: unit, default: {{2000-01-01: {value}}}}}\n"
        for name, value in written.params.items()
    )
    return (
        f"id: SLQ-{number:03d}\nname: {{zh: 测试, en: Benchmark}}\nstatus: active\nseverity: low\nunit: stay\n"
        "cause: benchmark\nwhy: {zh: 测试, en: Benchmark}\nbasis: [{document: benchmark, unverified: true}]\n"
        "false_positives: [none]\n" + (f"params:\n{params}" if params else "") +
        f"when:\n  2000-01-01: {written.ours}\nexposure: fund_payment_fen\nfinding: {{zh: 测试, en: Benchmark}}\n"
        "action: {zh: 测试, en: Benchmark}\ncases: []\n"
    )  # fmt: skip


def rows_of(count: int) -> pl.DataFrame:
    """Random rows without nulls, with the columns that the engine adds."""
    dice = np.random.default_rng(7)
    columns: dict[str, Any] = {n: dice.integers(0, 100, count) for n in NUMBERS}
    columns |= {n: dice.random(count) < 0.5 for n in FLAGS}
    columns |= {
        n: pl.Series(dice.choice(codes, count), dtype=pl.String) for n, codes in CODES.items()
    }
    return pl.DataFrame(columns).with_columns(
        pl.lit(date(2024, 3, 1)).alias(SERVICE_DATE),
        pl.lit("110100").alias(REGION),
        pl.lit("CNY").alias(CURRENCY),
    )


def decision(peer: list[str]) -> Any:
    """One Zen decision with an expression a predicate."""
    place = {"x": 0, "y": 0}
    expressions = [{"id": str(i), "key": f"r{i}", "value": text} for i, text in enumerate(peer)]
    nodes = [
        {"id": "i", "type": "inputNode", "name": "in", "position": place},
        {"id": "e", "type": "expressionNode", "name": "e", "position": place,
         "content": {"expressions": expressions, "passThrough": False}},
        {"id": "o", "type": "outputNode", "name": "out", "position": place},
    ]  # fmt: skip
    edges = [
        {"id": "1", "sourceId": "i", "targetId": "e"},
        {"id": "2", "sourceId": "e", "targetId": "o"},
    ]
    return zen.ZenEngine().create_decision(json.dumps({"nodes": nodes, "edges": edges}))


def timed(
    judge: Callable[[dict[str, Any]], list[bool]], contexts: list[dict[str, Any]], seconds: float
) -> tuple[float, list[list[bool]]]:
    """Rows a second within the time, and what each row gave."""
    judge(contexts[0])
    answers = []
    start = time.perf_counter()
    for context in contexts:
        answers.append(judge(context))
        if time.perf_counter() - start > seconds:
            break
    return len(answers) / (time.perf_counter() - start), answers


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--predicates", type=int, default=150)
    given = arguments.parse_args()
    lot = random.Random(2024)
    written = [write(lot) for _ in range(given.predicates)]
    table = rows_of(given.rows)
    with tempfile.TemporaryDirectory() as scratch:
        for number, one in enumerate(written):
            Path(scratch, f"{number:03d}.yaml").write_text(rule_file(number, one), encoding="utf-8")
        ruleset = rules.load(Path(scratch))
    checks = list(ruleset.compiled)
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        verdicts = verdict_columns(checks, table)
        times.append(time.perf_counter() - start)
    ours = given.rows / statistics.median(times)

    peer = [one.peer for one in written]
    names = [*NUMBERS, *FLAGS, *CODES]
    contexts = table.select(names).head(200_000).to_dicts()
    decided = decision(peer)
    compiled = [zen.compile_expression(text) for text in peer]
    keys = [f"r{i}" for i in range(len(peer))]
    matching = [rule_engine.Rule(text) for text in peer]

    def by_decision(context: dict[str, Any]) -> list[bool]:
        result = decided.evaluate(context)["result"]
        return [result[key] for key in keys]

    peers = {
        "Zen, one decision": timed(by_decision, contexts, given.seconds),
        "Zen, compiled expressions": timed(
            lambda c: [e.evaluate(c) for e in compiled], contexts, given.seconds
        ),
        "rule-engine": timed(lambda c: [r.matches(c) for r in matching], contexts, given.seconds),
    }
    columns = [verdicts[rule_id].to_list() for rule_id in ruleset.ids]
    for name, (_, answers) in peers.items():
        for i, answer in enumerate(answers):
            if [bool(column[i]) for column in columns] != answer:
                raise SystemExit(f"{name} disagrees with ours on row {i}")
        print(f"{name}: agrees with ours on {len(answers):,} rows x {len(peer)} predicates")
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {machine()}; polars {pl.__version__}, "
          f"zen-engine {version('zen-engine')}, rule-engine {version('rule-engine')}; "
          f"{os.environ.get('POLARS_MAX_THREADS', 'all')} Polars threads\n")  # fmt: skip
    print(
        f"| engine | rows judged | rows/s | {given.rows:,} rows x {len(peer)} predicates | ours is faster by |"
    )
    print("|---|---|---|---|---|")
    print(
        f"| ours (median of {RUNS}) | {given.rows:,} | {ours:,.0f} | {statistics.median(times):.2f} s | |"
    )
    for name, (rate, answers) in peers.items():
        print(
            f"| {name} | {len(answers):,} | {rate:,.0f} | {given.rows / rate:,.0f} s (extrapolated) | {ours / rate:,.0f} times |"
        )
    zen_rate = max(rate for name, (rate, _) in peers.items() if name.startswith("Zen"))
    print(json.dumps({"ours_rows_s": ours, "zen_rows_s": zen_rate, "ratio_zen": ours / zen_rate}))


if __name__ == "__main__":
    main()
