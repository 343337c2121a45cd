"""docs/facts.md: every fact with its meaning, made from the registry.

``python -m rules.facts.page > docs/facts.md``; a test keeps the page equal to this.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rules.facts.fact import UNITS, Fact
from rules.facts.table import BUILDERS

_HEAD = """\
# Facts

Made by `python -m rules.facts.page`; do not edit. A check of a line (diagnosis, procedure, charge,
order) may read the facts of its unit and all facts of the stay; a check of a provider_month or
physician_day reads the facts of its unit only. "Null when" empty: the fact always
has a value. Amounts are whole fen (hundredths of the claim's currency). "Sees" says which other
claims a look-back fact may see."""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD
    for unit in UNITS:
        yield f"\n## {unit}\n"
        yield "| fact | kind | 名称 | meaning | from | null when | sees |"
        yield "|---|---|---|---|---|---|---|"
        facts = [f for b in BUILDERS if b.unit == unit for f in b.facts]
        for fact in sorted(facts, key=lambda f: f.name):
            yield _row(fact)


def _row(fact: Fact) -> str:
    kind = str(fact.kind) + (f" ({fact.measure})" if fact.measure else "")
    meaning = fact.meaning
    if fact.codes is not None:
        meaning += " Codes: " + ", ".join(f"`{c}`" for c in fact.codes) + "."
    return (
        f"| `{fact.name}` | {kind} | {fact.zh} | {meaning} | {fact.source} "
        f"| {fact.null_when or ''} | {fact.as_of or ''} |"
    )


if __name__ == "__main__":
    sys.stdout.write(page())
