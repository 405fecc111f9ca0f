"""`woohub doctor`: check everything, and say what to do about each problem."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import typer
import urllib3

from woohub.configuration import ConfigurationUnreadable
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub_cli import environment, metrics, stack_configuration, store_setup
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import hubspot, stack, store
from woohub_cli.checks.health_context import HealthContext, run_checks
from woohub_cli.cli_errors import PROBLEMS
from woohub_cli.connections import hubspot_address
from woohub_cli.options import StoreOptions
from woohub_cli.rendering import output
from woohub_cli.secret_store import StackSecrets
from woohub_cli.stacks import Stack
from woohub_cli.targets import written

AREAS: Mapping[str, Callable[[HealthContext], Iterator[Step]]] = {
    "store": lambda context: run_checks([("store", store.examine)], context),
    "AWS": lambda context: run_checks(stack.CHECKS, context),
    "HubSpot": lambda context: run_checks([("HubSpot", hubspot.examine)], context),
}


@dataclass(frozen=True)
class Diagnosis:
    """One finding and where it was made."""

    area: str
    step: Step

    def facts(self) -> dict[str, str]:
        facts = self.step.facts()
        return {"area": self.area, "check": facts.pop("step"), **facts}


def health_context_of(stack: Stack, env: Mapping[str, str], now: float) -> HealthContext:
    """Everything there is to look at."""
    stored, given = StackSecrets(stack).store(), environment.store_credentials(env)
    access = stored or given
    table, others, mistake = _mappings(stack)
    return HealthContext(
        stack=stack,
        env=env,
        stored=stored,
        given=given,
        store=store_setup.connect(access) if access else None,
        connect=hubspot_address(stack, env).connect,
        table=table,
        written=written(table, *others),
        configuration_mistake=mistake,
        http=urllib3.PoolManager(),
        metrics=metrics.of(stack, now),
        now=now,
    )


def _mappings(stack: Stack) -> tuple[FieldMapping, Iterable[FieldMapping], str]:
    """The store's mapping, those of all stores, and ""; or woohub's own and why the stack's cannot be read."""
    try:
        configuration = stack_configuration.current(stack)
        return stack_configuration.mapping_in(configuration, stack), configuration.mappings.values(), ""
    except ConfigurationUnreadable as error:
        return load_mapping(), (), str(error)


def diagnose(context: HealthContext) -> Iterator[Diagnosis]:
    """Every check, area by area."""
    for area, examine in AREAS.items():
        steps = yield from _collect(area, examine(context))
        if any(step.what == "store" and step.outcome is Result.FAILED for step in steps):
            context = replace(context, store=None)  # later checks need not wait for it again


def _collect(area: str, steps: Iterator[Step]) -> Generator[Diagnosis, None, list[Step]]:
    seen = []
    for step in steps:
        seen.append(step)
        yield Diagnosis(area, step)
    return seen


def command(options: StoreOptions) -> None:
    """Check the store, the stack and HubSpot, and say what to do about each problem.

    Nothing is changed: a signed test delivery without an order is sent to the stack, all else only reads.
    Without WOO_COMMERCE_URL, and without a store's key in the stack, the store is left out.
    Ends with 1 when a check failed; warnings alone end with 0.

    Examples:

        woohub doctor
        woohub doctor --json | jq '.checks[] | select(.outcome == "failed")'
    """
    context = health_context_of(options.target, options.env, time.time())
    diagnoses: list[Diagnosis] = []
    for diagnosis in diagnose(context):
        if not options.json:
            _print_diagnosis(diagnosis, heading=not diagnoses or diagnoses[-1].area != diagnosis.area)
        diagnoses.append(diagnosis)
    failed, warnings = (
        sum(diagnosis.step.outcome is kind for diagnosis in diagnoses) for kind in (Result.FAILED, Result.WARNING)
    )
    if options.json:
        checks = [diagnosis.facts() for diagnosis in diagnoses]
        output.as_json({"stack": context.stack.name, "checks": checks, "failed": failed, "warnings": warnings})
    else:
        fine = len(diagnoses) - failed - warnings
        output.say(f"\n{failed} failed, {warnings} warning{'' if warnings == 1 else 's'}, {fine} fine", style="bold")
    if failed:
        raise typer.Exit(PROBLEMS)


def _print_diagnosis(diagnosis: Diagnosis, *, heading: bool) -> None:
    if heading:
        output.say(f"\n{diagnosis.area[0].upper()}{diagnosis.area[1:]}", style="bold")
    output.say(diagnosis.step.text())
