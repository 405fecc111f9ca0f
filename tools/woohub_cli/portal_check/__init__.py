"""Try how a HubSpot account behaves."""
