"""What each command of `woohub` does."""
