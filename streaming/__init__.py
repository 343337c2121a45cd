"""The streaming room of the house; see docs/architecture.md."""
