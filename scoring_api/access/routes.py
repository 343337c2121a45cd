"""Everything that a service with accounts has beside the rest: pages, routes, and the audit trail."""

from __future__ import annotations

from fastapi import FastAPI

from scoring_api.access import (
    account_pages,
    admin_pages,
    auditing,
    oidc_pages,
    own,
    signing,
    unmasking,
    users,
)
from scoring_api.access.accounts import Accounts
from scoring_api.access.guard import include
from scoring_api.access.trail import Trail


def install(app: FastAPI, access: Accounts) -> None:
    """Take the routes in and put the trail around them; before the outermost middleware is added."""
    for module in (signing, account_pages, admin_pages, users, own, auditing, unmasking):
        include(app, module.route(access))
    if access.oidc is not None:
        include(app, oidc_pages.route(access, access.oidc))
    app.add_middleware(Trail, log=access)
