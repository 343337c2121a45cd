"""The committed sample files, and the proof that they are the generator's output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from data_samples import (
    broken,
    month,
    places,
    planted_aggregates,
    planted_claims,
    planted_coding,
    planted_cost,
    planted_groups,
    planted_history,
    planted_journeys,
    planted_lines,
    planted_list,
    planted_needs,
    planted_operations,
    planted_orders,
    planted_people,
    planted_quantities,
    planted_rings,
    planted_stays,
    planted_tariff,
    ward,
    writer,
)
from data_samples import catalogue as clinical
from data_samples.plans import SHORT
from data_samples.planting import SEED, Pattern, Planter, Scene
from domain.errors import SentinelError

FOLDER = Path(__file__).resolve().parent
"""The folder in which the committed files stand."""

CLEAN_STAYS = 34
"""Inpatient stays of the small clean month."""

LIMIT_BYTES = 16_000_000
"""All committed files together must be smaller."""

_FOLDERS = ("patterns", "aggregates", "clean", "broken", "orders", "rings")


class StaleSampleError(SentinelError):
    """A committed sample file is not what the generator writes."""


def plant(check: str) -> Pattern:
    """The pattern of a check; KeyError if none is planted for it."""
    return _planters()[check](Scene(check))


def planted() -> tuple[str, ...]:
    """The checks for which a pattern is planted, in order."""
    return tuple(sorted(_planters()))


def generate() -> Iterator[tuple[str, bytes]]:
    """Each committed file: its path under this folder and its content."""
    index = []
    for check in planted():
        pattern = plant(check)
        name = f"patterns/{check}.jsonl"
        lines = [writer.encode(record) for record in pattern.records]
        yield name, "".join(line + "\n" for line in lines).encode()
        index.append(
            {
                "check": check,
                "file": f"{check}.jsonl",
                "hits": list(pattern.hits),
                "also": {other: list(ids) for other, ids in pattern.also.items()},
                "region": pattern.records[0]["region_code"],
                "zh": pattern.zh,
                "en": pattern.en,
            }
        )
    yield "patterns/index.json", writer.spell_json(index).encode()
    yield from _aggregates()
    yield from _rings()
    yield from _clean_month()
    yield from _broken_files()
    yield "orders/ward-small.jsonl", ward.committed()


def find_stale(folder: Path = FOLDER) -> list[str]:
    """What is wrong with the committed files: one sentence a file; empty if nothing is."""
    faults, expected, size = [], set(), 0
    for name, content in generate():
        expected.add(name)
        size += len(content)
        path = folder / name
        if not path.is_file():
            faults.append(f"{path} is missing")
        elif path.read_bytes() != content:
            faults.append(f"{path} is not what the generator writes")
    faults.extend(f"{path} is not written by the generator" for path in _foreign(folder, expected))
    if size >= LIMIT_BYTES:
        faults.append(f"{folder} holds {size} bytes of samples, {LIMIT_BYTES} are allowed")
    return faults


def check(folder: Path = FOLDER) -> int:
    """The number of committed files; StaleSampleError names those that differ."""
    faults = find_stale(folder)
    if faults:
        raise StaleSampleError(
            "; ".join(faults),
            where=str(folder),
            cure="Run `sentinel samples write` and commit the files, or undo the change that "
            "altered the generator, rules/reference/items.csv or drg/packs/chs_sample.",
        )
    return sum(1 for _ in generate())


def write(folder: Path = FOLDER) -> list[str]:
    """Write the committed files; the paths written. Files that no longer belong are removed."""
    written = []
    for name, content in generate():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.append(name)
    for path in _foreign(folder, set(written)):
        path.unlink()
    return written


def _foreign(folder: Path, expected: set[str]) -> list[Path]:
    """The files in the generated folders that are none of the expected."""
    return [
        path
        for sub in _FOLDERS
        for path in sorted((folder / sub).rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in expected
    ]


def _planters() -> dict[str, Planter]:
    return {
        **planted_claims.PLANTED,
        **planted_lines.PLANTED,
        **planted_tariff.PLANTED,
        **planted_quantities.PLANTED,
        **planted_coding.PLANTED,
        **planted_list.PLANTED,
        **planted_history.PLANTED,
        **planted_needs.PLANTED,
        **planted_journeys.PLANTED,
        **planted_operations.PLANTED,
        **planted_orders.PLANTED,
        **planted_cost.PLANTED,
        **planted_groups.PLANTED,
        **planted_stays.PLANTED,
    }


def aggregates() -> dict[str, Planter]:
    """What plants the patterns of the checks of a hospital's month or a physician's day."""
    return {**planted_aggregates.PLANTED, **planted_people.PLANTED}


def _aggregates() -> Iterator[tuple[str, bytes]]:
    """Their files. ``hits`` names subjects; they stand apart, since many claims make one hit."""
    index = []
    for check, planter in sorted(aggregates().items()):
        pattern = planter(Scene(check))
        lines = [writer.encode(record) for record in pattern.records]
        yield f"aggregates/{check}.jsonl", "".join(line + "\n" for line in lines).encode()
        index.append(
            {
                "check": check,
                "file": f"{check}.jsonl",
                "hits": list(pattern.hits),
                "zh": pattern.zh,
                "en": pattern.en,
            }
        )
    yield "aggregates/index.json", writer.spell_json(index).encode()
    hospitals = places.found(SEED, clinical.load())
    shown = hospitals[planted_aggregates.HOSPITAL : planted_aggregates.PEERS[-1] + 1]
    parties = {
        "providers": [hospital.record() for hospital in hospitals],
        "physicians": places.physician_records(SEED, shown),
    }
    for name, records in parties.items():
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        yield f"aggregates/{name}.jsonl", "".join(line + "\n" for line in lines).encode()


def _rings() -> Iterator[tuple[str, bytes]]:
    """What the entity graph must find, and the query that must find it."""
    index = []
    for name, planter in planted_rings.RINGS.items():
        ring = planter(Scene(f"RNG-{name}"))
        lines = [writer.encode(record) for record in ring.records]
        yield f"rings/{name}.jsonl", "".join(line + "\n" for line in lines).encode()
        index.append(
            {
                "ring": name,
                "file": f"{name}.jsonl",
                "question": ring.question,
                "found": dict(ring.found),
                "zh": ring.zh,
                "en": ring.en,
            }
        )
    yield "rings/index.json", writer.spell_json(index).encode()


def _clean_month() -> Iterator[tuple[str, bytes]]:
    made = month.plan(SEED, CLEAN_STAYS, detail=SHORT)
    text = "".join(writer.encode(record) + "\n" for record in made.records())
    yield "clean/month-small.jsonl", text.encode()


def _broken_files() -> Iterator[tuple[str, bytes]]:
    index = []
    for kind, made in sorted(broken.make().items()):
        yield f"broken/{kind}.jsonl", made.content
        index.append(
            {
                "kind": kind,
                "file": f"{kind}.jsonl",
                "accepted": made.accepted,
                "set_aside": made.set_aside,
                "rules": [list(rule) if rule is not None else None for rule in made.rules],
                "zh": made.zh,
                "en": made.en,
            }
        )
    yield "broken/index.json", writer.spell_json(index).encode()
