"""The entity graph: fed from the store, kept in Neo4j or in SQL, asked the same way; see docs/graph.md.

``feed`` lists what changed, ``claims`` turns a claim into edges, ``sql_writing`` and ``bolt``
bring them into a graph, ``answers`` answers questions over either. Only ``bolt`` knows Neo4j.
"""
