"""The worker's logs: one JSON object a line on standard error, from a closed list of fields.

A line may hold what is in ``FIELDS`` and nothing else: a message's bytes, ids of stays or
patients, or the text of a library's error cannot get in by mistake, because a field that
is not listed is dropped and its name is told under ``dropped``.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from pathlib import Path
from typing import Any, Final, TextIO

import structlog

FIELDS: Final = frozenset(
    {
        "event", "level", "timestamp", "logger",
        "worker", "group", "topic", "topics", "partition", "partitions", "offset", "offsets",
        "trace_id", "trace_ids", "span_id",
        "messages", "octets", "claims", "decisions", "alerts", "hits", "suggestions", "dead",
        "reasons", "rows", "lag", "attempt", "wait_ms", "milliseconds", "stages_ms", "age_ms",
        "error", "detail", "frames", "part", "what", "outcome", "settings", "signal", "version",
        "rules_sha256", "schema_version", "address", "graph", "stays", "dropped",
    }
)  # fmt: skip
"""What a line may hold. None of it can name a person."""

_TRACEPARENT: Final = re.compile(rb"^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")
_NO_TRACE: Final = "0" * 32


def configure(stream: TextIO | None = None) -> None:
    """Send our lines, and warnings of libraries, to one stream as JSON.

    Of a library's line only its logger, level and the error's kind are kept: its text
    may quote what it choked on. Kafka's own client tells addresses and topics there;
    the worker says the same in its own lines.
    """
    out = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, keep_listed, render],
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                _without_text,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                keep_listed,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def logger() -> Any:
    """The worker's logger."""
    return structlog.get_logger("streaming")


def silent() -> Any:
    """A logger that writes nothing."""
    return structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=[_drop])


def keep_listed(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """The event without fields that are not in ``FIELDS``; ``dropped`` names them."""
    unlisted = sorted(set(event) - FIELDS)
    kept = {name: value for name, value in event.items() if name in FIELDS}
    return kept | {"dropped": unlisted} if unlisted else kept


def frames(error: BaseException) -> list[str]:
    """Where an error came from, as ``file:line function``; never its message or any value."""
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def trace_id(traceparent: bytes | str | None) -> str | None:
    """The trace id of a W3C ``traceparent`` header; None if there is none or it has another form.

    Only the 32 hex digits pass, so a producer cannot write a name into our logs.
    """
    if isinstance(traceparent, str):
        traceparent = traceparent.encode("utf-8", "replace")
    found = _TRACEPARENT.match(traceparent or b"")
    if found is None:
        return None
    text = found.group(1).decode()
    return None if text == _NO_TRACE else text


def _drop(
    _logger: Any, _method: str, _event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    raise structlog.DropEvent


def _without_text(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    info = event.pop("exc_info", None)
    event["event"] = "library"
    if isinstance(info, tuple) and isinstance(info[1], BaseException):
        event["error"] = type(info[1]).__name__
        event["frames"] = frames(info[1])
    return event
