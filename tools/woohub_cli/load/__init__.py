"""Orders placed in a stack, awaited in HubSpot and timed."""
