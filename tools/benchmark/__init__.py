"""woohub and the flow it replaces, measured side by side against the same simulated HubSpot account."""
