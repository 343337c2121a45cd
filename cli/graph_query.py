"""``sentinel graph query NAME``: one command a question, made from its declaration."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, asdict, fields, is_dataclass
from datetime import date, datetime
from enum import Enum, StrEnum
from typing import Annotated, Any, Final, get_args, get_type_hints

import typer
from rich.console import Console
from rich.table import Table

from cli.graph_access import Neo4j, Site, opened
from cli.output import tell
from cli.stream_run import Database
from domain.graph import NAMES, Found, GraphState, Money, Neighbourhood, Path
from domain.graph_questions import QUESTIONS, Question, read_upto

app = typer.Typer(
    help="Ask the entity graph; docs/graph.md says what each question finds.", no_args_is_help=True
)

_SHOWN: Final = 5
"""Members of a list that are named; the JSON has all that the answer lists."""

_HELP: Final = {
    "upto": "Only claims complete by then: 2025-03-10 (its beginning in China) or an instant with its "
    "offset; all if left out.",
}


def _command(kind: type[Question]) -> Any:
    """The command of a question: arguments where it has no default, else options."""
    hints = get_type_hints(kind)
    parameters = [
        inspect.Parameter("db", _KEYWORD, default="sqlite:///sentinel.db", annotation=Database),
        inspect.Parameter("neo4j", _KEYWORD, default=None, annotation=Neo4j),
        inspect.Parameter("site", _KEYWORD, default="main", annotation=Site),
        inspect.Parameter(
            "as_json", _KEYWORD, default=False,
            annotation=Annotated[bool, typer.Option("--json", help="Print the answer as one JSON object.")],
        ),
        *(_parameter(one, hints[one.name]) for one in fields(kind)),
    ]  # fmt: skip

    def run(db: str, neo4j: str | None, site: str, as_json: bool, **given: Any) -> None:
        question = kind(**{name: _value(name, value) for name, value in given.items()})
        with opened(db, neo4j, site) as (_, graph):
            answer, state = graph.ask(question), graph.state()
        if as_json:
            told = {**_plain(answer), "graph": {"name": state.name, **told_state(state)}}
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
        else:
            _show(answer, state)

    run.__doc__ = kind.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _parameter(one: Field[Any], hint: Any) -> inspect.Parameter:
    told = one.metadata
    text = _HELP.get(one.name, told["help"])
    if one.default is MISSING:
        return inspect.Parameter(
            one.name, _KEYWORD,
            annotation=Annotated[str, typer.Argument(help=text, metavar=one.name.upper())],
        )  # fmt: skip
    limits: dict[str, Any] = {}
    kind: Any = hint
    default: Any = one.default
    if told["choices"]:
        choice: Any = _choice(told["choices"])
        several = isinstance(default, tuple)
        kind = list.__class_getitem__(choice) if several else choice
        default = [choice(value) for value in default] if several else choice(default)
    elif told["least"] is not None:
        limits = {"min": told["least"], "max": told["most"]}
    elif date in get_args(hint) and datetime not in get_args(hint):
        kind = datetime | None
        limits["formats"] = ["%Y-%m-%d"]
    elif datetime in get_args(hint):
        kind = str | None
    return inspect.Parameter(
        one.name, _KEYWORD, default=default,
        annotation=Annotated[kind, typer.Option(help=text, **limits)],
    )  # fmt: skip


def _choice(values: Sequence[str]) -> Any:
    """What Typer takes for a closed list of texts."""
    named = {str(value): str(value) for value in values}
    make: Any = StrEnum
    return make("Choice", named)


def _value(name: str, given: Any) -> Any:
    if isinstance(given, list):
        return tuple(str(one) for one in given)
    if isinstance(given, StrEnum):
        return str(given)
    if name == "upto" and given is not None:
        return read_upto(given)
    return given.date() if isinstance(given, datetime) else given


def told_state(state: GraphState) -> dict[str, Any]:
    """How far a graph is behind, as plain data."""
    since = state.behind_since
    return {
        "behind": state.behind,
        "behind_since": None if since is None else since.isoformat(timespec="seconds"),
        "set_aside": state.set_aside,
    }


def _plain(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(asdict(answer), default=_spell))
    return found


def _spell(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _show(answer: Any, state: GraphState) -> None:
    if isinstance(answer, Found):
        _print_items(answer.items)
    elif isinstance(answer, Neighbourhood | Path):
        rows = [
            {
                "distance": str(node.distance), "kind": NAMES[node.kind][0], "node": node.key,
                "days": "" if node.stay is None else _days(node.stay.admission_date, node.stay.ended_on),
                "total": "" if node.stay is None else _amount(node.stay.currency, node.stay.total_fen),
                "expanded": node.expanded,
            }
            for node in answer.nodes
        ]  # fmt: skip
        _print_rows(rows, "there is no such way")
        edges = [
            {
                "from": edge.source, "edge": f"{NAMES[edge.kind][0]} {edge.role}".strip(),
                "to": edge.target, "days": _days(edge.first_day, edge.last_day),
                "amount": _amount(edge.currency, edge.amount_fen),
            }
            for edge in answer.edges
        ]  # fmt: skip
        _print_rows(edges, "")
    if answer.truncated:
        tell("There is more: a limit cut the answer (see the options).")
    if state.behind:
        tell(f"The graph is {state.behind:,} stays behind the store, since {state.behind_since}.")
    elif state.behind is None:
        tell(f"The graph {state.name} does not follow this store; `sentinel graph load` lets it.")


def _print_items(items: Sequence[Any]) -> None:
    """One block an entry: entries are too wide for columns."""
    if not items:
        tell("nothing was found")
    for place, item in enumerate(items, start=1):
        table = Table(box=None, show_header=False, title=f"{place}.", title_justify="left")
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        for one in fields(item):
            if getattr(item, one.name) != ():
                table.add_row(one.name.replace("_", " "), _cell(getattr(item, one.name)))
        Console(highlight=False).print(table)


def _print_rows(rows: Sequence[Mapping[str, str]], nothing: str) -> None:
    if not rows:
        if nothing:
            tell(nothing)
        return
    table = Table(box=None)
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(highlight=False).print(table)


def _cell(value: Any, between: str = "\n") -> str:
    """A value for people; the members of a list below each other, those of a list in it in a row."""
    if isinstance(value, Enum):
        return NAMES[str(value)][0]
    if isinstance(value, Money):
        return f"{_amount(value.currency, value.total_fen)} (fund {_amount(value.currency, value.fund_fen)})"
    if isinstance(value, tuple):
        shown = [_cell(one, ", ") for one in value[:_SHOWN]]
        return between.join([*shown, *(["…"] if len(value) > _SHOWN else [])])
    if is_dataclass(value):
        return "; ".join(_cell(getattr(value, one.name), ", ") for one in fields(value))
    return "" if value is None else str(value)


def _amount(currency: str | None, fen: int | None) -> str:
    """An amount in yuan or dollars for people, exact to the fen."""
    if fen is None or currency is None:
        return ""
    sign = "-" if fen < 0 else ""
    return f"{currency} {sign}{abs(fen) // 100:,}.{abs(fen) % 100:02}"


def _days(first: date | None, last: date | None) -> str:
    return f"{first or '?'} – {last or ''}".strip()


for _kind in QUESTIONS:
    app.command(_kind.name)(_command(_kind))
