"""The rules room of the house; see docs/architecture.md."""
