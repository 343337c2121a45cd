"""``sentinel benchmarks``: from settled stays to a table that the facts read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import app
from data_samples import writer
from data_samples.planting import Scene
from rules.facts import reference
from rules.facts.benchmark import NAMES
from rules.facts.cost_tables import benchmarks


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_table_that_is_written_can_be_read_back(tmp_path: Path) -> None:
    scene = Scene("CST-014")
    plain = tuple(c for c in scene.catalogue.comorbidities if c.code == "I10.x00x002")
    for part in ("one", "two"):
        records = [scene.stay("pneumonia", secondary=plain) for _ in range(16)]
        lines = "".join(writer.encode(record) + "\n" for record in records)
        (tmp_path / f"{part}.jsonl").write_text(lines, encoding="utf-8")
    for path in reference.FOLDER.glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    told = ["--out", "group_benchmarks.csv", "--source", "test", "--valid-from", "2024-01-01"]
    done = CliRunner().invoke(app, ["benchmarks", "one.jsonl", "two.jsonl", *told])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["cells"] == 2
    table = benchmarks(NAMES, tmp_path)
    assert table["cell"].to_list() == ["ES3", "ES35"]
    assert table["drug_cost_mean"].min() == table["drug_cost_mean"].max() > 0  # type: ignore[operator]
