"""Topics on the broker: what is there, and making what is missing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource
from kafka.errors import KafkaError

from streaming.kafka.connection import BrokerError, Connection
from streaming.topics import BY_NAME, TOPICS, Found, expected_partitions, named

PATIENCE_MS: Final = 15_000
"""How long an answer may take: making 12 partitions on a busy small broker takes seconds."""
COPIES: Final = 3
"""Replicas where there are brokers enough: one may fail while one is being serviced."""


class Admin:
    """The broker's topics, through one connection; a context manager."""

    def __init__(self, connection: Connection) -> None:
        self._where = connection.bootstrap
        with self._told():
            self._client = KafkaAdminClient(
                **connection.settings(),
                client_id="sentinel-admin",
                request_timeout_ms=PATIENCE_MS,
                bootstrap_timeout_ms=PATIENCE_MS,
            )

    def __enter__(self) -> Admin:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise BrokerError(
                f"the broker did not do it: {error.__class__.__name__}: {error}",
                where=self._where,
                cure="Check that a broker answers there (locally: make services-status) and that this user may manage topics.",
            ) from error

    def brokers(self) -> int:
        """How many brokers the cluster has."""
        with self._told():
            return len(self._client.describe_cluster()["brokers"])

    def find(self, prefix: str = "") -> dict[str, Found]:
        """Our topics as the broker has them; those that it lacks are absent."""
        wanted = {named(topic, prefix): topic for topic in TOPICS}
        with self._told():
            there = sorted(set(self._client.list_topics()) & set(wanted))
            if not there:
                return {}
            described = {t["name"]: t["partitions"] for t in self._client.describe_topics(there)}
            configs = self._client.describe_configs(
                [ConfigResource("TOPIC", name) for name in there], config_filter="all"
            )["topic"]
        return {
            name: Found(
                partitions=len(described[name]),
                replication=min((len(p["replica_nodes"]) for p in described[name]), default=0),
                configs={key: str(_value(told)) for key, told in configs[name].items()},
            )
            for name in there
        }

    def create(
        self,
        names: Iterable[str],
        *,
        prefix: str = "",
        partitions: int | None = None,
        replication: int | None = None,
    ) -> list[str]:
        """Make these topics of the table; returns their full names.

        Without ``replication`` it is three, or as many as there are brokers. With three,
        a message counts as written once two brokers have it.
        """
        copies = replication or min(COPIES, self.brokers())
        safe: Mapping[str, str] = {"min.insync.replicas": "2"} if copies >= COPIES else {}
        new = {}
        for name in names:
            topic = BY_NAME[name]
            new[named(topic, prefix)] = {
                "num_partitions": expected_partitions(topic, partitions),
                "replication_factor": copies,
                "configs": {**topic.configs, **safe},
            }
        if new:
            with self._told():
                self._client.create_topics(new, timeout_ms=PATIENCE_MS, wait_for_metadata=True)
        return list(new)

    def alter(self, name: str, configs: Mapping[str, str]) -> None:
        """Set these settings of an existing topic (its full name) and leave its others."""
        with self._told():
            self._client.alter_configs(
                [ConfigResource("TOPIC", name, configs=dict(configs))], incremental=True
            )

    def delete(self, names: Iterable[str]) -> None:
        """Remove topics by their full names, with all their messages."""
        with self._told():
            self._client.delete_topics(list(names), timeout_ms=PATIENCE_MS)


def _value(told: Any) -> Any:
    return told["value"] if isinstance(told, dict) else told
