"""``sentinel fields``: the documented field list and the JSON Schemas, from ``domain``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from domain import SCHEMA_VERSION
from domain.claim import CHILDREN, CLAIM_TABLES, STAYS
from domain.parties import PARTY_TABLES, PHYSICIANS, PROVIDERS
from domain.results import RESULT_TABLES
from domain.schema import DECIMAL_DIGITS, Field, Kind, Privacy, Table
from domain.withdrawal import WITHDRAWALS

_DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_HEAD: Final = """# Fields 字段说明

<!-- Written by `sentinel fields` from domain/. Do not edit: change domain/ and run `make fields`. -->

Schema version {version}. Every table and field of the canonical schema, with its Chinese name, its name in the
national settlement-list interface (清单: 4101, 4101A, 2301 as publicly implemented; `unverified` against the official
text) and its FHIR R4 path, where one exists.

规范模式版本 {version}。下表列出每张表、每个字段的含义、类型、单位、是否必填、代码，以及在医保结算清单接口与 FHIR R4 中的名称。

- **Kinds 类型**: `text`, `code` text; `integer` whole number; `money` whole number of fen, hundredths of the claim's
  currency; `decimal` exact decimal of {digits} digits, as text in JSON; `date` a calendar date in the claim's time zone;
  `instant` RFC 3339 with offset, kept in UTC to the microsecond; `flag` true or false; `number` 64-bit float (scores only).
- **Intake 入库**: `pseudonym` is replaced by a keyed pseudonym, the clear value is never stored (换成带密钥的假名); `drop` is
  read, checked and discarded (校验后丢弃).
- A missing value is unknown, never zero. 缺失即未知，绝不当作 0。
- JSON Schemas: [claim](schema/claim.schema.json), [provider](schema/provider.schema.json),
  [physician](schema/physician.schema.json), [withdrawal](schema/withdrawal.schema.json). [intake.md](intake.md) says what intake accepts beyond them.
"""


def fields(
    out: Annotated[Path, typer.Option(help="Folder for fields.md and schema/.")] = _DOCS,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if a file differs.")
    ] = False,
) -> None:
    """Write the field list and the JSON Schemas from the domain, or check the committed ones."""
    stale: list[Path] = []
    for name, text in render_documents().items():
        path = out / name
        if check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    if stale:
        typer.echo(f"not what domain/ says: {', '.join(map(str, stale))}", err=True)
        typer.echo("Run `sentinel fields` and commit what it writes.", err=True)
        raise typer.Exit(1)


def render_documents() -> dict[str, str]:
    """The text of each generated file, by its path below docs/."""
    return {
        "fields.md": render_fields(),
        "schema/claim.schema.json": _schema("claim", STAYS, CHILDREN),
        "schema/provider.schema.json": _schema("provider", PROVIDERS),
        "schema/physician.schema.json": _schema("physician", PHYSICIANS),
        "schema/withdrawal.schema.json": _schema("withdrawal", WITHDRAWALS),
    }


def _schema(name: str, table: Table, children: tuple[Table, ...] = ()) -> str:
    body: dict[str, Any] = {
        "$schema": _DIALECT,
        "$id": f"urn:drg-sentinel:schema:{name}:{SCHEMA_VERSION}",
        **table.json_schema(children),
    }
    return json.dumps(body, ensure_ascii=False, indent=1) + "\n"


def render_fields() -> str:
    """The field list as Markdown."""
    return "\n".join(_lines()).rstrip() + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD.format(version=SCHEMA_VERSION, digits=DECIMAL_DIGITS)
    groups = (
        ("The claim 结算清单", CLAIM_TABLES),
        ("Withdrawals 撤销", (WITHDRAWALS,)),
        ("Parties 机构与医师", PARTY_TABLES),
        ("Results 评估结果", RESULT_TABLES),
    )
    for title, tables in groups:
        yield f"## {title}\n"
        for table in tables:
            yield from _table(table)
    yield "## Codes 代码\n"
    yield from _codes(t for _, tables in groups for t in tables)


def _table(table: Table) -> Iterator[str]:
    yield f"### {table.name} {table.zh}\n"
    nested = f" In JSON nested in its claim as `{table.name}`." if table in CHILDREN else ""
    yield f"{table.meaning} Key: {', '.join(f'`{k}`' for k in table.key)}.{nested}\n"
    yield "| field | 名称 | meaning | kind | limits | required | 清单 | FHIR R4 | intake |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for f in table.fields:
        cells = (
            f"`{f.name}`",
            f.zh,
            f.meaning,
            _kind(f),
            _limits(f, table),
            "yes" if f.required else "",
            f"`{f.cn}`" if f.cn else "",
            f"`{f.fhir}`" if f.fhir else "",
            _privacy(f),
        )
        yield "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"
    yield ""


def _kind(field: Field) -> str:
    places = f", {field.places} places" if field.kind is Kind.DECIMAL else ""
    unit = f", {field.unit}" if field.unit else ""
    return f"{field.kind}{places}{unit}"


def _limits(field: Field, table: Table) -> str:
    if field.codes is not None:
        return f"[codes](#{_anchor(field, table)})"
    if field.kind in {Kind.TEXT, Kind.CODE}:
        pattern = f", `{field.pattern}`" if field.pattern else ""
        return f"to {field.max_length} characters{pattern}"
    low = "" if field.minimum is None else f"from {field.minimum}"
    high = "" if field.maximum is None else f"to {field.maximum}"
    return " ".join(filter(None, (low, high)))


def _privacy(field: Field) -> str:
    return {None: "", Privacy.PSEUDONYM: "pseudonym", Privacy.DROP: "drop"}[field.privacy]


def _anchor(field: Field, table: Table) -> str:
    return f"{table.name}-{field.name}".replace("_", "-")


def _codes(tables: Iterable[Table]) -> Iterator[str]:
    for table in tables:
        for field in table.fields:
            if field.codes is None:
                continue
            yield f'<a id="{_anchor(field, table)}"></a>\n'
            yield f"**{table.name}.{field.name}** {field.zh}: " + "; ".join(
                f"`{code}` {zh} {en}" if zh != en else f"`{code}`"
                for code, (zh, en) in field.codes.items()
            )
            yield ""
