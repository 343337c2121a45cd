"""How to reach the broker: one set of settings for every client, secrets from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from domain.errors import SentinelError

DEFAULT_BOOTSTRAP: Final = "127.0.0.1:9092"
ENV_BOOTSTRAP: Final = "SENTINEL_BOOTSTRAP"

_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class BrokerError(SentinelError):
    """The broker cannot be reached, or refuses what was asked of it."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The address and the security of a broker; it shows no password.

    ``bootstrap`` is ``host:port``, several joined by commas.
    """

    bootstrap: str = DEFAULT_BOOTSTRAP
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @classmethod
    def find(
        cls, bootstrap: str | None = None, environ: Mapping[str, str] = os.environ
    ) -> Connection:
        """The connection that the environment describes, at ``bootstrap`` if given.

        ``SENTINEL_BOOTSTRAP``; ``SENTINEL_KAFKA_SECURITY`` (PLAINTEXT, SSL, SASL_PLAINTEXT,
        SASL_SSL), ``_MECHANISM``, ``_USERNAME``, ``_PASSWORD`` or ``_PASSWORD_FILE``,
        ``_CA_FILE``, ``_CERT_FILE`` and ``_KEY_FILE``. BrokerError if these do not fit together.
        """

        def read(name: str) -> str | None:
            return environ.get(f"SENTINEL_KAFKA_{name}") or None

        def path(name: str) -> Path | None:
            text = read(name)
            return None if text is None else Path(text)

        found = cls(
            bootstrap=bootstrap or environ.get(ENV_BOOTSTRAP) or DEFAULT_BOOTSTRAP,
            security_protocol=(read("SECURITY") or "PLAINTEXT").upper(),
            sasl_mechanism=read("MECHANISM"),
            username=read("USERNAME"),
            password=_secret(read("PASSWORD"), path("PASSWORD_FILE")),
            ca_file=path("CA_FILE"),
            cert_file=path("CERT_FILE"),
            key_file=path("KEY_FILE"),
        )
        found._check()
        return found

    def _check(self) -> None:
        wrong = None
        if self.security_protocol not in _PROTOCOLS:
            wrong = "SECURITY", f"one of {', '.join(_PROTOCOLS)}"
        elif self.security_protocol.startswith("SASL"):
            if (self.sasl_mechanism or "PLAIN") not in _MECHANISMS:
                wrong = "MECHANISM", f"one of {', '.join(_MECHANISMS)}"
            elif not self.username or not self.password:
                wrong = "USERNAME and _PASSWORD", "both set"
        for name, path in (("CA", self.ca_file), ("CERT", self.cert_file), ("KEY", self.key_file)):
            if path is not None and not path.is_file():
                wrong = f"{name}_FILE", "the path of a file that is there"
        if wrong is not None:
            raise BrokerError(
                f"the settings of the broker do not fit: {wrong[0]} must be {wrong[1]}",
                where=f"SENTINEL_KAFKA_{wrong[0]}",
                cure="Set these variables together; docs/streaming.md shows them.",
            )

    def told(self) -> dict[str, str]:
        """The settings as they may be printed: no password, no paths of keys."""
        told = {"bootstrap": self.bootstrap, "security": self.security_protocol}
        return told if self.username is None else told | {"username": self.username}

    def settings(self) -> dict[str, Any]:
        """The keyword arguments that every client of kafka-python takes."""
        given: dict[str, Any] = {
            "bootstrap_servers": [part.strip() for part in self.bootstrap.split(",")],
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.startswith("SASL"):
            given["sasl_mechanism"] = self.sasl_mechanism or "PLAIN"
            given["sasl_plain_username"] = self.username
            given["sasl_plain_password"] = self.password
        for name, path in (
            ("ssl_cafile", self.ca_file),
            ("ssl_certfile", self.cert_file),
            ("ssl_keyfile", self.key_file),
        ):
            if path is not None:
                given[name] = str(path)
        return given


def _secret(text: str | None, file: Path | None) -> str | None:
    """The password itself or the one in a file, as orchestrators mount it."""
    if file is None:
        return text
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BrokerError(
            f"the file of the password cannot be read: {error.strerror}",
            where="SENTINEL_KAFKA_PASSWORD_FILE",
            cure="Give the path of a file that this user may read.",
        ) from None
