"""Talk to the HubSpot CRM: calls, answers, the request budget, and which properties a portal has."""
