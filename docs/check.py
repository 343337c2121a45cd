"""Check the documentation: links resolve, commands exist, both READMEs agree, no secrets leak.

Run by ``make check``; exits with 1 and one line a problem.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from cli import app  # noqa: E402 - found beside this folder

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
COMMAND = re.compile(
    r"(?:^|[\s`/])sentinel ([a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*){0,2})(?![\w.*/])"
)
# Assembled so that this file does not match itself.
HOSTS = re.compile(
    "pypi" + r"\.org|pythonhosted" + r"\.org|registry\.npm" + r"js|repo1?\.maven" + r"\.org"
)


def main() -> int:
    """Print every problem; 1 if there is one."""
    problems = [*links(), *commands(), *twins(), *hosts()]
    for problem in problems:
        sys.stderr.write(problem + "\n")
    pages = len(list(_pages()))
    sys.stdout.write(f"docs: {pages} pages, {len(problems)} problems\n")
    return 1 if problems else 0


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _pages() -> Iterator[Path]:
    return (path for path in _tracked() if path.suffix == ".md")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def links() -> Iterator[str]:
    """Yield links of Markdown pages to files that are not there."""
    for page in _pages():
        for target in LINK.findall(page.read_text("utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                yield f"{_name(page)}: links to {target}, which does not exist"


def commands() -> Iterator[str]:
    """Yield commands that a page shows and the program does not have."""
    shown: dict[str, set[str]] = {}
    for page in _pages():
        code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", page.read_text("utf-8"), re.DOTALL))
        for command in COMMAND.findall(code):
            shown.setdefault(command, set()).add(_name(page))
    program = typer.main.get_command(app)
    for command, pages in sorted(shown.items()):
        if not _exists(program, command.split()):
            yield f"{', '.join(sorted(pages))}: shows `sentinel {command}`, which does not exist"


def _exists(program: Any, words: list[str]) -> bool:
    """Whether the words lead to a command; those after a command are its arguments."""
    for word in words:
        if not hasattr(program, "commands"):
            return True
        if word not in program.commands:
            return False
        program = program.commands[word]
    return True


def twins() -> Iterator[str]:
    """Yield differences in structure between the English and the Chinese README."""

    def shape(name: str) -> tuple[list[int], list[str]]:
        text = (ROOT / name).read_text("utf-8")
        blocks = re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)
        return [len(level) for level in re.findall(r"^(#+) ", text, re.MULTILINE)], [
            re.sub(r"\s*#.*", "", block, flags=re.MULTILINE) for block in blocks
        ]

    english, chinese = shape("README.md"), shape("README.zh.md")
    if english[0] != chinese[0]:
        yield "README.zh.md: its headings are not those of README.md"
    if english[1] != chinese[1]:
        yield "README.zh.md: its commands are not those of README.md"


def hosts() -> Iterator[str]:
    """Yield files that name a package registry's host."""
    for path in _tracked():
        if path.suffix in {".png", ".parquet"} or path.stat().st_size > 2_000_000:
            continue
        if HOSTS.search(path.read_text("utf-8", errors="replace")):
            yield f"{_name(path)}: names a package registry's host"


if __name__ == "__main__":
    sys.exit(main())
