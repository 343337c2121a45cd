"""The entity graph in Neo4j, over its Bolt protocol; the only place that knows its driver."""

from store.graph.bolt.connection import Bolt
from store.graph.bolt.reading import BoltReader
from store.graph.bolt.writing import BoltWriter

__all__ = ["Bolt", "BoltReader", "BoltWriter"]
