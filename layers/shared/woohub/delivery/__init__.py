"""Deliveries: from the request a store signs to a message on the queue."""
