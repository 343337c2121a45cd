"""The page for a form that could not be taken: everything that speaks against it, and the way back."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from scoring_api import pages
from scoring_api.pages.texts import TEXTS
from scoring_api.problems import ProblemError


def render(request: Request, problem: ProblemError, back: str) -> Response:
    """What was refused and why, in the caller's language; problems not of ours are raised again."""
    lang = pages.choose_language(request)
    words = TEXTS[lang]
    listed = [
        (one["what"][lang], one["cure"][lang]) for one in problem.more.get("faults", ())
    ]  # fmt: skip
    if not listed:
        told, cure = f"refused.{problem.name}", f"refused.{problem.name}.cure"
        if told not in words:
            raise problem
        listed = [(words[told], words[cure])]
    path, hash_mark, place = back.partition("#")
    context = {"listed": listed, "back": f"{path}?lang={lang}{hash_mark}{place}"}
    return pages.render(request, "refused.html", context, problem.status)
