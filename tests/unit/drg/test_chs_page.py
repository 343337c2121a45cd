"""The example in docs/grouping.md is what the engine answers."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from drg import chs, grouping, schemes
from drg.chs.batch import REASONS
from tests.chs_schemes import claim


def shown(page: str, header: str) -> list[list[str]]:
    """The cells of the table with that header."""
    lines = page.split("\n")
    begin = lines.index(header) + 2
    end = next(n for n in range(begin, len(lines)) if not lines[n].startswith("|"))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[begin:end]]


def texts(frame: pl.DataFrame) -> list[list[str]]:
    frame = frame.drop("stay_id").select(pl.all().cast(pl.String).fill_null(""))
    return [list(row) for row in frame.iter_rows()]


def test_the_example_of_the_page(root: Path) -> None:
    page = (root / "docs" / "grouping.md").read_text("utf-8")
    scheme = schemes.load(root / "drg" / "packs" / "chs_sample")
    stay = {
        "stay_id": "s1",
        "claim_type": "inpatient",
        "admission_date": date(2024, 3, 1),
        "sex": "2",
        "age_years": 67,
        "diagnoses": list(enumerate(("I63.900", "J96.000", "I69.300", "J18.900"), 1)),
        "procedures": [(1, "88.4101")],
    }
    answer = chs.group(claim([stay]), scheme)
    diagnoses = "| ordinal | code | used_code | level | counted | excluded_by |"
    assert shown(page, diagnoses) == texts(answer.diagnoses)
    assert shown(page, "| step | owner | code | alternative | outcome |") == texts(answer.steps)
    assert (answer.stays["group_code"][0], answer.stays["severity"][0]) == ("BM11", "mcc")


def test_the_page_tells_every_status_and_reason_of_the_engine(root: Path) -> None:
    rows = shown((root / "docs" / "grouping.md").read_text("utf-8"), "| status | reason | when |")
    told = {(status, reason) for status, reasons, _ in rows for reason in reasons.split(", ")}
    own = {(f"`{status}`", f"`{reason}`") for reason, status in REASONS}
    assert own <= told
    assert {reason.strip("`") for _, reason in told} == {
        *(set(grouping.REASONS) - {"no_scheme"}),
        "none",
    }
