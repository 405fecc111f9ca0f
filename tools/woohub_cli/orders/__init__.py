"""One order: found, read everywhere, and what it comes down to."""
