"""Known names of drugs, items, diagnoses and operations: which of them a text holds.

A drug may be named as the tariff writes it or by its substance alone: ``注射用美罗培南0.5g`` or
``美罗培南``, ``Meropenem for injection 0.5 g`` or ``meropenem``. Nothing shorter is a name of it:
piperacillin is another drug than piperacillin-tazobactam.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final

from rules import codebooks
from rules.codebooks.force import loaded_anew

DRUG_CATEGORIES: Final = frozenset({"09", "10", "11"})
"""Charge categories of the tariff whose items are drugs: western, Chinese pieces, Chinese patent."""

_STRENGTH: Final = re.compile(r"\s*[0-9][0-9.,]*\s*(?:%|mg|g|ml|iu|u|pna|万u|μg|ug)(?![a-z])", re.I)
_FORMS_ZH: Final = re.compile(
    r"注射用|注射液|缓释|肠溶|分散|雾化液|口服液|三腔袋|氯化钠(?=注射液)|(?<=.{2})(?:胶囊|颗粒|滴丸|饮片|片|丸)"
)
_SALTS_ZH: Final = re.compile(r"^(?:盐酸|硫酸|重组人)|(?<=..)(?<!化)[钠钙钾]$")
_FORMS_EN: Final = re.compile(
    r"\b(?:for|in|injection|infusion|tablets?|capsules?|granules|pills?|root|pieces|enteric|nebulisation"
    r"|sustained-release|bag)\b",
    re.I,
)
_SHORTEST: Final = {True: 2, False: 4}
"""Letters that a name has at least, in Chinese characters and in others; what is shorter is no name."""
_APART: Final = re.compile(r"[\s\W_]+")


def fold(text: str) -> str:
    """A text as it is compared: compatibility forms folded (full width, ligatures), lower case."""
    return unicodedata.normalize("NFKC", text).casefold()


class Names:
    """The names that are known, and how each may be written.

    ``drugs`` are the names of one drug each, in several languages; ``others`` are named as written
    only.
    """

    def __init__(self, drugs: Iterable[Sequence[str]] = (), others: Iterable[str] = ()) -> None:
        pairs = [[_tidy(name) for name in one if name] for one in drugs]
        self._drugs = [[name for name in one if _long(name)] for one in pairs]
        named = {name for one in self._drugs for name in one}
        self._whole = named | {name for name in map(_tidy, others) if _long(name)}

    @cached_property
    def _written(self) -> _Index:
        return _Index({*self._families, *self._whole})

    @cached_property
    def _squeezed(self) -> _Index:
        return _Index({one for one in map(_squeeze, self._written.entries) if _long(one)})

    def __contains__(self, name: str) -> bool:
        return _tidy(name) in self._whole

    def same(self, name: str) -> frozenset[str]:
        """How what bears this name may be written too.

        A drug also without strength, form and salt, and in the tariff's other language; of a form
        that is written shorter only what is as short.
        """
        drug = self._families.get(name)
        if drug is None:
            return frozenset({name})
        own = next((f for f in map(forms, self._drugs[drug]) if name in f), (name,))
        others = [forms(n)[1:] or forms(n) for n in self._drugs[drug] if name not in forms(n)]
        return frozenset({*own[own.index(name) :], *(form for one in others for form in one)})

    def family(self, name: str) -> str:
        """What all ways of writing one drug have in common."""
        drug = self._families.get(name)
        return name if drug is None else self._drugs[drug][0]

    @cached_property
    def _families(self) -> dict[str, int]:
        """Every way of writing a drug -> its place; of several that are written so the first."""
        found: dict[str, int] = {}
        for place, one in enumerate(self._drugs):
            for name in one:
                for form in forms(name):
                    found.setdefault(form, place)
        return found

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """Begin, end and form of each known name in a folded text, the longest where several begin."""
        return self._written.places(text)

    def written_in(self, text: str) -> list[str]:
        """The known names in a text as they are folded, each once, in order."""
        return list(dict.fromkeys(name for _, _, name in self.places(fold(text))))

    def hidden_in(self, text: str) -> list[str]:
        """The known names in a text whose letters may be parted by spaces or signs."""
        found = self._squeezed.places(_squeeze(fold(text)))
        return list(dict.fromkeys(name for _, _, name in found))


class _Index:
    """Names by their first two letters, to find all of them in one walk through a text."""

    def __init__(self, entries: Iterable[str]) -> None:
        self.entries = sorted(set(entries), key=lambda one: (-len(one), one))
        self._begin: dict[str, list[str]] = {}
        for one in self.entries:
            self._begin.setdefault(one[:2], []).append(one)

    def places(self, text: str) -> list[tuple[int, int, str]]:
        found, at = [], 0
        while at < len(text):
            name = next(
                (n for n in self._begin.get(text[at : at + 2], ()) if _stands(n, text, at)), None
            )
            if name is not None:
                found.append((at, at + len(name), name))
            at += 1 if name is None else len(name)
        return found


@lru_cache(maxsize=20_000)
def forms(name: str) -> tuple[str, ...]:
    """How a drug may be written: as the tariff does, without its strength, and by its substance."""
    whole = _tidy(name)
    plain = _STRENGTH.sub("", whole).strip(" -,()")
    han = any("\u4e00" <= c <= "\u9fff" for c in plain)
    core = (_FORMS_ZH if han else _FORMS_EN).sub("" if han else " ", plain)
    core = " ".join(core.split()).strip(" -,()")
    bare = _SALTS_ZH.sub("", core)
    return tuple(dict.fromkeys(one for one in (whole, plain, core, bare) if _long(one)))


@lru_cache(maxsize=8)
def known(folder: Path = codebooks.SHIPPED) -> Names:
    """The names of a folder of reference tables: tariff, diagnoses, operations."""
    items = loaded_anew("items", folder).frame.select("category", "name_zh", "name_en").rows()
    drugs = [both for kind, *both in items if kind in DRUG_CATEGORIES]
    others = [n for kind, *both in items if kind not in DRUG_CATEGORIES for n in both if n]
    for table, columns in _NAMED:
        frame = loaded_anew(table, folder).frame
        others += [n for column in columns for n in frame[column].to_list() if n]
    return Names(drugs, others)


_NAMED: Final = (
    ("diagnosis_names", ("word",)),
    ("operations", ("name_zh", "name_en")),
    ("imaging", ("study_zh", "study_en")),
)
"""Further tables whose names are known, with their columns."""


def _tidy(name: str) -> str:
    return " ".join(fold(name).split())


def _long(name: str) -> bool:
    han = any("\u4e00" <= c <= "\u9fff" for c in name)
    return len(name) >= _SHORTEST[han]


def _squeeze(text: str) -> str:
    return _APART.sub("", text)


def _stands(name: str, text: str, at: int) -> bool:
    """Whether a name stands there; one in letters must not be part of a longer word."""
    end = at + len(name)
    if not text.startswith(name, at):
        return False
    if not name.isascii():
        return True
    return not (text[at - 1 : at].isalpha() and text[at - 1 : at].isascii() and at > 0) and not (
        text[end : end + 1].isalpha() and text[end : end + 1].isascii()
    )
