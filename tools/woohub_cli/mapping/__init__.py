"""Mappings for people: their rows, and what another mapping means for HubSpot's records."""
