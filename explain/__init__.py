"""The explain room of the house; see docs/architecture.md."""
