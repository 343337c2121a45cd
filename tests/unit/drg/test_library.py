"""Which scheme a stay belongs to, when a site has several."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import drg
from drg import schemes
from drg.library import Library
from drg.schemes import Scheme, SchemeError
from tests.rules_claims import stay, tables
from tests.schemes import tiny


def scheme(folder: Path, code: str, **changes: Any) -> Scheme:
    loaded = schemes.load(tiny(folder))
    return replace(
        loaded,
        sha256=f"{code:0<64}",
        manifest=replace(loaded.manifest, code=code, **changes),
    )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    first = date(2024, 1, 1)
    return Library(
        (
            scheme(tmp_path, "everywhere", region_codes=(), effective_from=first),
            scheme(tmp_path, "province", region_codes=("11",), effective_from=first),
            scheme(tmp_path, "city", region_codes=("1101", "1205"), effective_from=first),
            scheme(
                tmp_path, "city2",
                region_codes=("1101",), effective_from=date(2025, 1, 1), effective_to=date(2025, 12, 31),
            ),
            scheme(tmp_path, "us", region_codes=(), effective_from=first, engine="ms"),
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"region_code": "110102"}, "city"),
        ({"region_code": "120501"}, "city"),
        ({"region_code": "110202"}, "province"),
        ({"region_code": "330100"}, "everywhere"),
        ({"region_code": None}, "everywhere"),
        ({"region_code": "110102", "discharge_date": date(2025, 1, 1)}, "city2"),
        ({"region_code": "110102", "discharge_date": date(2025, 12, 31)}, "city2"),
        ({"region_code": "110102", "discharge_date": date(2026, 1, 1)}, "city"),
        ({"region_code": "110102", "discharge_date": date(2023, 12, 31)}, None),
        # While the patient is in hospital the day of admission decides.
        ({"admission_date": date(2025, 3, 1), "discharge_date": None}, "city2"),
        ({"region_code": "US", "diagnosis_system": "ICD-10-CM"}, "us"),
        ({"region_code": "110102", "diagnosis_system": "ICD-9-CM"}, "us"),
    ],
)
def test_the_nearest_scheme_in_force_is_taken(
    library: Library, changes: dict[str, Any], expected: str | None
) -> None:
    given = {"region_code": "110101", "discharge_date": date(2024, 3, 5), **changes}
    (place,) = library.assign(tables([stay("S1", "2024-03-01", 4, **given)])).to_list()
    assert (None if place is None else library.schemes[place].manifest.code) == expected


def test_the_digest_names_the_schemes_and_not_their_order(library: Library) -> None:
    turned = Library(tuple(reversed(library.schemes)))
    assert turned.sha256 == library.sha256
    assert Library(library.schemes[1:]).sha256 != library.sha256


def test_two_schemes_of_one_code_are_refused(library: Library) -> None:
    with pytest.raises(SchemeError, match="two schemes have the code city") as caught:
        Library((*library.schemes, library.schemes[2]))
    assert "code" in caught.value.where


def test_a_site_s_scheme_comes_before_ours(tmp_path: Path) -> None:
    theirs = drg.load([tiny(tmp_path)])
    assert [s.manifest.code for s in theirs.schemes] == ["chs_sample", "ms_fy2026", "tiny"]
    in_their_city = tables([stay("S1", region_code="110101")])
    assert theirs.assign(in_their_city).to_list() == [2]
