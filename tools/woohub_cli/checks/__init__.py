"""What `woohub doctor` and `woohub setup` check."""
