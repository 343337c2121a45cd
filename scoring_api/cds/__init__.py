"""CDS Hooks 2.0 over HTTP: who may call, what is asked, and how it is answered (docs/cds-hooks.md)."""

from scoring_api.cds.clients import Clients, ClientsError
from scoring_api.cds.routes import route

__all__ = ["Clients", "ClientsError", "route"]
