"""FHIR R4 in and out: resources to order events and canonical claims, and back.

In one line: ``events_of([bundle], provider_id="H1", at=now).events``. docs/fhir.md has the
tables of elements and fields.
"""

from streaming.fhir.claims import Claims, claims_of
from streaming.fhir.naming import Names
from streaming.fhir.orders import write as resource_of_order
from streaming.fhir.reading import Events, events_of
from streaming.fhir.writing import bundle_of, messages_of

__all__ = [
    "Claims",
    "Events",
    "Names",
    "bundle_of",
    "claims_of",
    "events_of",
    "messages_of",
    "resource_of_order",
]
