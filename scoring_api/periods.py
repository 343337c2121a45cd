"""The pages of findings: hospitals' months and physicians' days, and one of them with its evidence."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from scoring_api import findings, pages, reviewing
from scoring_api.access import masked, refuse_search, who
from scoring_api.evidence import Checks
from scoring_api.findings import UNITS, FindingId, FindingQuery
from scoring_api.list_files import address
from scoring_api.pages.texts import TEXTS
from store import Store

FINDINGS_A_PAGE: Final = 25
_FIELDS: Final = (
    "unit", "rule", "provider", "physician", "period_from", "period_to", "cursor",
)  # fmt: skip


def route(store: Store, checks: Checks) -> APIRouter:
    """The pages, with what they read."""
    router = APIRouter(include_in_schema=False)
    aggregate_checks = [rule for rule in checks.listed if rule["unit"] in UNITS]

    @router.get("/findings")
    def list_page(request: Request) -> Response:
        given = {
            name: value for name in _FIELDS if (value := request.query_params.get(name, "").strip())
        }
        lang = pages.choose_language(request)
        words = TEXTS[lang]
        context: dict[str, Any] = {
            "given": given,
            "checks": aggregate_checks,
            "units": UNITS,
            "rows": [],
            "next": None,
            "problem": None,
            "files": {},
        }
        try:
            query = FindingQuery.model_validate({**given, "limit": FINDINGS_A_PAGE})
        except ValidationError as error:
            wrong = sorted({str(e["loc"][0]) for e in error.errors()})
            fields = words["comma"].join(words.get(name, name) for name in wrong)
            context["problem"] = words["bad_filter"].format(fields=fields)
            return pages.render(request, "findings.html", context, 422)
        refuse_search(who(request), query.physician)
        page = store.findings(query.wanted(who(request).rows), query.place(), query.limit)
        context["rows"] = [masked(who(request), findings.tell(row)) for row in page.rows]
        context["files"] = {
            kind: address("findings", query, kind, lang) for kind in ("csv", "xlsx")
        }
        if page.after is not None:
            cursor = findings.write_cursor(page.after)
            context["next"] = "/findings?" + urlencode({**given, "cursor": cursor, "lang": lang})
        return pages.render(request, "findings.html", context)

    @router.get("/findings/{finding_id}")
    def finding_page(request: Request, finding_id: FindingId) -> Response:
        told = masked(who(request), findings.tell(findings.find(store, finding_id, who(request))))
        rule = checks.get(told["rule_id"]) or {}
        return pages.render(
            request,
            "finding.html",
            {
                "f": told,
                "rule": rule,
                "reviews": reviewing.tell(store.reviews(finding_id=finding_id))["reviews"],
                "changed": bool(rule) and rule.get("sha256") != told["rule_sha256"],
            },
        )

    return router
