"""The real server in a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import scoring_api

PROGRAM = """
import sys
import scoring_api, store
from streaming.grouping import GroupDesk, WhatIfDesk
from tests import service_samples as samples

with store.open(sys.argv[1]) as opened:
    samples.write(opened, 12)
    app = scoring_api.build(
        store=opened, assess=samples.Assessor(opened), rules=samples.RULES, version="1",
        group=GroupDesk(samples.library(), samples.KEY),
        what_if=WhatIfDesk(samples.library(), samples.KEY),
        ready=lambda: {"model": "absent"},
    )
    scoring_api.run(app, "127.0.0.1", 0, started=lambda url: print(url, flush=True))
print("closed", flush=True)
"""


def test_it_serves_logs_and_stops_gracefully(tmp_path: Path, root: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, f"sqlite:///{tmp_path / 'a.db'}"],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            assert client.get("/readyz").json()["status"] == "ready"
            assert client.get("/v1/alerts").json()["total"] == 10
            answer = client.post("/v1/claims:assess", json={"claims": [{"stay_id": "S000099"}]})
            assert answer.json()["accepted"] == 1
            assert "server" not in answer.headers
    finally:
        process.send_signal(signal.SIGTERM)
    out, log = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines[0]["event"] == "started"
    assert {"/readyz", "/v1/alerts", "/v1/claims:assess"} <= {line.get("route") for line in lines}
    assert lines[-1]["event"] == "stopped"
    assert out.strip() == "closed", (
        "what the caller does after run, such as closing the store, happens"
    )


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(scoring_api.ServiceError, match="cannot listen") as caught:
            scoring_api.run(None, "127.0.0.1", port)  # type: ignore[arg-type]
    assert "--port" in caught.value.cure
    assert caught.value.where == f"127.0.0.1:{port}"
