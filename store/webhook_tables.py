"""The SQL tables of: webhooks, their deliveries, and idempotency keys."""
