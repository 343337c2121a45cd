"""The field list and the JSON Schemas in docs/ are what domain/ says."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import jsonschema_rs
import pytest
import typer

from domain.claim import CLAIM_TABLES
from domain.parties import PARTY_TABLES
from domain.results import RESULT_TABLES


@pytest.fixture(scope="module")
def fields(root: Path) -> ModuleType:
    # Loaded by path: the package cli imports every room of the house.
    spec = importlib.util.spec_from_file_location("cli_fields", root / "cli" / "fields.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_documents_are_up_to_date(fields: ModuleType, root: Path) -> None:
    fields.fields(root / "docs", check=True)


def test_check_names_a_file_that_differs(
    fields: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields.fields(tmp_path, check=False)
    fields.fields(tmp_path, check=True)
    (tmp_path / "fields.md").write_text("old")
    with pytest.raises(typer.Exit) as raised:
        fields.fields(tmp_path, check=True)
    assert raised.value.exit_code == 1
    assert "fields.md" in capsys.readouterr().err


@pytest.mark.parametrize(
    "table", [*CLAIM_TABLES, *PARTY_TABLES, *RESULT_TABLES], ids=lambda t: t.name
)
def test_every_field_stands_in_the_list_with_both_languages(
    fields: ModuleType, table: object
) -> None:
    text = fields.render_fields()
    section = text.split(f"\n### {table.name} ")[1].split("\n### ")[0]  # type: ignore[attr-defined]
    for field in table.fields:  # type: ignore[attr-defined]
        row = next(line for line in section.splitlines() if line.startswith(f"| `{field.name}` |"))
        assert field.zh in row
        assert field.meaning.replace("|", "\\|") in row


@pytest.mark.parametrize("name", ["claim", "provider", "physician"])
def test_the_schemas_are_valid_draft_2020_12(root: Path, name: str) -> None:
    schema = json.loads((root / f"docs/schema/{name}.schema.json").read_text())
    jsonschema_rs.Draft202012Validator(schema)
    assert jsonschema_rs.meta.is_valid(schema)
