"""YAML is read as it is written, or refused with the line."""

from datetime import date
from decimal import Decimal

import pytest

from rules.document import parse
from rules.problem import RuleError


def test_plain_values_keep_their_meaning() -> None:
    text = (
        "whole: 15\ndecimal: 0.30\nyes_word: true\nnone: null\nday: 2024-03-01\n"
        'region: "330100"\ntext: 一 word\nnested: {2021-01-01: 1}\n'
    )
    assert parse(text, "x").value == {
        "whole": 15,
        "decimal": Decimal("0.30"),
        "yes_word": True,
        "none": None,
        "day": date(2024, 3, 1),
        "region": "330100",
        "text": "一 word",
        "nested": {date(2021, 1, 1): 1},
    }


def test_decimals_are_exact() -> None:
    assert str(parse("a: 0.1", "x").value["a"]) == "0.1"


def test_every_path_knows_its_line() -> None:
    document = parse("a: 1\nb:\n  c:\n    - v\n    - w\n", "x")
    assert document.line("b", "c", 1) == 5
    assert document.line("b", "c", "missing") == 3


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\nb: yes", 2, "truth value"),
        ("a: on", 1, "truth value"),
        ("a: NO", 1, "truth value"),
        ("a: TRUE", 1, "truth value"),
        ("a: ~", 1, "truth value"),
        ("a:", 1, "truth value"),
        ("a: 0310", 1, "differently"),
        ("a: 0o17", 1, "differently"),
        ("a: 0x1F", 1, "differently"),
        ("a: 1_000", 1, "differently"),
        ("a: 1e5", 1, "differently"),
        ("a: .5", 1, "differently"),
        ("a: +5", 1, "differently"),
        ("a: .inf", 1, "differently"),
        ("a: 12:30:00", 1, "differently"),
        ("a: 190:20", 1, "differently"),
        ("a: 2024-01-01T10:00:00", 1, "differently"),
        ("a: 2024-1-1", 1, "differently"),
        ("a: 2021-02-30", 1, "no day"),
        ("330100: 1", 1, "quotes"),
        ("a: 1\na: 2", 2, "twice"),
        ("a: {b: 1, b: 2}", 1, "twice"),
        ("2021-01-01: 1\n2021-01-01: 2", 2, "twice"),
        ("a: &x 1", 1, "anchor"),
        ("a: !mine 1", 1, "tag"),
        ('a: !!int "1"', 1, "tag"),
        ("? [a, b]\n: 1", 1, "key"),
        ("a: 1\n---\nb: 2", 2, "document"),
        ("a: [1", 1, "not YAML"),
        ("", 1, "empty"),
        ("# only a comment", 1, "empty"),
    ],
)
def test_traps_are_refused_with_their_line(text: str, line: int, says: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text, "rule.yaml")
    problem = caught.value.problems[0]
    assert problem.code == "RL001"
    assert problem.line == line
    assert says in f"{problem.message} {problem.cure}"


def test_all_problems_of_a_file_come_at_once() -> None:
    with pytest.raises(RuleError) as caught:
        parse("a: yes\nb: 007\nc: 1\nc: 2\n", "x")
    assert [p.line for p in caught.value.problems] == [1, 2, 4]


def test_a_file_that_is_not_utf8_is_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from rules.document import read

    path = tmp_path / "x.yaml"
    path.write_bytes("name: 分解住院".encode("gb18030"))
    with pytest.raises(RuleError, match="not UTF-8"):
        read(path)
