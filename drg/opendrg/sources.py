"""Reads the categories, ADRGs and groups of a region out of its sources."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from drg.opendrg import shapes
from drg.opendrg.checkout import CODE, Module, read_module, refusal
from drg.opendrg.conditions import NEVER, Alternatives, Test
from drg.opendrg.lists import Function, ListBook, is_message, read_function, text
from drg.schemes.layout import OPERATING

_AMBIGUITY = {
    ((Test("main_procedure", "in", OPERATING),),): "main_procedure",
    ((Test("any_procedure", "in", OPERATING),),): "any_procedure",
}
_UNKNOWN_STEP = "the source has a step that the importer does not know"


@dataclass(frozen=True, slots=True)
class Group:
    """A group (DRG) and when it takes a stay of its ADRG."""

    code: str
    alternatives: Alternatives


@dataclass(frozen=True, slots=True)
class Adrg:
    """One file of an ADRG: when it takes a stay, and its groups in their order.

    ``stop`` says that a stay that none of the groups takes stays in the ADRG.
    """

    code: str
    path: Path
    alternatives: Alternatives
    groups: tuple[Group, ...]
    stop: bool


@dataclass(frozen=True, slots=True)
class Category:
    """A category (MDC): when it is entered, what it tries, and where it tests ambiguity.

    ``sites`` are pairs of site and diagnosis. ``ambiguity_after`` is the number of ADRG
    files that are tried before.
    """

    letter: str
    path: Path
    alternatives: Alternatives
    sites: tuple[tuple[str, str], ...]
    ambiguity: str
    ambiguity_after: int
    adrgs: tuple[Adrg, ...]


@dataclass(slots=True)
class Sources:
    """The sources of a region.

    ``two_sites`` are diagnoses that stand under two body sites; ``expanded`` are ADRG
    files that are missing and that were read from their numbered parts. ``retries`` and
    ``marks_ungroupable`` say how the region's grouper answers.
    """

    folder: Path
    categories: list[Category] = field(default_factory=list)
    lists: ListBook = field(default_factory=ListBook)
    two_sites: list[str] = field(default_factory=list)
    expanded: list[str] = field(default_factory=list)
    retries: bool = False
    marks_ungroupable: bool = False


def read_sources(folder: Path) -> Sources:
    """All that the sources of a region say; OpenDrgError for what the importer does not know."""
    return _Reader(folder).read()


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._region = folder.name
        self._folder = folder
        self._modules: dict[str, Module] = {}
        self._found = Sources(folder)
        self._lists = self._found.lists

    def read(self) -> Sources:
        base = self._module("Base")
        shapes.check_base(base)
        answer = self._module(f"Grouper_{self._region}")
        self._lists.expect_import(answer, "group", "Grouper")
        self._found.retries, self._found.marks_ungroupable = shapes.read_answer(answer, base)
        entry = read_function(self._module("Grouper"))
        last = entry.steps.pop() if entry.steps else None
        if not (isinstance(last, ast.Return) and text(last.value) == "0000"):
            what = "the order of the categories does not end with 0000"
            raise refusal(what, entry.module.path, last)
        order = self._tries(entry.steps, entry.module, "MDC")
        self._found.categories = [self._category(name) for name in order]
        return self._found

    def _module(self, name: str) -> Module:
        if name not in self._modules:
            self._modules[name] = read_module(self._folder / f"{name}.py", self._region)
        return self._modules[name]

    def _tries(self, steps: list[ast.stmt], module: Module, origin: str) -> list[str]:
        """The modules that pairs of ``result = X.group(record)`` and ``if result: ...`` try."""
        names = []
        for call, then in zip(steps[::2], [*steps[1::2], None], strict=False):
            match call, then:
                case (
                    ast.Assign(
                        targets=[ast.Name(id="result")],
                        value=ast.Call(
                            func=ast.Attribute(value=ast.Name(id=name), attr="group"),
                            args=[ast.Name(id="record")],
                            keywords=[],
                        ),
                    ),
                    ast.If(
                        test=ast.Name(id="result"),
                        body=[ast.Return(value=ast.Name(id="result"))],
                        orelse=[],
                    ),
                ):
                    self._lists.expect_import(module, name, origin)
                    names.append(name)
                case _:
                    raise refusal(_UNKNOWN_STEP, module.path, call)
        return names

    def _category(self, name: str) -> Category:
        letter = name.removeprefix("MDC")
        function = read_function(self._module(f"MDC/{name}"))
        path, steps = function.module.path, function.steps
        if len(letter) != 1:
            raise refusal(f"{name} is no category", path, function.node)
        match steps[0] if steps else None:
            case ast.If(
                test=ast.UnaryOp(op=ast.Not(), operand=condition),
                body=[ast.Return(value=ast.Constant(value=""))],
                orelse=[],
            ):
                steps = steps[1:]
            case other:
                raise refusal("the category does not begin with its condition", path, other)
        sites: tuple[tuple[str, str], ...] = ()
        until = next((i for i, node in enumerate(steps) if _is_try(node)), len(steps))
        if until:
            if not shapes.counts_sites(steps[:until]):
                raise refusal(_UNKNOWN_STEP, path, steps[0])
            function.lists["mdc_zd"], sites = self._sites(function)
            steps = steps[until:]
        alternatives = self._lists.read(condition, name, function)
        if sites:
            count = Test("body_sites", ">=", str(shapes.SITES_NEEDED))
            alternatives = tuple((*one, count) for one in alternatives)
        ambiguity, after, tries = self._ambiguity(steps, letter, function)
        stems = [self._parts(stem) for stem in self._tries(tries, function.module, "ADRG")]
        after = sum(len(parts) for parts in stems[:after])
        adrgs = tuple(self._adrg(stem, letter) for parts in stems for stem in parts)
        return Category(letter, path, alternatives, sites, ambiguity, after, adrgs)

    def _ambiguity(
        self, steps: list[ast.stmt], letter: str, function: Function
    ) -> tuple[str, int, list[ast.stmt]]:
        """Which procedure makes a stay ambiguous, after how many tries, and the other steps."""
        tries: list[ast.stmt] = []
        ambiguity, after = "none", 0
        for node in steps:
            if not isinstance(node, ast.If) or text(_only_return(node)) != f"{letter}QY":
                tries.append(node)
                continue
            found = self._lists.read(node.test, f"MDC{letter}", function)
            if found == NEVER:
                continue
            if ambiguity != "none" or found not in _AMBIGUITY or node.orelse or len(tries) % 2:
                what = "the category tests ambiguity in a way that the importer does not know"
                raise refusal(what, function.module.path, node)
            ambiguity, after = _AMBIGUITY[found], len(tries) // 2
        return ambiguity, after, tries

    def _parts(self, stem: str) -> list[str]:
        """The file of an ADRG, or its numbered parts where only they exist."""
        folder = self._folder / "ADRG"
        if (folder / f"{stem}.py").is_file():
            return [stem]
        parts = [f"{stem}_{n}" for n in range(1, 10) if (folder / f"{stem}_{n}.py").is_file()]
        if parts:
            self._found.expanded.append(stem)
        return parts or [stem]

    def _sites(self, function: Function) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """The codes of the list without its headers, and the site of each (the last one)."""
        site: str | None = None
        site_of: dict[str, str] = {}
        for value in function.lists.get("mdc_zd", ()):
            if value.endswith(shapes.SITE_MARK):
                site = value
            elif site is None:
                what = "a diagnosis stands before the first body site"
                raise refusal(what, function.module.path, function.node)
            else:
                if site_of.get(value, site) != site:
                    self._found.two_sites.append(value)
                site_of[value] = site
        return tuple(site_of), tuple((where, code) for code, where in site_of.items())

    def _adrg(self, stem: str, letter: str) -> Adrg:
        code = stem.partition("_")[0]
        function = read_function(self._module(f"ADRG/{stem}"))
        path, steps = function.module.path, function.steps
        roles = bool(steps) and shapes.matches_roles(steps[0])
        match steps[1:] if roles else steps:
            case [
                ast.If(
                    test=condition,
                    body=body,
                    orelse=[ast.Return(value=ast.Constant(value=""))],
                )
            ]:
                pass
            case [
                ast.If(test=condition, body=body, orelse=[]),
                ast.Return(value=ast.Constant(value="")),
            ]:
                pass
            case [*others]:
                where = others[0] if others else function.node
                raise refusal("the ADRG is not one condition with its groups", path, where)
        alternatives = self._lists.read(condition, stem, function, roles=roles)
        inner = [node for node in body if not is_message(node)]
        last: str | None = ""  # a stay that no group takes falls through to the end
        if inner and isinstance(inner[-1], ast.Return):
            last = text(inner[-1].value)
            inner = inner[:-1]
        if last not in {"", code} or not code.startswith(letter) or not CODE.match(code):
            what = "the ADRG ends in a way that the importer does not know"
            raise refusal(what, path, function.node)
        groups = tuple(self._group(node, function.module) for node in inner)
        return Adrg(code, path, alternatives, groups, stop=last == code)

    def _group(self, node: ast.stmt, module: Module) -> Group:
        match node:
            case ast.If(
                test=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=source), attr=name),
                    args=[ast.Name(id="record")],
                    keywords=[],
                ),
                body=[ast.Return(value=ast.Constant(value=str(code)))],
                orelse=[],
            ) if CODE.match(code):
                pass
            case _:
                raise refusal(_UNKNOWN_STEP, module.path, node)
        folder = "DRG_EX" if name == "group" else "DRG"
        self._lists.expect_import(module, source, folder)
        function = read_function(self._module(f"{folder}/{source}"), name)
        match function.steps:
            case [ast.Return(value=ast.expr() as condition)]:
                pass
            case [ast.If(test=condition, body=body, orelse=[])] if _is_true(body):
                pass
            case _:
                what = "the group is not one condition"
                raise refusal(what, function.module.path, function.node)
        return Group(code, self._lists.read(condition, code, function))


def _is_true(body: list[ast.stmt]) -> bool:
    match [node for node in body if not is_message(node)]:
        case [ast.Return(value=ast.Constant(value=True))]:
            return True
        case _:
            return False


def _only_return(node: ast.If) -> ast.expr | None:
    body = [n for n in node.body if not is_message(n)]
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None


def _is_try(node: ast.stmt) -> bool:
    """Whether a step tries an ADRG or tests ambiguity; counting sites does neither."""
    match node:
        case ast.Assign(targets=[ast.Name(id="result")]):
            return True
        case ast.If():
            return _only_return(node) is not None
        case _:
            return False
