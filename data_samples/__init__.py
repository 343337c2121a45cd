"""The data_samples room of the house; see docs/architecture.md."""
