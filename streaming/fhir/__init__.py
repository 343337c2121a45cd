"""FHIR R4 in and out: resources to order events and canonical claims, and back.

In one line: ``events_of([bundle], provider_id="H1", at=now).events``. docs/fhir.md has the
tables of elements and fields.
"""

from streaming.fhir.bundles import RefusedResource
from streaming.fhir.naming import Names
from streaming.fhir.orders import write as resource_of_order
from streaming.fhir.reading import Events, Note, events_of

__all__ = ["Events", "Names", "Note", "RefusedResource", "events_of", "resource_of_order"]
