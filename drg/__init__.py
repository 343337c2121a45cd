"""Which group a stay belongs to and what it pays.

For now a stay keeps the group that the hospital billed; the pack says what that group
weighs and pays. The grouper itself comes with the scheme packs.
"""

from drg.pack import SAMPLE_PACK, Pack, load
from drg.payment import price

__all__ = ["SAMPLE_PACK", "Pack", "load", "price"]
