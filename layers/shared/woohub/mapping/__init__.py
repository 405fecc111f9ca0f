"""Orders and customers as HubSpot properties, by the table in mapping.toml."""
