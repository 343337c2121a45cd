"""Dashboard, alert rules and manual name metrics that exist, and leave none out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from scoring_api.metrics import Metrics
from streaming.graph_watch import GraphMeters
from streaming.meters import Meters

HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def told() -> frozenset[str]:
    """Every name that worker, service and the graph's follower tell, read from what they would serve."""
    worker = Meters(worker="w", version="0", rules_sha256="")
    registries = (Metrics("0").registry, GraphMeters(graph="sql", version="0").registry)
    suffixes = {
        "counter": ["_total"],
        "histogram": ["_bucket", "_sum", "_count"],
        "info": ["_info"],
    }
    of_others = {
        family.name + suffix
        for registry in registries
        for family in registry.collect()
        for suffix in suffixes.get(family.type, [""])
    }
    return worker.names() | of_others


@pytest.fixture(scope="module")
def dashboard(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (root / "services/grafana/drg-sentinel.json").read_text("utf-8")
    )
    return found


@pytest.fixture(scope="module")
def alerts(root: Path) -> list[dict[str, Any]]:
    file = yaml.safe_load((root / "services/prometheus/alerts.yaml").read_text("utf-8"))
    return [rule for group in file["groups"] for rule in group["rules"]]


def metrics_of(expression: str) -> set[str]:
    """The metric names of a PromQL expression; fails if it is none."""
    names: set[str] = set()

    def visit(node: Any) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            names.add(node.name)
        elif isinstance(node, promql_parser.MatrixSelector):
            names.add(node.vector_selector.name)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    assert names, expression
    return names


def expressions(dashboard: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$instance", ".*")


def test_every_metric_of_the_dashboard_exists(
    dashboard: dict[str, Any], told: frozenset[str]
) -> None:
    unknown = {
        (title, name)
        for title, expression in expressions(dashboard)
        for name in metrics_of(expression) - told
    }
    assert unknown == set()


def test_every_metric_of_an_alert_exists(
    alerts: list[dict[str, Any]], told: frozenset[str]
) -> None:
    for rule in alerts:
        assert metrics_of(rule["expr"]) <= told, rule["alert"]


def test_the_dashboard_shows_every_metric_of_worker_and_follower(
    dashboard: dict[str, Any], told: frozenset[str]
) -> None:
    shown = {n for _, expression in expressions(dashboard) for n in metrics_of(expression)}
    families = {re.sub(r"_(bucket|sum|count)$", "", n) for n in shown}
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", n)
        for n in told
        if n.startswith(("sentinel_worker", "sentinel_graph"))
    }
    assert ours - families == {"sentinel_graph_build_info"}


def test_every_panel_has_a_unit_and_says_what_it_shows_in_both_languages(
    dashboard: dict[str, Any],
) -> None:
    panels = [p for p in dashboard["panels"] if p["type"] != "row"]
    assert len(panels) > 30
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        for text in (panel["title"], panel["description"]):
            assert HAN.search(text), panel["title"]
            assert re.search("[A-Za-z]{3}", text), panel["title"]
    assert len({p["id"] for p in dashboard["panels"]}) == len(dashboard["panels"])


def test_no_two_panels_lie_over_each_other(dashboard: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_leads_to_a_section_that_says_what_to_do(
    alerts: list[dict[str, Any]], root: Path
) -> None:
    manual = (root / "docs/operations.md").read_text("utf-8")
    anchors = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in manual.splitlines()
        if line.startswith("#")
    }
    for rule in alerts:
        notes = rule["annotations"]
        page, _, anchor = notes["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in anchors, rule["alert"]
        assert rule["alert"] in manual
        assert HAN.search(notes["summary_zh"])
        assert HAN.search(notes["description_zh"])
        assert rule["for"]


def test_the_manual_explains_every_metric(told: frozenset[str], root: Path) -> None:
    manual = (root / "docs/operations.md").read_text("utf-8")
    for name in told:
        if name.startswith("sentinel_"):
            plain = re.sub(r"_(bucket|sum|count)$", "", name)
            short = re.sub("^sentinel_(worker|graph)_", "", plain)
            assert f"`{short}`" in manual or f"`{plain}`" in manual, name


def test_prometheus_loads_the_rules_that_are_mounted(root: Path) -> None:
    settings = yaml.safe_load((root / "services/prometheus/prometheus.yml").read_text("utf-8"))
    assert settings["rule_files"] == ["alerts.yaml"]
    compose = yaml.safe_load((root / "compose.yaml").read_text("utf-8"))
    mounts = compose["services"]["prometheus"]["volumes"]
    assert "./services/prometheus/alerts.yaml:/etc/prometheus/alerts.yaml:ro" in mounts
