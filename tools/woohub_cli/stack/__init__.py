"""The stack a command is about: where it is, its configuration, secrets, metrics and logs."""
