"""The provider CSV layout: joins, odd lines, and the real files."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from streaming import intake
from streaming.pseudonym import PseudonymKey

KEY = PseudonymKey(bytes(range(32)))
CLAIM = [
    "BeneID", "ClaimID", "ClaimStartDt", "ClaimEndDt", "Provider", "InscClaimAmtReimbursed",
    "AttendingPhysician", "OperatingPhysician", "OtherPhysician", "AdmissionDt", "ClmAdmitDiagnosisCode",
    "DeductibleAmtPaid", "DischargeDt", "DiagnosisGroupCode",
    *(f"ClmDiagnosisCode_{i}" for i in range(1, 11)), *(f"ClmProcedureCode_{i}" for i in range(1, 7)),
]  # fmt: skip
PERSON = ["BeneID", "DOB", "DOD", "Gender", "NoOfMonths_PartACov", "NoOfMonths_PartBCov"]
ROW: dict[str, Any] = {
    "BeneID": '"BENE1"', "ClaimID": '"C1"', "ClaimStartDt": "2009-04-12", "ClaimEndDt": "2009-04-18",
    "Provider": '"P1"', "InscClaimAmtReimbursed": "26000", "AttendingPhysician": '"D1"',
    "AdmissionDt": "2009-04-12", "DischargeDt": "2009-04-18", "DeductibleAmtPaid": "1068",
    "DiagnosisGroupCode": '"201"', "ClmDiagnosisCode_1": '"1970"', "ClmDiagnosisCode_3": '"4019"',
    "ClmProcedureCode_1": "66",
}  # fmt: skip
PEOPLE = ["BENE1,1943-01-01,NA,1,12,11", "BENE2,1950-02-03,2009-12-01,2,12,0"]


def row(**changes: str) -> str:
    given = ROW | changes
    return ",".join(given.get(c, "NA") for c in CLAIM)


def write(
    folder: Path, *rows: str, people: list[str] | None = None, name: str = "inpatient.csv"
) -> Path:
    head = ",".join(f'"{c}"' for c in CLAIM)
    (folder / name).write_bytes("\n".join([head, *rows]).encode() + b"\n")
    if people is not None:
        (folder / "beneficiary.csv").write_text("\n".join([",".join(PERSON), *people]) + "\n")
    return folder


def read(folder: Path) -> intake.Intake:
    result = intake.read([folder], "provider-csv", key=KEY)
    assert result.accepted + result.set_aside == result.read
    return result


def told(result: intake.Intake) -> list[set[tuple[str, str]]]:
    return [{(r.field, r.rule) for r in a.reasons} for a in result.refusals]


def test_a_claim_is_joined_with_its_beneficiary(tmp_path: Path) -> None:
    result = read(write(tmp_path, row(), people=PEOPLE))
    (stay,) = result.tables.stays.to_pylist()
    expected = {
        "stay_id": "C1", "claim_version": 1, "claim_type": "inpatient", "region_code": "US", "currency": "USD",
        "time_zone": "America/New_York", "provider_id": "P1", "patient_id": KEY.pseudonym("patient_id", "BENE1"),
        "birth_date": dt.date(1943, 1, 1), "death_date": None, "sex": "1", "insurance_type": "medicare",
        "admission_date": dt.date(2009, 4, 12), "discharge_date": dt.date(2009, 4, 18),
        "settlement_start_date": dt.date(2009, 4, 12), "settlement_end_date": dt.date(2009, 4, 18),
        "fund_payment_fen": 2_600_000, "deductible_fen": 106_800, "total_amount_fen": None,
        "attending_physician_id": "D1", "operating_physician_id": None, "billed_group_code": "201",
        "diagnosis_system": "ICD-9-CM", "procedure_system": "ICD-9-CM-3", "admission_time": None,
    }  # fmt: skip
    assert {k: stay[k] for k in expected} == expected
    codes = [(d["ordinal"], d["code"]) for d in result.tables.diagnoses.to_pylist()]
    assert codes == [(1, "1970"), (3, "4019")]
    assert result.tables.procedures.to_pylist()[0]["code"] == "66"
    (coverage,) = result.tables.coverages.to_pylist()
    assert (coverage["insurance_type"], coverage["covered_months"]) == ("medicare", 12)


def test_outpatient_files_are_known_by_their_header_and_use_part_b(tmp_path: Path) -> None:
    columns = [c for c in CLAIM if c not in {"AdmissionDt", "DischargeDt", "DiagnosisGroupCode"}]
    body = ",".join((ROW | {"ClmAdmitDiagnosisCode": '""'}).get(c, "NA") for c in columns)
    (tmp_path / "visits.csv").write_text(",".join(columns) + "\n" + body + "\n")
    write(tmp_path, people=PEOPLE, name="inpatient.csv")
    (stay,) = (result := read(tmp_path)).tables.stays.to_pylist()
    assert stay["claim_type"] == "outpatient"
    assert (stay["admission_date"], stay["discharge_date"]) == (
        dt.date(2009, 4, 12),
        dt.date(2009, 4, 18),
    )
    assert (stay["admission_diagnosis_code"], stay["billed_group_code"]) == (None, None)
    assert result.tables.coverages["covered_months"].to_pylist() == [11]


def test_an_unknown_beneficiary_leaves_the_facts_unknown(tmp_path: Path) -> None:
    result = read(write(tmp_path, row(BeneID='"BENE9"'), people=PEOPLE))
    (stay,) = result.tables.stays.to_pylist()
    assert (stay["birth_date"], stay["death_date"], stay["sex"]) == (None, None, None)
    assert result.tables.coverages.num_rows == 0
    alone = tmp_path / "alone"
    alone.mkdir()
    assert read(write(alone, row())).tables.stays["birth_date"].to_pylist() == [None]


def test_replay_claims_look_into_the_replay_beneficiaries_first(tmp_path: Path) -> None:
    write(tmp_path, row(), people=PEOPLE)
    write(
        tmp_path, row(ClaimID="R1"), row(ClaimID="R2", BeneID="BENE2"), name="replay_inpatient.csv"
    )
    (tmp_path / "replay_beneficiary.csv").write_text(
        ",".join(PERSON) + "\nBENE1,1943-01-01,2009-12-01,1,12,11\n"
    )
    died = {s["stay_id"]: s["death_date"] for s in read(tmp_path).tables.stays.to_pylist()}
    assert died == {"C1": None, "R1": dt.date(2009, 12, 1), "R2": dt.date(2009, 12, 1)}


def test_packed_files_are_read(tmp_path: Path) -> None:
    write(tmp_path, row(), people=PEOPLE)
    for name in ("inpatient", "beneficiary"):
        plain = tmp_path / f"{name}.csv"
        (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    assert read(tmp_path).tables.stays["sex"].to_pylist() == ["1"]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (row(AdmissionDt="2009-02-30"), {("AdmissionDt", "format")}),
        (row(ClaimEndDt="18/04/2009"), {("ClaimEndDt", "format")}),
        (row(InscClaimAmtReimbursed="-1"), {("InscClaimAmtReimbursed", "negative-amount")}),
        (row(InscClaimAmtReimbursed="1e3"), {("InscClaimAmtReimbursed", "type")}),
        (row(InscClaimAmtReimbursed="12.345"), {("InscClaimAmtReimbursed", "type")}),
        (row(DeductibleAmtPaid="NaN"), {("DeductibleAmtPaid", "not-finite")}),
        (row(BeneID="NA", Provider='""'), {("BeneID", "required"), ("Provider", "required")}),
        (row(AdmissionDt="NA", ClaimStartDt="NA"), {("ClaimStartDt", "required")}),
        (row(ClaimID='"a b"'), {("ClaimID", "format")}),
        (row(ClmDiagnosisCode_2='"' + "9" * 21 + '"'), {("diagnoses[1].code", "range")}),
        (row(ClaimID='"C0"'), {("ClaimID", "duplicate-id")}),
        (row() + ",1", {("(record)", "format")}),
        (row()[:80], {("(record)", "format")}),
        (row(Provider='"P1'), {("(record)", "format")}),
        (row(Provider='P"1"'), {("(record)", "format")}),
        (row().replace("26000", "26\r000"), {("(record)", "format")}),
    ],
)  # fmt: skip
def test_a_bad_row_is_set_aside_with_its_column(
    tmp_path: Path, bad: str, expected: set[tuple[str, str]]
) -> None:
    result = read(write(tmp_path, row(ClaimID='"C0"'), bad, row(ClaimID='"C2"'), people=PEOPLE))
    assert result.tables.stays["stay_id"].to_pylist() == ["C0", "C2"]
    assert told(result) == [expected]
    assert result.refusals[0].number == 3


def test_a_quoted_line_break_makes_two_refused_records_and_swallows_nothing(tmp_path: Path) -> None:
    broken = row(ClaimID='"C1\nC1b"')
    result = read(write(tmp_path, broken, row(ClaimID='"C2"'), people=PEOPLE))
    assert result.tables.stays["stay_id"].to_pylist() == ["C2"]
    assert (result.read, result.set_aside) == (3, 2)


def test_doubled_quotes_are_part_of_the_value(tmp_path: Path) -> None:
    result = read(write(tmp_path, row(ClmDiagnosisCode_1='"19""70"'), people=PEOPLE))
    assert result.tables.diagnoses["code"].to_pylist()[0] == '19"70'


def test_cents_are_exact(tmp_path: Path) -> None:
    amounts = ["0", "0.1", "0.29", "1234567.89", "70.10", "-0", "9.990"]
    rows = [row(ClaimID=f"C{i}", InscClaimAmtReimbursed=a) for i, a in enumerate(amounts)]
    cents = read(write(tmp_path, *rows, people=PEOPLE)).tables.stays["fund_payment_fen"].to_pylist()
    assert cents == [int(Decimal(a) * 100) for a in amounts]


def test_bad_beneficiaries_are_set_aside_and_counted_apart(tmp_path: Path) -> None:
    people = [*PEOPLE, "BENE3,1943-13-01,NA,1,12,12", "BENE1,1943-01-01,NA,2,12,12", "NA,1943-01-01,NA,1,1,1", "BENE4,1943-01-01,NA,1,13,x"]  # fmt: skip
    result = read(write(tmp_path, row(), row(ClaimID="C3", BeneID="BENE3"), people=people))
    assert (result.read, result.accepted, result.references_set_aside) == (2, 2, 4)
    assert told(result) == [
        {("DOB", "format")},
        {("BeneID", "duplicate-id")},
        {("BeneID", "required")},
        {("NoOfMonths_PartACov", "range"), ("NoOfMonths_PartBCov", "type")},
    ]
    assert result.tables.stays["birth_date"].to_pylist() == [dt.date(1943, 1, 1), None]
    assert all(
        r.value == "<personal>"
        for a in result.refusals
        for r in a.reasons
        if r.field == "BeneID" and r.value
    )


def test_a_gb18030_file_is_read_when_told(tmp_path: Path) -> None:
    write(tmp_path, row(AttendingPhysician='"医师甲"'), people=PEOPLE)
    path = tmp_path / "inpatient.csv"
    path.write_bytes(path.read_bytes().decode().encode("gb18030"))
    assert told(read(tmp_path)) == [{("(record)", "not-utf8")}]
    result = intake.read([tmp_path], "provider-csv", key=KEY, encoding="gb18030")
    assert result.tables.stays["attending_physician_id"].to_pylist() == ["医师甲"]


@pytest.mark.shared
def test_the_real_claims_are_all_accounted_for(root: Path) -> None:
    folder = root.parent / "shared" / "data" / "provider_fraud"
    if not folder.is_dir():
        pytest.skip(f"the shared data is not here: {folder}")
    result = read(folder)
    assert (result.read, result.accepted, result.set_aside) == (175_866, 175_866, 0)
    assert result.references_set_aside == 0
    assert {p.name for p, _ in result.left} == {
        "labels.csv",
        "provider_features.csv",
        "unlabelled_providers.csv",
    }
    paid = codes = 0
    for name in ("inpatient", "replay_inpatient", "replay_outpatient"):
        with (folder / f"{name}.csv").open(newline="") as file:
            for record in csv.DictReader(file):
                paid += int(record["InscClaimAmtReimbursed"])
                codes += sum(
                    record[f"ClmDiagnosisCode_{i}"] not in {"NA", ""} for i in range(1, 11)
                )
    assert sum(result.tables.stays["fund_payment_fen"].to_pylist()) == paid * 100
    assert result.tables.diagnoses.num_rows == codes
    assert result.tables.stays["birth_date"].null_count == 0
