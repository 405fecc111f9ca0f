"""Measure woohub and the flow it replaces: the same work, in one run, against simulated HubSpot accounts."""
