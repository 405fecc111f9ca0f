"""`woohub doctor`: look at everything, and say for each thing that is wrong what helps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import typer
import urllib3

from woohub.mapping.fields import load_mapping
from woohub.store.connection import StoreCredentials
from woohub_cli import environment, metrics, secret_store, stacks, store_setup
from woohub_cli.check_result import Outcome, Step
from woohub_cli.checks import hubspot, stack, store
from woohub_cli.checks.health_context import Patient, examined
from woohub_cli.cli_errors import PROBLEMS
from woohub_cli.commands.setup import place_of
from woohub_cli.options import JsonOption, StackOption
from woohub_cli.rendering import output
from woohub_cli.stacks import Stack

AREAS: Mapping[str, Callable[[Patient], Iterator[Step]]] = {
    "store": lambda patient: examined([("store", store.examine)], patient),
    "AWS": lambda patient: examined(stack.CHECKS, patient),
    "HubSpot": lambda patient: examined([("HubSpot", hubspot.examine)], patient),
}


@dataclass(frozen=True)
class Diagnosis:
    """One finding and where it was made."""

    area: str
    step: Step

    def facts(self) -> dict[str, str]:
        """For --json."""
        facts = self.step.facts()
        return {"area": self.area, "check": facts.pop("step"), **facts}


def patient_of(stack: Stack, env: Mapping[str, str], now: float) -> Patient:
    """Everything there is to look at."""
    secret_id = stack.outputs.get("StoreSecretArn")
    stored = StoreCredentials.from_secret(secret_store.read(stack.aws.secrets, secret_id)) if secret_id else None
    values = [env.get(name, "").strip() for name in store_setup.VARIABLES]
    given = StoreCredentials(*values) if all(values) else None
    access = stored or given
    return Patient(
        stack=stack,
        env=env,
        stored=stored,
        given=given,
        store=store_setup.connect(access) if access else None,
        connect=place_of(stack, env).connect,
        table=load_mapping(),
        http=urllib3.PoolManager(),
        metrics=metrics.of(stack, now),
        now=now,
    )


def diagnose(patient: Patient) -> Iterator[Diagnosis]:
    """Every check, area by area."""
    for area, examine in AREAS.items():
        found = yield from _told(area, examine(patient))
        if any(step.what == "store" and step.outcome is Outcome.FAILED for step in found):
            patient = replace(patient, store=None)  # nobody need wait for it again


def _told(area: str, steps: Iterator[Step]) -> Generator[Diagnosis, None, list[Step]]:
    found = []
    for step in steps:
        found.append(step)
        yield Diagnosis(area, step)
    return found


def command(stack: StackOption = None, json: JsonOption = False) -> None:
    """Look at the store, the stack and HubSpot, and say what helps where something is wrong.

    Nothing is changed: a signed test delivery that holds no order is sent to the stack, the rest only asks.
    Without WOO_COMMERCE_URL, and without a store's key in the stack, the store is left out.
    Ends with 1 when a check failed; warnings alone end with 0.

    Examples:

        woohub doctor
        woohub doctor --stack shop-to-crm --json | jq '.checks[] | select(.outcome == "failed")'
    """
    folder = Path.cwd()
    env = environment.read(os.environ, folder)
    patient = patient_of(stacks.find(stack, env, folder), env, time.time())
    found: list[Diagnosis] = []
    for one in diagnose(patient):
        if not json:
            _say(one, heading=not found or found[-1].area != one.area)
        found.append(one)
    failed, warnings = (sum(one.step.outcome is kind for one in found) for kind in (Outcome.FAILED, Outcome.WARNING))
    if json:
        checks = [one.facts() for one in found]
        output.as_json({"stack": patient.stack.name, "checks": checks, "failed": failed, "warnings": warnings})
    else:
        fine = len(found) - failed - warnings
        output.say(f"\n{failed} failed, {warnings} warning{'' if warnings == 1 else 's'}, {fine} fine", style="bold")
    if failed:
        raise typer.Exit(PROBLEMS)


def _say(one: Diagnosis, *, heading: bool) -> None:
    if heading:
        output.say(f"\n{one.area[0].upper()}{one.area[1:]}", style="bold")
    output.say(one.step.text())
