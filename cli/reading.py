"""Reading claims for a subcommand: format guessed, key found, progress shown."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from cli.output import bar
from streaming import intake
from streaming.pseudonym import PseudonymKey

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
) -> intake.Intake:
    """Read all inputs; without a format it is that of the files' endings.

    ``intake.InputError`` if an input is missing or the format cannot be told.
    """
    form: intake.Format = guess(inputs) if written is None else written.value
    secret = PseudonymKey.find(key)
    with bar("Reading claims") as meter:
        return intake.read(inputs, form, key=secret, encoding=encoding, progress=meter)


def guess(inputs: Sequence[Path]) -> intake.Format:
    """The one format that the endings of the files, or of the files in the folders, stand for."""
    files = [f for p in inputs for f in (sorted(p.iterdir()) if p.is_dir() else [p])]
    found = {
        _SUFFIXES[ending]
        for f in files
        if (ending := Path(f.name.removesuffix(".gz")).suffix) in _SUFFIXES
    }
    # A folder of JSON lines or Parquet may hold a labels.csv beside its claims.
    if len(found) > 1 and all(p.is_dir() for p in inputs):
        found.discard("provider-csv")
    if len(found) == 1:
        return found.pop()
    names = ", ".join(str(p) for p in inputs)
    raise intake.InputError(
        "the format cannot be told" if found else "no claims are there",
        where=names,
        cure="Name existing files, and say --format jsonl, parquet or provider-csv.",
    )
