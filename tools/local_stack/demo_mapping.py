"""Switch on line items and customer metrics in a running local stack as operators do: push a mapping, set up."""

from __future__ import annotations

from pathlib import Path

from woohub.mapping.overlay import Overlay
from woohub_cli.check_result import Result
from woohub_cli.set_up.provision import provision
from woohub_cli.stack import connections
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.stack.stack_mapping import StackMapping

from .stack import Stack
from .stack_client import as_operators_see
from .steps import fail_if, step

FILE = Path(__file__).with_suffix(".toml")


def push(stack: Stack) -> None:
    """Push demo_mapping.toml and create its properties in HubSpot. Raises StepFailed if HubSpot rejects one."""
    with step("Switch on line items and customer metrics"):
        operated = as_operators_see(stack)
        stored = StackMapping.of(operated)
        overlay = Overlay(FILE.name, FILE.read_bytes())
        _, mapping = stored.then(overlay)
        stored.push(overlay.content)
        hubspot = connections.hubspot_address(operated, {}).connect(StackSecrets(operated).token())
        steps = list(provision(hubspot, mapping, dry_run=False))
    fail_if((str(done.text()) for done in steps if done.outcome is Result.FAILED), stack)
