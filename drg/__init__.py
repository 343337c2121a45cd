"""Which group a stay belongs to, what the group pays, and where an open stay is heading.

``load`` reads the schemes of a site into a ``Library``; ``settle`` groups and prices a
batch by them; ``tell`` puts the answers into words; ``what_if`` compares one claim with
what it would be.
"""

import polars as pl

from drg.library import Library, load
from drg.projection import Curves
from drg.settlement import Settled, settle
from drg.telling import tell
from drg.whatif import what_if

# Tables fit into memory here, and the streaming engine, Polars' default since 2.0, costs 0.2 ms
# a plan where this one costs 0.02: of hundreds of small plans a batch, that is most of the time.
pl.Config.set_engine_affinity("in-memory")

__all__ = ["Curves", "Library", "Settled", "load", "settle", "tell", "what_if"]
