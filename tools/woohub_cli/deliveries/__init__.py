"""What a person puts on the queue: history, samples, runs of reconcile."""
