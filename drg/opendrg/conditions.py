"""Turns the conditions of OpenDRG's sources into alternatives of tests.

A condition becomes a disjunction: it holds if all tests of one alternative hold. What is
not one of the known forms is refused with its line.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drg.opendrg.checkout import OpenDrgError, refusal
from drg.schemes.layout import OPERATING


@dataclass(frozen=True, slots=True, order=True)
class Test:
    """One row of ``conditions.csv``; an ``op`` of ``some`` or ``none`` guards and is no row."""

    test: str
    op: str
    value: str


Alternative = tuple[Test, ...]
Alternatives = tuple[Alternative, ...]
ALWAYS: Alternatives = ((),)
NEVER: Alternatives = ()

_NUMBERS = {
    "age": "age_years",
    "ageDay": "age_days",
    "weight": "birth_weight_g",
    "inHospitalTime": "stay_days",
    "icuHours": "icu_hours",
}
_VALUES = {"gender": "sex", "leavingType": "discharge_way", "dept": "department"}
_OPS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}
_CODES = {"zdList": "diagnosis", "ssList": "procedure"}
_FIRST = {"zdList": "principal_diagnosis", "ssList": "main_procedure"}
_LEVELS = {"has_mcc": "mcc", "has_cc": "cc"}


@dataclass(slots=True)
class Scope:
    """What names mean in a source: its code lists, and the lists of its roles.

    ``lists`` maps a variable to the name under which its codes stand in the pack, or to
    None where the list is empty. ``roles`` maps a role to such a name; None where
    the source collects no roles. ``inline`` collects
    the lists that are written in the condition, by name, with their kind and codes.
    ``sexes`` collects the types with which the sex is compared.
    """

    path: Path
    lists: Mapping[str, str | None]
    roles: Mapping[str, str] | None = None
    inline: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    prefix: str = ""
    sexes: set[str] = field(default_factory=set)


def read_condition(node: ast.expr, scope: Scope) -> Alternatives:
    """The alternatives of a condition; OpenDrgError with the line for an unknown form."""
    found = _read(node, scope)
    cleaned = dict.fromkeys(_settle(alternative, node, scope) for alternative in found)
    if () in cleaned:
        return ALWAYS
    return tuple(cleaned)


def _read(node: ast.expr, scope: Scope) -> Alternatives:
    match node:
        case ast.Constant(value=bool(value)):
            return ALWAYS if value else NEVER
        case ast.BoolOp(op=ast.And(), values=values):
            parts = [_read(value, scope) for value in values]
            return tuple(
                tuple(dict.fromkeys(itertools.chain(*chosen)))
                for chosen in itertools.product(*parts)
            )
        case ast.BoolOp(op=ast.Or(), values=values):
            return _either([_read(value, scope) for value in values])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _not(node, _read(operand, scope), scope)
        case ast.Compare():
            return _read_compare(node, scope)
        case ast.Call():
            return _read_call(node, scope)
        case ast.Attribute(value=ast.Name(id="record"), attr="ssList"):
            return ((Test("procedure", "some", ""),),)
        case ast.Attribute(value=ast.Name(id="record"), attr="weight"):
            return ((Test("birth_weight_g", "some", ""),),)
    raise _unknown(node, scope)


def _either(parts: list[Alternatives]) -> Alternatives:
    """The alternatives of all parts; tests of one kind become one test with several values."""
    none = ((Test("procedure", "none", ""),),)
    others = [part for part in parts if part != none]
    if len(others) < len(parts) and all(
        len(part) == 1
        and len(part[0]) == 1
        and part[0][0].op == "not_in"
        and "procedure" in part[0][0].test
        for part in others
    ):
        parts = others  # ``not_in`` holds without procedures too
    singles = [part[0][0] for part in parts if len(part) == 1 and len(part[0]) == 1]
    if len(singles) == len(parts) and len({(s.test, s.op) for s in singles}) == 1:
        first = singles[0]
        if first.op in {"in", "is"}:
            values = [s.value for s in singles]
            if first.test == "complication":
                value = values[0] if len(set(values)) == 1 else "mcc_or_cc"
            else:
                value = "|".join(dict.fromkeys(values))
            return ((Test(first.test, first.op, value),),)
    return tuple(itertools.chain(*parts))


def _not(node: ast.expr, inner: Alternatives, scope: Scope) -> Alternatives:
    if inner == NEVER:
        return ALWAYS
    if len(inner) == 1 and len(inner[0]) == 1:
        only = inner[0][0]
        turned = {"in": "not_in", "not_in": "in", "some": "none"}.get(only.op)
        if turned is not None and (turned != "none" or only.test == "procedure"):
            return ((Test(only.test, turned, only.value),),)
    raise _unknown(node, scope)


def _read_call(node: ast.Call, scope: Scope) -> Alternatives:
    match node:
        case ast.Call(
            func=ast.Name(id="has_mcc" | "has_cc" as name), args=[principal, others], keywords=[]
        ) if _codes(principal) == "principal_diagnosis" and _codes(others) == "other_diagnosis":
            return ((Test("complication", "is", _LEVELS[name]),),)
        case ast.Call(func=ast.Name(id="intersect"), args=[one, other], keywords=[]):
            for codes, against in ((one, other), (other, one)):
                test = _codes(codes)
                if test is not None and test.startswith(("any_", "other_")):
                    return _among(test, "in", against, scope)
    raise _unknown(node, scope)


def _read_compare(node: ast.Compare, scope: Scope) -> Alternatives:
    if len(node.ops) == 2:
        left = ast.Compare(node.left, node.ops[:1], node.comparators[:1])
        right = ast.Compare(node.comparators[0], node.ops[1:], node.comparators[1:])
        return (
            tuple(
                itertools.chain(
                    *(_number(ast.copy_location(part, node), node, scope) for part in (left, right))
                )
            ),
        )
    match node:
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(id="record"), attr="ageDay"),
            ops=[ast.NotEq() | ast.IsNot()],
            comparators=[ast.Constant(value=None)],
        ):
            return ((Test("age_days", "some", ""),),)
        case ast.Compare(
            left=ast.Call(
                func=ast.Name(id="len"),
                args=[ast.Attribute(value=ast.Name(id="record"), attr=attr)],
            ),
            ops=[ast.Gt()],
            comparators=[ast.Constant(value=1)],
        ) if attr in _CODES:
            return ((Test(f"other_{_CODES[attr]}", "some", ""),),)
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(id="record"), attr="gender"),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value=1 | 2 | "1" | "2" as sex)],
        ):
            scope.sexes.add(type(sex).__name__)
            return ((Test("sex", "is", str(sex)),),)
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(id="record"), attr="leavingType" | "dept" as attr),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value=str(value))],
        ):
            return ((Test(_VALUES[attr], "is", _value(value, node, scope)),),)
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(id="record"), attr="leavingType" | "dept" as attr),
            ops=[ast.In()],
            comparators=[ast.List() as values],
        ):
            texts = [_value(value, node, scope) for value in _texts(values, scope)]
            return ((Test(_VALUES[attr], "is", "|".join(texts)),),) if texts else NEVER
        case ast.Compare(
            left=ast.Constant(value=str(role)),
            ops=[ast.In()],
            comparators=[ast.Name(id="ss_matched")],
        ) if scope.roles is not None:
            name = scope.roles.get(role)
            return NEVER if name is None else ((Test("any_procedure", "in", name),),)
        case ast.Compare(left=ast.Constant(value=str()), ops=[ast.In()], comparators=[where]):
            test = _codes(where)
            if test is not None and test.startswith("any_"):
                return _among(test, "in", ast.copy_location(ast.List([node.left]), node), scope)
        case ast.Compare(ops=[ast.In() | ast.NotIn() as op], comparators=[against]):
            test = _codes(node.left)
            if test is not None and test in _FIRST.values():
                return _among(test, "in" if isinstance(op, ast.In) else "not_in", against, scope)
        case _:
            return (_number(node, node, scope),)
    raise _unknown(node, scope)


def _number(node: ast.Compare, said: ast.expr, scope: Scope) -> Alternative:
    op = _OPS.get(type(node.ops[0]))
    left, right = _field(node.left), _field(node.comparators[0])
    limit = node.comparators[0] if left else node.left
    if op is None or len(node.ops) != 1 or (left is None) == (right is None):
        raise _unknown(said, scope)
    match limit:
        case ast.Constant(value=int(value)) if not isinstance(value, bool) and value >= 0:
            field_ = left or right
            return (Test(str(field_), op if left else _TURNED[op], str(value)),)
    raise _unknown(said, scope)


def _field(node: ast.expr) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id="int"), args=[inner], keywords=[]):
            return _field(inner)
        case ast.Attribute(value=ast.Name(id="record"), attr=attr):
            return _NUMBERS.get(attr)
    return None


def _codes(node: ast.expr) -> str | None:
    """Which codes of the stay an expression names: the first, the others, or all of them."""
    match node:
        case ast.Attribute(value=ast.Name(id="record"), attr=attr) if attr in _CODES:
            return f"any_{_CODES[attr]}"
        case ast.Subscript(
            value=ast.Attribute(value=ast.Name(id="record"), attr=attr),
            slice=ast.Constant(value=0),
        ) if attr in _FIRST:
            return _FIRST[attr]
        case ast.Subscript(
            value=ast.Attribute(value=ast.Name(id="record"), attr=attr),
            slice=ast.Slice(lower=ast.Constant(value=1), upper=None, step=None),
        ) if attr in _CODES:
            return f"other_{_CODES[attr]}"
    return None


def _among(test: str, op: str, against: ast.expr, scope: Scope) -> Alternatives:
    """A test of codes against a list of the source, the operating ones, or an inline list."""
    kind = test.rpartition("_")[2]
    name: str | None
    match against:
        case ast.Name(id="SS_VALID") if kind == "procedure":
            name = OPERATING
        case ast.Name(id=variable) if variable in scope.lists and _kind(variable) == kind:
            name = scope.lists[variable]
        case ast.List():
            codes = _texts(against, scope)
            name = f"{scope.prefix}_list{len(scope.inline) + 1}" if codes else None
            for known, listed in scope.inline.items():
                if listed == (kind, codes):
                    name = known
            if name is not None:
                scope.inline[name] = (kind, codes)
        case _:
            raise _unknown(against, scope)
    if name is None:
        return NEVER if op == "in" else ALWAYS
    return ((Test(test, op, name),),)


def _kind(variable: str) -> str:
    """What the codes of a variable are: ``_zd`` marks diagnoses, ``_ss`` procedures."""
    return "diagnosis" if "_zd" in variable else "procedure"


def _texts(node: ast.List, scope: Scope) -> tuple[str, ...]:
    texts = []
    for element in node.elts:
        if not (isinstance(element, ast.Constant) and isinstance(element.value, str)):
            raise _unknown(node, scope)
        texts.append(element.value)
    return tuple(dict.fromkeys(texts))


def _value(value: str, node: ast.expr, scope: Scope) -> str:
    if not value or "|" in value or value != value.strip():
        raise _unknown(node, scope)
    return value


def _settle(alternative: Alternative, node: ast.expr, scope: Scope) -> Alternative:
    """The alternative without guards and without tests that another of its tests implies."""
    tests = [test for test in alternative if test.op not in {"some", "none"}]
    for guard in alternative:
        if guard.op == "none" or (guard.op == "some" and not _implied(guard, tests)):
            raise _unknown(node, scope)
    main = {test.value for test in tests if (test.test, test.op) == ("main_procedure", "in")}
    return tuple(
        test
        for test in tests
        if not ((test.test, test.op) == ("any_procedure", "in") and test.value in main)
    )


def _implied(guard: Test, tests: list[Test]) -> bool:
    """Whether a guard such as ``record.ssList and`` asks nothing that the tests do not ask."""
    for test in tests:
        if test.op == "not_in":
            continue
        if test.test == guard.test:
            return True
        if guard.test == "procedure" and test.test.endswith("procedure"):
            return True
        if guard.test == "other_diagnosis" and test.test == "complication":
            return True
    return False


def _unknown(node: ast.expr, scope: Scope) -> OpenDrgError:
    text = ast.unparse(node)
    short = text if len(text) <= 120 else text[:117] + "..."
    return refusal(
        f"this source has a condition that the importer does not know: {short}", scope.path, node
    )
