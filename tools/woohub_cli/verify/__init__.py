"""Compare HubSpot with the store: every order, account, contact and association of a period."""
