"""OpenTelemetry spans of the worker: one a batch, linked to its messages, and one a stage.

Without the extra ``otel`` (``pip install drg-sentinel[otel]``) or without a collector's
address in ``OTEL_EXPORTER_OTLP_ENDPOINT`` nothing is recorded; the calls cost nothing then.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import Final

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, TraceFlags, Tracer

from domain.errors import SentinelError

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""The environment variable that turns traces on."""

MOST_LINKS: Final = 128
"""Links a batch's span keeps: OpenTelemetry's default limit."""

_TRACEPARENT: Final = re.compile(r"^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")


class TracesError(SentinelError):
    """Traces are asked for and cannot be sent."""


def tracer(version: str) -> Tracer:
    """The worker's tracer; it records if ``configure`` found an address, else does nothing."""
    return trace.get_tracer("drg-sentinel.worker", version)


def configure(worker: str, version: str) -> bool:
    """Send spans to the collector that the environment names; whether there is one.

    TracesError if there is one and the extra is not installed.
    """
    if not os.environ.get(ENDPOINT):
        return False
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        raise TracesError(
            "traces are asked for, and OpenTelemetry's SDK is not installed",
            where=f"the environment variable {ENDPOINT}",
            cure="Install drg-sentinel[otel], or unset the variable to run without traces.",
        )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(
        resource=Resource.create(
            {
                "service.name": "drg-sentinel-worker",
                "service.version": version,
                "service.instance.id": worker,
            }
        )
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


def links(traceparents: Iterable[bytes | str | None]) -> list[Link]:
    """A link for each distinct readable ``traceparent`` header, at most ``MOST_LINKS``."""
    found: dict[tuple[int, int], Link] = {}
    for header in traceparents:
        if len(found) == MOST_LINKS:
            break
        context = _context(header)
        if context is not None and context.is_valid:
            found.setdefault((context.trace_id, context.span_id), Link(context))
    return list(found.values())


def start_batch(
    tracer: Tracer, traceparents: Iterable[bytes | str | None], messages: int
) -> AbstractContextManager[Span]:
    """The span of one batch. An error marks it; the text of the error is not recorded."""
    return tracer.start_as_current_span(
        "batch",
        kind=SpanKind.CONSUMER,
        links=links(traceparents),
        attributes={"messaging.batch.message_count": messages, "messaging.system": "kafka"},
        record_exception=False,
        set_status_on_exception=False,
    )


def start_stage(tracer: Tracer, name: str) -> AbstractContextManager[Span]:
    """The span of one stage, inside that of its batch."""
    return tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)


def mark_failed(span: Span, error: BaseException) -> None:
    """Say that the span failed and with what kind of error; its message may hold personal data."""
    span.set_status(trace.StatusCode.ERROR, type(error).__name__)


def trace_id_of(span: Span) -> str | None:
    """The span's trace id as 32 hex digits; None if nothing records."""
    context = span.get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else None


def _context(header: bytes | str | None) -> SpanContext | None:
    text = header.decode("ascii", "replace") if isinstance(header, bytes) else header or ""
    found = _TRACEPARENT.match(text)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
