"""What both simulators share: injected faults, responses, controls, the server and the in-process transport."""
