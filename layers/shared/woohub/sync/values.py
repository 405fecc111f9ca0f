"""Decide which values to write: the newest, only if they change something, and never a blank.

Currency codes are the exception. An amount with the code of another currency would be false, so the newest state's code
is written, or the property is emptied if HubSpot refuses that code (docs/decisions.md, 2026-11-29).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from woohub.hubspot.properties import CURRENCIES, PropertySchema
from woohub.mapping.write_rule import WriteRule

Current = Mapping[str, str | None]  # HubSpot's values by property


def merged(layers: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Merge the values of several states. Later states count."""
    values: dict[str, str] = {}
    for layer in layers:
        values |= layer
    return values


def fill_gaps(wanted: dict[str, str], current: Current | None, stale: Sequence[Mapping[str, str]]) -> None:
    """Add values of stale states for properties that are empty, so that a value which arrives late is not lost."""
    for layer in stale:
        for name, value in layer.items():
            if current is None or not (current.get(name) or name in CURRENCIES):
                wanted.setdefault(name, value)


def changed(
    wanted: Mapping[str, str], current: Current | None, rules: Mapping[str, WriteRule], schema: PropertySchema
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values to write, and the changed values that HubSpot would refuse."""
    if current is None:
        return schema.divided({name: value for name, value in wanted.items() if value})
    differing = {
        name: value for name, value in wanted.items() if value and _differs(name, value, current, rules, schema)
    }
    accepted, refused = schema.divided(differing)
    return accepted | _emptied(refused, current, schema), refused


def _emptied(refused: Iterable[str], current: Current, schema: PropertySchema) -> dict[str, str]:
    """Return blanks for the properties with a currency's code whose new code HubSpot refuses."""
    return {name: "" for name in refused if name in CURRENCIES and current.get(name) and schema.accepts(name, "")}


def _differs(name: str, value: str, current: Current, rules: Mapping[str, WriteRule], schema: PropertySchema) -> bool:
    may_write = rules[name].writes(current.get(name), value, creating=False)
    return may_write and not schema.equal(name, current.get(name), value)


def forgotten(personal: Iterable[str], wanted: Mapping[str, str], current: Current | None) -> dict[str, str]:
    """Return the values that replace an erased person's words: those in `wanted`, which has no person, or blanks."""
    new = {name: wanted.get(name, "") for name in personal if (current or {}).get(name)}
    return {name: text for name, text in new.items() if text != (current or {}).get(name)}
