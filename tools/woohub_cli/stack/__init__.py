"""The stack that a command is about: where it runs, its configuration, secrets, metrics and logs."""
