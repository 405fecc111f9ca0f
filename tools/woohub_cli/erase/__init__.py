"""A person is erased: from HubSpot, from the queues, and for what comes later."""
