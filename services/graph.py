"""Neo4j Community from Maven's jars."""

from __future__ import annotations

import os
import subprocess
from typing import ClassVar

from services.java import jars, java
from services.server import HOST, ROOT, Server, ServiceError

_SETTINGS = ROOT / "services" / "neo4j" / "neo4j.conf"
USER = "neo4j"
PASSWORD = "sentinel-graph"  # noqa: S105 (a server on loopback; eight characters are the least)

_OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")


class Neo4j(Server):
    """A Neo4j server on loopback; ``address`` is its Bolt address, the user ``neo4j``."""

    name: ClassVar[str] = "neo4j"
    default_port: ClassVar[int] = 7687

    @property
    def address(self) -> str:
        """The Bolt address that the driver takes."""
        return f"bolt://{HOST}:{self.port}"

    def prepare(self) -> None:
        """Write the settings, and set the first password if there is none."""
        jars("neo4j")
        conf = self.folder / "conf"
        conf.mkdir(exist_ok=True)
        own = {
            "server.default_listen_address": HOST,
            "server.bolt.listen_address": f"{HOST}:{self.port}",
            "server.directories.data": str(self.folder / "data"),
            "server.directories.logs": str(self.folder / "logs"),
        }
        lines = "".join(f"{name}={value}\n" for name, value in own.items())
        (conf / "neo4j.conf").write_text(_SETTINGS.read_text("utf-8") + lines, encoding="utf-8")
        done = self.folder / "password.set"
        if done.exists():
            return
        run = subprocess.run(  # noqa: S603 (our own command line)
            [
                *self._java("256m"),
                "org.neo4j.cli.AdminTool",
                "dbms",
                "set-initial-password",
                PASSWORD,
            ],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "NEO4J_HOME": str(self.folder), "NEO4J_CONF": str(conf)},
        )
        if run.returncode:
            raise ServiceError(
                f"the first password could not be set: {run.stderr.strip()[-300:]}",
                where=str(self.folder),
                cure="Remove that folder if nothing in it is wanted, and start again.",
            )
        done.touch()

    def command(self) -> list[str]:
        """The server in the foreground."""
        return [
            *self._java("512m"),
            "org.neo4j.server.CommunityEntryPoint",
            f"--home-dir={self.folder}",
            f"--config-dir={self.folder / 'conf'}",
        ]

    def _java(self, heap: str) -> list[str]:
        heap = os.environ.get("SENTINEL_NEO4J_HEAP", heap)
        return [
            java(17, 21),  # what Neo4j 5 supports
            f"-Xmx{heap}",
            "-XX:+UseSerialGC",
            "-Dfile.encoding=UTF-8",
            *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
            "-cp",
            str(jars("neo4j") / "*"),
        ]

    def ask(self) -> str:
        """``RETURN 1`` over Bolt; returns the server's version."""
        from neo4j import GraphDatabase  # noqa: PLC0415 (only those who ask need the driver)

        with GraphDatabase.driver(
            self.address,
            auth=(USER, PASSWORD),
            connection_timeout=3,
            max_transaction_retry_time=0,
        ) as driver:
            return str(driver.execute_query("RETURN 1").summary.server.agent)
