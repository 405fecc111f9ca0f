"""The consumer function: batches of messages, the circuit breaker, poison messages, dead letters."""
