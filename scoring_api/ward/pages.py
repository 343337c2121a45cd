"""The physician's pages: /ward, one patient, the simulator, and one's own answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from domain.access import Permission, Principal
from domain.calendar import CHINA
from domain.cards import DEFAULT_BUDGET, OVERRIDE_REASONS, SHOWN
from domain.codes import CHARGE_CATEGORY
from domain.errors import SentinelError
from domain.service import Plans, Ward, Wording
from explain.wording import reword
from scoring_api import bodies, pages
from scoring_api.access import masked, needs, who
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import ProblemError
from scoring_api.ward import answering, attention, comparing, listing, trying
from scoring_api.ward.drawing import draw_bar, draw_course
from store import Store

Json = dict[str, Any]

StayId = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
_READ: Final = needs(Permission.ORDERS_READ)
_ANSWER: Final = needs(Permission.ADVICE_ANSWER)
_TRY: Final = needs(Permission.CLAIMS_GROUP)


def route(
    store: Store,
    ward: Ward,
    plans: Plans,
    *,
    budget: int = DEFAULT_BUDGET,
    words: Wording | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """The pages, with what they read. ``budget`` is the number of cards a physician and day, ``words`` gives the words of findings and suggestions."""
    router = APIRouter(include_in_schema=False)

    def answers(principal: Principal, stay_id: str | None = None) -> list[Json]:
        """The cards of the caller's patients; for an officer those of all that they may see."""
        return store.cards.of_physician(
            principal.rows, stay_id=stay_id, held=True, limit=answering.READ
        )

    def open_one(request: Request, stay_id: str) -> Json:
        """The stay's row; a 404 problem if it is not in hospital, or another's."""
        found = store.open_stays.find(stay_id, who(request).rows)
        if found is None or found["phase"] not in ("open", "waiting"):
            raise ProblemError(
                404,
                "not-in-hospital",
                f"No patient in hospital has the stay {stay_id}.",
                cure="Take one from /ward; a settled stay stands under its alerts.",
            )
        return found

    def plan_of(
        stay_id: str, changes: list[Json] | None = None
    ) -> tuple[Json | None, SentinelError | None]:
        try:
            return plans.of_stay(stay_id, changes or ()), None
        except SentinelError as error:
            return None, error

    @router.get("/ward", dependencies=[_READ])
    def ward_page(request: Request) -> Response:
        me, wanted = who(request), listing.read_wanted(request.query_params)
        found = listing.read(store, ward, me, wanted, answering.answered(answers(me)))
        context = {
            "rows": masked(me, list(found.rows)),
            "found": found,
            "wanted": wanted,
            "most": listing.MOST,
            "departments": store.ward.departments(me.rows),
            "own": me.rows.physician_id is not None,
            "page_of": lambda page: "/ward?" + urlencode(
                {k: v for k, v in (("department", wanted.department), ("only", "1" if wanted.only else None),
                                   ("page", page), ("lang", pages.choose_language(request))) if v}
            ),
        }  # fmt: skip
        return pages.render(request, "ward.html", context)

    @router.get("/ward/feedback", dependencies=[_ANSWER])
    def feedback_page(request: Request) -> Response:
        me = who(request)
        # What was held back for the day's budget, and never answered, was not seen.
        cards = [c for c in answers(me) if c["outcome"] == SHOWN or c["answer"] is not None]
        stays = sorted({card["stay_id"] for card in cards})
        there, standing = store.ward.there(stays), store.ward.stands(stays)
        days = answering.by_day(cards, clock().astimezone(CHINA).date())
        context = {
            "cards": masked(
                me, [c | {"became": answering.became(c, there, standing)} for c in cards]
            ),
            "there": there,
            "days": days,
            "today": days[-1][1],
            "answered": sum(card["answer"] is not None for card in cards),
            "budget": budget,
            "reasons": OVERRIDE_REASONS,
            "own": me.rows.physician_id is not None,
        }
        return pages.render(request, "ward_feedback.html", context)

    @router.get("/ward/{stay_id}", dependencies=[_READ])
    def stay_page(request: Request, stay_id: StayId) -> Response:
        me, lang = who(request), pages.choose_language(request)
        row = open_one(request, stay_id)
        record = ward.record(stay_id)
        plan, failed = plan_of(stay_id) if record is not None else (None, None)
        if plan is not None:
            plan = reword(plan, words, lang)
        context: Json = {
            "stay": masked(me, row),
            "record": masked(me, record),
            "plan": masked(me, plan),
            "failed": failed,
            "open": [],
            "done": [],
            "reasons": OVERRIDE_REASONS,
            "may_answer": me.may(Permission.ADVICE_ANSWER),
            "may_try": me.may(Permission.CLAIMS_GROUP),
            "said": request.query_params.get("said") == "1",
        }
        if record is not None and plan is not None:
            level = attention.level_of({**record, **_cost(plan)})
            cards, groups = answers(me, stay_id), answering.gather(plan)
            for group in groups:
                group["answer"] = answering.latest(cards).get(group["key"])
            told = {
                answering.key_of(stay_id, one["cause"], one["subject_id"]): one["created_at"]
                for one in store.ward.standing([stay_id]).get(stay_id, ())
            }
            settled = {
                key
                for key, at in answering.answered(cards).items()
                # What was told again after the answer is open again: something has changed.
                if key not in told or told[key] <= at
            }
            context |= {
                "level": level,
                "course": draw_course(
                    record, plan["cost"], TEXTS[lang], comparing.describe(record, plan, TEXTS[lang])
                ),
                "percent": attention.share(
                    plan["cost"]["running_fen"], plan["cost"]["standard_fen"]
                ),
                "open": masked(me, [one for one in groups if one["key"] not in settled]),
                "done": masked(me, [one for one in groups if one["key"] in settled]),
            }
        return pages.render(request, "ward_stay.html", context)

    @router.post("/ward/{stay_id}/answers", dependencies=[_ANSWER])
    async def answer(request: Request, stay_id: StayId) -> Response:
        values = await bodies.read_form(request)

        def work() -> None:
            open_one(request, stay_id)
            plan, failed = plan_of(stay_id)
            group = next(
                (
                    one
                    for one in ([] if plan is None else answering.gather(plan))
                    if one["key"] == values.get("about")
                ),
                None,
            )
            if plan is None or group is None:
                raise ProblemError(
                    409,
                    "suggestion-gone",
                    str(failed) if failed else "The suggestion no longer stands.",
                    cure="Open the patient again.",
                )
            answering.keep(store, who(request), plan, group, values, clock())

        await run_in_threadpool(work)
        query = urlencode({"lang": pages.choose_language(request), "said": "1"})
        return RedirectResponse(f"/ward/{quote(stay_id, safe='')}?{query}#suggestions", 303)

    def simulator(request: Request, stay_id: str, values: Mapping[str, str]) -> Response:
        me, lang = who(request), pages.choose_language(request)
        row, record = open_one(request, stay_id), ward.record(stay_id)
        if record is None:
            raise ProblemError(
                409,
                "not-admitted-yet",
                "The admission has not arrived yet, so nothing can be tried.",
                cure="Open the patient again later.",
            )
        tried = trying.read(values, record)
        compared: Json | None = None
        failed: SentinelError | None = None
        if tried.changes:
            compared, failed = plan_of(stay_id, tried.changes)
        else:
            plan, failed = plan_of(stay_id)
            compared = None if plan is None else {"changes": [], "before": plan, "after": plan}
        words, currency = TEXTS[lang], str(record["currency"])
        context = {
            "stay": masked(me, row),
            "record": masked(me, record),
            "tried": tried,
            "values": values if tried.wrong else {},
            "told": trying.tell(tried.changes, record, words, currency),
            "carried": trying.carry(tried.changes),
            "coded": {what: trying.codes(record, tried.changes, what) for what in trying.CODING},
            "name_code": trying.name_code,
            "actions": trying.ACTIONS,
            "categories": CHARGE_CATEGORY,
            "compared": masked(me, compared),
            "rows": [] if compared is None else comparing.rows(compared, words, currency),
            "checks": [] if compared is None else comparing.checks(compared),
            "bars": [] if compared is None else [_bar(record, compared[side]) for side in ("before", "after")],
            "failed": failed,
        }  # fmt: skip
        status = 422 if tried.wrong or failed is not None else 200
        return pages.render(request, "ward_try.html", context, status)

    @router.get("/ward/{stay_id}/try", dependencies=[_TRY])
    def try_page(request: Request, stay_id: StayId) -> Response:
        return simulator(request, stay_id, {})

    @router.post("/ward/{stay_id}/try", dependencies=[_TRY])
    async def tried(request: Request, stay_id: StayId) -> Response:
        # By POST, though nothing is stored: codes that somebody tries stand in no address and no log.
        values = await bodies.read_form(request)
        return await run_in_threadpool(simulator, request, stay_id, values)

    return router


def _cost(plan: Json) -> Json:
    """What the level of a stay follows from, as a plan tells it."""
    names = ("running_fen", "standard_fen", "expected_fen", "probability_over_standard")
    return {name: plan["cost"][name] for name in names}


def _bar(record: Json, plan: Json) -> Any:
    glance = {**record, **{n: plan["cost"][n] for n in _DRAWN}}
    return draw_bar(glance, attention.level_of(glance))


_DRAWN: Final = (
    "running_fen", "standard_fen", "expected_fen", "projected_fen", "low_fen", "high_fen",
    "probability_over_standard",
)  # fmt: skip
