"""Facts: the documented columns that predicates may read, one table a unit."""

from rules.facts.dating import build
from rules.facts.fact import UNITS, Fact, Kind, facts_of
from rules.facts.source import Source

__all__ = ["UNITS", "Fact", "Kind", "Source", "build", "facts_of"]
