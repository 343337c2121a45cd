"""Write a hospital month of any size into a folder that ``sentinel assess`` can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from data_samples import committed, month, open_stays, places, scheme, writer
from data_samples.ledger import Record
from data_samples.month import Month
from data_samples.planting import SEED
from domain.errors import SentinelError

Preset = Literal["demo", "clean"]
Format = Literal["jsonl", "parquet"]
Progress = Callable[[int, int], None]

DEFAULT_STAYS: Final = 2_000
_STEP: Final = 100
_README: Final = """\
Invented data. Every person, hospital, number, price and code combination in this folder was
made by `sentinel samples generate --preset {preset} --stays {stays} --seed {seed}{asked}`.
Names begin with 测试, identity numbers with 000000, telephone numbers with 000: they belong to
nobody and stand in the clear, so that intake has something to replace with pseudonyms.

本文件夹内的人员、医院、编号、价格均为虚构,可公开;个人信息字段为明文,供接收环节做假名化演示。

stays.{format}      claims in the canonical schema: inpatient stays, then outpatient visits
{planted}{open}providers.jsonl, physicians.jsonl   reference records
labels.csv       Provider,PotentialFraud: Yes where the fraud scheme was planted
"""


@dataclass(frozen=True, slots=True)
class Produced:
    """What was written: files in order, and how many claims and charge lines they hold."""

    files: tuple[Path, ...]
    stays: int
    visits: int
    planted: int
    open: int
    charge_lines: int
    fraudulent_providers: int


class SampleOptionError(SentinelError):
    """A request that the generator cannot fulfil."""


def produce(
    out: Path,
    *,
    preset: Preset = "demo",
    stays: int = DEFAULT_STAYS,
    seed: int = SEED,
    form: Format = "jsonl",
    still_in: int = 0,
    progress: Progress | None = None,
) -> Produced:
    """Write the month into ``out``, which is made if it is absent; other files stay.

    The preset ``clean`` has nothing to find. ``demo`` adds the fraud scheme to the stays
    and, in a file of its own, the planted patterns of the Chinese checks. ``still_in``
    adds a file of that many stays of patients in hospital on the last day. The same
    arguments give the same bytes. SampleOptionError if ``stays`` is not positive or
    ``still_in`` is negative.
    """
    if stays < 1:
        raise SampleOptionError(
            f"{stays} stays were asked for", where="--stays", cure="Ask for one or more."
        )
    if still_in < 0:
        raise SampleOptionError(
            f"{still_in} open stays were asked for", where="--open", cure="Ask for none or more."
        )
    out.mkdir(parents=True, exist_ok=True)
    made = month.plan(seed, stays, scheme=scheme.apply if preset == "demo" else None)
    counts = {"inpatient": 0, "outpatient": 0, "lines": 0}
    total = stays + stays * month.VISITS_PER_HUNDRED_STAYS // 100
    files = [out / f"stays.{form}"]
    _write(files[0], _watch(made.records(), counts, total, progress), form)
    planted = 0
    if preset == "demo":
        files.append(out / f"planted.{form}")
        planted = _write(files[-1], _planted(), form)
    if still_in:
        files.append(out / f"open.{form}")
        _write(files[-1], open_stays.records(seed, still_in), form)
    files += _write_parties(out, made)
    guilty = scheme.guilty(seed, made.providers) if preset == "demo" else frozenset()
    labels = [(p.provider_id, "Yes" if p.provider_id in guilty else "No") for p in made.providers]
    files += [out / "labels.csv", out / "README.txt"]
    _write_text(files[-2], writer.spell_csv(("Provider", "PotentialFraud"), labels))
    planted_note = (
        f"planted.{form}    one small group of claims for each check\n" if planted else ""
    )
    open_note = f"open.{form}       patients in hospital on the last day\n" if still_in else ""
    _write_text(
        files[-1],
        _README.format(
            preset=preset,
            stays=stays,
            seed=seed,
            format=form,
            planted=planted_note,
            open=open_note,
            asked=f" --open {still_in}" if still_in else "",
        ),
    )
    return Produced(
        tuple(files),
        counts["inpatient"],
        counts["outpatient"],
        planted,
        still_in,
        counts["lines"],
        len(guilty),
    )


def _write(path: Path, records: Iterable[Record], form: Format) -> int:
    if form == "parquet":
        return writer.write_parquet(path, records)
    return writer.write_lines(path, map(writer.encode, records))


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def _write_parties(out: Path, made: Month) -> list[Path]:
    files = [out / "providers.jsonl", out / "physicians.jsonl"]
    providers = [p.record() for p in made.providers]
    physicians = places.physician_records(made.seed, made.providers)
    for path, records in zip(files, (providers, physicians), strict=True):
        writer.write_lines(path, map(writer.encode_party, records))
    return files


def _planted() -> Iterator[Record]:
    """The planted claims of region 330100; the US claims would need another tariff."""
    for check in committed.planted():
        for record in committed.plant(check).records:
            if record["region_code"] == places.REGION:
                yield record


def _watch(
    records: Iterable[Record], counts: dict[str, int], total: int, progress: Progress | None
) -> Iterator[Record]:
    for done, record in enumerate(records, start=1):
        charges = record["charges"]
        assert isinstance(charges, list)  # noqa: S101 - stay.write and visit.write give a list
        counts[str(record["claim_type"])] += 1
        counts["lines"] += len(charges)
        if progress is not None and (done % _STEP == 0 or done == total):
            progress(done, total)
        yield record
