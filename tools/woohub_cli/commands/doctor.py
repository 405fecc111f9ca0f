"""`woohub doctor`: run all checks, and say what to do about each problem."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from rich.text import Text

from woohub.configuration import ConfigurationUnreadable
from woohub.counted import counted
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub.pool import Pool
from woohub_cli import environment
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import hubspot, stack, store
from woohub_cli.checks.health_context import Check, HealthContext, run_checks
from woohub_cli.options import StoreOptions
from woohub_cli.rendering import output
from woohub_cli.set_up import store_setup
from woohub_cli.stack import metrics, stack_configuration
from woohub_cli.stack.connections import hubspot_address
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.stack.stacks import Stack
from woohub_cli.targets import written

AREAS: Mapping[str, Sequence[tuple[str, Check]]] = {
    "store": [("store", store.examine)],
    "AWS": stack.CHECKS,
    "HubSpot": [("HubSpot", hubspot.examine)],
}


def health_context_of(stack: Stack, env: Mapping[str, str], now: float) -> HealthContext:
    """Return what the checks work with."""
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
        http=Pool(),
        metrics=metrics.of(stack, now),
        now=now,
    )


def _mappings(stack: Stack) -> tuple[FieldMapping, Iterable[FieldMapping], str]:
    """Return the store's mapping, those of all stores, and "".

    If the configuration cannot be read: woohub's own mapping, no others, and the reason.
    """
    try:
        configuration = stack_configuration.current(stack)
        return stack_configuration.mapping_in(configuration, stack), configuration.mappings.values(), ""
    except ConfigurationUnreadable as error:
        return load_mapping(), (), str(error)


def diagnose(context: HealthContext) -> Iterator[tuple[str, Step]]:
    """Run all checks, area by area."""
    for area, checks in AREAS.items():
        for step in run_checks(checks, context):
            yield area, step
            if step.what == "store" and step.outcome is Result.FAILED:
                context = replace(context, store=None)  # later checks need not wait for it again


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
    diagnoses: list[tuple[str, Step]] = []
    for area, step in diagnose(context):
        if not options.json:
            _print_step(step, area if not diagnoses or diagnoses[-1][0] != area else "")
        diagnoses.append((area, step))
    outcomes = Counter(step.outcome for _, step in diagnoses)
    failed, warnings, skipped = outcomes[Result.FAILED], outcomes[Result.WARNING], outcomes[Result.SKIPPED]
    fine = len(diagnoses) - failed - warnings - skipped
    output.answer(
        {
            "stack": context.stack.name,
            "checks": [_facts(area, step) for area, step in diagnoses],
            "failed": failed,
            "warnings": warnings,
            "skipped": skipped,
        },
        Text(f"\n{failed} failed, {counted(warnings, 'warning')}, {skipped} skipped, {fine} fine", "bold"),
        json=options.json,
        problems=failed > 0,
    )


def _facts(area: str, step: Step) -> dict[str, str]:
    facts = step.facts()
    return {"area": area, "check": facts.pop("step"), **facts}


def _print_step(step: Step, heading: str) -> None:
    if heading:
        output.say(f"\n{heading[0].upper()}{heading[1:]}", style="bold")
    output.say(step.text())
