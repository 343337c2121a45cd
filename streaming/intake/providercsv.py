"""The CSV layout of the provider-fraud claims: claims joined with their beneficiaries.

One line is one record: no field of this layout can hold a line break, so a quoted one
makes both halves unreadable instead of letting an open quote swallow the file. ``NA``
and nothing mean not known. What the source does not say stays null: total charges,
present on admission, instants, the meaning of the two gender codes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from domain.claim import COVERAGES, DIAGNOSES, PROCEDURES, STAYS
from domain.schema import Field
from streaming.intake.columns import AT, REC, convert
from streaming.intake.draft import Draft, empty_frame, gather
from streaming.intake.jsonreasons import refuse_encoding
from streaming.intake.limits import Limits
from streaming.intake.refusals import RECORD, Reasons, refuse
from streaming.intake.sources import Line

_NULLS: Final = ["NA", ""]
_MONEY: Final = r"^-?[0-9]{1,12}(\.[0-9]{1,2}0*)?$"
_MONTHS: Final = r"^[0-9]{1,2}$"
_CLAIM_DIAGNOSES: Final = [f"ClmDiagnosisCode_{i}" for i in range(1, 11)]
_CLAIM_PROCEDURES: Final = [f"ClmProcedureCode_{i}" for i in range(1, 7)]

NAMES: Final[Mapping[str, str]] = {
    "stay_id": "ClaimID",
    "patient_id": "BeneID",
    "provider_id": "Provider",
    "admission_diagnosis_code": "ClmAdmitDiagnosisCode",
    "billed_group_code": "DiagnosisGroupCode",
    "attending_physician_id": "AttendingPhysician",
    "operating_physician_id": "OperatingPhysician",
    "other_physician_id": "OtherPhysician",
    "settlement_start_date": "ClaimStartDt",
    "settlement_end_date": "ClaimEndDt",
    "admission_date": "AdmissionDt",
    "discharge_date": "DischargeDt",
    "fund_payment_fen": "InscClaimAmtReimbursed",
    "deductible_fen": "DeductibleAmtPaid",
}
"""Field of the stay and the claim column that it comes from."""

_FALLBACK: Final = {
    "admission_date": "settlement_start_date",
    "discharge_date": "settlement_end_date",
}
_DOLLARS: Final = ("fund_payment_fen", "deductible_fen")
_PERSON: Final[Mapping[str, str]] = {"birth_date": "DOB", "death_date": "DOD", "sex": "Gender"}
_PART: Final = {"inpatient": "NoOfMonths_PartACov", "outpatient": "NoOfMonths_PartBCov"}
_BY_FIELD: Final = {**NAMES, **_PERSON}
_CONSTANT: Final = {
    "claim_version": 1,
    "region_code": "US",
    "currency": "USD",
    "time_zone": "America/New_York",
    "insurance_type": "medicare",
    "diagnosis_system": "ICD-9-CM",
    "procedure_system": "ICD-9-CM-3",
}


def label(field: Field) -> str:
    """The sender's column of a field; the field's own name where the layout has none."""
    return (
        "ClaimStartDt" if field.name == "admission_date" else _BY_FIELD.get(field.name, field.name)
    )


@dataclass(frozen=True, slots=True)
class Beneficiaries:
    """People by BeneID, one frame a file, in the order in which a claim looks them up."""

    frames: tuple[pl.DataFrame, ...]

    def join(self, claims: pl.DataFrame) -> pl.DataFrame:
        """The claims with DOB, DOD, Gender and covered months of the first file that has the person."""
        wanted = [*_PERSON, "part_a", "part_b"]
        result = claims.with_columns(pl.lit(None, dtype=pl.Boolean).alias("_found"))
        if not self.frames:
            return result.with_columns(
                *(pl.lit(None, dtype=pl.Date).alias(c) for c in ("birth_date", "death_date")),
                pl.lit(None, dtype=pl.String).alias("sex"),
                *(pl.lit(None, dtype=pl.Int32).alias(c) for c in ("part_a", "part_b")),
            )
        # One frame of people, a person of an earlier file before the same one of a later file.
        people = pl.concat(self.frames).unique("patient_id", keep="first", maintain_order=True)
        return result.join(
            people.select("patient_id", *wanted), on="patient_id", how="left", maintain_order="left"
        )


def parse_rows(
    lines: Sequence[Line], header: Sequence[str], reasons: Reasons, encoding: str, limits: Limits
) -> pl.DataFrame:
    """The well-formed lines as text columns with ``_rec``; the others have their reasons."""
    texts: list[str] = []
    recs: list[int] = []
    for rec, line in enumerate(lines):
        if line.data is None:
            cure = f"A row of this layout is a few hundred bytes, this one over {limits.record_bytes}: look for a missing line end or quote."
            reasons.add(rec, refuse("too-large", RECORD, None, None, cure))
            continue
        try:
            texts.append(line.data.decode(encoding))
            recs.append(rec)
        except UnicodeDecodeError as error:
            reasons.add(rec, refuse_encoding(line.data, error, encoding))
    rows = pl.DataFrame({REC: recs, "_line": texts}, schema={REC: pl.UInt32, "_line": pl.String})
    cell = r'(?:"(?:[^"]|"")*"|[^",]*)'
    form = rf"^{cell}(?:,{cell}){{{len(header) - 1}}}$"
    good = rows.select(
        pl.col("_line").str.contains(form) & ~pl.col("_line").str.contains("\r", literal=True)
    ).to_series()
    for rec, text in rows.filter(~good).iter_rows():
        reasons.add(rec, refuse("format", RECORD, None, None, _cure_form(text, len(header))))
    rows = rows.filter(good)
    if rows.is_empty():
        return pl.DataFrame(schema={REC: pl.UInt32, **dict.fromkeys(header, pl.String)})
    table = pl.read_csv(
        io.BytesIO("\n".join(rows["_line"].to_list()).encode()),
        has_header=False,
        schema=dict.fromkeys(header, pl.String),
        null_values=_NULLS,
        infer_schema=False,
    )
    return table.with_columns(rows[REC]).select(REC, *header)


def _cure_form(text: str, wanted: int) -> str:
    if text.count('"') % 2:
        return (
            "A quote is not closed on this line; close it, and write no line break inside a field."
        )
    cells = text.count(",") + 1
    return f"The header has {wanted} columns, this line about {cells}, or a quote stands inside a field: correct the line."


def draft_beneficiaries(rows: pl.DataFrame, reasons: Reasons) -> pl.DataFrame:
    """People with typed columns: patient_id, birth_date, death_date, sex, part_a, part_b."""
    frame = rows.select(
        REC, pl.col("BeneID").alias("patient_id"), *(pl.col(c).alias(n) for n, c in _PERSON.items())
    )
    typed = convert(frame, STAYS, reasons, label=label).select(REC, "patient_id", *_PERSON)
    months = {"part_a": "NoOfMonths_PartACov", "part_b": "NoOfMonths_PartBCov"}
    covered = rows.select(
        (
            pl.col(c).cast(pl.Int32, strict=False)
            if c in rows.columns
            else pl.lit(None, dtype=pl.Int32)
        ).alias(n)
        for n, c in months.items()
    )
    field = COVERAGES["covered_months"]
    for column in months.values():
        if column not in rows.columns:
            continue
        broken = pl.col(column).is_not_null() & ~(
            pl.col(column).str.contains(_MONTHS)
            & pl.col(column).cast(pl.Int32, strict=False).is_between(0, 12)
        )
        for rec, value in rows.filter(broken).select(REC, column).iter_rows():
            reasons.add(
                rec,
                refuse("range" if value.lstrip("-").isdigit() else "type", column, value, field),
            )
    for rec in typed.filter(pl.col("patient_id").is_null())[REC].to_list():
        if not reasons.covers(rec, "BeneID"):
            reasons.add(rec, refuse("required", "BeneID", None, STAYS["patient_id"]))
    return pl.concat([typed, covered], how="horizontal")


def draft_claims(
    rows: pl.DataFrame, kind: str, people: Beneficiaries, reasons: Reasons, limits: Limits
) -> Draft:
    """A draft of the claims of one file; ``kind`` is inpatient or outpatient."""
    raw = rows.select(
        REC,
        *(pl.col(c).alias(n) for n, c in NAMES.items() if c in rows.columns and n not in _DOLLARS),
    )
    typed = convert(raw, STAYS, reasons, label=_column, limits=limits)
    money = rows.select(
        REC, *(pl.col(NAMES[n]).alias(n) for n in _DOLLARS if NAMES[n] in rows.columns)
    )
    typed = typed.with_columns(_cents(money, n, reasons) for n in _DOLLARS if n in money.columns)
    typed = typed.with_columns(
        *(
            pl.lit(v, dtype=pl.Int32 if isinstance(v, int) else pl.String).alias(n)
            for n, v in _CONSTANT.items()
        ),
        pl.lit(kind).alias("claim_type"),
        *(pl.coalesce(n, f).alias(n) for n, f in _FALLBACK.items()),
    )
    joined = people.join(typed.drop(_PERSON))
    draft = Draft(joined.select(REC, *(f.name for f in STAYS.fields)), {}, reasons)
    listed = {
        DIAGNOSES.name: _codes(rows, _CLAIM_DIAGNOSES, DIAGNOSES.name, reasons, limits),
        PROCEDURES.name: _codes(rows, _CLAIM_PROCEDURES, PROCEDURES.name, reasons, limits),
        COVERAGES.name: _coverage(joined, "part_a" if kind == "inpatient" else "part_b"),
    }
    draft.children = gather(listed)
    return draft


def _column(field: Field) -> str:
    return _BY_FIELD.get(field.name, field.name)


def _cents(money: pl.DataFrame, name: str, reasons: Reasons) -> pl.Series:
    """Dollars in text as cents; what is no amount or negative becomes null with its reason."""
    field = STAYS[name]
    col = pl.col(name)
    well = col.str.contains(_MONEY)
    negative = well & col.str.starts_with("-") & col.str.contains("[1-9]")
    for rec, value in money.filter(~well).select(REC, name).iter_rows():
        unfinite = value.strip("+-").lower() in {"nan", "inf", "infinity"}
        cure = f"Write {_column(field)} as dollars with at most two decimals, or NA."
        reasons.add(
            rec, refuse("not-finite" if unfinite else "type", _column(field), value, field, cure)
        )
    for rec, value in money.filter(negative).select(REC, name).iter_rows():
        cure = (
            f"Give {_column(field)} as zero or more; take a payment back by correcting its claim."
        )
        reasons.add(rec, refuse("negative-amount", _column(field), value, field, cure))
    cents = (pl.when(well & ~negative).then(col).cast(pl.Decimal(18, 2), strict=False) * 100).cast(
        pl.Int64
    )
    return money.select(cents.alias(name)).to_series()


def _codes(
    rows: pl.DataFrame, columns: Sequence[str], name: str, reasons: Reasons, limits: Limits
) -> pl.DataFrame:
    """Codes of numbered columns as rows; the column's number is the ordinal, gaps stay."""
    table = DIAGNOSES if name == DIAGNOSES.name else PROCEDURES
    parts = [
        rows.select(
            REC,
            pl.lit(i, dtype=pl.UInt32).alias(AT),
            pl.lit(i + 1, dtype=pl.Int32).alias("ordinal"),
            pl.col(c).alias("code"),
        ).filter(pl.col("code").is_not_null())
        for i, c in enumerate(columns)
        if c in rows.columns
    ]
    if not parts:
        return empty_frame(table)
    return convert(pl.concat(parts), table, reasons, limits=limits)


def _coverage(joined: pl.DataFrame, part: str) -> pl.DataFrame:
    """The months covered by the part of Medicare that pays such claims: A for stays, B for visits."""
    rows = joined.filter(pl.col(part).is_not_null()).select(
        REC,
        pl.lit(0, dtype=pl.UInt32).alias(AT),
        pl.lit(1, dtype=pl.Int32).alias("ordinal"),
        pl.lit("medicare").alias("insurance_type"),
        pl.col(part).alias("covered_months"),
    )
    return convert(rows, COVERAGES, Reasons(), checked=True)
