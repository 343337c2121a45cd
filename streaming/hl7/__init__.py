"""HL7 v2: messages of hospital systems to order events, over MLLP or from files.

``text`` splits bytes, ``reading`` makes events of segments (``stays``, ``orders``,
``charges``; ``places`` says which field stands where, ``profile`` what a site means by its
codes), ``taking`` makes them durable through a sink and answers, ``listening`` serves the
port. ``writing`` goes the other way, for examples and tests. docs/hl7.md has the tables.
"""
