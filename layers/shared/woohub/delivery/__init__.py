"""Deliveries, from the request that a store signs to a message on the queue."""
