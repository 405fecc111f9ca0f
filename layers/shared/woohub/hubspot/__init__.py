"""Talk to the HubSpot CRM: calls, retries, the rate limit, answers, and which properties a portal has."""
