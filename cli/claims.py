"""Models of claims behind ``sentinel train`` and ``score``, and ``sentinel unusual`` for sites without labels."""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import polars as pl
import typer

from cli import models, options
from cli.output import finish, say, tell, writable
from cli.reading import PSEUDONYM_KEY
from domain.errors import SentinelError
from domain.tables import Tables

if TYPE_CHECKING:
    from graph_models import Scored
    from graph_models.stays import Desk, StayModel


def train(
    tables: Tables,
    findings: pl.DataFrame,
    folder: Path,
    *,
    upto: date | None,
    seed: int,
    device: str,
) -> StayModel:
    """Train a model of claims on ``findings``, and save it."""
    import rules  # noqa: PLC0415
    from graph_models import cut, stays  # noqa: PLC0415

    last = models.until(tables, upto, None)
    # Checks look at other claims too: they may only see what was known then.
    known = cut(tables, last)
    made = stays.train(
        known,
        models.verdicts(rules.load(), known),
        findings,
        upto=last,
        seed=seed,
        device=device,
        progress=lambda step: say(f"  {step}"),
    )
    made.save(folder)
    return made


def summary(made: StayModel, folder: Path, seconds: float) -> dict[str, Any]:
    """What the command says of a model at its end."""
    return {
        "model": str(folder),
        "model_sha256": made.sha256,
        "level": made.LEVEL,
        "upto": made.manifest["upto"],
        "claims": made.manifest["window"]["claims"],
        "labels": made.manifest["labels"],
        "network": made.manifest["network"],
        "later_in_time": made.manifest["metrics"],
        "threshold": made.threshold,
        "seconds": round(seconds, 3),
    }


def score(
    tables: Tables,
    folder: Path,
    level: str,
    out: Path,
    *,
    labels: Path | None,
    upto: date | None,
    on_arrival: bool,
    reasons: Path | None,
    device: str,
) -> dict[str, Any]:
    """Score claims, or those behind them, with a model of claims; what the command says at its end."""
    import rules  # noqa: PLC0415
    from graph_models import cut, read_claim_labels  # noqa: PLC0415
    from graph_models.stays import StayModel, levels  # noqa: PLC0415

    loaded = StayModel.load(folder)
    last = models.until(tables, upto, None)
    known = cut(tables, last)
    if not len(known):
        raise SentinelError(
            f"no claim was complete before {last}",
            where="--upto" if upto else "the claims given",
            cure="Name a later day with --upto, or give claims that are discharged and settled.",
        )
    judged = models.verdicts(rules.load(), known)
    findings = None if labels is None else read_claim_labels(labels)
    survey = loaded.survey(known, judged, upto=last, labels=findings, device=device)
    scored = survey.then() if on_arrival else survey.again()
    told: dict[str, Any] = {
        "level": level,
        "claims": len(scored),
        "above_threshold": int((scored.scores >= loaded.threshold).sum()),
        "threshold": loaded.threshold,
    }
    if level == "claim":
        pl.DataFrame({"stay_id": scored.subject_ids, "score": scored.scores}).write_csv(out)
    elif level == "ring":
        found = levels.rings(scored, survey.stays, least=loaded.threshold)
        found.with_columns(pl.col(pl.List(pl.String)).list.join(" ")).write_csv(out)
        told["rings"] = found.height
    else:
        table = levels.parties(scored, survey.stays, level)
        table.write_csv(out)
        told["parties"] = table.height
    if reasons is not None:
        desk = None if on_arrival else survey.desk()
        told["explained"] = _explain(loaded, scored, reasons, desk)
    return {
        **told,
        "upto": scored.upto.isoformat(),
        "model_sha256": loaded.sha256,
        "out": str(out),
    }


def unusual(
    inputs: options.Inputs,
    out: Annotated[
        Path, typer.Option(help="CSV to write: stay_id,unusual, the most unusual first.")
    ],
    written: options.Written = None,
    upto: models.Upto = None,
    seed: Annotated[int, typer.Option(help="Seed; equal seeds give equal ranks.")] = 20240501,
    device: Annotated[
        models.Device, typer.Option(help="Where the network runs.")
    ] = models.Device.AUTO,
    key: options.Key = PSEUDONYM_KEY,
) -> None:
    """Rank claims by how unlike the others they are: no label and no model is needed.

    0 to 1: the share of claims that are less unusual. It orders work where nothing is known yet; most
    of what is unusual is no fraud.
    """
    import rules  # noqa: PLC0415
    from graph_models import cut  # noqa: PLC0415
    from graph_models.stays.unusual import rank  # noqa: PLC0415

    began = time.monotonic()
    writable(out.parent)
    tables = models.read(inputs, written, key)
    last = models.until(tables, upto.date() if upto else None, None)
    known = cut(tables, last)
    ranked = rank(
        known,
        models.verdicts(rules.load(), known),
        upto=last,
        seed=seed,
        device=device.value,
        progress=lambda step: say(f"  {step}"),
    )
    ranked.sort(["unusual", "stay_id"], descending=[True, False]).write_csv(out)
    finish(
        {
            "claims": ranked.height,
            "upto": last.isoformat(),
            "out": str(out),
            "seconds": round(time.monotonic() - began, 3),
        }
    )


def gather(labels: Path | None, reviews: str | None) -> pl.DataFrame:
    """What was found of claims by a list; of reviews those of claims that the list does not name."""
    from graph_models import read_claim_labels, reviewed_claims  # noqa: PLC0415

    parts = []
    if labels is not None:
        parts.append(read_claim_labels(labels).select("stay_id", "label", "known_on"))
    if reviews is not None:
        import store  # noqa: PLC0415

        with store.open(reviews) as opened:
            parts.append(reviewed_claims(opened.all_reviews()))
        tell(f"{parts[-1].height} claims have been reviewed")
    if not parts:
        raise SentinelError(
            "there is no finding to learn from",
            where="--labels, --reviews",
            cure="Give a CSV stay_id,label,known_on, a database with reviews, or rank without "
            "labels: sentinel unusual.",
        )
    return pl.concat(parts).unique("stay_id", keep="first", maintain_order=True)


def _explain(loaded: StayModel, scored: Scored, out: Path, desk: Desk | None) -> int:
    """The reasons of the claims that alert, a JSON line each, with the connections that they rest on."""
    from explain import because_of, explain  # noqa: PLC0415
    from graph_models.stays.naming import party  # noqa: PLC0415

    chosen = scored.select(
        s for s, p in zip(scored.subject_ids, scored.scores, strict=True) if p >= loaded.threshold
    )
    scores, reasons = explain(loaded, chosen)
    by_score: dict[str, list[dict[str, Any]]] = {}
    for row in reasons.to_pylist():
        by_score.setdefault(row.pop("score_id"), []).append(row)
    with out.open("w", encoding="utf-8") as file:
        for row in scores.to_pylist():
            line = {
                "stay_id": row["subject_id"],
                "score": row["score"],
                "base_value": row["base_value"],
                "reasons": by_score.get(row["score_id"], []),
                "contributions": json.loads(row["contributions"]),
            }
            if desk is not None:
                line["connections"] = [
                    {
                        "relation": c.relation,
                        "name_zh": party(c.relation)[0],
                        "name_en": party(c.relation)[1],
                        "fall": c.fall,
                        "claims": c.claims,
                        "stay_ids": c.stay_ids,
                    }
                    for c in because_of(desk, row["subject_id"]).connections
                ]
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return len(chosen)
