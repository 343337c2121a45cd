"""``python -m cli`` is ``sentinel``."""

from cli import main

main()
