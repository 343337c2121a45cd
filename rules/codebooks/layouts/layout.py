"""What an import knows of a file of an authority: its headings, and how a row becomes ours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from rules.codebooks.layouts.sheet import plain_heading


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the file: its name here, and the headings under which it is published."""

    name: str
    headings: tuple[str, ...]
    required: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A row for one of our tables, as far as the file says it; the rest stays as it is in force."""

    table: str
    cells: Mapping[str, str]


class NotTakenError(Exception):
    """A row cannot be taken; the reason is told in the report."""


class NothingToSayError(Exception):
    """A row is understood, and none of our tables needs a row for it."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a conversion may look up: the day, the region, names of items, codes, words, defaults."""

    valid_from: date
    source: str
    region: str = ""
    items: Mapping[str, str] = field(default_factory=dict)
    """item code -> name in Chinese, of the tariff in force."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """word of a condition -> starts of codes (ICD-10-CN)."""
    justified: Mapping[str, str] = field(default_factory=dict)
    """item code -> starts of the diagnoses for which it is payable."""
    levels: Mapping[str, bool] = field(default_factory=dict)
    """start of an operation code without dots -> whether it needs anaesthesia."""
    codes: Mapping[str, bool] = field(default_factory=dict)
    """all codes of the file without dots, in order -> whether this file marks them."""
    ordered: Sequence[str] = ()
    """the codes alone, to look up those that begin alike."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    memo: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """What a layout has looked up about all items once, for the rows to come."""


Cells = Mapping[str, str]
"""The cells of one row by field name; a column that the file lacks is absent."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One published layout. ``convert`` gives our rows, or says why there are none.

    ``assumed`` says what was taken for granted: the official documents were not at hand.
    ``untaken`` names what the layout holds and our tables cannot take. ``marks`` is the
    field that ``Given.codes`` is made from, with the test of its being marked.
    """

    name: str
    zh: str
    en: str
    fields: tuple[Field, ...]
    tables: tuple[str, ...]
    convert: Callable[[Cells, Given], Sequence[Made]]
    assumed: tuple[str, ...] = ()
    untaken: tuple[str, ...] = ()
    marks: Callable[[Cells], tuple[str, bool]] | None = None

    @property
    def needed(self) -> list[str]:
        """The first heading of each column that must be there."""
        return [f.headings[0] for f in self.fields if f.required]

    def headings(self) -> dict[str, str]:
        """Plain heading -> field name."""
        return {plain_heading(h): f.name for f in self.fields for h in f.headings}


def plain_name(text: str) -> str:
    """A name as compared: half-width, without blanks, brackets and what stands in them, small."""
    half = unicodedata.normalize("NFKC", text)
    return re.sub(r"\s|\([^)]*\)|\[[^\]]*\]|[★*▲△#]", "", half).lower()


def plain_code(text: str) -> str:
    """A code as compared: capitals, without dots and blanks."""
    return re.sub(r"[\s.]", "", unicodedata.normalize("NFKC", text)).upper()


def code_start(text: str) -> str:
    """A code as our tables write it: capitals, half-width; NotTakenError if it is none."""
    code = re.sub(r"\s", "", unicodedata.normalize("NFKC", text)).upper()
    if not re.fullmatch(r"[A-Z0-9][A-Z0-9.]*", code):
        raise NotTakenError(f"{text!r} is no code")
    return code


def several(text: str) -> list[str]:
    """The codes of a cell that may hold several."""
    parts = re.split(r"[\s、,，;；/]+", unicodedata.normalize("NFKC", text))
    return [code_start(part) for part in parts if part]


def is_yes(text: str) -> bool | None:
    """Whether a mark says yes; None if it is neither a yes nor a no."""
    said = plain_name(text).upper()
    if said in ("是", "Y", "YES", "1", "√", "✓", "TRUE", "T", "有"):
        return True
    if said in ("", "否", "N", "NO", "0", "×", "X", "FALSE", "F", "-", "—", "/", "无"):
        return False
    return None


def marked(cells: Cells, name: str) -> bool:
    """As ``is_yes`` for a field of the row; NotTakenError if the mark is not understood."""
    text = cells.get(name, "")
    said = is_yes(text)
    if said is None:
        raise NotTakenError(f"the mark {text!r} is neither yes nor no")
    return said


def needed(cells: Cells, name: str, what: str) -> str:
    """The text of a field; NotTakenError if it is empty."""
    text = cells.get(name, "").strip()
    if not text:
        raise NotTakenError(f"{what} is empty")
    return text
