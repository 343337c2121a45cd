"""The store room of the house; see docs/architecture.md."""
