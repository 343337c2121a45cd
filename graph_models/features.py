"""The provider table: one row a provider, one column a feature, NaN where nothing is known."""

from __future__ import annotations

from datetime import date

import polars as pl

from domain.errors import SentinelError
from domain.results import Verdict
from domain.tables import Tables
from graph_models.catalog import CHECK, CLAIM_FEATURES, EXTRA
from graph_models.window import KNOWN_ON, cut, frame, known_on

_ROLES = ("attending_physician_id", "operating_physician_id", "other_physician_id")
_READMISSION_DAYS = 30
"""Look-back of the readmission features, the window of most readmission measures."""
_AGED_YEARS = 85
_RARE_CODE_COUNT = 5
_DRUGS, _CONSUMABLES, _TESTS = ("09", "10", "11"), ("08",), ("03", "04")


def tabulate(
    tables: Tables,
    verdicts: pl.DataFrame | None = None,
    *,
    upto: date,
    extra: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Features of every provider seen in the claims before ``upto`` or in ``extra``.

    Returns ``provider_id`` and Float64 columns: all of ``catalog.CLAIM_FEATURES``, one
    ``check:<ID>`` a verdict column, one ``extra:<column>`` a column of ``extra``
    (``provider_id`` first, the rest numeric), sorted by provider. What is not known is
    NaN. Amounts are in the currency's major unit. SentinelError if the claims are in
    more than one currency, since amounts would not compare.
    """
    known = cut(tables, upto)
    currencies = frame(known, "stays")["currency"].unique(maintain_order=True).sort().to_list()
    if len(currencies) > 1:
        raise SentinelError(
            f"the claims are in several currencies {currencies}",
            where="field currency of the claims given to the model",
            cure="Give the claims of one currency at a time; amounts of two currencies do not compare.",
        )
    claims = claim_rows(known)
    by = claims.group_by("provider_id", maintain_order=True)
    parts = [
        by.agg(*_counts(), *_money(), *_lengths(), *_mix()),
        _patients(claims),
        _physicians(claims),
        _months(claims),
        _codes(known, claims),
        _partners(claims),
        _lines(known, claims),
        _checks(claims, verdicts),
    ]
    table = parts[0]
    for part in parts[1:]:
        table = table.join(part, on="provider_id", how="left", maintain_order="left")
    if extra is not None:
        named = extra.rename({c: f"{EXTRA}{c}" for c in extra.columns if c != "provider_id"})
        table = table.join(
            named, on="provider_id", how="full", coalesce=True, maintain_order="left_right"
        )
    absent = [f.name for f in CLAIM_FEATURES if f.name not in table.columns]
    order = [f.name for f in CLAIM_FEATURES]
    order += [c for c in table.columns if c.startswith((CHECK, EXTRA))]
    return (
        table.with_columns(pl.lit(None, pl.Float64).alias(c) for c in absent)
        .select("provider_id", *(_clean(c) for c in order))
        .sort("provider_id")
    )


def _clean(column: str) -> pl.Expr:
    """Unknown is NaN; twelve digits, so that the order of a sum cannot show in a feature."""
    return pl.col(column).cast(pl.Float64).round_sig_figs(12).fill_null(float("nan"))


def _share(condition: pl.Expr) -> pl.Expr:
    """Share of rows where the condition holds, over rows where it is known."""
    return condition.cast(pl.Float64).mean()


def claim_rows(known: Tables) -> pl.DataFrame:
    """One row a claim, sorted by stay, with derived columns; amounts in the major unit.

    ``known`` is already cut. Null means unknown throughout.
    """
    stays = frame(known, "stays").with_columns(known_on())
    diagnoses = frame(known, "diagnoses").sort("stay_id", "ordinal", "code")
    procedures = frame(known, "procedures").sort("stay_id", "ordinal", "code")
    diagnosis = diagnoses.group_by("stay_id", maintain_order=True).agg(
        diagnosis_count=pl.len(),
        principal=pl.col("code").filter(pl.col("ordinal") == 1).first(),
        diagnosis_vector=pl.col("code").sort().str.join(" "),
    )
    procedure = procedures.group_by("stay_id", maintain_order=True).agg(
        procedure_count=pl.len(),
        surgeon_id=pl.col("surgeon_id").drop_nulls().first(),
        procedure_vector=pl.col("code").sort().str.join(" "),
    )
    inpatient = pl.col("claim_type") == "inpatient"
    nights = (pl.col("discharge_date") - pl.col("admission_date")).dt.total_days()
    age = (pl.col("admission_date") - pl.col("birth_date")).dt.total_days() / 365.25
    joined = stays.join(diagnosis, on="stay_id", how="left", maintain_order="left").join(
        procedure, on="stay_id", how="left"
    )
    # A list without diagnoses may be a list nobody filled; no procedure is a common fact
    # wherever procedures are recorded at all.
    recorded = procedures.height > 0
    claims = joined.with_columns(
        pl.col("operating_physician_id").fill_null(pl.col("surgeon_id")),
        inpatient=inpatient,
        payment=pl.col("fund_payment_fen") / 100,
        total=pl.col("total_amount_fen") / 100,
        deductible=pl.col("deductible_fen") / 100,
        nights=pl.when(inpatient & (nights >= 0)).then(nights),
        age=pl.when(age.is_between(0, 130)).then(age).otherwise(pl.col("age_years")),
        procedure_count=pl.col("procedure_count").fill_null(0)
        if recorded
        else pl.lit(None, pl.UInt32),
        vector=pl.concat_str(
            "diagnosis_vector", pl.col("procedure_vector").fill_null(""), separator="|"
        ),
    )
    earlier = [pl.col("patient_id"), pl.col("provider_id")]
    stayed = claims.filter("inpatient").sort("patient_id", "admission_date", "stay_id")
    stayed = stayed.select(
        "stay_id",
        prior_end=pl.col("discharge_date").shift().cum_max().over("patient_id"),
        prior_here=pl.col("discharge_date").shift().cum_max().over(earlier),
    )
    gap = (pl.col("admission_date") - pl.col("prior_end")).dt.total_days()
    gap_here = (pl.col("admission_date") - pl.col("prior_here")).dt.total_days()
    within = gap.is_between(0, _READMISSION_DAYS)
    return (
        claims.join(stayed, on="stay_id", how="left", maintain_order="left")
        .with_columns(
            readmitted=pl.when("inpatient").then(within.fill_null(value=False)),
            returned=pl.when("inpatient").then(
                gap_here.is_between(0, _READMISSION_DAYS).fill_null(value=False)
            ),
            overlaps=pl.when("inpatient").then((gap < 0).fill_null(value=False)),
            gap_days=gap,
            usual=pl.col("payment").median().over("principal", "inpatient"),
        )
        .sort("stay_id")
    )


def _counts() -> list[pl.Expr]:
    return [
        pl.len().alias("claims"),
        pl.col("inpatient").sum().alias("claims_inpatient"),
        (~pl.col("inpatient")).sum().alias("claims_outpatient"),
        pl.col("inpatient").mean().alias("inpatient_share"),
        _share(pl.col("operating_physician_id").is_not_null()).alias("operating_share"),
        _share(pl.col("other_physician_id").is_not_null()).alias("other_physician_share"),
        pl.col("diagnosis_count").mean().alias("diagnoses_per_claim"),
        pl.col("procedure_count").mean().alias("procedures_per_claim"),
        _share(pl.col("readmitted")).alias("readmission_share"),
        _share(pl.col("returned")).alias("return_share"),
        _share(pl.col("overlaps")).alias("overlap_share"),
    ]


def _money() -> list[pl.Expr]:
    paid = pl.col("payment")
    stayed = pl.col("inpatient") & pl.col("nights").is_not_null()
    both = pl.col("total").is_not_null() & paid.is_not_null() & (pl.col("total") > 0)
    return [
        # sum() of nothing known is 0; that would say "paid nothing".
        pl.when(paid.is_not_null().any()).then(paid.sum()).alias("payment_total"),
        paid.mean().alias("payment_mean"),
        paid.median().alias("payment_median"),
        paid.quantile(0.9).alias("payment_p90"),
        paid.max().alias("payment_max"),
        pl.when(paid.mean() > 0).then(paid.std() / paid.mean()).alias("payment_spread"),
        (paid.filter(stayed).sum() / (pl.col("nights").filter(stayed) + 1).sum()).alias(
            "payment_per_day"
        ),
        _share((paid > 2 * pl.col("usual")).filter(pl.col("inpatient"))).alias(
            "payment_over_group_share"
        ),
        pl.col("total").mean().alias("charges_mean"),
        pl.col("deductible").mean().alias("deductible_mean"),
        (1 - paid.filter(both).sum() / pl.col("total").filter(both).sum()).alias(
            "patient_paid_share"
        ),
    ]


def _lengths() -> list[pl.Expr]:
    nights = pl.col("nights")
    return [
        nights.mean().alias("stay_days_mean"),
        nights.median().alias("stay_days_median"),
        nights.quantile(0.9).alias("stay_days_p90"),
        nights.max().alias("stay_days_max"),
        pl.when(nights.is_not_null().any()).then(nights.sum()).alias("stay_days_total"),
        _share(nights <= 1).alias("short_stay_share"),
    ]


def _mix() -> list[pl.Expr]:
    return [_share(pl.col("age") >= _AGED_YEARS).alias("aged_share")]


def _patients(claims: pl.DataFrame) -> pl.DataFrame:
    # Where no death at all is recorded, the source does not report deaths.
    reported = claims["death_date"].is_not_null().any()
    each = claims.group_by("provider_id", "patient_id", maintain_order=True).agg(
        visits=pl.len(), age=pl.col("age").mean(), dead=pl.col("death_date").is_not_null().any()
    )
    return each.group_by("provider_id", maintain_order=True).agg(
        patients=pl.len(),
        claims_per_patient=pl.col("visits").mean(),
        repeat_patient_share=_share(pl.col("visits") > 1),
        claims_of_top_patient=pl.col("visits").max(),
        patient_age_mean=pl.col("age").mean(),
        deceased_share=_share(pl.col("dead")) if reported else pl.lit(None, pl.Float64),
    )


def physicians_of(claims: pl.DataFrame) -> pl.DataFrame:
    """``stay_id, provider_id, patient_id, physician_id``: each physician named on a claim, once."""
    return (
        claims.unpivot(
            on=_ROLES, index=["stay_id", "provider_id", "patient_id"], value_name="physician_id"
        )
        .drop("variable")
        .drop_nulls("physician_id")
        .unique(maintain_order=True)
        .sort("stay_id", "physician_id")
    )


def _physicians(claims: pl.DataFrame) -> pl.DataFrame:
    named = physicians_of(claims)
    active = named.select("provider_id", "physician_id").unique(maintain_order=True)
    active = active.with_columns(elsewhere=pl.len().over("physician_id") > 1)
    overall = active.group_by("provider_id", maintain_order=True).agg(
        physicians=pl.len(), shared_physician_share=_share(pl.col("elsewhere"))
    )
    load = (
        claims.drop_nulls("attending_physician_id")
        .group_by("provider_id", "attending_physician_id", maintain_order=True)
        .len("load")
    )
    part = pl.col("load") / pl.col("load").sum()
    attending = load.group_by("provider_id", maintain_order=True).agg(
        attending_physicians=pl.len(),
        claims_per_attending=pl.col("load").mean(),
        top_attending_share=part.max(),
        attending_concentration=part.pow(2).sum(),
    )
    return overall.join(
        attending, on="provider_id", how="full", coalesce=True, maintain_order="left_right"
    )


def _months(claims: pl.DataFrame) -> pl.DataFrame:
    month_of = pl.col(KNOWN_ON).dt.truncate("1mo")
    month = claims.group_by("provider_id", month_of, maintain_order=True).len("busy")
    return month.group_by("provider_id", maintain_order=True).agg(
        claims_per_month=pl.col("busy").mean(),
        busiest_month_share=pl.col("busy").max() / pl.col("busy").sum(),
    )


def _top_share(claims: pl.DataFrame, column: str, name: str) -> pl.DataFrame:
    each = claims.drop_nulls(column).group_by("provider_id", column, maintain_order=True).len("n")
    return each.group_by("provider_id", maintain_order=True).agg(
        (pl.col("n").max() / pl.col("n").sum()).alias(name), pl.len().alias(f"distinct_{column}")
    )


def _codes(known: Tables, claims: pl.DataFrame) -> pl.DataFrame:
    owner = claims.select("stay_id", "provider_id")
    codes = (
        frame(known, "diagnoses")
        .select("stay_id", "code")
        .join(owner, on="stay_id", maintain_order="left")
    )
    codes = codes.with_columns(seen=pl.len().over("code"))
    each = codes.group_by("provider_id", "code", maintain_order=True).agg(
        n=pl.len(), seen=pl.col("seen").first()
    )
    part = pl.col("n") / pl.col("n").sum()
    diversity = each.group_by("provider_id", maintain_order=True).agg(
        distinct_diagnoses=pl.len(),
        diagnosis_diversity=-(part * part.log()).sum(),
        rare_diagnosis_share=pl.col("n").filter(pl.col("seen") <= _RARE_CODE_COUNT).sum()
        / pl.col("n").sum(),
    )
    principal = _top_share(claims, "principal", "top_principal_share")
    group = _top_share(claims, "billed_group_code", "top_group_share")
    coded = claims.drop_nulls("vector").with_columns(
        twin=pl.len().over("vector") > 1,
        same=pl.when(pl.col("payment") > 0).then(
            pl.len().over("provider_id", "inpatient", "principal", "payment") > 1
        ),
    )
    repeated = coded.group_by("provider_id", maintain_order=True).agg(
        repeated_vector_share=_share(pl.col("twin")), repeated_payment_share=_share(pl.col("same"))
    )
    return (
        diversity.join(
            principal, on="provider_id", how="full", coalesce=True, maintain_order="left_right"
        )
        .join(
            group.drop("distinct_billed_group_code"),
            on="provider_id",
            how="full",
            coalesce=True,
            maintain_order="left_right",
        )
        .join(repeated, on="provider_id", how="full", coalesce=True, maintain_order="left_right")
    )


def _partners(claims: pl.DataFrame) -> pl.DataFrame:
    pairs = claims.select("provider_id", "patient_id").unique(maintain_order=True)
    pairs = pairs.with_columns(seen_at=pl.len().over("patient_id"))
    own = pairs.group_by("provider_id", maintain_order=True).agg(
        shared_patient_share=_share(pl.col("seen_at") > 1),
        providers_per_patient=pl.col("seen_at").mean(),
        patients_here=pl.len(),
    )
    shared = pairs.filter(pl.col("seen_at") > 1).select("provider_id", "patient_id")
    common = (
        shared.join(shared, on="patient_id", suffix="_other", maintain_order="left")
        .filter(pl.col("provider_id") != pl.col("provider_id_other"))
        .group_by("provider_id", "provider_id_other", maintain_order=True)
        .len("common")
    )
    partner = common.group_by("provider_id", maintain_order=True).agg(
        partner_providers=pl.len(), top_common=pl.col("common").max()
    )
    return (
        own.join(partner, on="provider_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("partner_providers").fill_null(0),
            top_partner_share=pl.col("top_common").fill_null(0) / pl.col("patients_here"),
        )
        .drop("patients_here", "top_common")
    )


def _lines(known: Tables, claims: pl.DataFrame) -> pl.DataFrame:
    """Charge lines and orders; no column at all where the batch carries none."""
    owner = claims.select("stay_id", "provider_id")
    table = owner.select("provider_id").unique(maintain_order=True)
    charges, orders = frame(known, "charges"), frame(known, "orders")
    if charges.height:
        amount, category = pl.col("amount_fen"), pl.col("category")
        lines = charges.join(owner, on="stay_id", maintain_order="left").group_by(
            "provider_id", maintain_order=True
        )
        table = table.join(
            lines.agg(
                lines_per_claim=pl.len() / pl.col("stay_id").n_unique(),
                all_amounts=amount.sum(),
                drug_share=amount.filter(category.is_in(_DRUGS)).sum(),
                consumable_share=amount.filter(category.is_in(_CONSUMABLES)).sum(),
                test_share=amount.filter(category.is_in(_TESTS)).sum(),
            ),
            on="provider_id",
            how="left",
            maintain_order="left",
        ).with_columns(
            pl.when(pl.col("all_amounts") > 0).then(pl.col(c) / pl.col("all_amounts")).alias(c)
            for c in ("drug_share", "consumable_share", "test_share")
        )
        table = table.drop("all_amounts")
    if orders.height:
        ordered = orders.join(owner, on="stay_id", maintain_order="left").group_by(
            "provider_id", maintain_order=True
        )
        each = ordered.agg(orders_per_claim=pl.len() / pl.col("stay_id").n_unique())
        table = table.join(each, on="provider_id", how="left", maintain_order="left")
    return table


def _checks(claims: pl.DataFrame, verdicts: pl.DataFrame | None) -> pl.DataFrame:
    owner = claims.select("stay_id", "provider_id")
    if verdicts is None:
        return owner.select("provider_id").unique(maintain_order=True)
    rules = [c for c in verdicts.columns if c != "stay_id"]
    judged = {r: pl.col(r).is_in([int(Verdict.PASS), int(Verdict.HIT)]) for r in rules}
    hits = pl.sum_horizontal((pl.col(r) == int(Verdict.HIT)).cast(pl.Int32) for r in rules)
    any_judged = pl.any_horizontal(*judged.values()) if rules else pl.lit(value=False)
    rows = owner.join(verdicts, on="stay_id", maintain_order="left").with_columns(
        claim_hits=pl.when(any_judged).then(hits) if rules else pl.lit(None, pl.Int32)
    )
    return rows.group_by("provider_id", maintain_order=True).agg(
        pl.col("claim_hits").mean().alias("hits_per_claim"),
        _share(pl.col("claim_hits") > 0).alias("hit_claim_share"),
        *(
            _share((pl.col(r) == int(Verdict.HIT)).filter(judged[r])).alias(CHECK + r)
            for r in rules
        ),
    )
