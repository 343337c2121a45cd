"""A damaged pack is refused or loads; it never breaks the reader, and both ways agree."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drg import schemes
from tests.schemes import TABLES, tiny

FILES = ["scheme.toml", *(f"{name}.csv" for name in TABLES)]
# What a slip of the hand, an editor or a spreadsheet puts into a table.
SLIPS = [
    ",",
    '"',
    "\n",
    "\r\n",
    "|",
    "@",
    ".",
    "-1",
    " ",
    "\t",
    "é",
    "，",
    "1e5",
    "99999999999",
    "A",
]


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, float, int, str]:
    """A file, where in it, how many characters go, and what comes."""
    return (
        draw(st.sampled_from(FILES)),
        draw(st.floats(0, 1)),
        draw(st.integers(0, 12)),
        draw(st.sampled_from(SLIPS) | st.text(max_size=4)),
    )


@settings(max_examples=40)
@given(st.lists(damages(), min_size=1, max_size=3))
def test_damage_is_told_and_never_breaks_the_reader(
    damaged: list[tuple[str, float, int, str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pack = tiny(Path(folder))
        for name, place, gone, come in damaged:
            text = (pack / name).read_bytes().decode()
            at = int(place * len(text))
            (pack / name).write_bytes(
                (text[:at] + come + text[at + gone :]).encode(errors="surrogatepass")
            )
        found, _ = schemes.review(pack)
        if found:
            with pytest.raises(schemes.SchemeError) as raised:
                schemes.load(pack)
            assert raised.value.where == found[0].where
            assert all(error.cure for error in found)
        else:
            loaded = schemes.load(pack)
            schemes.write(Path(folder) / "again", loaded.manifest, loaded.tables)
            assert schemes.load(Path(folder) / "again").sha256 == loaded.sha256
