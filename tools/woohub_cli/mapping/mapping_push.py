"""Push another mapping into the stack, after showing what it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.text import Text

from woohub.mapping.fields import FieldMapping
from woohub.mapping.overlay import Overlay
from woohub_cli.cli_errors import EXPECTED, explain
from woohub_cli.consent import agreed, unconfirmed
from woohub_cli.mapping import mapping_rows
from woohub_cli.mapping.mapping_counts import Affected, affected
from woohub_cli.mapping.mapping_effects import effects, missing_in_hubspot, writes_more
from woohub_cli.mapping.mapping_rows import Change
from woohub_cli.options import StoreOptions
from woohub_cli.orders.order_reading import CLIENT_TIMEOUT_S
from woohub_cli.rendering import output
from woohub_cli.stack import connections
from woohub_cli.stack.stack_mapping import StackMapping

IN_FORCE = "The functions use it within a minute."
SET_UP = "run `woohub setup`: it creates what HubSpot lacks"
CATCH_UP = (
    "two minutes later run `woohub verify --days 1 --repair`: what was written until then lacks the new values, and "
    "would get them with its next change only"
)


def changes_facts(changes: Sequence[Change]) -> dict[str, Any]:
    """Return for --json the changed rows, and which records get them when."""
    return {"changes": [vars(change) for change in changes], "effects": list(effects(changes))}


def print_changes(changes: Sequence[Change]) -> None:
    if not changes:
        output.say("Nothing changes.")
        return
    output.table(("Row", "Now", "Then"), [(change.place, change.now, change.then or "removed") for change in changes])
    output.say()
    for effect in effects(changes):
        output.say(f"  {effect}")


@dataclass(frozen=True)
class Consequences:
    """What a mapping means in HubSpot: how many records it concerns, and what HubSpot lacks for it."""

    affected: Sequence[Affected] = ()
    missing: Sequence[str] = ()
    unknown: str = ""  # why HubSpot could not be checked

    @classmethod
    def of(
        cls, mapping: StackMapping, changes: Sequence[Change], then: FieldMapping, env: dict[str, str]
    ) -> Consequences:
        counted: Sequence[Affected] = ()
        try:
            hubspot = connections.hubspot(mapping.stack, env)
            hubspot.caller.timer.start(CLIENT_TIMEOUT_S)
            counted = affected(hubspot, changes, mapping.now_in_force(), then)
            return cls(counted, missing_in_hubspot(hubspot, then))
        except EXPECTED as error:
            return cls(counted, unknown=explain(error))

    def facts(self) -> dict[str, Any]:
        counted = [asdict(each) for each in self.affected]
        return {"missing_in_hubspot": list(self.missing), "affected": counted, "hubspot": self.unknown}

    def say(self) -> None:
        if self.affected:
            output.say("\nIn HubSpot now:")
        for each in self.affected:
            output.say(f"  {each.text}")
        if self.missing:
            output.say("\nHubSpot lacks these, which are left out until `woohub setup` creates them:", style="yellow")
        for what in self.missing:
            output.say(f"  {what}")
        if self.unknown:
            output.note(f"whether HubSpot has every property and stage is not known: {self.unknown}", "yellow")


def replace(mapping: StackMapping, file: Overlay | None, options: StoreOptions, *, yes: bool, dry_run: bool) -> None:
    """Store the file in place of the stored overlay, after showing what it changes. `file` None removes the overlay."""
    tables, then = mapping.then(file)
    changes = mapping_rows.changes(mapping.now_or_own(), tables)
    consequences = Consequences.of(mapping, changes, then, options.env)
    if not options.json:
        print_changes(changes)
        consequences.say()
    content = file.content if file else None
    following = _following(changes, consequences)
    same = (mapping.stored.body if mapping.stored else None) == content
    question = f"Use it in the stack {mapping.stack.name}?"
    agrees = not (same or dry_run) and agreed(question, yes=yes, json=options.json)
    version = mapping.push(content) if agrees else ""
    if options.json:
        done = {"pushed": agrees, "dry_run": dry_run, "version": version, "next": following if agrees else []}
        output.as_json({"stack": mapping.stack.name, **changes_facts(changes), **consequences.facts(), **done})
    elif agrees:
        output.lines([Text(f"\nStored. {IN_FORCE}", "green"), *(f"Next: {step}." for step in following)])
    elif same:
        output.say("\nThe stack has it already.")
    if not (agrees or same or dry_run):
        raise unconfirmed(json=options.json)


def _following(changes: Sequence[Change], consequences: Consequences) -> list[str]:
    """Return what to do after the push: the functions cache the mapping and HubSpot's properties."""
    return [*([SET_UP] if consequences.missing else ()), *([CATCH_UP] if writes_more(changes) else ())]
