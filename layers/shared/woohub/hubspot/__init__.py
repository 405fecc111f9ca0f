"""HubSpot's CRM API: calls, retries, the rate limit, answers, and the properties that a portal has."""
