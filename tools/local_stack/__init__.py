"""The deployed stack on one machine: the same template, in an emulated AWS, against a simulated HubSpot."""
