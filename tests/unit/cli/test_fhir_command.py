"""``sentinel fhir``: files of FHIR in and out, with account of what was set aside."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.fhir_messages import claim, stay
from cli import app

RUN = CliRunner()
SAMPLE = Path("data_samples/orders/ward-small.jsonl")


def test_events_written_as_messages_are_read_back(tmp_path: Path) -> None:
    lines = SAMPLE.read_text(encoding="utf-8").splitlines()[:12]
    given, ndjson, out = tmp_path / "e.jsonl", tmp_path / "m.ndjson", tmp_path / "out"
    given.write_text("\n".join(lines) + "\n", encoding="utf-8")
    written = RUN.invoke(app, ["fhir", "write", str(given), "--out", str(ndjson)])
    assert written.exit_code == 0, written.output
    assert stat.S_IMODE(ndjson.stat().st_mode) == 0o600, "it names patients"
    told = RUN.invoke(app, ["fhir", "read", str(ndjson), "--out", str(out)])
    assert told.exit_code == 0, told.output
    summary = json.loads(told.output.splitlines()[-1])
    assert (summary["events"], summary["set_aside"], summary["not_kept"]) == (12, 0, {})
    kept = [json.loads(line) for line in (out / "orders.jsonl").read_text(encoding="utf-8").splitlines()]  # fmt: skip
    assert [e["event_id"] for e in kept] == [json.loads(line)["event_id"] for line in lines]


def test_what_is_refused_is_set_aside_with_its_bytes(tmp_path: Path) -> None:
    bundle, bill = stay(), claim()
    bundle["entry"][5]["resource"]["status"] = "zzz"
    file, whole, out = tmp_path / "b.ndjson", tmp_path / "claim.json", tmp_path / "out"
    file.write_text(json.dumps(bundle) + "\n\nnot json\n", encoding="utf-8")
    whole.write_text(json.dumps(bill), encoding="utf-8")
    told = RUN.invoke(app, ["fhir", "read", str(file), str(whole), "--out", str(out)])
    assert told.exit_code == 0, told.output
    summary = json.loads(told.output.splitlines()[-1])
    assert (summary["events"], summary["claims"], summary["set_aside"]) == (3, 1, 2)
    assert summary["read"] == summary["taken"] + summary["set_aside"]
    letters = [json.loads(line) for line in (out / "dead-letters.jsonl").read_text(encoding="utf-8").splitlines()]  # fmt: skip
    raw = (out / "dead-letters.raw").read_bytes()
    assert [(x["number"], x["reasons"][0]["field"], x["reasons"][0]["rule"]) for x in letters] == [
        (1, "MedicationRequest.status", "enum"),
        (3, "(text)", "not-json"),
    ]
    kept = [raw[x["raw_offset"] : x["raw_offset"] + x["raw_length"]] for x in letters]
    assert json.loads(kept[0]) == bundle["entry"][5]["resource"]
    assert kept[1] == b"not json"


def test_resources_of_several_files_belong_together(tmp_path: Path) -> None:
    files = []
    for entry in stay()["entry"]:
        resource = entry["resource"]
        files.append(tmp_path / f"{resource['resourceType']}.ndjson")
        files[-1].write_text(json.dumps(resource) + "\n", encoding="utf-8")
    told = RUN.invoke(app, ["fhir", "read", *map(str, files), "--out", str(tmp_path / "out")])
    summary = json.loads(told.output.splitlines()[-1])
    assert (summary["set_aside"], summary["events"]) == (0, 3)


def test_a_site_names_its_own_systems(tmp_path: Path) -> None:
    file, out = tmp_path / "b.json", tmp_path / "out"
    text = json.dumps(stay()).replace("urn:drg-sentinel:code:ICD-10-CN", "urn:oid:1.2.3")
    file.write_text(text, encoding="utf-8")
    without = RUN.invoke(app, ["fhir", "read", str(file), "--out", str(out)])
    assert json.loads(without.output.splitlines()[-1])["set_aside"] == 1
    alias = "urn:oid:1.2.3=urn:drg-sentinel:code:ICD-10-CN"
    told = RUN.invoke(app, ["fhir", "read", str(file), "--out", str(out), "--system", alias])
    assert json.loads(told.output.splitlines()[-1])["set_aside"] == 0


@pytest.mark.parametrize("content", ["", "{}", '{"kind": "orders"}'])
def test_mistakes_end_with_words(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(content, encoding="utf-8")
    told = RUN.invoke(app, ["fhir", "write", str(file), "--out", str(tmp_path / "o.ndjson")])
    assert told.exit_code == (1 if content else 0)
    assert not content or "canonical" in str(told.exception)
    read = RUN.invoke(app, ["fhir", "read", str(tmp_path / "x.pdf"), "--out", str(tmp_path / "o")])
    assert "no file of FHIR" in str(read.exception)
