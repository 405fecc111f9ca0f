"""The dead-letter queue: read, redrive and drop its messages."""
