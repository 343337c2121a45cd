"""Scheme packs: how stays are grouped in a region and what the groups pay, as data."""

from drg.schemes.diff import SchemeDiff, diff
from drg.schemes.reading import check, load, review
from drg.schemes.scheme import Manifest, Scheme, SchemeError
from drg.schemes.words import describe
from drg.schemes.writing import write

__all__ = [
    "Manifest",
    "Scheme",
    "SchemeDiff",
    "SchemeError",
    "check",
    "describe",
    "diff",
    "load",
    "review",
    "write",
]
