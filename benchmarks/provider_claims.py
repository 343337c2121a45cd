"""Read the public provider-fraud CSV layout into domain tables with nothing but Polars.

The service reads it through ``streaming.intake``, which checks every record; this
reader is for benchmarks on a machine that has only the model's own libraries. Patient
identifiers of this data set are already made up, so they are kept as they are.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from domain.tables import Tables, concat

_DATES = ("ClaimStartDt", "ClaimEndDt", "AdmissionDt", "DischargeDt", "DOB", "DOD")
_KINDS = {"inpatient": "inpatient", "outpatient": "outpatient"}


def read(folder: Path, *, replay: bool = False) -> Tables:
    """The claims of ``inpatient.csv`` (and, with ``replay``, the two replay files)."""
    batches = [_claims(folder, "inpatient.csv", "beneficiary.csv", "inpatient")]
    if replay:
        batches += [
            _claims(folder, f"replay_{kind}.csv", "replay_beneficiary.csv", kind) for kind in _KINDS
        ]
    return concat(batches)


def read_labels(folder: Path) -> pl.DataFrame:
    """``provider_id, label`` of ``labels.csv``."""
    return pl.read_csv(folder / "labels.csv").select(
        provider_id="Provider", label=pl.col("PotentialFraud") == "Yes"
    )


def _claims(folder: Path, claims_file: str, people_file: str, kind: str) -> Tables:
    raw = _read(folder / claims_file)
    people = _read(folder / people_file).select("BeneID", "DOB", "DOD", "Gender")
    rows = raw.join(people, on="BeneID", how="left")
    start = "AdmissionDt" if "AdmissionDt" in rows.columns else "ClaimStartDt"
    end = "DischargeDt" if "DischargeDt" in rows.columns else "ClaimEndDt"
    group = "DiagnosisGroupCode" if "DiagnosisGroupCode" in rows.columns else None
    stays = rows.select(
        stay_id="ClaimID",
        claim_version=pl.lit(1, pl.Int32),
        claim_type=pl.lit(kind),
        region_code=pl.lit("US"),
        time_zone=pl.lit("America/New_York"),
        currency=pl.lit("USD"),
        provider_id="Provider",
        patient_id="BeneID",
        sex="Gender",
        birth_date="DOB",
        death_date="DOD",
        admission_date=start,
        discharge_date=end,
        admission_diagnosis_code="ClmAdmitDiagnosisCode",
        attending_physician_id="AttendingPhysician",
        operating_physician_id="OperatingPhysician",
        other_physician_id="OtherPhysician",
        diagnosis_system=pl.lit("ICD-9-CM"),
        procedure_system=pl.lit("ICD-9-CM-3"),
        billed_group_code=pl.col(group) if group else pl.lit(None, pl.String),
        fund_payment_fen=pl.col("InscClaimAmtReimbursed").cast(pl.Int64) * 100,
        deductible_fen=pl.col("DeductibleAmtPaid").cast(pl.Int64) * 100,
        settlement_start_date="ClaimStartDt",
        settlement_end_date="ClaimEndDt",
    )
    return Tables.of(
        {
            "stays": stays.to_arrow(),
            "diagnoses": _codes(rows, "ClmDiagnosisCode_").to_arrow(),
            "procedures": _codes(rows, "ClmProcedureCode_").to_arrow(),
        }
    )


def _codes(rows: pl.DataFrame, prefix: str) -> pl.DataFrame:
    columns = [c for c in rows.columns if c.startswith(prefix)]
    return (
        rows.select("ClaimID", *columns)
        .unpivot(index="ClaimID", value_name="code")
        .drop_nulls("code")
        .select(
            stay_id="ClaimID",
            ordinal=pl.col("variable").str.strip_prefix(prefix).cast(pl.Int32),
            code="code",
        )
        .sort("stay_id", "ordinal")
    )


def _read(path: Path) -> pl.DataFrame:
    frame = pl.read_csv(path, infer_schema=False, null_values="NA")
    return frame.with_columns(
        pl.col(c).str.to_date("%Y-%m-%d") for c in _DATES if c in frame.columns
    )
