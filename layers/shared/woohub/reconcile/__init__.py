"""The reconcile function: it reads from a store what webhooks missed, and repairs the webhooks."""
