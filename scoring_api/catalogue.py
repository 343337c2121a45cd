"""The pages of the checks: the catalogue, and one check with its text, SQL, basis and record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from scoring_api import pages
from scoring_api.evidence import Checks
from scoring_api.problems import ProblemError
from scoring_api.record import Record


def route(checks: Checks, record: Record) -> APIRouter:
    """The pages, with what they read."""
    router = APIRouter(include_in_schema=False)

    @router.get("/rules")
    def list_page(request: Request) -> Response:
        family = request.query_params.get("family", "").strip().upper()
        text = request.query_params.get("text", "").strip()
        shown = [
            rule
            for rule in checks.listed
            if family in ("", rule["family"]) and _found(rule, text.lower())
        ]
        context = {
            "rules": shown,
            "tallies": record.tallies(),
            "shadow": record.shadow(),
            "reviewed": record.reviewed(),
            "family": family,
            "text": text[:64],
            "known": list(dict.fromkeys(rule["family"] for rule in checks.listed)),
        }
        return pages.render(request, "rules.html", context)

    @router.get("/rules/{rule_id}")
    def rule_page(request: Request, rule_id: Annotated[str, Path(max_length=16)]) -> Response:
        rule = checks.get(rule_id)
        if rule is None:
            raise ProblemError(
                404,
                "not-found",
                f"No check has the id {rule_id}.",
                cure="Take an id from the list of checks.",
            )
        return pages.render(
            request,
            "rule.html",
            {
                "rule": rule,
                "tally": record.tallies().get(rule_id),
                "shadow": record.shadow().get(rule_id),
                "reviewed": record.reviewed().get(rule_id),
            },
        )

    return router


def _found(rule: Mapping[str, Any], text: str) -> bool:
    where = (rule["id"], rule["name"]["zh"], rule["name"]["en"], rule["cause"])
    return not text or any(text in words.lower() for words in where)
