"""The graph_models room of the house; see docs/architecture.md."""
