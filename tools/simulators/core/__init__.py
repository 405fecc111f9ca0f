"""Code that both simulators share: injected faults, responses, controls, server and in-process transport."""
