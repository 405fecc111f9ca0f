"""The mapping of orders and customers to HubSpot properties, by the table in mapping.toml."""
