"""What HL7 v2 leaves to the site: which hospital sends, and what its own code tables mean.

A profile is a TOML file (docs/hl7.md); what it leaves out is as written here. Tables that
HL7 calls user-defined (0023, 0112 ...) are taken to hold the national codes unless mapped.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from domain import codes
from domain.errors import SentinelError
from domain.orders import MEMBER
from streaming.hl7.text import CHARSETS

Table = Mapping[str, str]


def _same(listed: Mapping[str, Any]) -> dict[str, str]:
    return {code: code for code in listed}


_RADIOLOGY: Final = [
    "CT",
    "CUS",
    "EC",
    "EN",
    "IMG",
    "NMR",
    "NMS",
    "OUS",
    "PF",
    "RAD",
    "RUS",
    "RX",
    "VUS",
    "XRC",
    "CTH",
    "ICU",
    "AU",
]
_LABORATORY: Final = [
    "BG",
    "BLB",
    "CG",
    "CH",
    "CP",
    "GE",
    "HM",
    "IMM",
    "LAB",
    "MB",
    "MCB",
    "MYC",
    "OSL",
    "PAR",
    "PAT",
    "SP",
    "SR",
    "TX",
    "URN",
    "VR",
]
_TREATMENT: Final = ["OT", "PT", "RC", "RT"]

TABLES: Final[dict[str, dict[str, str]]] = {
    "sex": {"M": "1", "F": "2", "U": "0", "O": "9", "A": "9", "N": "9"} | _same(codes.SEX),
    "patient_class": {
        "I": "inpatient", "B": "inpatient", "O": "outpatient", "E": "outpatient", "R": "outpatient",
    },
    "admit_source": _same(codes.ADMISSION_WAY),
    "disposition": _same(codes.DISCHARGE_WAY),
    "plan_type": _same(codes.INSURANCE_TYPE),
    "present_on_admission": {"Y": "1", "W": "2", "U": "3", "N": "4"} | _same(codes.PRESENT_ON_ADMISSION),
    "section": dict.fromkeys(_RADIOLOGY, "exam") | dict.fromkeys(_LABORATORY, "lab")
    | dict.fromkeys(_TREATMENT, "procedure") | {"PHR": "drug", "NRS": "nursing", "OTH": "other", "PHY": "other"},
    "fee_schedule": _same(codes.CHARGE_CATEGORY),
    "order_status": {
        "A": "active", "CA": "revoked", "CM": "completed", "DC": "completed", "ER": "entered-in-error",
        "HD": "on-hold", "IP": "active", "RP": "completed", "SC": "active",
    },
}  # fmt: skip
"""Tables of a message and our codes: HL7's 0001, 0004, 0895, 0074, 0038, and user-defined ones."""

_INTO: Final[dict[str, frozenset[str]]] = {
    "sex": frozenset(codes.SEX),
    "patient_class": frozenset(codes.CLAIM_TYPE),
    "admit_source": frozenset(codes.ADMISSION_WAY),
    "disposition": frozenset(codes.DISCHARGE_WAY),
    "plan_type": frozenset(codes.INSURANCE_TYPE),
    "present_on_admission": frozenset(codes.PRESENT_ON_ADMISSION),
    "section": frozenset(codes.ORDER_TYPE),
    "fee_schedule": frozenset(codes.CHARGE_CATEGORY),
    "order_status": frozenset(codes.ORDER_STATUS),
}

DEFAULTS: Final[dict[str, str]] = {
    "claim_type": "inpatient",
    "currency": "CNY",
    "payment_method": "drg",
    "diagnosis_system": "ICD-10-CN",
    "procedure_system": "ICD-9-CM-3-CN",
}
"""What the head of a stay has where its message says nothing."""


class ProfileError(SentinelError):
    """A profile cannot be read."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a site writes its messages.

    ``providers`` maps sending facilities (MSH-4, its first component) to the codes of
    hospitals; one that is not named is itself the code. ``stay_prefix`` comes before each
    visit number where hospitals number alike. ``head`` holds fields of the stay's head for
    all messages. Type codes of CX (table 0203) tell the patient's identifiers apart.
    ``ignored`` are messages, such as ``ADT^A31``, that are answered AA and not read.
    """

    time_zone: str = "Asia/Shanghai"
    charset: str = "utf-8"
    providers: Table = field(default_factory=dict)
    stay_prefix: str = ""
    head: Table = field(default_factory=lambda: dict(DEFAULTS))
    tables: Mapping[str, Table] = field(default_factory=lambda: TABLES)
    patient_types: tuple[str, ...] = ("PI",)
    record_types: tuple[str, ...] = ("MR",)
    identity_types: tuple[str, ...] = ("NNCHN", "NI")
    processing_ids: tuple[str, ...] = ("P", "")
    ignored: tuple[str, ...] = ()
    ahead_hours: int = 24

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of times without an offset."""
        return ZoneInfo(self.time_zone)

    def provider(self, facility: str) -> str:
        """The code of the hospital that a facility stands for."""
        return self.providers.get(facility, self.providers.get("*", facility))

    def code(self, table: str, written: str) -> str | None:
        """Our code for a value of a table; None if the table does not have it."""
        return self.tables[table].get(written)


def load(path: Path) -> Profile:
    """The profile of a file; ProfileError if it has what a profile has not, or what cannot be."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(
            f"the profile cannot be read: {error}",
            where=str(path),
            cure="Write it as TOML in UTF-8, as docs/hl7.md shows.",
        ) from error
    known = {f.name for f in fields(Profile)}
    changed: dict[str, Any] = {}
    for name, value in found.items():
        if name not in known:
            raise _wrong(path, f"a profile has no {name}", f"Use {', '.join(sorted(known))}.")
        changed[name] = _checked(path, name, value)
    return replace(Profile(), **changed)


def _checked(path: Path, name: str, value: Any) -> Any:
    default = getattr(Profile(), name)
    if name == "tables":
        return TABLES | {t: TABLES[t] | m for t, m in _tables(path, value).items()}
    if isinstance(default, dict):
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise _wrong(path, f"{name} maps no text to text", f'Write [{name}] with "A" = "B".')
        if name == "head":
            unknown = sorted(set(value) - set(MEMBER["stay"].fields))
            if unknown:
                raise _wrong(
                    path,
                    f"a head has no {', '.join(unknown)}",
                    "docs/fields.md lists the fields of stays.",
                )
            return DEFAULTS | value
        return value
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise _wrong(path, f"{name} is no list of texts", f'Write {name} = ["A", "B"].')
        return tuple(value)
    if type(value) is not type(default):
        raise _wrong(path, f"{name} has another type", f"Write it as {name} = {default!r}.")
    if name == "charset":
        codec = CHARSETS.get(str(value).upper(), "")
        if not codec:
            raise _wrong(path, f"no character set is named {value}", "Write utf-8 or gb18030.")
        return codec
    if name == "time_zone":
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise _wrong(
                path, f"no time zone is named {value}", "Write it as Asia/Shanghai."
            ) from None
    return value


def _tables(path: Path, value: Any) -> dict[str, dict[str, str]]:
    if not isinstance(value, dict) or set(value) - set(TABLES):
        raise _wrong(path, "tables has one that is not known", f"Use {', '.join(TABLES)}.")
    for name, table in value.items():
        wrong = (
            sorted({str(v) for v in table.values()} - _INTO[name])
            if isinstance(table, dict)
            else ["?"]
        )
        if wrong:
            raise _wrong(
                path,
                f"table {name} leads to {', '.join(wrong)}",
                f"Map to {', '.join(sorted(_INTO[name]))}.",
            )
    return value


def _wrong(path: Path, what: str, cure: str) -> ProfileError:
    return ProfileError(what, where=str(path), cure=cure)
