"""The nouns of the house: claims, orders, parties, verdicts, decisions and errors.

This package imports the standard library and pyarrow only, so that every other
package may import it. One definition of each table (``domain.claim``,
``domain.parties``, ``domain.results``) gives its Arrow schema, its JSON Schema and
its page in ``docs/fields.md``.
"""

SCHEMA_VERSION = "1.0.0"
"""Version of the canonical claim schema; a change of meaning raises the first number."""
