"""Bring HubSpot up to date with a batch of deliveries: which records it concerns, what they need, and the writes."""
