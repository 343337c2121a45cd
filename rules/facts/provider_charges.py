"""Facts of ``provider_month`` from charge lines: batched tests, copied lists, beds charged."""

from __future__ import annotations

from typing import Final

import polars as pl

from rules.facts.charge import beds, live
from rules.facts.exchange import everyone
from rules.facts.fact import Kind, declare
from rules.facts.measure import PEERS, beside_peers
from rules.facts.period import KEYS, SUBJECT, month_stays, months
from rules.facts.source import Source

INTEGER, MONEY, NUMBER, TEXT = Kind.INTEGER, Kind.MONEY, Kind.NUMBER, Kind.TEXT
TEST_CATEGORIES: Final = ("03", "04")
"""Charge categories of examinations and laboratory tests."""

MIN_ITEMS: Final = 10
"""Lists with fewer different items are alike by chance."""

# fmt: off
BATCH: Final = declare("provider_month", "charges", (
    ("batch_item_code", TEXT, "批量检验检查项目", "test given far more often than by peers",
     "Test or examination whose share of stays lies furthest above that of the peers, among those that stays of at least "
     "three different principal disease categories got.", "no test is charged at the hospital and its peers"),
    ("batch_item_name", TEXT, "项目名称", "name of the test", "As charged.", "as the test"),
    ("batch_item_stays", INTEGER, "该项目病例数", "stays with the test", "Stays with a live line of it.", "as the test"),
    ("batch_item_diseases", INTEGER, "涉及病种数", "disease categories with the test", "Different three-character principal diagnoses.", "as the test"),
    ("batch_item_share", NUMBER, "该项目占比", "share of stays with the test", "Of the stays with charge lines.", "as the test"),
    ("batch_item_peer_share", NUMBER, "同级占比", "share at the peers", "Of the peers' stays with charge lines.", "as the test"),
    ("batch_item_sigma", NUMBER, "高于同级(标准差)", "standard deviations above the peers", "As for other shares.", "as the test"),
    ("batch_item_excess_fen", MONEY, "超出同级部分金额", "money beyond the peers' share",
     "Amount of its lines times the part beyond the peers' share.", "as the test"),
), as_of=PEERS, measures={"batch_item_sigma": "standard deviation"})
COPIES: Final = declare("provider_month", "charges", (
    ("charge_lists", INTEGER, "费用清单数", "charge lists", "Stays with at least ten different items.", None),
    ("copied_lists", INTEGER, "雷同费用清单最大组患者数", "patients with one and the same list",
     "Largest number of different patients whose stays have exactly the same items in the same quantities, at least ten items.", None),
    ("copied_lists_items", INTEGER, "雷同清单项目数", "items of that list", "Different items.", "no list stands twice"),
    ("copied_lists_fen", MONEY, "雷同清单基金支付", "fund payment of those stays", "What the fund paid for all of them but one.", "no list stands twice"),
))
BED_DAYS: Final = declare("provider_month", "charges, providers", (
    ("bed_days_of_month", NUMBER, "当月出院病例床日数", "bed days charged", "Bed days on the claims of the stays discharged in the month.", "no stay has charge lines"),
    ("bed_days_of_beds", INTEGER, "编制床位可提供床日数", "bed days that the beds offer", "Approved beds times days of the month.",
     "the providers table does not state the beds"),
    ("bed_days_beyond_fen", MONEY, "超出床日的床位费", "bed charges beyond the beds",
     "Bed charges times the part of the bed days beyond what the beds offer; 0 if none.", "a part is not known"),
))
# fmt: on


def batch(source: Source) -> pl.LazyFrame:
    """The facts ``BATCH``."""
    lined = source.table("charges").lazy().select("stay_id").unique()
    stays = month_stays(source).join(lined, on="stay_id", how="semi")
    lines = live(source).filter(pl.col("category").is_in(TEST_CATEGORIES))
    tested = (
        lines.group_by("stay_id", "item_code")
        .agg(pl.col("amount_fen").sum(), pl.col("item_name").drop_nulls().min())
        .join(stays.select("stay_id", *KEYS, disease=pl.col("principal").str.head(3)), on="stay_id")
        .group_by(*KEYS, "item_code")
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            pl.col("amount_fen").sum().alias("money"),
            pl.col("item_name").drop_nulls().min(),
            pl.col("disease").n_unique().cast(pl.Int64).alias("diseases"),
        )
    )
    mine = stays.group_by(KEYS).agg(pl.len().cast(pl.Int64).alias("of"))
    all_stays = everyone(source, "charged stays", mine)
    all_tested = everyone(
        source, "tested items", tested.select(*KEYS, "item_code", "count", "money")
    )
    # Every hospital with every test of its peers: one that never gives it counts too.
    items = all_tested.select("item_code", "month").unique()
    whole = (
        all_stays.join(items, on="month", how="inner")
        .join(all_tested.drop("provider_id", "month"), on=[SUBJECT, "item_code"], how="left")
        .with_columns(
            pl.col("count", "money").fill_null(0),
            share=(pl.col("count").fill_null(0) / pl.col("of")).round(4),
        )
    )
    compared = beside_peers(whole, source, "item_code")
    named = tested.select(SUBJECT, "item_code", "item_name", "diseases")
    return (
        compared.join(named, on=[SUBJECT, "item_code"], how="inner")
        .filter(pl.col("sigma").is_not_null() & (pl.col("diseases") >= 3))
        .sort(SUBJECT, "sigma", "item_code", descending=[False, True, False])
        .unique(SUBJECT, keep="first", maintain_order=True)
        .select(
            SUBJECT,
            batch_item_code="item_code",
            batch_item_name="item_name",
            batch_item_stays="count",
            batch_item_diseases="diseases",
            batch_item_share="share",
            batch_item_peer_share="peer_share",
            batch_item_sigma="sigma",
            batch_item_excess_fen="excess_fen",
        )
    )


def copies(source: Source) -> pl.LazyFrame:
    """The facts ``COPIES``."""
    lists = (
        source.table("charges")
        .lazy()
        .group_by("stay_id", "item_code")
        .agg(pl.col("quantity").sum())
        .filter(pl.col("quantity") != 0)
        .sort("stay_id", "item_code")
        .group_by("stay_id", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("items"),
            pl.concat_str("item_code", pl.lit("x"), "quantity").str.join(";").hash().alias("list"),
        )
        .filter(pl.col("items") >= MIN_ITEMS)
    )
    rows = month_stays(source).join(lists, on="stay_id", how="inner")
    fund = pl.col("fund_payment_fen")
    same = (
        rows.group_by(SUBJECT, "list")
        .agg(
            pl.col("patient_id").n_unique().cast(pl.Int64).alias("n"),
            pl.col("items").first(),
            (fund.sum() - fund.max()).alias("fen"),
        )
        .sort(SUBJECT, "n", "fen", "items")
        .group_by(SUBJECT, maintain_order=True)
        .agg(
            pl.col("n").last().alias("copied_lists"),
            pl.when(pl.col("n").last() > 1)
            .then(pl.col("items").last())
            .alias("copied_lists_items"),
            pl.when(pl.col("n").last() > 1).then(pl.col("fen").last()).alias("copied_lists_fen"),
        )
    )
    number = rows.group_by(SUBJECT).agg(pl.len().cast(pl.Int64).alias("charge_lists"))
    return (
        months(source)
        .select(SUBJECT)
        .join(number, on=SUBJECT, how="left")
        .join(same, on=SUBJECT, how="left")
        .with_columns(
            pl.col("charge_lists").fill_null(0),
            # One patient is no copy of anybody.
            pl.when(pl.col("copied_lists") > 1)
            .then("copied_lists")
            .otherwise(0)
            .alias("copied_lists"),
        )
    )


def bed_days(source: Source) -> pl.LazyFrame:
    """The facts ``BED_DAYS``."""
    charged = beds(source).lazy().select("stay_id", "bed_days_charged", "bed_charges_fen")
    known = (
        source.table("providers").lazy().select("provider_id", "bed_count").unique("provider_id")
    )
    used = (
        month_stays(source)
        .filter(pl.col("inpatient_type").fill_null("1") != "2")
        .join(charged, on="stay_id", how="inner")
        .group_by(SUBJECT)
        .agg(
            pl.col("bed_days_charged").sum().cast(pl.Float64).alias("bed_days_of_month"),
            pl.col("bed_charges_fen").sum().alias("fen"),
        )
    )
    days = pl.col("period_end").dt.day().cast(pl.Int64)
    offered = pl.col("bed_count").cast(pl.Int64) * days
    part = pl.max_horizontal(1 - offered / pl.col("bed_days_of_month"), pl.lit(0.0))
    return (
        months(source)
        .join(known, on="provider_id", how="left")
        .join(used, on=SUBJECT, how="left")
        .select(
            SUBJECT,
            "bed_days_of_month",
            bed_days_of_beds=offered,
            bed_days_beyond_fen=pl.when(
                pl.col("bed_days_of_month").is_not_null() & offered.is_not_null()
            )
            .then((pl.col("fen") * part).round(0))
            .cast(pl.Int64),
        )
    )
