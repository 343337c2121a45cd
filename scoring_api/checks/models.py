"""The register of models: who counts and who is on trial, the card, scores, and the two beside each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from domain.access import Permission, Rows
from domain.registry import CHALLENGER, CHAMPION, LEVELS, ROLES, Registered, level_of
from scoring_api import pages
from scoring_api.access import needs, who
from scoring_api.answers import Answer, Bilingual
from scoring_api.checks import cards, charts
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import ProblemError, document
from store import Store

Sha = Annotated[str, Path(pattern=r"^[0-9a-f]{8,64}$")]
QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
MOST_POINTS: Final = 2_000
"""Subjects drawn in one picture; the figures beside it are of all."""
_CARD: Final = "card.md"


class AppointmentAnswer(Answer):
    """A role that a model was given."""

    role: str
    by: str
    reason: str
    at: datetime


class ModelAnswer(Answer):
    """A registered model with the role that it has now."""

    sha256: str
    level: str
    """What it scores: `provider` or `claim`."""
    role: str
    role_name: Bilingual
    registered_at: datetime
    appointed: AppointmentAnswer
    upto: str | None
    """Only what was complete before this day was known to it."""
    threshold: float | None
    """Score from which it alerts."""


class ModelList(Answer):
    """Every registered model, the last appointed first."""

    models: list[ModelAnswer]


class Quantile(Answer):
    """A quantile of the scores of both models over the same subjects."""

    quantile: float
    champion: float
    challenger: float


class ModelComparison(Answer):
    """Champion and challenger over the subjects that both scored."""

    champion: str
    challenger: str
    subjects: int
    rank_correlation: float | None
    """Spearman's, from -1 to 1; null where all scores are alike."""
    mean_difference: float
    """Mean of the absolute differences."""
    both: int
    """Subjects from the threshold on by both, each model by its own."""
    only_champion: int
    only_challenger: int
    quantiles: list[Quantile]


class ModelDetail(ModelAnswer):
    """One model: manifest, card, appointments, scores, and the comparison if it counts or is on trial."""

    manifest: dict[str, Any]
    card: str | None
    """Markdown, Chinese and English."""
    appointments: list[AppointmentAnswer]
    """Oldest first."""
    scored: int
    """Subjects with a stored score of it."""
    comparison: ModelComparison | None


def route(store: Store) -> APIRouter:
    """The routes and pages, with what they read."""
    router = APIRouter(dependencies=[needs(Permission.MODELS_READ)])

    def detail(sha256: str, rows: Rows) -> tuple[dict[str, Any], dict[str, float], Any]:
        listed = store.models()
        one = _find(listed, sha256)
        card = store.model_files(one.sha256).get(_CARD)
        level = level_of(one.manifest)
        held = {
            other.now.role: other for other in listed if level_of(other.manifest) == level
        }  # of roles that one model has at a time
        scores = store.scores_of(one.sha256)
        pair = None
        if one.now.role in {CHAMPION, CHALLENGER} and CHAMPION in held and CHALLENGER in held:
            pair = [held[CHAMPION], held[CHALLENGER]]
        comparison, both = _compare(store, pair) if pair else (None, [])
        told = {
            **_tell(one),
            "manifest": dict(one.manifest),
            "card": None if card is None else card.decode("utf-8", "replace"),
            "appointments": [_appointment(a) for a in store.appointments(one.sha256)],
            "scored": len(scores),
            "comparison": comparison,
        }
        if rows.limited:
            # Names of hospitals stand at the points: only those that may be seen are drawn.
            both = [p for p in both if p[2] in (rows.providers or ())]
        return told, scores, both

    @router.get(
        "/v1/models", response_model=ModelList, summary="List the models", tags=["models"],
        responses=document(503),
    )  # fmt: skip
    def list_models() -> Any:
        """Every registered model with the role that it has now, the last appointed first."""
        return {"models": [_tell(one) for one in store.models()]}

    @router.get(
        "/v1/models/{sha256}", response_model=ModelDetail, summary="Read a model", tags=["models"],
        responses=document(404, 422, 503),
    )  # fmt: skip
    def read_model(sha256: Sha, request: Request) -> Any:
        """One model by its digest or the beginning of it: manifest, card, roles, and how it compares."""
        return detail(sha256, who(request).rows)[0]

    @router.get("/models", include_in_schema=False)
    def list_page(request: Request) -> Response:
        listed = [_tell(one) for one in store.models()]
        by_level = {level: [m for m in listed if m["level"] == level] for level in LEVELS}
        context = {"levels": {k: v for k, v in by_level.items() if v}}
        return pages.render(request, "models.html", context)

    @router.get("/models/{sha256}", include_in_schema=False)
    def model_page(sha256: Sha, request: Request) -> Response:
        told, scores, both = detail(sha256, who(request).rows)
        words = TEXTS[pages.choose_language(request)]
        manifest = told["manifest"]
        context = {
            "model": told,
            "card": cards.render(told["card"]) if told["card"] else None,
            "metrics": list(_figures(manifest.get("metrics") or {})),
            "features": manifest.get("features") or [],
            "facts": list(_plain({k: v for k, v in manifest.items() if k in _TOLD})),
            "distribution": charts.histogram(
                list(scores.values()), words["model_distribution"], mark=told["threshold"]
            )
            if scores
            else "",
            "scatter": charts.scatter(
                both[:: max(1, len(both) // MOST_POINTS)], words["model_scatter"],
                words["model_champion_score"], words["model_challenger_score"],
            ),
        }  # fmt: skip
        return pages.render(request, "model.html", context)

    return router


_TOLD: Final = frozenset(
    {"kind", "upto", "window", "labels", "seed", "folds", "networks", "calibration", "threshold",
     "refreshed", "providers_scored", "origin", "reasons"}
)  # fmt: skip
"""Parts of a manifest that a person reads; digests of files and fill values are in the answer of the API."""


def _find(listed: Sequence[Registered], sha256: str) -> Registered:
    found = [one for one in listed if one.sha256.startswith(sha256)]
    if len(found) != 1:
        raise ProblemError(
            404,
            "not-found",
            f"No registered model begins with {sha256}."
            if not found
            else f"{len(found)} models begin with {sha256}.",
            cure="Take a digest from the list of models (GET /v1/models).",
        )
    return found[0]


def _tell(one: Registered) -> dict[str, Any]:
    zh, en = ROLES[one.now.role]
    threshold = (one.manifest.get("threshold") or {}).get("score")
    upto = one.manifest.get("upto")
    return {
        "sha256": one.sha256,
        "level": level_of(one.manifest),
        "role": one.now.role,
        "role_name": {"zh": zh, "en": en},
        "registered_at": one.registered_at,
        "appointed": _appointment(one.now),
        "upto": None if upto is None else str(upto),
        "threshold": float(threshold) if isinstance(threshold, int | float) else None,
    }


def _appointment(one: Any) -> dict[str, Any]:
    return {"role": one.role, "by": one.by, "reason": one.reason, "at": one.at}


def _compare(
    store: Store, pair: Sequence[Registered]
) -> tuple[dict[str, Any] | None, list[tuple[float, float, str]]]:
    """The two models over what both scored, and the points (champion, challenger, subject)."""
    ours, rival = (store.scores_of(one.sha256) for one in pair)
    common = sorted(ours.keys() & rival.keys())
    if not common:
        return None, []
    points = [(ours[one], rival[one], one) for one in common]
    first, second = [p[0] for p in points], [p[1] for p in points]
    limits = [(one.manifest.get("threshold") or {}).get("score") for one in pair]
    ours_high, rival_high = (
        {one for one, score in zip(common, scores, strict=True) if limit is not None and score >= limit}
        for scores, limit in zip((first, second), limits, strict=True)
    )  # fmt: skip
    return {
        "champion": pair[0].sha256,
        "challenger": pair[1].sha256,
        "subjects": len(common),
        "rank_correlation": rank_correlation(first, second),
        "mean_difference": sum(abs(a - b) for a, b, _ in points) / len(points),
        "both": len(ours_high & rival_high),
        "only_champion": len(ours_high - rival_high),
        "only_challenger": len(rival_high - ours_high),
        "quantiles": [
            {"quantile": q, "champion": quantile(first, q), "challenger": quantile(second, q)}
            for q in QUANTILES
        ],
    }, points


def quantile(values: Sequence[float], part: float) -> float:
    """A quantile with linear interpolation; the values are not empty."""
    ordered = sorted(values)
    at = part * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; None where one side is all alike."""
    a, b = _ranks(first), _ranks(second)
    middle = (len(a) - 1) / 2
    above = sum((x - middle) * (y - middle) for x, y in zip(a, b, strict=True))
    below = math.sqrt(sum((x - middle) ** 2 for x in a) * sum((y - middle) ** 2 for y in b))
    return max(-1.0, min(1.0, above / below)) if below else None


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=lambda place: values[place])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            ranks[place] = (start + end) / 2
        start = end + 1
    return ranks


def _figures(found: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Every measure of a manifest's metrics: where it stands, its value and its interval if it has one."""
    for name, value in found.items():
        here = (*path, str(name))
        if isinstance(value, Mapping):
            if "value" in value:
                yield {"of": [part for part in path if part != "variants"], "measure": name, **{
                    k: value.get(k) for k in ("value", "low", "high")}}  # fmt: skip
            else:
                yield from _figures(value, here)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield {
                "of": [part for part in path if part != "variants"],
                "measure": name,
                "value": value,
                "low": None,
                "high": None,
            }


def _plain(found: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    for name, value in found.items():
        here = (*path, str(name))
        if isinstance(value, Mapping):
            yield from _plain(value, here)
        elif value is not None and not isinstance(value, list):
            shown = f"{value:,.6g}" if isinstance(value, float) else str(value)
            yield " · ".join(here), shown
