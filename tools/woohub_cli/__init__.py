"""The `woohub` command: set up, watch and repair the integration."""
