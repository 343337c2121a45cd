"""Published layouts of national files, and their import into a site's reference tables.

None of the layouts was checked against the official documents (``unverified``):
``Layout.assumed`` says what each takes for granted.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from rules.codebooks.layouts import code_lists, drug_lists, price_lists
from rules.codebooks.layouts.layout import Layout
from rules.codebooks.layouts.sheet import LayoutError

LAYOUTS: Final[Mapping[str, Layout]] = MappingProxyType(
    {layout.name: layout for layout in (*drug_lists.ALL, *price_lists.ALL, *code_lists.ALL)}
)
"""The layouts by name."""

__all__ = ["LAYOUTS", "Layout", "LayoutError"]
