"""Who is calling and what they may do: asked once a request, before its route runs."""

from scoring_api.access.guard import (
    PUBLIC,
    Access,
    OpenAccess,
    include,
    needs,
    who,
    whole_view,
)

__all__ = ["PUBLIC", "Access", "OpenAccess", "include", "needs", "who", "whole_view"]
