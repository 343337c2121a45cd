"""Strict YAML: what is written is what is read, with the line of every value.

YAML 1.2 through ruamel's pure parser, minus everything that surprises: no duplicate
key, no anchor, alias or tag, no ``yes``/``on``/``~``, no octal, hexadecimal, underscore,
exponent or sexagesimal number. A plain ``true``, ``false``, ``null``, integer, decimal
or ISO date is that; every other plain scalar is text. Decimals are exact
(``decimal.Decimal``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from rules.problem import Problem, RuleError, show_path

Key = str | date | int
"""A step of a path: a mapping's key or a sequence's index."""

_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]*)\Z")
_DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+\Z")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_TRAP_WORDS: Final = frozenset(
    {"yes", "no", "on", "off", "y", "n", "true", "false", "null", "~", ""}
)
_TRAP_NUMBER: Final = re.compile(
    r"[-+]?(0[0-9_]+|0[xXoObB][0-9a-fA-F_]+|[0-9][0-9_]*_[0-9_]*|\.[0-9]+|[0-9]+\."
    r"|[0-9.]+[eE][-+]?[0-9]+|[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?|\.(inf|nan|Inf|NaN|INF|NAN)|\+[0-9.]+)\Z"
)
_TRAP_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ].*)?\Z")
_CORE_TAGS: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its value, the line of every path in it, and its text."""

    path: str
    value: Any
    lines: Mapping[tuple[Key, ...], int]
    text: str

    def line(self, *path: Key) -> int:
        """The line of the path, or of its nearest parent that has one."""
        steps = tuple(path)
        while steps and steps not in self.lines:
            steps = steps[:-1]
        return self.lines.get(steps, 1)

    def problem(self, code: str, message: str, cure: str, *path: Key) -> Problem:
        """A problem at that path of this file."""
        return Problem(self.path, self.line(*path), code, message, cure)


def read(path: Path) -> Document:
    """The file as a document; RuleError (RL001) names the line of anything not strict."""
    shown = show_path(path)
    try:
        text = path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise RuleError(
            [Problem(shown, 1, "RL001", f"cannot be read: {error.strerror}", "Check the path.")]
        ) from error
    except UnicodeDecodeError as error:
        raise RuleError(
            [Problem(shown, 1, "RL001", "is not UTF-8", "Save the file as UTF-8.")]
        ) from error
    return parse(text, shown)


def parse(text: str, path: str) -> Document:
    """The text as a document; ``path`` is only shown."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RuleError(
            [Problem(path, line, "RL001", f"is not YAML: {error.problem}", "Correct the syntax.")]
        ) from error
    except (YAMLError, ValueError) as error:
        raise RuleError(
            [Problem(path, 1, "RL001", f"is not YAML: {error}", "Correct the syntax.")]
        ) from error
    if node is None:
        raise RuleError([Problem(path, 1, "RL001", "is empty", "Write a rule or delete the file.")])
    reader = _Reader(path)
    value = reader.build(node, ())
    if reader.problems:
        raise RuleError(reader.problems)
    return Document(path, value, reader.lines, text)


class _Reader:
    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self.lines: dict[tuple[Key, ...], int] = {}

    def refuse(self, node: Node, message: str, cure: str) -> None:
        self.problems.append(Problem(self.path, node.start_mark.line + 1, "RL001", message, cure))

    def build(self, node: Node, path: tuple[Key, ...]) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if node.anchor:
            self.refuse(
                node, f"anchor &{node.anchor}", "Write the value out; anchors are not read."
            )
        tag = str(node.tag or "")
        if tag and not tag.startswith(_CORE_TAGS):
            self.refuse(node, f"tag {tag}", "Remove the tag; types follow from the text.")
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)  # noqa: S101 - the parser has no fourth kind
        return self.scalar(node)

    def _mapping(self, node: MappingNode, path: tuple[Key, ...]) -> dict[Key, Any]:
        made: dict[Key, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.refuse(key_node, "a key that is not a word", "Use words or dates as keys.")
                continue
            key = self.scalar(key_node)
            if not isinstance(key, str | date):
                self.refuse(
                    key_node,
                    f"key {key_node.value} is read as {type(key).__name__}",
                    f'Put it in quotes: "{key_node.value}".',
                )
                continue
            if key in made:
                self.refuse(key_node, f"key {key} given twice", "Keep one of the two.")
                continue
            self.lines[(*path, key)] = key_node.start_mark.line + 1
            made[key] = self.build(value_node, (*path, key))
        return made

    def scalar(self, node: ScalarNode) -> Any:
        text = str(node.value)
        tag = str(node.tag or "").removeprefix(_CORE_TAGS)
        if node.style is not None:
            if tag not in ("", "str"):
                self.refuse(node, f"tag !!{tag}", "Remove the tag; types follow from the text.")
            return text
        if text in ("true", "false"):
            return text == "true"
        if text == "null":
            return None
        if text.lower() in _TRAP_WORDS:
            shown = text or "nothing"
            self.refuse(
                node,
                f"{shown} can be read as a truth value or as text",
                f'Write true, false or null, or put it in quotes: "{text}".',
            )
            return text
        if _INTEGER.match(text):
            return int(text)
        if _DECIMAL.match(text):
            return Decimal(text)
        if _DATE.match(text):
            try:
                return date.fromisoformat(text)
            except ValueError:
                self.refuse(node, f"{text} is no day of the calendar", "Correct the date.")
                return text
        if _TRAP_NUMBER.match(text) or _TRAP_INSTANT.match(text):
            self.refuse(
                node,
                f"{text} is read differently by different YAML readers",
                f'Write a plain number or ISO date, or put it in quotes: "{text}".',
            )
        return text
