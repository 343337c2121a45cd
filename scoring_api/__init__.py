"""The scoring_api room of the house; see docs/architecture.md."""
