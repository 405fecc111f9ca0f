"""The engine: it finds the records that a batch of deliveries concerns, plans their changes and writes them."""
