"""Set up a stack, HubSpot and a store, and undo it."""
