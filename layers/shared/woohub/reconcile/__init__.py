"""The reconcile function: read from the store what webhooks missed, and repair its webhooks."""
