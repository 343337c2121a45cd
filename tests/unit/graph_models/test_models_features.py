from datetime import date

import numpy as np
import polars as pl
import pytest

from domain.errors import SentinelError
from domain.results import Verdict
from graph_models.catalog import CLAIM_FEATURES, describe
from graph_models.features import tabulate

UPTO = date(2025, 1, 1)


def one(table, provider="H0001"):
    return table.filter(pl.col("provider_id") == provider).row(0, named=True)


def test_counts_and_shares_of_a_provider_worked_by_hand(stays):
    tables = stays(
        {"patient_id": "A", "fund_payment_fen": 100_00, "attending_physician_id": "D1"},
        {"patient_id": "A", "fund_payment_fen": 300_00, "attending_physician_id": "D1",
         "admission_date": date(2024, 1, 20), "discharge_date": date(2024, 1, 21)},
        {"patient_id": "B", "fund_payment_fen": 200_00, "attending_physician_id": "D2"},
        {"patient_id": "B", "provider_id": "H0002", "claim_type": "outpatient"},
    )  # fmt: skip
    row = one(tabulate(tables, upto=UPTO))
    assert (row["claims"], row["claims_inpatient"], row["patients"]) == (3, 3, 2)
    assert row["repeat_patient_share"] == 0.5
    assert (row["payment_total"], row["payment_mean"], row["payment_max"]) == (600, 200, 300)
    assert row["stay_days_mean"] == pytest.approx((4 + 1 + 4) / 3)
    assert row["short_stay_share"] == pytest.approx(1 / 3)
    assert row["top_attending_share"] == pytest.approx(2 / 3)
    assert row["shared_patient_share"] == 0.5
    assert row["readmission_share"] == pytest.approx(1 / 3)


def test_what_is_not_known_is_nan_and_never_zero(stays):
    row = one(tabulate(stays({}), upto=UPTO))
    for name in ("payment_total", "payment_mean", "deductible_mean", "charges_mean", "physicians",
                 "diagnoses_per_claim", "procedures_per_claim", "deceased_share", "drug_share",
                 "hits_per_claim", "top_group_share", "patient_age_mean"):  # fmt: skip
        assert np.isnan(row[name]), name


def test_a_check_counts_hits_over_what_it_could_judge(stays):
    tables = stays({}, {}, {}, {})
    letters = [Verdict.HIT, Verdict.PASS, Verdict.UNKNOWN, Verdict.OUT_OF_FORCE]
    verdicts = pl.DataFrame(
        {"stay_id": ["X0", "X1", "X2", "X3"], "ADM-003": [int(v) for v in letters],
         "LOS-003": [int(Verdict.UNKNOWN)] * 4},
        schema_overrides={"ADM-003": pl.Int8, "LOS-003": pl.Int8},
    )  # fmt: skip
    row = one(tabulate(tables, verdicts, upto=UPTO))
    assert row["check:ADM-003"] == 0.5
    assert np.isnan(row["check:LOS-003"])
    assert row["hit_claim_share"] == 0.5


def test_an_extra_table_adds_providers_without_claims(stays):
    extra = pl.DataFrame({"provider_id": ["H0001", "H0009"], "Beds": [10.0, None]})
    table = tabulate(stays({}), upto=UPTO, extra=extra)
    assert table["provider_id"].to_list() == ["H0001", "H0009"]
    assert one(table)["extra:Beds"] == 10
    assert np.isnan(one(table, "H0009")["extra:Beds"])
    assert np.isnan(one(table, "H0009")["claims"])


def test_two_currencies_are_refused(stays):
    with pytest.raises(SentinelError, match="one currency at a time"):
        tabulate(stays({}, {"currency": "USD"}), upto=UPTO)


def test_every_feature_has_names_in_both_languages_and_a_reason():
    for feature in (*CLAIM_FEATURES, describe("check:ADM-003"), describe("extra:MaxHospitalDays")):
        assert any("\u4e00" <= c <= "\u9fff" for c in feature.zh)
        assert feature.en
        assert feature.unit
        assert feature.reason
    assert describe("extra:MaxHospitalDays").en == "Highest hospital days (extra table)"
    assert (
        describe("extra:UniqOPPhysCount").en == "Distinct operating physician count (extra table)"
    )
