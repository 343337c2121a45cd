"""Who is calling and what they may do: asked once a request, before its route runs."""

from scoring_api.access.guard import (
    PUBLIC,
    SIGNED_IN,
    Access,
    OpenAccess,
    include,
    needs,
    who,
    whole_view,
)
from scoring_api.access.masking import mask, masked, refuse_nodes, refuse_search

__all__ = [
    "PUBLIC",
    "SIGNED_IN",
    "Access",
    "OpenAccess",
    "include",
    "mask",
    "masked",
    "needs",
    "refuse_nodes",
    "refuse_search",
    "who",
    "whole_view",
]
