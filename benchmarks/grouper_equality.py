"""Our grouping beside OpenDRG's own Python grouper, case by case, in one run.

    python -m benchmarks.grouper_equality --checkout PATH [--regions chs_drg_11 ...]
        [--cases 20000] [--seed 1] [--trans-code]

Imports each region from the checkout, makes random valid stays that aim at every group,
lets both group them, and compares status, category, ADRG and group of every case. A
difference is explained if OpenDRG breaks off at a name that its source does not import,
or if it vanishes once the slips of its data files that the importer mends are left in;
any other is printed with its case, and the exit code is 1. Then both are timed: OpenDRG
on its cases, one process, its messages on as by default; ours on the cases repeated to
200,000, without and with the trace.

With ``--trans-code`` OpenDRG translates all codes of the claims first. The tables then
hold its whole crosswalk; how many cases the pack groups otherwise, because it does not
translate codes that are valid themselves, is told too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.grouper_cases import Aim, Case, CaseMaker, as_tables
from drg import chs
from drg.opendrg import Imported, import_scheme, regions
from drg.schemes import Scheme, load, write
from drg.schemes.writing import conform

BATCH = 200_000
ATTEMPTS = 12
"""Rounds in which groups that no case has reached are aimed at again."""
SHOWN = 20

Answer = tuple[str, str, str, str]
"""Status, category, ADRG and group."""


@dataclass
class Result:
    """What came out for one region."""

    region: str
    cases: int
    different: list[tuple[Case, Answer, Answer]]
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[tuple[Case, Answer, Answer]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    adrgs: tuple[int, int] = (0, 0)
    groups: tuple[int, int] = (0, 0)
    missed: list[str] = field(default_factory=list)
    theirs_a_second: float = 0.0
    ours_a_second: float = 0.0
    traced_a_second: float = 0.0
    otherwise: int = 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--regions", nargs="*", help="all if left out")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trans-code", action="store_true")
    parser.add_argument("--no-times", action="store_true", help="compare only")
    options = parser.parse_args()
    failed = False
    print("| region | cases | same | explained | unexplained | grouped / QY / 0000 | ADRGs | groups "
          "| OpenDRG a second | ours | ours, traced | ratio |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for region in options.regions or regions(options.checkout):
        result = compare(
            options.checkout, region, options.cases, options.seed,
            translate=options.trans_code, timed=not options.no_times,
        )  # fmt: skip
        _print(result, translated=options.trans_code)
        failed = failed or bool(result.unexplained)
    return int(failed)


def compare(
    checkout: Path, region: str, count: int, seed: int, *, translate: bool, timed: bool
) -> Result:
    """Group the cases of a region both ways and compare each."""
    imported = import_scheme(checkout, region)
    with _pack(imported) as scheme:
        raw = _as_is(import_scheme(checkout, region, repair=False), translate=translate)
        usable, foreign = (
            _usable(checkout / "drg_group" / region / "ICD") if translate else (None, {})
        )
        maker = CaseMaker(scheme, seed, usable)
        judge = raw if translate else scheme
        cases = _make(maker, scheme, count, _mended(imported))
        if translate:
            _translate(cases, foreign, seed)
        ours = _ours(cases, judge)
        theirs, seconds = _theirs(checkout, region, cases, imported, translate=translate)
        result = Result(region, len(cases), [])
        result.different = [
            (case, a, b) for case, a, b in zip(cases, ours, theirs, strict=True) if a != b
        ]
        _explain(result, raw, imported)
        result.statuses = Counter(answer[0] for answer in ours)
        _cover(result, scheme, ours)
        if translate:
            pack = _ours(cases, scheme)
            result.otherwise = sum(a != b for a, b in zip(ours, pack, strict=True))
        if timed:
            result.theirs_a_second = len(cases) / seconds
            result.ours_a_second = _rate(cases, scheme, trace=False)
            result.traced_a_second = _rate(cases, scheme, trace=True)
    return result


@contextmanager
def _pack(imported: Imported) -> Iterator[Scheme]:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), imported.manifest, imported.tables)
        yield load(Path(folder))


def _as_is(imported: Imported, *, translate: bool) -> Scheme:
    """The tables with OpenDRG's slips in; no pack, since they would not pass its checks."""
    manifest = imported.manifest
    tables = conform(imported.tables)
    if not translate:
        tables["crosswalks"] = tables["crosswalks"].clear()
    return Scheme(manifest, tables, f"as-is-{manifest.code}-{translate}", Path())


def _mended(imported: Imported) -> tuple[str, ...]:
    """Codes that the importer mended, so that cases show what that changes."""
    return tuple(c for kind in ("mcc", "cc", "cce") for c in imported.told(f"mended_{kind}"))


def _make(maker: CaseMaker, scheme: Scheme, count: int, mended: tuple[str, ...]) -> list[Case]:
    """Cases for every aim and mended code, more for groups not reached yet, and wild ones."""
    cases: list[Case] = []

    def add(case: Case | None) -> None:
        if case is not None and len(cases) < count:
            case["id"] = f"c{len(cases)}"
            cases.append(case)

    def aim_at(aims: list[Aim], times: int) -> None:
        for aim in aims:
            for _ in range(times):
                add(maker.make(aim))

    for code in mended:
        for _ in range(10):
            add(maker.make_around(code))
    aim_at(maker.aims, max(1, min(4, count // (3 * len(maker.aims)))))
    for _ in range(ATTEMPTS):
        reached = {code for answer in _ours(cases, scheme) for code in answer[2:]}
        missing = [a for a in maker.aims if (a.group or a.adrg) not in reached]
        if not missing or len(cases) > 0.8 * count:
            break
        aim_at(missing, 10)
    wild = count // 20
    for _ in range(wild):
        add(maker.make_wild())
    turn = 0
    while len(cases) < count:
        add(maker.make(maker.aims[turn % len(maker.aims)]))
        turn += 1
    return cases


def _usable(
    folder: Path,
) -> tuple[tuple[frozenset[str], frozenset[str]], dict[str, list[str]]]:
    """Codes that the crosswalk translates to themselves, and the foreign codes for a code."""
    kept = []
    foreign: dict[str, list[str]] = {}
    for name in ("ZD_MAP", "SS_MAP"):
        lines = (folder / f"{name}.dat").read_text("utf-8").splitlines()
        pairs = [(code, target) for code, _, target in (line.partition(" ") for line in lines)]
        kept.append(frozenset(code for code, target in pairs if code == target))
        for code, target in pairs:
            if code != target:
                foreign.setdefault(target, []).append(code)
    return (kept[0], kept[1]), foreign


def _translate(cases: list[Case], foreign: dict[str, list[str]], seed: int) -> None:
    """Write every third code that has one as a foreign code."""
    turn = seed
    for case in cases:
        for name in ("diagnoses", "procedures"):
            for index, code in enumerate(case[name]):
                others = foreign.get(code)
                turn += 1
                if others and turn % 3 == 0 and others[turn % len(others)] not in case[name]:
                    case[name][index] = others[turn % len(others)]


def _ours(cases: list[Case], scheme: Scheme) -> list[Answer]:
    stays = chs.group(as_tables(cases), scheme, trace=False).stays
    rows = stays.select("status", "mdc", "adrg", "group_code").rows()
    return [
        (status, mdc or "", adrg or "" if status == "grouped" else "", group or "")
        for status, mdc, adrg, group in rows
    ]


def _theirs(
    checkout: Path, region: str, cases: list[Case], imported: Imported, *, translate: bool
) -> tuple[list[Answer], float]:
    with tempfile.TemporaryDirectory() as folder:
        given, told = Path(folder) / "cases.json", Path(folder) / "out.json"
        sex = "int" if "int" in imported.sexes else "str"
        missing = imported.told("missing_file")
        given.write_text(
            json.dumps({"sex": sex, "missing_files": missing, "cases": cases}), "utf-8"
        )
        runner = Path(__file__).with_name("opendrg_runner.py")
        command = [sys.executable, "-B", "-W", "ignore", str(runner)]
        command += [str(checkout.resolve()), region, str(given), str(told)]
        subprocess.run(command + ["--trans-code"] * translate, check=True)
        found: dict[str, Any] = json.loads(told.read_text("utf-8"))
    return [_read(*answer) for answer in found["answers"]], found["seconds"]


def _read(status: str, mdc: str, adrg: str, group: str) -> Answer:
    """OpenDRG's answer in our words: 0000A and 0000B are 0000, xQY has no ADRG."""
    match status:
        case "grouped":
            return status, mdc.removeprefix("MDC"), adrg, group
        case "ambiguous":
            return status, mdc.removeprefix("MDC"), "", group
        case "ungroupable":
            return status, "", "", "0000"
        case _:
            return status, mdc, adrg, group


def _explain(result: Result, raw: Scheme, imported: Imported) -> None:
    undefined = imported.told("undefined_name")
    left = []
    for case, ours, theirs in result.different:
        if theirs[0] == "raised" and any(
            theirs[1] == f"NameError: name {n!r} is not defined" for n in undefined
        ):
            result.explained[theirs[1]] += 1
        else:
            left.append((case, ours, theirs))
    again = _ours([case for case, _, _ in left], raw) if left else []
    for (case, ours, theirs), slipped in zip(left, again, strict=True):
        if slipped == theirs:
            result.explained["a slip of its data files that the importer mends"] += 1
        else:
            result.unexplained.append((case, ours, theirs))


def _cover(result: Result, scheme: Scheme, answers: list[Answer]) -> None:
    adrgs = set(scheme.tables["adrgs"]["adrg"])
    groups = set(scheme.tables["groups"]["group_code"])
    hit_adrgs, hit_groups = {a[2] for a in answers}, {a[3] for a in answers}
    result.adrgs = (len(adrgs & hit_adrgs), len(adrgs))
    result.groups = (len(groups & hit_groups), len(groups))
    result.missed = sorted(adrgs - hit_adrgs)


def _rate(cases: list[Case], scheme: Scheme, *, trace: bool) -> float:
    copies = max(1, -(-BATCH // len(cases)))
    tables = as_tables(cases, copies)
    seconds = []
    for _ in range(3):
        before = time.perf_counter()
        chs.group(tables, scheme, trace=trace)
        seconds.append(time.perf_counter() - before)
    return len(tables) / statistics.median(seconds)


def _print(result: Result, *, translated: bool) -> None:
    statuses = " / ".join(
        f"{result.statuses[s]:,}" for s in ("grouped", "ambiguous", "ungroupable")
    )
    speeds = "| | | | |"
    if result.ours_a_second:
        ratio = result.ours_a_second / result.theirs_a_second
        speeds = (
            f"| {result.theirs_a_second:,.0f} | {result.ours_a_second:,.0f} | "
            f"{result.traced_a_second:,.0f} | {ratio:,.0f} |"
        )
    print(
        f"| {result.region} | {result.cases:,} | {result.cases - len(result.different):,} | "
        f"{sum(result.explained.values())} | {len(result.unexplained)} | {statuses} | "
        f"{result.adrgs[0]} of {result.adrgs[1]} | {result.groups[0]} of {result.groups[1]} {speeds}",
        flush=True,
    )
    for why, count in result.explained.items():
        print(f"  explained: {count} times {why}")
    if result.missed:
        print(f"  ADRGs that no case reached: {', '.join(result.missed)}")
    if translated:
        print(
            f"  {result.otherwise} cases the pack groups otherwise: it keeps codes that are valid"
        )
    for case, ours, theirs in result.unexplained[:SHOWN]:
        print(
            f"  DIFFERENT ours {ours} OpenDRG {theirs}\n    {json.dumps(case, ensure_ascii=False)}"
        )


if __name__ == "__main__":
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    sys.exit(main())
