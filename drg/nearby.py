"""The groups that the stays of one CHS scheme are near to, and what those pay."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from domain.tables import Tables
from drg import chs, payment_terms
from drg.arrays import Ids, pick
from drg.chs.answer import SEVERITIES, endings
from drg.chs.compiled import UNKNOWN
from drg.grouping import Status
from drg.schemes import Scheme

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

AMOUNTS: Final = pl.Schema(
    {
        "group_weight": pl.Decimal(18, 4),
        "payment_standard_fen": pl.Int64(),
        "payment_fen": pl.Int64(),
    }
)
"""What a group pays at the place and day of a stay."""

BY_DIAGNOSIS: Final = pl.Schema({**chs.BY_DIAGNOSIS, **AMOUNTS})
"""One row an other diagnosis of such a stay: its group with that one as the principal one."""

SUPPOSED: Final = pl.Schema(
    {
        "stay_id": pl.String(),
        "group_code": pl.String(),
        "adrg": pl.String(),
        "severity": pl.String(),
        **AMOUNTS,
    }
)
"""One row a supposed stay: its group, and what that pays at the stay's place and day."""

KINDS: Final = pl.Schema(
    {"stay_id": pl.String(), "group_kind": pl.String(), "unread_codes": pl.Int64()}
)
"""One row a stay of a CHS scheme: the kind of its ADRG (surgical, procedure, medical; null if it
has none), and how many of its codes the scheme does not know."""


@dataclass(frozen=True)
class Nearby:
    """The stays of one CHS scheme; what they are near to is found when it is first asked for.

    Frames are in the order of the batch.
    """

    tables: Tables = field(repr=False)
    walked: chs.Walked = field(repr=False)

    @property
    def scheme(self) -> Scheme:
        """The scheme of these stays."""
        return self.walked.scheme

    @cached_property
    def alternatives(self) -> pl.DataFrame:
        """The groups that the grouped stays are near to (``ALTERNATIVES``)."""
        near = chs.alternatives(self.variants).rename(
            {"mcc_count": "counting_mcc", "cc_count": "counting_cc"}
        )
        stays, own = self.variants.rows, self._own
        added: list[pl.Series] = []
        for name, answer, rest in (
            ("complications", self.variants.bare, own),
            ("severity_diagnosis", self.variants.lighter, np.full(len(own), -1, dtype=np.intp)),
        ):
            ending = rest.copy()
            ending[np.searchsorted(stays, answer.stay)] = answer.ending
            weight, standard, payment = self._prices(stays, ending)
            added += [
                weight.alias(f"weight_without_{name}"),
                standard.alias(f"standard_without_{name}_fen"),
                payment.alias(f"payment_without_{name}_fen"),
            ]
        return near.with_columns(added).select(list(ALTERNATIVES))

    @cached_property
    def by_diagnosis(self) -> pl.DataFrame:
        """The groups with each other diagnosis as the principal one (``BY_DIAGNOSIS``)."""
        led = self.variants.led
        return chs.by_diagnosis(self.variants).with_columns(self._prices(led.stay, led.ending))

    @cached_property
    def unoperated(self) -> pl.DataFrame:
        """The stays of surgical groups without their procedures (``SUPPOSED``)."""
        return self._supposed(self.variants.unoperated)

    @cached_property
    def unexcluded(self) -> pl.DataFrame:
        """The stays whose severity would change if no diagnosis were ruled out (``SUPPOSED``)."""
        return self._supposed(self.variants.unexcluded)

    @cached_property
    def kinds(self) -> pl.DataFrame:
        """The kind of each stay's ADRG and the codes unknown to the scheme (``KINDS``)."""
        batch, paths = self.walked.batch, self.walked.paths
        adrg = np.full(len(batch.stay_ids), -1, dtype=np.intp)
        adrg[batch.rows] = paths.adrg
        at = np.concatenate([self.unread(kind)[0] for kind in ("diagnosis", "procedure")])
        unread = np.bincount(at, minlength=len(adrg))
        return pl.DataFrame(
            {
                "stay_id": batch.stay_ids,
                "group_kind": pick(batch.facts.scheme.kinds, adrg),
                "unread_codes": pl.Series(unread, dtype=pl.Int64),
            }
        )

    def unread(self, kind: str) -> tuple[Ids, Ids, pl.Series]:
        """The codes that neither the scheme nor its crosswalk has: stay, ordinal and code.

        ``kind`` is ``diagnosis`` or ``procedure``; stays are positions in the batch.
        """
        batch, made = self.walked.batch, self.walked.batch.facts.scheme
        listed, codes = (
            (batch.diagnoses, made.diagnoses)
            if kind == "diagnosis"
            else (batch.procedures, made.procedures)
        )
        at = np.flatnonzero(listed.code == UNKNOWN)
        claimed = listed.claimed.gather(at)
        # What the crosswalk turns into a code that is not there is known all the same.
        kept = [code is not None and code not in codes.ids for code in claimed.to_list()]
        at = at[np.array(kept, dtype=np.bool_)]
        return listed.stay[at], listed.ordinal[at], listed.claimed.gather(at)

    def without(self, dropped: pl.DataFrame) -> pl.DataFrame:
        """The grouped stays of ``dropped`` (case, stay_id, ordinal) without these diagnoses.

        ``case`` and ``SUPPOSED``; a case of a stay is one supposed stay. One that would be in
        no group at all is left out.
        """
        stays = self.walked.batch.stay_ids
        places = pl.DataFrame({"stay_id": stays}).with_row_index("at")
        rows = dropped.join(places, on="stay_id", how="inner", maintain_order="left")
        case, answer = self.variants.without(
            *(rows[name].to_numpy().astype(np.intp) for name in ("case", "at", "ordinal"))
        )
        found = self._supposed(answer).with_columns(pl.Series("case", case, dtype=pl.Int64))
        left = pl.Series(answer.status != list(Status).index(Status.UNGROUPABLE))
        return found.filter(left).select("case", *SUPPOSED)

    @cached_property
    def variants(self) -> chs.Variants:
        """The grouped stays as the engine supposes them."""
        return chs.Variants(self.walked)

    @cached_property
    def _own(self) -> Ids:
        return endings(self.variants.paths, self.variants.facts.scheme)

    def _supposed(self, answer: chs.Answer) -> pl.DataFrame:
        made = self.variants.facts.scheme
        weight, standard, payment = self._prices(answer.stay, answer.ending)
        return pl.DataFrame(
            {
                "stay_id": self.walked.batch.stay_ids.gather(answer.stay),
                "group_code": pick(made.endings, answer.ending),
                "adrg": pick(made.adrgs, answer.adrg),
                "severity": pick(SEVERITIES, answer.severity),
                "group_weight": weight,
                "payment_standard_fen": standard,
                "payment_fen": payment,
            },
            schema=SUPPOSED,
        )

    def _prices(self, stays: Ids, ending: Ids) -> list[pl.Series]:
        """Weight, standard and payment of these groups at these stays; null for group -1."""
        key = np.where(ending < 0, -1, stays * self._endings + ending)
        known, frame = self._priced
        at = np.minimum(np.searchsorted(known, key), max(0, len(known) - 1))
        if len(known) == 0 or (known[at] != key)[key >= 0].any():
            known = np.unique(key[key >= 0])
            frame = self._pay(known)
            at = np.minimum(np.searchsorted(known, key), max(0, len(known) - 1))
        at = np.where(key < 0, len(known), at)
        return frame[at].get_columns()

    @cached_property
    def _priced(self) -> tuple[Ids, pl.DataFrame]:
        """The amounts of every group that follows from the claim alone, paid at once."""
        v = self.variants
        answers = (v.bare, v.lighter, v.led, v.unoperated, v.unexcluded)
        stays = np.concatenate([v.rows, *(a.stay for a in answers)])
        ending = np.concatenate([self._own, *(a.ending for a in answers)])
        known = np.unique(stays * self._endings + ending)
        return known, self._pay(known)

    @property
    def _endings(self) -> int:
        return len(self.variants.facts.scheme.endings)

    def _pay(self, keys: Ids) -> pl.DataFrame:
        """``AMOUNTS`` of each key (stay and ending), and a last row of nulls."""
        group = pick(self.variants.facts.scheme.endings, keys % self._endings)
        asked = pl.DataFrame(
            {
                "stay_id": self.walked.batch.stay_ids.gather(keys // self._endings),
                "group_code": group,
                "adrg": group.str.head(3),
            }
        )
        paid = payment_terms.amounts(asked, self.tables, self.scheme)
        none = pl.DataFrame({name: [None] for name in AMOUNTS}, schema=AMOUNTS)
        return pl.concat([paid, none])
