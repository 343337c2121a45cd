"""A model card's Markdown as HTML: headings, paragraphs, lists, tables and bold; everything else is text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from markupsafe import Markup, escape

_BOLD: Final = re.compile(r"\*\*(.+?)\*\*")
_RULE: Final = re.compile(r"\|(\s*:?-+:?\s*\|)+\Z")


def render(text: str) -> Markup:
    """The card as HTML below a heading of the second rank; no tag of the text itself survives."""
    return Markup("\n").join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Markup]:
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        kind = _kind(line)
        if kind == "blank":
            at += 1
            continue
        if kind == "heading":
            rank = min(len(line) - len(line.lstrip("#")) + 1, 6)
            yield Markup("<h{0}>{1}</h{0}>").format(rank, _inline(line.lstrip("#").strip()))
            at += 1
            continue
        end = at
        while end < len(lines) and _kind(lines[end].strip()) == kind:
            end += 1
        part = [one.strip() for one in lines[at:end]]
        yield _list(part) if kind == "item" else _table(part) if kind == "row" else _text(part)
        at = end


def _kind(line: str) -> str:
    if not line:
        return "blank"
    if line.startswith("#"):
        return "heading"
    if line.startswith("- "):
        return "item"
    return "row" if line.startswith("|") else "text"


def _text(lines: list[str]) -> Markup:
    return Markup("<p>{}</p>").format(Markup("<br>").join(_inline(one) for one in lines))


def _list(lines: list[str]) -> Markup:
    items = Markup("").join(Markup("<li>{}</li>").format(_inline(one[2:])) for one in lines)
    return Markup("<ul>{}</ul>").format(items)


def _table(lines: list[str]) -> Markup:
    rows = [
        [cell.strip() for cell in one.strip("|").split("|")]
        for one in lines
        if not _RULE.match(one)
    ]
    head, *body = rows

    def row(cells: list[str], tag: str) -> Markup:
        inside = Markup("").join(Markup("<{0}>{1}</{0}>").format(tag, _inline(c)) for c in cells)
        return Markup("<tr>{}</tr>").format(inside)

    return Markup('<table class="plain"><thead>{}</thead><tbody>{}</tbody></table>').format(
        row(head, "th"), Markup("").join(row(cells, "td") for cells in body)
    )


def _inline(text: str) -> Markup:
    # Escaped before anything else: a star between two tags stays a star.
    return Markup(_BOLD.sub(r"<strong>\1</strong>", str(escape(text))))  # noqa: S704
