"""What set-up gives a stack, HubSpot and a store, and what is taken away again."""
