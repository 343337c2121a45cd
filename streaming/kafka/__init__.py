"""The only place that knows the Kafka client: connections, topics, producers, the worker's ends."""
