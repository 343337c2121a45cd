"""Payment as a slow and plain reading of its definition: one stay at a time, Decimal throughout.

It shares no code with ``drg.payment_terms``, so that the two can be wrong only apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Any

Row = dict[str, Any]


def fen(yuan: Decimal) -> int:
    return int((yuan * 100 + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


def strength(row: Row, claim: Row) -> tuple[int, ...] | None:
    """How exactly the row names the stay; None where it does not hold for it."""
    if not claim["region_code"].startswith(row.get("region_code") or ""):
        return None
    day: date = claim["date"]
    if day < row["effective_from"] or (row.get("effective_to") and day > row["effective_to"]):
        return None
    points = [len(row.get("region_code") or "")]
    for name in ("insurance_type", "provider_id", "group_code", "level", "item_code", "category"):
        wanted = row.get(name)
        if wanted is None:
            points.append(0)
        elif wanted == claim.get(name):
            points.append(2)
        elif name == "group_code" and wanted == claim["adrg"]:
            points.append(1)
        else:
            return None
    return tuple(points)


def best(
    rows: Sequence[Row], claim: Row, holds: Callable[[Row], bool] = lambda _: True
) -> list[Row]:
    """All rows of the greatest strength."""
    found = [(s, r) for r in rows if (s := strength(r, claim)) is not None and holds(r)]
    top = max((s for s, _ in found), default=None)
    return [r for s, r in found if s == top]


def pay_stay(claim: Row, terms: dict[str, list[Row]]) -> Row:
    """What the discharged, insured inpatient stay is paid; ``charges`` is a list of (item, fen)."""
    out: Row = dict.fromkeys(
        ("payment_standard_fen", "payment_case", "payment_fen", "high_line_fen", "low_line_fen")
    )
    out["excluded_fen"], beside = 0, Decimal(0)
    for item, amount in claim["charges"]:
        rows = best(terms["excluded_items"], {**claim, "item_code": item, "category": "09"})
        if rows:
            out["excluded_fen"] += amount
            beside += Decimal(amount) / 100 * rows[0]["share"]
    paid_beside = fen(beside)
    out["cost_fen"] = cost = claim["total"] - out["excluded_fen"]

    days = max(1, claim["days"])
    bands = best(terms["day_rates"], claim, lambda r: days >= (r.get("min_days") or 0))
    if bands:
        bands = sorted(bands, key=lambda r: r["from_day"], reverse=True)
        amount = sum(
            (
                next(b for b in bands if b["from_day"] <= d)["day_rate_yuan"]
                for d in range(1, days + 1)
            ),
            Decimal(0),
        )
        if bands[0].get("cap_yuan") is not None:
            amount = min(amount, bands[0]["cap_yuan"])
        group = fen(amount)
        if bands[0]["cap_at_cost"]:
            group = min(group, cost)
        return out | {"payment_case": "day_rate", "payment_fen": group + paid_beside}

    weights = [r for r in terms["weights"] if r["group_code"] == claim["group_code"]]
    weight, rate = best(weights, claim), best(terms["rates"], claim)
    coefficient = best(terms["level_coefficients"], claim)
    local = [
        r for r in terms["level_coefficients"] if claim["region_code"].startswith(r["region_code"])
    ]
    if not weight or not rate or (local and not coefficient):
        return out
    factor = coefficient[0]["coefficient"] if local else Decimal(1)
    standard = fen(weight[0]["weight"] * rate[0]["base_rate_yuan"] * factor)
    out["payment_standard_fen"] = standard
    paid, case = standard, "standard"
    for kind in ("low", "high"):
        rows = best(
            [r for r in terms["outliers"] if r["kind"] == kind],
            claim,
            lambda r: r.get("weight_up_to") is None or weight[0]["weight"] <= r["weight_up_to"],
        )
        if not rows:
            continue
        row = min(rows, key=lambda r: r.get("weight_up_to") or Decimal(10**6))
        line = fen({
            "yuan": lambda r: r["line_yuan"],
            "standard": lambda r: Decimal(standard) / 100 * r["multiple"],
            "mean_cost": lambda r: weight[0]["mean_cost_yuan"] * r["multiple"],
        }[row["line_basis"]](row))  # fmt: skip
        out[f"{kind}_line_fen"] = line
        if (cost > line) if kind == "high" else (cost < line):
            case = f"{kind}_outlier"
            base = {"cost": cost, "standard": standard, "excess": cost - line}[row["pays"]]
            paid = fen(Decimal(base) / 100 * row["factor"])
            paid += standard if row["pays"] == "excess" else 0
            if row.get("cap_multiple") is not None:
                paid = min(paid, fen(Decimal(standard) / 100 * row["cap_multiple"]))
    return out | {"payment_case": case, "payment_fen": paid + paid_beside}
