"""Where the graph server is, and which graph on it is ours."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from domain.graph_questions import GraphError

ADDRESS: Final = "SENTINEL_NEO4J"
SITE: Final = "SENTINEL_NEO4J_SITE"
USER: Final = "SENTINEL_NEO4J_USER"
PASSWORD: Final = "SENTINEL_NEO4J_PASSWORD"  # noqa: S105 (the variable's name)
PASSWORD_FILE: Final = "SENTINEL_NEO4J_PASSWORD_FILE"  # noqa: S105 (likewise)

_SITE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Address:
    """A graph on a server: one *site* of the single database that the Community edition has.

    Several sites share a server without seeing each other: every node carries its site.
    """

    url: str
    site: str = "main"
    user: str = "neo4j"
    password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not re.match(r"(bolt|neo4j)(\+s|\+ssc)?://[^@]+$", self.url):
            raise GraphError(
                "the graph's address cannot be read",
                where="--neo4j",
                cure=f"Write bolt://host:7687 (bolt+s:// with TLS); user and password go into {USER} and "
                f"{PASSWORD} or {PASSWORD_FILE}.",
            )
        if not _SITE.fullmatch(self.site):
            raise GraphError(
                "the graph's site cannot be read",
                where=SITE,
                cure="Use up to 64 letters, digits, dots, underscores and hyphens.",
            )

    @property
    def name(self) -> str:
        """The graph's name in the list of changes."""
        return f"neo4j/{self.site}"

    @classmethod
    def find(
        cls,
        url: str | None = None,
        site: str | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Address | None:
        """The address given, else that of the environment; None if neither says one."""
        address = url or environ.get(ADDRESS)
        if not address:
            return None
        password, file = environ.get(PASSWORD), environ.get(PASSWORD_FILE)
        if password and file:
            raise GraphError(
                f"both {PASSWORD} and {PASSWORD_FILE} are set",
                where="environment",
                cure="Set one of them.",
            )
        if file:
            password = Path(file).read_text("utf-8").strip()
        return cls(
            address,
            site or environ.get(SITE) or "main",
            environ.get(USER) or "neo4j",
            password or "",
        )
