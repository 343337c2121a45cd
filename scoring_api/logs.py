"""Structured logs: one JSON object a line on standard error, without bodies or personal data."""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path
from typing import Any, TextIO

import structlog

_SHARED: tuple[structlog.typing.Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(stream: TextIO | None = None) -> None:
    """Send our lines and those of the libraries (uvicorn, alembic) to one stream as JSON."""
    out = stream or sys.stderr
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer(ensure_ascii=False)],
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_message_of_exceptions,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def logger() -> Any:
    """The service's logger."""
    return structlog.get_logger("scoring_api")


def frames(error: BaseException) -> list[str]:
    """Where an error came from, as ``file:line function``; never its message or any value.

    A message may quote a claim (``invalid literal for int(): '3301…'``), and what is
    personal must not reach a log.
    """
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def _without_message_of_exceptions(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    info = event.pop("exc_info", None)
    if isinstance(info, tuple) and isinstance(info[1], BaseException):
        event["error"] = type(info[1]).__name__
        event["frames"] = frames(info[1])
    return event
