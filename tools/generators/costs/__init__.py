"""What a month of woohub costs on AWS: `python -m generators.costs`, which also writes docs/costs.md."""
