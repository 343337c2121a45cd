"""Apache Kafka: one node that is broker and controller (KRaft)."""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from pathlib import Path
from typing import ClassVar

from services.java import jars, java
from services.server import HOST, ROOT, Server, ServiceError, free_port

_SETTINGS = ROOT / "services" / "kafka" / "server.properties"
_LOGGING = ROOT / "services" / "kafka" / "log4j2.properties"


class Kafka(Server):
    """A Kafka broker on loopback; ``address`` is its bootstrap server."""

    name: ClassVar[str] = "kafka"
    default_port: ClassVar[int] = 9092

    @property
    def address(self) -> str:
        """The bootstrap server, ``host:port``."""
        return f"{HOST}:{self.port}"

    @property
    def settings(self) -> Path:
        """The settings that this broker was started with."""
        return self.folder / "server.properties"

    def prepare(self) -> None:
        """Write the settings, and format the storage if it is not."""
        jars("kafka")
        # The controller's port is of no use to clients. It is kept, for the storage names it.
        kept = self.folder / "controller.port"
        if not kept.is_file():
            kept.write_text(str(free_port()), encoding="ascii")
        controller = f"{HOST}:{kept.read_text('ascii')}"
        own = {
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
        }
        lines = "".join(f"{name}={value}\n" for name, value in own.items())
        self.settings.write_text(_SETTINGS.read_text("utf-8") + lines, encoding="utf-8")
        if (self.folder / "data" / "meta.properties").is_file():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        run = subprocess.run(  # noqa: S603 (our own command line)
            [
                *self._java("128m"),
                "kafka.tools.StorageTool",
                "format",
                "--ignore-formatted",
                f"--cluster-id={cluster}",  # one word: an id may begin with a dash
                "-c",
                str(self.settings),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        if run.returncode:
            raise ServiceError(
                "the storage could not be formatted",
                where=str(self.folder / "data"),
                cure=f"Remove that folder if nothing in it is wanted. It said: {run.stderr[-500:]}",
            )

    def command(self) -> list[str]:
        """The broker in the foreground."""
        return [*self._java("512m"), "kafka.Kafka", str(self.settings)]

    def _java(self, heap: str) -> list[str]:
        heap = os.environ.get("SENTINEL_KAFKA_HEAP", heap)
        return [
            java(17),
            f"-Xmx{heap}",
            # The parallel collectors want cores that the worker and the database need.
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={_LOGGING}",
            "-cp",
            str(jars("kafka") / "*"),
        ]

    def ask(self) -> str:
        """Ask for the cluster's metadata; returns the cluster's id."""
        from kafka import KafkaAdminClient  # noqa: PLC0415 (only those who ask need the client)

        client = KafkaAdminClient(
            bootstrap_servers=self.address, request_timeout_ms=4000, bootstrap_timeout_ms=4000
        )
        try:
            return f"cluster {client.describe_cluster()['cluster_id']}"
        finally:
            client.close()
