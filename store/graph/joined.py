"""Connected components: who hangs together by any chain of pairs."""

from __future__ import annotations

from collections.abc import Iterable


def components(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The groups that the pairs make, members sorted, groups by their first member."""
    above: dict[str, str] = {}

    def top(one: str) -> str:
        above.setdefault(one, one)
        while above[one] != one:
            above[one] = above[above[one]]
            one = above[one]
        return one

    for first, second in pairs:
        one, other = top(first), top(second)
        # The smaller name stays on top, so the outcome does not depend on the order of pairs.
        above[max(one, other)] = min(one, other)
    groups: dict[str, list[str]] = {}
    for member in sorted(above):
        groups.setdefault(top(member), []).append(member)
    return list(groups.values())
