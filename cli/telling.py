"""What telling webhooks needs, from the options of ``sentinel serve``."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from urllib.parse import urlsplit

from domain.errors import SentinelError
from scoring_api.destinations import Destinations
from scoring_api.webhook_worker import Seal, Telling


class TellingError(SentinelError):
    """An option of webhooks cannot be read."""


def telling(
    seal: Seal, *, public_url: str = "", networks: Sequence[str] = (), allow_http: bool = False
) -> Telling:
    """How webhooks are told: ``public_url`` goes before links, ``networks`` may be told beside public ones."""
    for one in networks:
        try:
            ip_network(one)
        except ValueError as error:
            raise TellingError(
                f"{one} is no network",
                where="--webhook-network",
                cure="Write it such as 10.20.0.0/16; the address must be the network's first.",
            ) from error
    if public_url and urlsplit(public_url).scheme not in ("https", "http"):
        raise TellingError(
            f"{public_url} is no address",
            where="--public-url",
            cure="Write the address under which people reach this service, such as https://drg.example.org.",
        )
    return Telling(seal, Destinations(allow_http=allow_http, networks=networks), public_url)
