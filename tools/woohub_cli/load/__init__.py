"""A load test: place orders in a stack, wait until they are in HubSpot, and measure the time."""
