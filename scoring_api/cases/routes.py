"""/v1/cases: cases over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from domain import case_actions as actions
from domain.access import Permission
from scoring_api import bodies
from scoring_api.access import needs, who
from scoring_api.cases import export, files, shapes
from scoring_api.cases.desk import Desk
from scoring_api.cases.listing import CaseQuery
from scoring_api.cases.telling import CaseAnswer, CaseList, Timeline, tell, tell_row, tell_timeline
from scoring_api.conditions import etag, key_or_new, version_of
from scoring_api.problems import ProblemError, document

CaseId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9-]+$", description="Id or number.")
]
FileId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
_P = Permission


_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "maxLength": 16},
    "description": "The ETag of the case as it was read; `*` for whatever it is now.",
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 8, "maxLength": 64},
    "description": "The same key again does nothing again.",
}


def _writes(needed: Permission, body: dict[str, Any], *, versioned: bool = True) -> dict[str, Any]:
    """What a route that changes a case has in common with the others."""
    problems = (400, 403, 404, 409, 413, 415, 422, 503, *((412, 428) if versioned else ()))
    return {
        "response_model": CaseAnswer,
        "responses": document(*problems),
        "openapi_extra": {**body, "parameters": [_KEY, *([_IF_MATCH] if versioned else [])]},
        "tags": ["cases"],
        "dependencies": [needs(needed)],
    }


_READS: Final[dict[str, Any]] = {
    "responses": document(404, 422, 503), "tags": ["cases"], "dependencies": [needs(_P.CASES_READ)],
}  # fmt: skip


def route(desk: Desk) -> APIRouter:
    """The routes, with the desk that does the work."""
    router = APIRouter()

    def answer(request: Request, response: Response, record: Any) -> dict[str, Any]:
        response.headers["ETag"] = etag(record.row["version"])
        return tell(record, who(request), desk.terms)

    async def write(request: Request, response: Response, work: Any, *args: Any) -> Any:
        record = await run_in_threadpool(work, request, *args)
        return answer(request, response, record)

    listed = {**_READS, "responses": document(400, 422, 503)}

    @router.get("/v1/cases", response_model=CaseList, summary="List cases", **listed)
    def list_cases(request: Request, query: Annotated[CaseQuery, Query()]) -> Any:
        """Cases by filter and order, a page at a time, with sums over all that the filter finds."""
        principal = who(request)
        wanted = query.wanted(principal.rows)
        page = desk.store.cases.page(wanted, query.sort, query.after(), query.limit)
        cursor = query.write(page.after)
        given = query.model_dump(mode="json", exclude_defaults=True, exclude={"cursor"})
        return {
            "cases": [tell_row(row, principal) for row in page.rows],
            "sums": None if query.cursor else [_sum(one) for one in desk.store.cases.sums(wanted)],
            "cursor": cursor,
            "next": cursor and "/v1/cases?" + urlencode({**given, "cursor": cursor}),
        }

    @router.post(
        "/v1/cases",
        status_code=201,
        summary="Open a case",
        **_writes(_P.CASES_WORK, shapes.OPENING, versioned=False),
    )
    async def open_case(request: Request, response: Response) -> Any:
        """Gather alerts of one hospital and one currency in a case. An alert is in one open case at most."""
        given = await bodies.read(request, shapes.DECODERS[shapes.Opening], '{"alert_ids": ["…"]}')
        row = await run_in_threadpool(desk.open, request, shapes.plain(given), key_or_new(request))
        response.headers["Location"] = f"/v1/cases/{row['case_id']}"
        return await write(request, response, _find, row["case_id"])

    def _find(request: Request, case: str) -> Any:
        return desk.find(case, who(request))

    @router.get(
        "/v1/cases/{case_id}", response_model=CaseAnswer, summary="Open a case's file", **_READS
    )
    def read_case(request: Request, response: Response, case_id: CaseId) -> Any:
        """One case with alerts, conclusions, appeals, comments, files and timeline; the ETag is its version."""
        return answer(request, response, _find(request, case_id))

    @router.patch(
        "/v1/cases/{case_id}", summary="Change a case", **_writes(_P.CASES_WORK, shapes.CHANGING)
    )
    async def change_case(request: Request, response: Response, case_id: CaseId) -> Any:
        """Another title, due time or assignee; giving it to somebody else needs `alerts.assign`."""
        version = version_of(request)
        given = await bodies.read(request, shapes.DECODERS[shapes.Change], '{"title": "…"}')
        return await write(
            request,
            response,
            desk.change,
            case_id,
            shapes.plain(given),
            version,
            key_or_new(request),
        )

    @router.post(
        "/v1/cases/{case_id}/alerts",
        summary="Add or remove alerts",
        **_writes(_P.CASES_WORK, shapes.GATHERING),
    )
    async def gather(request: Request, response: Response, case_id: CaseId) -> Any:
        """Take alerts in, or one out; while nobody proposed to close the case."""
        version, key = version_of(request), key_or_new(request)
        given = await bodies.read(
            request, shapes.DECODERS[shapes.Alerts], '{"add": ["…"]} or {"remove": "…"}'
        )
        if bool(given.add) is (given.remove is not None):
            raise ProblemError(
                422, "envelope", "The request adds and removes, or does neither.",
                cure='Send {"add": [...]} or {"remove": "..."}.',
            )  # fmt: skip
        if given.remove is not None:
            taken = given.remove
            return await write(
                request, response, desk.do, case_id,
                lambda s, act: actions.remove_alert(s, act, taken), version, key,
            )  # fmt: skip
        return await write(request, response, desk.add_alerts, case_id, given.add, version, key)

    @router.post(
        "/v1/cases/{case_id}/comments",
        status_code=201,
        summary="Comment on a case",
        **_writes(_P.CASES_READ, shapes.SAYING, versioned=False),
    )
    async def comment(request: Request, response: Response, case_id: CaseId) -> Any:
        """A comment, `internal` to those who work on cases or `shared` with the hospital.

        It needs `cases.work`, or `appeals.lodge`, whose comments are always shared.
        """
        given = await bodies.read(request, shapes.DECODERS[shapes.Comment], '{"text": "…"}')
        return await write(
            request,
            response,
            desk.comment,
            case_id,
            given.text,
            given.visibility,
            key_or_new(request),
        )

    @router.post(
        "/v1/cases/{case_id}/attachments",
        status_code=201,
        summary="Attach a file",
        **_writes(_P.CASES_READ, shapes.UPLOAD, versioned=False),
    )
    async def attach(request: Request, response: Response, case_id: CaseId) -> Any:
        """A pdf, png, jpeg, txt, csv, xlsx or docx of at most 20 MiB, told by its content."""
        key = key_or_new(request)
        values, name, body = await bodies.read_upload(request, largest=files.LARGEST, form=False)
        given = await run_in_threadpool(files.accept, name, body)
        return await write(
            request, response, desk.attach, case_id, given, values.get("visibility"), key
        )

    @router.get(
        "/v1/cases/{case_id}/attachments/{attachment_id}", summary="Take an attached file", **_READS
    )
    def read_attachment(request: Request, case_id: CaseId, attachment_id: FileId) -> Response:
        """The file as it was attached, to be saved and never shown in our place."""
        return send_file(desk.attachment(request, case_id, attachment_id))

    @router.post(
        "/v1/cases/{case_id}/dispositions",
        summary="Conclude checks of a case",
        **_writes(_P.CASES_WORK, shapes.CONCLUDING),
    )
    async def dispose(request: Request, response: Response, case_id: CaseId) -> Any:
        """What was concluded of its checks; a later conclusion of a check counts instead.

        They become reviews, and so labels, once the case is closed; `needs_information` at once.
        """
        version, key = version_of(request), key_or_new(request)
        given = await bodies.read(request, shapes.DECODERS[shapes.Dispositions], '{"items": [{…}]}')
        items = [msgspec.to_builtins(one) for one in given.items]
        return await write(request, response, desk.dispose, case_id, items, version, key)

    @router.post(
        "/v1/cases/{case_id}/information",
        summary="Note that information came",
        **_writes(_P.CASES_WORK, shapes.NOTHING),
    )
    async def receive(request: Request, response: Response, case_id: CaseId) -> Any:
        """What was asked for has come, and the case's own clock runs again."""
        version, key = version_of(request), key_or_new(request)
        await bodies.read(request, shapes.DECODERS[shapes.Nothing], "{}")
        return await write(
            request, response, desk.do, case_id, actions.receive_information, version, key
        )

    @router.post(
        "/v1/cases/{case_id}/closing",
        summary="Close a case, or propose to",
        **_writes(_P.CASES_WORK, shapes.NOTHING),
    )
    async def close(request: Request, response: Response, case_id: CaseId) -> Any:
        """Close it once all checks are concluded; above the limit this is a proposal (`approvals`)."""
        version, key = version_of(request), key_or_new(request)
        await bodies.read(request, shapes.DECODERS[shapes.Nothing], "{}")
        return await write(
            request, response, desk.do, case_id,
            lambda s, act: actions.close(s, act, desk.terms), version, key,
        )  # fmt: skip

    @router.post(
        "/v1/cases/{case_id}/approvals",
        summary="Approve a closing, or send it back",
        **_writes(_P.CASES_APPROVE, shapes.APPROVING),
    )
    async def approve(request: Request, response: Response, case_id: CaseId) -> Any:
        """By a second person: neither who proposed it nor who concluded one of its checks."""
        version, key = version_of(request), key_or_new(request)
        given = await bodies.read(request, shapes.DECODERS[shapes.Approval], '{"approved": true}')

        def decide(state: Any, act: actions.Act) -> Any:
            if given.approved:
                return actions.approve(state, act)
            return actions.send_back(state, act, given.reason or "")

        return await write(request, response, desk.do, case_id, decide, version, key)

    @router.post(
        "/v1/cases/{case_id}/appeals",
        status_code=201,
        summary="Contest a closed case",
        **_writes(_P.CASES_READ, shapes.LODGING),
    )
    async def lodge(request: Request, response: Response, case_id: CaseId) -> Any:
        """Lodge the next stage: first review, second review, appeal, decision.

        It needs `appeals.lodge` (the hospital) or `cases.work` (recorded for it, also when late).
        """
        version, key = version_of(request), key_or_new(request)
        given = await bodies.read(request, shapes.DECODERS[shapes.Lodging], '{"statement": "…"}')
        return await write(request, response, desk.lodge, case_id, given.statement, version, key)

    @router.post(
        "/v1/cases/{case_id}/appeals/decision",
        summary="Decide the appeal under way",
        **_writes(_P.APPEALS_DECIDE, shapes.DECIDING),
    )
    async def decide_appeal(request: Request, response: Response, case_id: CaseId) -> Any:
        """By somebody who had no part in the case before; conclusions and money follow."""
        version, key = version_of(request), key_or_new(request)
        given = await bodies.read(
            request, shapes.DECODERS[shapes.Decision], '{"outcome": "upheld", "note": "…"}'
        )
        return await write(
            request, response, desk.do, case_id,
            lambda s, act: actions.decide_appeal(
                s, act, given.outcome, given.note, given.reason, given.recovered_fen
            ),
            version, key,
        )  # fmt: skip

    @router.get(
        "/v1/cases/{case_id}/timeline", response_model=Timeline, summary="What happened", **_READS
    )
    def read_timeline(request: Request, case_id: CaseId) -> Any:
        """Everything that happened to a case, oldest first; nothing of it is ever changed."""
        return {"timeline": tell_timeline(_find(request, case_id), who(request))}

    @router.get(
        "/v1/cases/{case_id}/export",
        summary="Take a case away as a file",
        tags=["cases"],
        responses=document(403, 404, 422, 503),
        dependencies=[needs(_P.EXPORT)],
    )
    def export_case(
        request: Request,
        case_id: CaseId,
        format: Annotated[
            str,
            Query(
                pattern="^(json|zip)$",
                description="`json`, or `zip` with tables and the attached files beside it.",
            ),
        ] = "json",
    ) -> Response:
        """Everything of a case: `json`, or a `zip` of it with tables (CSV) and the attached files."""
        return export.send(desk, request, case_id, format)

    return router


def send_file(row: dict[str, Any]) -> Response:
    """An attached file, to be saved."""
    return Response(bytes(row["body"]), media_type=row["kind"], headers=files.headers(row["name"]))


def _sum(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}
