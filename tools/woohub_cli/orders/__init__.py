"""Find one order, read it in store, HubSpot, queues and logs, and draw a conclusion."""
