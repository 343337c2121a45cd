"""Label files and provider tables: strict readers that say which row is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from domain.errors import SentinelError

_PROVIDER = ("provider_id", "Provider", "provider")
_CLAIM = ("stay_id", "claim_id")
_LABEL = ("label", "PotentialFraud", "potential_fraud")
_DATED = "known_on"
_TRUE = {"yes", "1", "true"}
_FALSE = {"no", "0", "false"}
_SHOWN = 5
_PROTECTED = re.compile(r"race|ethnic|religio|nationality", re.IGNORECASE)
"""Columns about protected attributes of people: no reason for suspicion, so not read."""
_NOMINAL = re.compile(r"^(major|main|top)_?(state|county|region|city|zip)", re.IGNORECASE)
"""Numbered places: their order means nothing, and a place is no reason for suspicion."""


class LabelError(SentinelError):
    """A label file or provider table cannot be used as it is."""


def read_labels(path: Path) -> pl.DataFrame:
    """``provider_id, label`` (bool) of a CSV with ``Provider,PotentialFraud`` or ``provider_id,label``.

    A column ``known_on`` (2025-03-01) says when a label became known, for a model of a day.

    Labels are Yes/No, 1/0 or true/false in any case. LabelError names every kind of
    bad row (empty provider, other label, provider named twice) with its line.
    """
    return _labels(path, _PROVIDER, "provider_id", "provider")


def read_claim_labels(path: Path) -> pl.DataFrame:
    """``stay_id, label`` (bool)``, known_on`` of a CSV; other columns such as ``ring`` are kept as text.

    ``known_on`` is the day of the finding and must be there: a model may not learn it earlier.
    LabelError as for ``read_labels``.
    """
    raw = _read(path)
    _column(raw, (_DATED,), path)
    rows = _labels(path, _CLAIM, "stay_id", "claim")
    claim, label = _column(raw, _CLAIM, path), _column(raw, _LABEL, path)
    others = [c for c in raw.columns if c not in {claim, label, _DATED}]
    kept = raw.select(pl.col(claim).str.strip_chars().alias("stay_id"), *others)
    return rows.join(kept, on="stay_id", how="left", maintain_order="left")


def _labels(path: Path, subjects: tuple[str, ...], name: str, what: str) -> pl.DataFrame:
    raw = _read(path)
    subject = _column(raw, subjects, path)
    label = _column(raw, _LABEL, path)
    text = pl.col(label).str.strip_chars().str.to_lowercase()
    rows = raw.with_row_index("line", offset=2).select(
        "line",
        pl.col(subject).str.strip_chars().alias(name),
        label=pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False),
        given=pl.col(label),
    )
    empty = rows.filter(pl.col(name).fill_null("") == "")
    _refuse(empty, path, f"no {what}", f"Fill in the {what} or remove the row.")
    odd = rows.filter(pl.col("label").is_null())
    _refuse(odd, path, "a label other than Yes/No, 1/0, true/false", "Write Yes or No.")
    twice = rows.filter(pl.col(name).is_duplicated())
    _refuse(twice, path, f"a {what} that is named twice", f"Keep one row a {what}.")
    if _DATED not in raw.columns:
        return rows.select(name, "label").sort(name)
    day = raw[_DATED].str.strip_chars().str.to_date("%Y-%m-%d", strict=False)
    rows = rows.with_columns(day.alias(_DATED))
    undated = rows.filter(pl.col(_DATED).is_null())
    _refuse(undated, path, "no day in known_on", "Write the day as 2025-03-01 in every row.")
    return rows.select(name, "label", _DATED).sort(name)


def read_providers(path: Path) -> list[str]:
    """The providers of a CSV with a ``Provider`` or ``provider_id`` column, in order, once each."""
    raw = _read(path)
    column = raw[_column(raw, _PROVIDER, path)]
    return column.str.strip_chars().drop_nulls().unique(maintain_order=True).to_list()


def read_extra(path: Path) -> tuple[pl.DataFrame, dict[str, str]]:
    """A provider table: ``provider_id`` and its numeric columns, and why others were left out.

    Left out (name -> reason) are columns that are not numbers, that are about
    protected attributes of people, that are numbered places, or that hold one value
    only. ``NA`` and empty are unknown.
    """
    raw = _read(path)
    provider = _column(raw, _PROVIDER, path)
    table = raw.select(pl.col(provider).str.strip_chars().alias("provider_id"))
    bad = table.with_row_index("line", offset=2).filter(
        pl.col("provider_id").is_duplicated() | (pl.col("provider_id").fill_null("") == "")
    )
    _refuse(bad, path, "no provider or one named twice", "Keep one row a provider.")
    left: dict[str, str] = {}
    for name in raw.columns:
        if name == provider:
            continue
        numbers = raw[name].str.strip_chars().cast(pl.Float64, strict=False)
        numbers = numbers.set(numbers.is_infinite() | numbers.is_nan(), None)
        if numbers.null_count() > raw[name].null_count():
            left[name] = "not a number in every row"
        elif _PROTECTED.search(name):
            left[name] = "about a protected attribute"
        elif _NOMINAL.search(name):
            left[name] = "a numbered place"
        elif numbers.drop_nulls().n_unique() < 2:
            left[name] = "one value only"
        else:
            table = table.with_columns(numbers.alias(name))
    return table.sort("provider_id"), left


def _read(path: Path) -> pl.DataFrame:
    try:
        return pl.read_csv(path, infer_schema=False, null_values=["NA", ""])
    except (OSError, pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise LabelError(
            f"the file cannot be read: {error}",
            where=str(path),
            cure="Give a CSV file in UTF-8 with a header.",
        ) from error


def _column(raw: pl.DataFrame, names: tuple[str, ...], path: Path) -> str:
    for name in names:
        if name in raw.columns:
            return name
    raise LabelError(
        f"none of the columns {', '.join(names)} is there",
        where=str(path),
        cure=f"Name the column {names[0]}; found: {', '.join(raw.columns[:8])}.",
    )


def _refuse(bad: pl.DataFrame, path: Path, what: str, cure: str) -> None:
    if bad.height:
        lines = ", ".join(str(n) for n in bad["line"].head(_SHOWN))
        more = f" and {bad.height - _SHOWN} more" if bad.height > _SHOWN else ""
        raise LabelError(
            f"{bad.height} rows have {what}", where=f"{path}, line {lines}{more}", cure=cure
        )
