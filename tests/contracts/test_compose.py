"""compose.yaml runs what `make services` runs: the same versions, settings and topics."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from compose_spec import PyCompose

import services
from services.database import SETTINGS, VERSION
from services.graph import PASSWORD as GRAPH_PASSWORD
from services.graph import USER as GRAPH_USER

DIFFERS = {  # where the broker is, and how much it may take: a container's own
    "KAFKA_LISTENERS",
    "KAFKA_ADVERTISED_LISTENERS",
    "KAFKA_INTER_BROKER_LISTENER_NAME",
    "KAFKA_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_LOG_DIRS",
    "KAFKA_HEAP_OPTS",
}


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / "compose.yaml").read_text("utf-8"))
    return found


def properties(path: Path) -> dict[str, str]:
    lines = path.read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def version(root: Path, name: str, artifact: str) -> str:
    pom = ElementTree.parse(root / "services" / name / "pom.xml")  # noqa: S314 (our own file)
    for one in pom.iter("dependency"):
        if one.findtext("artifactId") == artifact:
            return one.findtext("version", "")
    raise AssertionError(f"{artifact} is not in the pom of {name}")


def test_it_is_a_valid_compose_file(compose: dict[str, Any]) -> None:
    # The parser knows no `<<`; YAML has resolved it by now, and x- names only serve it.
    plain = {name: part for name, part in compose.items() if not name.startswith("x-")}
    parsed = PyCompose.from_yaml(yaml.safe_dump(plain))
    assert {"kafka", "postgres", "neo4j", "service", "worker", "graph", "prometheus"} <= set(
        parsed.service_names()
    )


def test_the_versions_are_those_of_make_services(compose: dict[str, Any], root: Path) -> None:
    images = {name: one["image"] for name, one in compose["services"].items()}
    kafka, neo4j = version(root, "kafka", "kafka_2.13"), version(root, "neo4j", "neo4j-server")
    assert images["kafka"] == f"apache/kafka:{kafka}"
    assert images["neo4j"] == f"neo4j:{neo4j}-community"
    assert images["postgres"] == f"postgres:{VERSION}"
    told = (root / "docs" / "streaming.md").read_text("utf-8")
    for text in (f"Kafka {kafka}", f"Neo4j {neo4j}", f"PostgreSQL {VERSION}"):
        assert text in told, f"docs/streaming.md does not say {text}"


def test_the_broker_has_the_same_settings(compose: dict[str, Any], root: Path) -> None:
    given = compose["services"]["kafka"]["environment"]
    wanted = {
        "KAFKA_" + name.upper().replace(".", "_"): value
        for name, value in properties(root / "services/kafka/server.properties").items()
    }
    assert {name: value for name, value in given.items() if name not in DIFFERS} == wanted


def test_the_database_and_the_graph_have_the_same_settings(
    compose: dict[str, Any], root: Path
) -> None:
    command = compose["services"]["postgres"]["command"]
    assert dict(part.split("=") for part in command if "=" in part) == SETTINGS
    given = compose["services"]["neo4j"]["environment"]
    for name, value in properties(root / "services/neo4j/neo4j.conf").items():
        if name == "server.http.enabled":
            continue  # the image's health page needs it
        assert given["NEO4J_" + name.replace("_", "__").replace(".", "_")] == value
    secret = f"${{SENTINEL_NEO4J_PASSWORD:-{GRAPH_PASSWORD}}}"
    assert given["NEO4J_AUTH"] == f"{GRAPH_USER}/{secret}"
    for name in ("service", "graph"):
        reads = compose["services"][name]["environment"]
        assert reads["SENTINEL_NEO4J"] == f"bolt://neo4j:{services.Neo4j.default_port}"
        assert reads["SENTINEL_NEO4J_PASSWORD"] == secret


def test_the_ports_on_this_machine_are_those_of_make_services(compose: dict[str, Any]) -> None:
    for name, kind in services.KINDS.items():
        (port,) = compose["services"][name]["ports"]
        assert port.startswith(f"127.0.0.1:{kind.default_port}:")


def test_nothing_listens_for_other_machines(compose: dict[str, Any]) -> None:
    for name, one in compose["services"].items():
        for port in one.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"


def test_every_command_of_the_image_exists(compose: dict[str, Any]) -> None:
    from typer.testing import CliRunner

    from cli import app

    for name, one in compose["services"].items():
        if one["image"] != "drg-sentinel:local":
            continue
        command = [str(part) for part in one["command"]]
        words = command[: next((i for i, p in enumerate(command) if p.startswith("-")), None)]
        shown = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, name
        for option in (part for part in command if part.startswith("--")):
            assert option in re.sub(r"\x1b\[[0-9;]*m", "", shown.output), f"{name}: {option}"


def test_prometheus_scrapes_the_ports_that_are_served(compose: dict[str, Any], root: Path) -> None:
    config = yaml.safe_load((root / "services/prometheus/prometheus.yml").read_text("utf-8"))
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    worker = compose["services"]["worker"]["environment"]["SENTINEL_METRICS_PORT"]
    assert str(jobs["worker"]["dns_sd_configs"][0]["port"]) == worker
    graph = compose["services"]["graph"]["environment"]["SENTINEL_METRICS_PORT"]
    assert jobs["graph"]["static_configs"][0]["targets"] == [f"graph:{graph}"]
    assert jobs["service"]["static_configs"][0]["targets"] == ["service:8080"]
    assert compose["services"]["service"]["command"][:5] == ["serve", "--host", "0.0.0.0", "--port", "8080"]  # fmt: skip  # noqa: S104


def test_every_file_that_a_container_reads_is_there(compose: dict[str, Any], root: Path) -> None:
    read = [
        volume.split(":")
        for one in compose["services"].values()
        for volume in one.get("volumes", ())
        if volume.startswith("./")
    ]
    assert read
    for source, target, mode in read:
        assert (root / source).exists(), source
        assert mode == "ro", f"{source}: a container changes nothing of ours"
        if target == "/etc/prometheus":
            config = yaml.safe_load((root / source / "prometheus.yml").read_text("utf-8"))
            for name in config["rule_files"]:
                assert (root / source / name).is_file()


def test_the_image_has_what_the_project_installs(root: Path) -> None:
    text = (root / "Dockerfile").read_text("utf-8")
    assert "-r requirements.txt" in text
    assert re.search(r"^USER sentinel$", text, re.MULTILINE), "it runs without root"
    ignored = (root / ".dockerignore").read_text("utf-8").split()
    assert {".git", ".services", ".sentinel", ".venv"} <= set(ignored), "no key travels along"
