"""Reading claims for a subcommand: format guessed, key found, progress shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TypeVar

from cli.output import bar
from streaming import intake
from streaming.pseudonym import KeepingKey, PseudonymKey

T = TypeVar("T")

PSEUDONYM_KEY = Path(".sentinel") / "pseudonym.key"
"""Where the key of the patient pseudonyms lies unless told otherwise."""

_SUFFIXES: dict[str, intake.Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".csv": "provider-csv",
}


class InputFormat(StrEnum):
    """How claims are written."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    PROVIDER_CSV = "provider-csv"


def read_claims(
    inputs: Sequence[Path],
    written: InputFormat | None,
    *,
    key: Path = PSEUDONYM_KEY,
    encoding: str = "utf-8",
    keep: Callable[[str, Mapping[str, str]], None] | None = None,
) -> intake.Intake:
    """Read all inputs; without a format it is that of the files' endings.

    ``keep`` is handed the patients' identifiers behind the pseudonyms (``KeepingKey``).
    ``intake.InputError`` if an input is missing or the format cannot be told.
    """
    form: intake.Format = guess(inputs) if written is None else written.value
    secret = PseudonymKey.find(key)
    if keep is not None:
        secret = KeepingKey(secret, keep)
    with bar("Reading claims") as meter:
        return intake.read(inputs, form, key=secret, encoding=encoding, progress=meter)


def guess(inputs: Sequence[Path]) -> intake.Format:
    """The one format that the endings of the files, or of the files in the folders, stand for."""
    files = [f for p in inputs for f in (sorted(p.iterdir()) if p.is_dir() else [p])]
    found = {
        _SUFFIXES[ending]
        for f in files
        if (ending := Path(f.name.lower().removesuffix(".gz")).suffix) in _SUFFIXES
    }
    # A folder of JSON lines or Parquet may hold a labels.csv beside its claims. A CSV of
    # claims there is not passed over in silence.
    if (
        len(found) > 1
        and all(p.is_dir() for p in inputs)
        and not any(intake.holds_provider_claims(f) for f in files)
    ):
        found.discard("provider-csv")
    if len(found) == 1:
        return found.pop()
    names = ", ".join(str(p) for p in inputs)
    if absent := [str(p) for p in inputs if not p.exists()]:
        raise intake.InputError(
            "there is no such file or folder",
            where=", ".join(absent),
            cure="Give the path of a file or folder that is there.",
        )
    if found:
        raise intake.InputError(
            f"the format cannot be told: there are claims as {' and as '.join(sorted(found))}",
            where=names,
            cure="Assess one format at a time: say --format jsonl, parquet or provider-csv, or name its files.",
        )
    raise intake.InputError(
        "no file here has the ending of a claims file",
        where=names,
        cure="Claims are in files ending in .jsonl, .parquet or .csv (.jsonl.gz and .csv.gz too): rename the file, or name another.",
    )


def batches(found: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of ``size`` of what is found, the last one of what is left."""
    rest = iter(found)
    while batch := list(islice(rest, size)):
        yield batch
