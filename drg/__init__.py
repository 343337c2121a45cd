"""Which group a stay belongs to, what the group pays, and where an open stay is heading.

``load`` reads the schemes of a site into a ``Library``; ``settle`` groups and prices a
batch by them; ``tell`` puts the answers into words; ``what_if`` compares one claim with
what it would be.
"""

from drg.library import Library, load
from drg.projection import Curves
from drg.settlement import Settled, settle
from drg.telling import tell
from drg.whatif import what_if

__all__ = ["Curves", "Library", "Settled", "load", "settle", "tell", "what_if"]
