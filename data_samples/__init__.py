"""Sample data: a seeded hospital month, planted patterns and broken input, all invented.

``produce`` writes a month of any size; ``check`` proves that the committed files are the
generator's output and ``write`` writes them again. ``python -m data_samples --check``
does the same without the command ``sentinel``.
"""

from data_samples.committed import check, find_stale, planted, write
from data_samples.production import Produced, produce

__all__ = ["Produced", "check", "find_stale", "planted", "produce", "write"]
