"""The drg room of the house; see docs/architecture.md."""
