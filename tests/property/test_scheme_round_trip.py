"""What is written is what is read: any names, figures, dates and orders of rows."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from drg import schemes
from tests.schemes import tiny

# Any text that a person may put in a name: commas, quotation marks, both scripts; not the
# invisible characters and outer blanks that a pack refuses.
NAMES = st.text(
    st.characters(
        exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"], include_characters=' ,"'
    ),
    min_size=1,
    max_size=12,
).filter(lambda text: text == text.strip())
WEIGHTS = st.decimals("0", "999.9999", places=4, allow_nan=False)
DAYS = st.dates(date(2000, 1, 1), date(2090, 1, 1))


def base() -> schemes.Scheme:
    with tempfile.TemporaryDirectory() as folder:
        return schemes.load(tiny(Path(folder)))


BASE = base()


def written(scheme: schemes.Scheme, tables: dict[str, pl.DataFrame], folder: str) -> schemes.Scheme:
    schemes.write(Path(folder), scheme.manifest, tables)
    return schemes.load(Path(folder))


@settings(max_examples=15)
@given(
    names=st.lists(NAMES, min_size=1, max_size=5),
    english=st.lists(st.none() | NAMES, min_size=5, max_size=5),
    weights=st.lists(
        st.tuples(WEIGHTS, DAYS), min_size=1, max_size=5, unique_by=lambda row: row[1]
    ),
    seed=st.integers(0, 1000),
)
def test_what_is_written_is_read_back(
    names: Sequence[str],
    english: Sequence[str | None],
    weights: Sequence[tuple[Decimal, date]],
    seed: int,
) -> None:
    starts = sorted(start for _, start in weights)
    ends = {a: b - timedelta(days=1) for a, b in pairwise(starts)}
    tables = dict(BASE.tables)
    tables["diagnoses"] = pl.concat(
        [
            tables["diagnoses"],
            pl.DataFrame(
                [(f"X{i}", name, english[i]) for i, name in enumerate(names)],
                schema=tables["diagnoses"].schema,
                orient="row",
            ),
        ]
    )
    tables["weights"] = pl.DataFrame(
        [("BR15", None, weight, None, None, start, ends.get(start), names[0]) for weight, start in weights],
        schema=tables["weights"].schema,
        orient="row",
    )  # fmt: skip
    mixed = {
        name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in tables.items()
    }
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first = written(BASE, mixed, one)
        second = written(first, first.tables, two)
        for name, frame in tables.items():
            assert first.tables[name].sort(frame.columns).equals(frame.sort(frame.columns)), name
            assert first.tables[name].schema == frame.schema
            assert second.tables[name].equals(first.tables[name])
        assert first.manifest == second.manifest == BASE.manifest
        assert first.sha256 == second.sha256
        for file in Path(one).iterdir():
            assert file.read_bytes() == (Path(two) / file.name).read_bytes()


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_the_hash_knows_the_content_and_not_the_order_of_lines(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pack = tiny(Path(folder))
        for file in pack.glob("*.csv"):
            header, *lines = file.read_text("utf-8").splitlines()
            order = pl.Series(lines).sample(fraction=1, shuffle=True, seed=seed).to_list()
            file.write_text("\n".join([header, *order]) + "\n", "utf-8")
        assert schemes.load(pack).sha256 == BASE.sha256


def test_the_hash_is_that_of_sha256sum_in_the_folder(tmp_path: Path) -> None:
    schemes.write(tmp_path, BASE.manifest, BASE.tables)
    listed = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(tmp_path.iterdir())
    )
    assert schemes.load(tmp_path).sha256 == hashlib.sha256(listed.encode()).hexdigest()
