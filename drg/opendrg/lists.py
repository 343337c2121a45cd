"""The code lists of a region's sources: where they stand, and their names in the pack."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from drg.opendrg.checkout import CODE, Module, refusal
from drg.opendrg.conditions import Alternatives, Scope, read_condition

Listed = Mapping[str, tuple[str, ...]]
"""The lists at the top of a function, by their variable."""

_SUFFIXES = {
    "mdc_zd": "",
    "adrg_zd": "",
    "adrg_zd1": "b",
    "adrg_ss": "",
    "adrg_ss1": "b",
    "adrg_ss2": "c",
}
"""The variables that hold lists, and how the names of their lists end in the pack."""
_BASE = frozenset({"intersect", "SS_VALID", "has_mcc", "has_cc"})


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a source: its lists, and the statements after them without messages."""

    module: Module
    node: ast.FunctionDef
    lists: dict[str, tuple[str, ...]]
    steps: list[ast.stmt]


@dataclass(slots=True)
class ListBook:
    """All lists of a region that conditions name.

    ``diagnoses`` and ``procedures`` hold them by name; ``repeated`` counts codes that
    stand twice in one list; ``sexes`` are the types with which the sex is compared;
    ``undefined`` are names that a source uses without importing them.
    """

    diagnoses: dict[str, tuple[str, ...]] = field(default_factory=dict)
    procedures: dict[str, tuple[str, ...]] = field(default_factory=dict)
    repeated: int = 0
    sexes: set[str] = field(default_factory=set)
    undefined: set[tuple[str, str]] = field(default_factory=set)

    def expect_import(self, module: Module, name: str, origin: str) -> None:
        """Note a name that a source uses without having it; refuse it from elsewhere."""
        if name in module.functions:
            raise refusal(f"the source defines {name} itself", module.path, module.functions[name])
        found = module.imported.get(name)
        if found is None:
            path = module.path
            known = path.name if origin in {"MDC", "Base"} else f"{path.parent.name}/{path.name}"
            self.undefined.add((known, name))
        elif found != origin:
            raise refusal(f"{name} is imported from {found} and not {origin}", module.path)

    def read(
        self, condition: ast.expr, owner: str, function: Function, *, roles: bool = False
    ) -> Alternatives:
        """The alternatives of a condition; the lists that it names are put into the book."""
        module = function.module
        used = {node.id for node in ast.walk(condition) if isinstance(node, ast.Name)}
        for name in sorted(used & _BASE):
            self.expect_import(module, name, "Base")
        names = {
            variable: self._register(owner, variable, function)
            for variable in sorted(used & function.lists.keys())
        }
        scope = Scope(module.path, names, prefix=owner)
        if roles:
            scope.roles = self._roles(owner, function)
        found = read_condition(condition, scope)
        self.sexes |= scope.sexes
        for name, (kind, codes) in scope.inline.items():
            self._keep(kind, name, codes, function)
        return found

    def _register(self, owner: str, variable: str, function: Function) -> str | None:
        """Put a list into the book and return its name; None for an empty list."""
        codes = function.lists[variable]
        if not codes:
            return None
        for code in codes:
            if not CODE.match(code):
                what = f"{variable} holds {code!r}, which is no code"
                raise refusal(what, function.module.path, function.node)
        name = f"{owner}{_SUFFIXES[variable]}"
        self._keep("diagnosis" if "_zd" in variable else "procedure", name, codes, function)
        return name

    def _keep(self, kind: str, name: str, codes: tuple[str, ...], function: Function) -> None:
        book = self.diagnoses if kind == "diagnosis" else self.procedures
        once = tuple(dict.fromkeys(codes))
        if book.setdefault(name, once) != once:
            what = f"two different lists would be named {name}"
            raise refusal(what, function.module.path, function.node)
        self.repeated += len(codes) - len(once)

    def _roles(self, owner: str, function: Function) -> dict[str, str]:
        """The list of each role of procedures: ``adrg_ss1`` holds the roles of ``adrg_ss``."""
        codes, roles = function.lists.get("adrg_ss", ()), function.lists.get("adrg_ss1", ())
        if len(roles) < len(codes):
            what = "the source gives some procedures no role"
            raise refusal(what, function.module.path, function.node)
        role_of: dict[str, str] = {}
        for code, role in zip(codes, roles, strict=False):
            role_of.setdefault(code, role)  # .index() finds the first
        names = {}
        for role in dict.fromkeys(role_of.values()):
            names[role] = f"{owner}_role{role}"
            own = tuple(c for c, r in role_of.items() if r == role)
            self._keep("procedure", names[role], own, function)
        return names


def read_function(module: Module, name: str = "group") -> Function:
    """A function of one record: the lists at its top and the steps that follow."""
    function = module.functions.get(name)
    if function is None or [a.arg for a in function.args.args] != ["record"]:
        raise refusal(f"the source has no function {name}(record)", module.path, function)
    lists: dict[str, tuple[str, ...]] = {}
    steps: list[ast.stmt] = []
    for node in function.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=variable)], value=ast.List(elts=elements)) if (
                not steps and (variable in _SUFFIXES or variable == "dept_list")
            ):
                codes = tuple(code for code in map(text, elements) if code is not None)
                if len(codes) < len(elements) or (variable == "dept_list" and codes):
                    what = f"the source has a list {variable} that the importer does not know"
                    raise refusal(what, module.path, node)
                lists[variable] = codes
            case _ if not is_message(node):
                steps.append(node)
    return Function(module, function, lists, steps)


def is_message(node: ast.stmt) -> bool:
    """Whether a statement only tells something."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id="message" | "output"))):
            return True
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            return True
        case _:
            return False


def text(node: ast.expr | None) -> str | None:
    """The text that an expression is, if it is one."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
