"""No verdict on a month or a day depends on row order, or on how claims are split into files."""

from __future__ import annotations

import json
import random
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import polars as pl
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import drg
import rules
from domain.tables import Tables
from rules.facts.period import end_of_claim
from streaming import intake
from streaming.pseudonym import PseudonymKey

FOLDER = Path(__file__).resolve().parents[2] / "data_samples" / "aggregates"
CHECKS = [
    entry["check"] for entry in json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
]
PARTIES = ("providers.jsonl", "physicians.jsonl")
RULES, LIBRARY = rules.load(), drg.load()


def read(files: list[list[bytes]]) -> Tables:
    """The claims of these files, each a list of lines, and who the hospitals and doctors are."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = [FOLDER / name for name in PARTIES]
        for number, lines in enumerate(files):
            path = Path(scratch, f"claims-{number}.jsonl")
            path.write_bytes(b"".join(line + b"\n" for line in lines))
            paths.append(path)
        found = intake.read(paths, "jsonl", key=PseudonymKey(b"sample-tests" * 3))
    assert found.set_aside == 0
    return found.tables


def lines_of(check: str) -> list[bytes]:
    return [line for line in (FOLDER / f"{check}.jsonl").read_bytes().splitlines() if line.strip()]


def judge(tables: Tables) -> rules.Aggregated:
    ends = pl.DataFrame(tables.stays).select(end=end_of_claim())["end"]
    upto = pl.Series([ends.max()]).dt.month_end().dt.offset_by("1d")[0]
    settled = drg.settle(tables, LIBRARY)
    return rules.judge_aggregates(RULES, tables, settled=settled, upto=upto)


@cache
def whole(check: str) -> rules.Aggregated:
    """What one file in the order of the sample gives."""
    found = judge(read([lines_of(check)]))
    assert check in found.findings["rule_id"].to_list()
    return found


def shuffled(table: pa.Table, dice: random.Random) -> pa.Table:
    order = list(range(table.num_rows))
    dice.shuffle(order)
    return table.take(pa.array(order, pa.int64()))


def same(one: rules.Aggregated, other: rules.Aggregated) -> None:
    assert_frame_equal(one.verdicts, other.verdicts)
    assert_frame_equal(one.findings, other.findings)


@settings(max_examples=8)
@given(st.sampled_from(CHECKS), st.integers(0, 10**6), st.integers(1, 4))
def test_a_month_is_judged_alike_however_its_claims_are_split_into_files(
    check: str, seed: int, files: int
) -> None:
    dice = random.Random(seed)
    lines = lines_of(check)
    dice.shuffle(lines)
    cut: list[list[bytes]] = [[] for _ in range(files)]
    for line in lines:
        dice.choice(cut).append(line)
    same(judge(read([part for part in cut if part])), whole(check))


@settings(max_examples=8)
@given(st.sampled_from(CHECKS), st.integers(0, 10**6))
def test_a_month_is_judged_alike_in_any_order_of_rows(check: str, seed: int) -> None:
    dice = random.Random(seed)
    tables = read([lines_of(check)])
    mixed = {name: shuffled(table, dice) for name, table in tables.items()}
    same(judge(replace(tables, **mixed)), whole(check))
