"""``python -m data_samples --check`` and ``--write``: the committed files without ``sentinel``."""

from __future__ import annotations

import argparse
import sys

from data_samples import check, write
from domain.errors import SentinelError


def main() -> int:
    """Run the command; 0 if the committed files are the generator's output, else 1."""
    parser = argparse.ArgumentParser(prog="python -m data_samples", description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--check", action="store_true", help="prove that they are its output")
    choice.add_argument("--write", action="store_true", help="write them again")
    if parser.parse_args().write:
        sys.stdout.write(f"{len(write())} files written\n")
        return 0
    try:
        sys.stdout.write(f"{check()} files are the generator's output\n")
    except SentinelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
