"""A checkout of OpenDRG on disk: its regions, its data files, and its sources as syntax trees.

Nothing of it is imported or executed: sources are parsed with ``ast``, data files are
split at the first blank, as its own reader does.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from domain.errors import SentinelError

PACKAGE = "drg_group"
"""The folder of the checkout that holds one folder a region."""

CODE = re.compile(r"^[A-Z0-9][A-Za-z0-9.+*/-]*$")
"""What a code of a diagnosis, procedure, exclusion table or group looks like there."""

_UNKNOWN = (
    "Nothing was written. Import a checkout whose sources have the known forms, or teach "
    "drg/opendrg this one, with a test."
)


class OpenDrgError(SentinelError):
    """A checkout of OpenDRG cannot be imported."""


def refusal(
    what: str, path: Path, node: ast.AST | None = None, cure: str = _UNKNOWN
) -> OpenDrgError:
    """The OpenDrgError for a file and the line of a syntax node."""
    line = getattr(node, "lineno", None)
    return OpenDrgError(what, where=str(path) if line is None else f"{path}:{line}", cure=cure)


@dataclass(frozen=True, slots=True)
class Module:
    """A parsed source: where it lies, its functions, and what its imports name.

    ``functions`` holds the last definition of each name, as Python would.
    ``imported`` maps a name to the part of the region's package that it comes from, such
    as ``ADRG`` or ``Base``.
    """

    path: Path
    tree: ast.Module
    functions: dict[str, ast.FunctionDef]
    imported: dict[str, str]


@dataclass(frozen=True, slots=True)
class Rows:
    """A data file: the value of each key (the last one, where a key stands twice).

    ``odd`` are keys that are no code, with their line; ``twice`` counts keys that have
    two different values; ``empty`` counts lines without a key.
    """

    path: Path
    values: dict[str, str]
    odd: dict[str, int] = field(default_factory=dict)
    twice: int = 0
    empty: int = 0


def regions(checkout: Path) -> list[str]:
    """The names of the regions of a checkout; OpenDrgError if it is none."""
    package = checkout / PACKAGE
    found = (
        sorted(f.name for f in package.iterdir() if (f / "Grouper.py").is_file())
        if package.is_dir()
        else []
    )
    if not found:
        raise OpenDrgError(
            f"this is no checkout of OpenDRG: it has no {PACKAGE}/<region>/Grouper.py",
            where=str(checkout),
            cure=f"Name the folder that holds {PACKAGE} (a clone of OpenDRG/DRG_Python).",
        )
    return found


def region_folder(checkout: Path, region: str) -> Path:
    """The folder of a region; OpenDrgError if the checkout has no such region."""
    known = regions(checkout)
    if region not in known:
        raise OpenDrgError(
            f"the checkout has no region {region!r}",
            where=str(checkout / PACKAGE),
            cure=f"Use one of {', '.join(known)}.",
        )
    return checkout / PACKAGE / region


def commit(checkout: Path) -> str | None:
    """The commit of the checkout, read from its .git folder; None where that cannot be known."""
    try:
        head = (checkout / ".git" / "HEAD").read_text("utf-8").strip()
        if head.startswith("ref: "):
            name = head.removeprefix("ref: ")
            loose = checkout / ".git" / name
            if loose.is_file():
                head = loose.read_text("utf-8").strip()
            else:
                packed = (checkout / ".git" / "packed-refs").read_text("utf-8")
                head = next(
                    line.split(" ")[0] for line in packed.splitlines() if line.endswith(" " + name)
                )
    except (OSError, UnicodeDecodeError, StopIteration):
        return None
    return head if re.fullmatch(r"[0-9a-f]{40,64}", head) else None


def read_module(path: Path, region: str) -> Module:
    """Parse a source; OpenDrgError for anything at its top that the importer does not know."""
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except OSError as error:
        raise refusal(f"the source cannot be read: {error.strerror}", path) from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise refusal(f"the source is not readable Python: {error}", path) from error
    functions: dict[str, ast.FunctionDef] = {}
    imported: dict[str, str] = {}
    for node in tree.body:
        match node:
            case ast.FunctionDef(decorator_list=[]):
                functions[node.name] = node
            case ast.Import():
                pass
            case ast.ImportFrom(module=str(module), level=0) if (
                module.partition(".")[0] != PACKAGE and node.names[0].name != "*"
            ):
                pass
            case ast.ImportFrom(module=str(module), level=0):
                prefix = f"{PACKAGE}.{region}."
                if not module.startswith(prefix):
                    raise refusal(f"the source imports from another region ({module})", path, node)
                for alias in node.names:
                    if alias.asname is not None or alias.name == "*":
                        raise refusal(
                            "the source has an import that the importer does not know", path, node
                        )
                    imported[alias.name] = module.removeprefix(prefix)
            case ast.If(orelse=[]) if ast.unparse(node.test) == "__name__ == '__main__'":
                pass  # what it does when started as a program
            case ast.Assign() | ast.ClassDef() if path.name.startswith(("Base", "Grouper_")):
                pass  # judged by shapes.py
            case _:
                raise refusal(
                    "the source has a statement that the importer does not know", path, node
                )
    return Module(path, tree, functions, imported)


def read_rows(path: Path) -> Rows:
    """Read a data file of lines ``key value``; OpenDrgError if it is missing or not UTF-8."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except OSError as error:
        cure = "Make the checkout complete: every region has DATA/*.dat and ICD/*.dat."
        raise refusal(f"the data file cannot be read: {error.strerror}", path, cure=cure) from error
    except UnicodeDecodeError as error:
        raise refusal(
            f"the data file is not UTF-8: {error}", path, cure="Make the checkout anew."
        ) from error
    values: dict[str, str] = {}
    odd: dict[str, int] = {}
    twice = empty = 0
    for number, line in enumerate(lines, 1):
        key, _, value = line.partition(" ")
        if not key:
            empty += 1
            continue
        if not CODE.match(key):
            odd.setdefault(key, number)
        twice += key in values and values[key] != value
        values[key] = value
    return Rows(path, values, odd, twice, empty - (lines[-1] == ""))
