"""``python -m services start|stop|kill|status|erase [NAME...]``: what ``make services`` runs."""

from __future__ import annotations

import argparse
import sys
import time

from domain.errors import SentinelError
from services import KINDS


def main() -> int:
    """Run one action on the named servers, all of them if none is named; 1 if one fails."""
    parser = argparse.ArgumentParser(prog="python -m services", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "kill", "status", "erase"])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(KINDS))
    given = parser.parse_args()
    if unknown := set(given.names) - set(KINDS):
        parser.error(f"no such server: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    failed = False
    for name in given.names or KINDS:
        server = KINDS[name]()
        began = time.monotonic()
        try:
            if given.action == "status":
                version = server.answer()
                state = version or ("does not answer" if server.running() else "stopped")
                failed |= version is None
            else:
                getattr(server, given.action)()
                state = f"{given.action}: done in {time.monotonic() - began:.1f} s"
        except SentinelError as error:
            failed = True
            state = f"{error.what}\n  where: {error.where}\n  do:    {error.cure}"
        sys.stdout.write(f"{name:<9} {server.address}  {state}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
