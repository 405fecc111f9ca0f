"""The dead-letter queue and what its messages say."""
