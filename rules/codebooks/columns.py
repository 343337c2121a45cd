"""Columns that many reference tables share."""

from __future__ import annotations

from domain import codes
from rules.codebooks.form import Column, Kind

_START = r"^[A-Z0-9][A-Z0-9.]*$"
_START_SAID = "the start of a code in capitals, such as I50.9"


def text(name: str, meaning: str = "", *, required: bool = True, note: bool = False) -> Column:
    """Any text."""
    return Column(name, meaning=meaning, required=required, note=note)


def choice(name: str, options: tuple[str, ...], meaning: str = "", *, required: bool = True) -> Column:  # fmt: skip
    """One of a list."""
    return Column(name, meaning=meaning, options=options, required=required)


def whole(name: str, meaning: str = "", *, required: bool = False) -> Column:
    """A whole number."""
    return Column(name, Kind.WHOLE, meaning, required=required)


def named(stem: str = "name", *, note: bool = False, both: bool = False) -> tuple[Column, Column]:
    """The name of something in Chinese and English; facts read the first, or with ``both`` both."""
    return (
        Column(f"{stem}_zh", meaning="in Chinese", note=note),
        Column(f"{stem}_en", meaning="in English", note=note or not both),
    )


def start(name: str = "prefix", meaning: str = "start of the code") -> Column:
    """The start of a diagnosis or procedure code."""
    return Column(name, meaning=meaning, pattern=_START, looks_like=_START_SAID)


def starts(name: str, meaning: str, *, required: bool = True) -> Column:
    """Starts of codes, separated by blanks."""
    return Column(
        name, Kind.WORDS, meaning, required=required,
        pattern=r"^[A-Z0-9.]+( [A-Z0-9.]+)*$", looks_like="starts of codes in capitals, separated by single blanks",
    )  # fmt: skip


def item(name: str = "item_code", meaning: str = "code of a charge or order item") -> Column:
    """The code of an item as charge lines and orders carry it."""
    return Column(name, meaning=meaning, pattern=r"^\S+$", looks_like="a code without blanks")


def items(name: str, meaning: str) -> Column:
    """Codes of items, separated by blanks."""
    return Column(name, Kind.WORDS, meaning, pattern=r"^\S+( \S+)*$", looks_like="item codes separated by single blanks")  # fmt: skip


def diagnosis_system(name: str = "system") -> Column:
    """The code system of a diagnosis."""
    return choice(name, tuple(codes.DIAGNOSIS_SYSTEM), "code system of the diagnosis")


def procedure_system(name: str = "system") -> Column:
    """The code system of a procedure."""
    return choice(name, tuple(codes.PROCEDURE_SYSTEM), "code system of the procedure")


def region() -> Column:
    """The start of a region code; empty everywhere."""
    return Column(
        "region_code", meaning="start of the claim's region; empty: everywhere", required=False,
        pattern=r"^\d{2,6}$", looks_like="the start of a region code: two to six digits",
    )  # fmt: skip


def sex() -> Column:
    """The one sex that something is for."""
    return choice("sex", ("1", "2"), "1 men, 2 women", required=False)


def ages() -> tuple[Column, Column]:
    """The ages that something is for."""
    return (
        whole("min_age_years", "youngest age in whole years"),
        whole("max_age_years", "oldest age in whole years"),
    )
