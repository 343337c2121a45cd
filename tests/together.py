"""Running things at one moment, to see what meets."""

from __future__ import annotations

import threading


def at_once(*works: object) -> list[BaseException]:
    """Run all at once; what went wrong."""
    wrong: list[BaseException] = []
    gate = threading.Barrier(len(works))

    def run(work: object) -> None:
        try:
            gate.wait()
            work()  # type: ignore[operator]
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong
