import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

import cli
from graph_models.fake import make_claims

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "provider_fraud"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small folder in the layout of the public data, with labels and a provider table."""
    at = tmp_path_factory.mktemp("claims")
    tables, labels = make_claims(40, seed=2, mean_claims=15)
    stays = pl.DataFrame(tables.stays)
    codes = pl.DataFrame(tables.diagnoses).filter(pl.col("ordinal") == 1)
    none = pl.lit("NA")
    stays.join(codes.select("stay_id", "code"), on="stay_id").select(
        BeneID="patient_id", ClaimID="stay_id", ClaimStartDt="admission_date",
        ClaimEndDt="discharge_date", Provider="provider_id",
        InscClaimAmtReimbursed=pl.col("fund_payment_fen") // 100,
        AttendingPhysician="attending_physician_id", OperatingPhysician=none, OtherPhysician=none,
        AdmissionDt="admission_date", ClmAdmitDiagnosisCode=none, DeductibleAmtPaid=pl.lit("1068"),
        DischargeDt="discharge_date", DiagnosisGroupCode=none,
        ClmDiagnosisCode_1=pl.col("code").str.replace(r"\.", ""),
        **{f"ClmDiagnosisCode_{i}": none for i in range(2, 11)},
        **{f"ClmProcedureCode_{i}": none for i in range(1, 7)},
    ).write_csv(at / "inpatient.csv")  # fmt: skip
    header = (SHARED / "beneficiary.csv").open().readline() if SHARED.exists() else None
    if header is None:
        pytest.skip("the layout of beneficiary.csv is read from ../shared, which is absent")
    names = [c.strip('"\n') for c in header.split(",")]
    known = {"BeneID": "patient_id", "DOB": "birth_date"}
    people = stays.unique("patient_id").select(
        (pl.col(known[n]) if n in known else pl.lit("NA" if n == "DOD" else "1")).alias(n)
        for n in names
    )
    people.write_csv(at / "beneficiary.csv")
    listed = pl.concat([labels, pl.DataFrame({"provider_id": ["TABLE1"], "label": [False]})])
    listed.select(
        Provider="provider_id",
        PotentialFraud=pl.when("label").then(pl.lit("Yes")).otherwise(pl.lit("No")),
    ).write_csv(at / "labels.csv")
    listed.select(Provider="provider_id", Beds=pl.int_range(pl.len()) % 7).write_csv(
        at / "provider_features.csv"
    )
    pl.DataFrame({"Provider": ["TABLE1", "NOBODY"]}).write_csv(at / "unlabelled_providers.csv")
    return at


@pytest.mark.shared
def test_train_and_score_from_the_command_line(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    common = [str(folder), "--model", "model", "--format", "provider-csv", "--device", "cpu"]
    trained = run.invoke(cli.app, ["train", *common, "--labels", str(folder / "labels.csv")])
    assert trained.exit_code == 0, trained.output
    told = json.loads(trained.stdout.splitlines()[-1])
    assert told["labels"]["used"] == 41
    assert set(told["out_of_fold"]) == {"all", "inpatient"}

    scored = run.invoke(cli.app, ["score", *common, "--level", "provider", "--out", "s/scores.csv"])
    assert scored.exit_code == 0, scored.output
    told = json.loads(scored.stdout.splitlines()[-1])
    table = pl.read_csv("s/scores.csv")
    assert table.columns == ["provider", "score"]
    # Every provider of the claims and of the provider table, once; nobody else.
    assert table.height == told["providers"] == 41
    assert "TABLE1" in table["provider"].to_list()
    assert told["without_data"] == 1
    assert table["score"].is_between(0, 1).all()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="../shared is absent")
def test_the_public_labels_and_table_are_read_whole():
    from graph_models import read_extra, read_labels, read_providers

    labels = read_labels(SHARED / "labels.csv")
    assert (labels.height, labels["label"].sum()) == (4058, 380)
    table, left = read_extra(SHARED / "provider_features.csv")
    assert table.height == 5410
    assert table.width - 1 + len(left) == 102
    assert "Race_Frac" in left
    assert len(read_providers(SHARED / "unlabelled_providers.csv")) == 1352
