"""The local stack: the deployed template in an emulated AWS on this machine, with a simulated HubSpot."""
