"""Show mappings to people: their rows, and what another mapping changes in HubSpot."""
