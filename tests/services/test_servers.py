"""The servers themselves: they answer, survive a crash, heal, and leave other programs alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

import services
from services import java
from services.server import Server, free_port
from tests.servers import Starter


def test_postgres_keeps_what_was_committed_through_a_crash(own_server: Starter) -> None:
    server = own_server("postgres")
    assert isinstance(server, services.PostgreSQL)
    with server.connect() as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    server.kill()
    assert server.answer() is None
    server.start()
    with server.connect() as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(7,)]


def test_kafka_keeps_messages_through_a_crash(own_server: Starter) -> None:
    server = own_server("kafka")
    admin = KafkaAdminClient(bootstrap_servers=server.address)
    admin.create_topics([NewTopic("kept", 1, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=server.address, acks="all")
    producer.send("kept", key=b"k", value=b"v").get(timeout=20)
    producer.close()
    server.kill()
    assert server.answer() is None
    server.start()
    consumer = KafkaConsumer(
        "kept", bootstrap_servers=server.address, auto_offset_reset="earliest", group_id="g"
    )
    found: list[Any] = []
    while not found:  # the test's own time limit ends it
        found = [row for rows in consumer.poll(1000).values() for row in rows]
    consumer.close()
    assert [(r.key, r.value) for r in found] == [(b"k", b"v")]


def test_a_broker_whose_cluster_id_begins_with_a_dash_starts(
    own_server: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One random id in 64 does; the formatting tool took it for an option."""
    dashed = uuid.UUID(bytes=b"\xfb" + bytes(15))
    monkeypatch.setattr("services.broker.uuid.uuid4", lambda: dashed)
    assert (own_server("kafka").answer() or "").startswith("cluster -")


def test_each_test_has_an_empty_database_of_its_own(postgres: str) -> None:
    import sqlalchemy

    engine = sqlalchemy.create_engine(postgres)
    assert sqlalchemy.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE mine (n int)"))
    engine.dispose()


@pytest.mark.parametrize("turn", [1, 2])
def test_the_next_test_finds_it_empty_again(postgres: str, turn: int) -> None:
    test_each_test_has_an_empty_database_of_its_own(postgres)


def test_the_graph_answers_cypher(neo4j: str) -> None:
    from neo4j import GraphDatabase

    from services.graph import PASSWORD, USER

    with GraphDatabase.driver(neo4j, auth=(USER, PASSWORD)) as driver:
        assert driver.execute_query("UNWIND [1, 2] AS n RETURN sum(n) AS s").records[0]["s"] == 3


class Echo(Server):
    """A server that accepts connections: enough to see how servers are looked after."""

    name = "echo"
    default_port = 0
    patience = 20

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def prepare(self) -> None: ...

    def command(self) -> list[str]:
        code = (
            "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[2])))\n"
            "while True: s.accept()"
        )
        return [sys.executable, "-c", code, str(self.folder), str(self.port)]

    def ask(self) -> str:
        return "echo 1"


@pytest.fixture
def echo(tmp_path: Path):
    server = Echo(tmp_path / "echo", free_port())
    yield server
    server.erase()


def test_starting_twice_is_starting_once(echo: Echo) -> None:
    echo.start()
    first = (echo.folder / "pid").read_text()
    echo.start()
    assert (echo.folder / "pid").read_text() == first
    echo.stop()
    assert not echo.running()
    echo.stop()


def test_a_process_that_does_not_answer_is_replaced(echo: Echo, monkeypatch) -> None:
    echo.start()
    first = (echo.folder / "pid").read_text()
    answers = iter([False, False])
    real = echo._listens
    monkeypatch.setattr(echo, "_listens", lambda: next(answers, None) is None and real())
    echo.start()
    assert (echo.folder / "pid").read_text() != first


def test_a_process_that_took_over_the_number_is_left_alone(echo: Echo) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        echo.folder.mkdir()
        (echo.folder / "pid").write_text(str(other.pid))
        assert not echo.running()
        echo.kill()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_taken_port_is_told(echo: Echo) -> None:
    with socket.create_server(("127.0.0.1", echo.port)):
        with pytest.raises(services.ServiceError, match="taken by another program") as refused:
            echo.start()
        assert "SENTINEL_ECHO_PORT" in refused.value.cure


def test_a_server_that_ends_shows_its_last_words(echo: Echo, monkeypatch) -> None:
    monkeypatch.setattr(
        echo, "command", lambda: [sys.executable, "-c", "raise SystemExit('no room left')"]
    )
    with pytest.raises(services.ServiceError, match="ended with status 1") as refused:
        echo.start()
    assert "no room left" in refused.value.cure


def test_without_maven_or_java_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTINEL_SERVICES", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(services.ServiceError, match="Maven is not installed") as refused:
        java.jars("kafka")
    assert "apt-get install maven" in refused.value.cure
    monkeypatch.setattr(java, "_FOLDERS", ())
    java.java.cache_clear()
    with pytest.raises(services.ServiceError, match="no Java 17 to 21") as refused:
        java.java(17, 21)
    assert "openjdk-17" in refused.value.cure
    java.java.cache_clear()


def test_the_command_tells_the_state_by_its_exit_status(tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services", *words],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "SENTINEL_SERVICES": str(tmp_path), "SENTINEL_KAFKA_PORT": "1"},
        )

    stopped = run("status", "kafka")
    assert (stopped.returncode, "stopped" in stopped.stdout) == (1, True)
    assert run("stop", "kafka").returncode == 0, "stopping what does not run is no error"
    unknown = run("start", "redis")
    assert unknown.returncode == 2
    assert "kafka, postgres, neo4j" in unknown.stderr
