"""The topics: what lies in each, under which key, in how many partitions, and for how long.

One table, which ``sentinel stream topics`` compares with the broker and docs/streaming.md
shows. Nothing here knows Kafka.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

PARTITIONS: Final = 12
"""Of the topics that carry every claim: 1, 2, 3, 4, 6 or 12 workers share them evenly. The number
cannot grow later without moving patients to other partitions, so it starts above today's need."""
FEW_PARTITIONS: Final = 3
"""Of topics that carry what a person reads: few messages, and three consumers may still share."""
LONGEST_INPUT: Final = 5 * 1024 * 1024
"""Bytes of a message that intake is to read: its records have at most 4 MiB, the rest is headers
and the batch around them. What is longer fails at its producer and not here."""

_DAY_MS: Final = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it should be.

    ``configs`` are the broker's own names and values; what is not named is the broker's
    default. ``why`` says why these partitions, this retention and this cleaning.
    """

    name: str
    zh: str
    meaning: str
    key: str
    written_by: str
    partitions: int
    days: int
    why: str
    input: bool = False
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def configs(self) -> dict[str, str]:
        """The settings that the broker must have for the topic."""
        return {
            # Compaction would keep the last message of a patient and drop the others: the key
            # is the patient's, for order, and not the identity of the message.
            "cleanup.policy": "delete",
            "retention.ms": str(self.days * _DAY_MS),
            # The broker's clock: with a producer's, one wrong clock deletes early or never.
            "message.timestamp.type": "LogAppendTime",
            **self.more,
        }


_PATIENT: Final = "pseudonym of the patient"

TOPICS: Final = (
    Topic(
        "claims",
        "结算清单",
        "A claim in canonical JSON, a correction of one, or its withdrawal.",
        _PATIENT,
        "the hospital's or the fund's interface",
        PARTITIONS,
        7,
        "A week to repair a worker or a database and read on. Claims name people, so not longer; the database is the record.",
        input=True,
        more={"max.message.bytes": str(LONGEST_INPUT)},
    ),
    Topic(
        "orders",
        "医嘱事件",
        "An event of a patient in hospital: admitted, ordered, changed, stopped, charged, discharged.",
        _PATIENT,
        "the hospital's order system",
        PARTITIONS,
        7,
        "As claims: both topics have the same partitions, so one worker has a patient's claims and orders.",
        input=True,
        more={"max.message.bytes": str(LONGEST_INPUT)},
    ),
    Topic(
        "decisions",
        "决定",
        "Each new decision with its hits.",
        _PATIENT,
        "the worker, after its commit",
        PARTITIONS,
        30,
        "A month for a consumer that was away. As many partitions as claims, for there is one for each claim.",
    ),
    Topic(
        "alerts",
        "告警",
        "Each new alert.",
        _PATIENT,
        "the worker, after its commit",
        FEW_PARTITIONS,
        30,
        "A month, as decisions. About one alert for fifty claims, so few partitions.",
    ),
    Topic(
        "plan-suggestions",
        "计划建议",
        "What a physician is told about a patient in hospital.",
        _PATIENT,
        "the worker, after its commit",
        FEW_PARTITIONS,
        2,
        "Two days: advice on an order is of no use after it was carried out.",
    ),
    Topic(
        "dead-letters",
        "死信",
        "A message that was refused, with the reasons and its original bytes.",
        "the key of the original",
        "the worker, after its commit",
        FEW_PARTITIONS,
        30,
        "A month to repair and replay. The table dead_letters keeps them longer, and all that a message has no room for.",
    ),
)
"""All topics, the inputs first."""

BY_NAME: Final[Mapping[str, Topic]] = {topic.name: topic for topic in TOPICS}


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the broker has it; ``configs`` holds at least the settings that were asked for."""

    partitions: int
    replication: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the broker differs from the table: what, expected and real as text, and the cure."""

    topic: str
    what: str
    expected: str
    real: str
    cure: str


def named(topic: Topic, prefix: str) -> str:
    """The topic's name at a site whose broker serves others too: ``prefix`` comes before it."""
    return f"{prefix}{topic.name}"


def compare(
    found: Mapping[str, Found],
    *,
    prefix: str = "",
    partitions: int | None = None,
    replication: int | None = None,
) -> Iterator[Difference]:
    """Where the broker's topics differ from the table.

    ``found`` lacks the topics that do not exist. ``partitions`` replaces ``PARTITIONS`` at
    a site that chose another number; ``replication`` is not compared if None. More
    partitions than expected are no difference of the topics without order to keep, but of
    all of these they are: the same patient must stay in the same partition.
    """
    for topic in TOPICS:
        name = named(topic, prefix)
        real = found.get(name)
        if real is None:
            yield Difference(
                name, "topic", "exists", "missing", "Run `sentinel stream topics --create`."
            )
            continue
        wanted = expected_partitions(topic, partitions)
        if real.partitions != wanted:
            yield Difference(
                name,
                "partitions",
                str(wanted),
                str(real.partitions),
                "Added partitions move patients, and with them the order of their messages: stop the producers, let the "
                f"worker read to the end, and make the topic anew; or say --partitions {real.partitions} if that number is meant.",
            )
        if replication is not None and real.replication != replication:
            yield Difference(
                name,
                "replication",
                str(replication),
                str(real.replication),
                "Reassign the replicas with the broker's kafka-reassign-partitions.",
            )
        for key, value in topic.configs.items():
            if real.configs.get(key) != value:
                yield Difference(
                    name,
                    key,
                    value,
                    real.configs.get(key, "not told"),
                    "Run `sentinel stream topics --alter`.",
                )


def expected_partitions(topic: Topic, partitions: int | None) -> int:
    """How many partitions the topic should have at a site that chose ``partitions``."""
    if partitions is None:
        return topic.partitions
    return partitions if topic.partitions == PARTITIONS else min(topic.partitions, partitions)
