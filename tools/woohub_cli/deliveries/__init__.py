"""Deliveries that a person puts on the queue: history, samples, requested reconcile runs."""
