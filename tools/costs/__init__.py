"""What a month of woohub costs on AWS: `python -m tools.costs`, which also writes docs/costs.md."""
