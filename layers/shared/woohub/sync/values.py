"""Which values to write: the newest, only where they change something, never a blank.

Currency codes are the exception: an amount with the code of another currency would be false, so a code goes with the
newest state or is emptied (docs/decisions.md, 2026-11-29).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from woohub.hubspot.properties import CURRENCIES, PropertySchema
from woohub.mapping.write_rule import WriteRule

Current = Mapping[str, str | None]  # HubSpot's values by property


def merged(layers: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Values of several states, of which later ones count."""
    values: dict[str, str] = {}
    for layer in layers:
        values |= layer
    return values


def fill_gaps(wanted: dict[str, str], current: Current | None, stale: Sequence[Mapping[str, str]]) -> None:
    """Stale states may still fill empty properties: a value is not lost because it arrives late."""
    for layer in stale:
        for name, value in layer.items():
            if current is None or not (current.get(name) or name in CURRENCIES):
                wanted.setdefault(name, value)


def changed(
    wanted: Mapping[str, str], current: Current | None, rules: Mapping[str, WriteRule], schema: PropertySchema
) -> tuple[dict[str, str], dict[str, str]]:
    """The values to write, and those that differ and that HubSpot would refuse."""
    if current is None:
        return schema.divided({name: value for name, value in wanted.items() if value})
    differing = {
        name: value for name, value in wanted.items() if value and _differs(name, value, current, rules, schema)
    }
    accepted, refused = schema.divided(differing)
    return accepted | _emptied(refused, current, schema), refused


def _emptied(refused: Iterable[str], current: Current, schema: PropertySchema) -> dict[str, str]:
    """What takes the place of a former currency's code where HubSpot refuses the new one."""
    return {name: "" for name in refused if name in CURRENCIES and current.get(name) and schema.accepts(name, "")}


def _differs(name: str, value: str, current: Current, rules: Mapping[str, WriteRule], schema: PropertySchema) -> bool:
    may_write = rules[name].writes(current.get(name), value, creating=False)
    return may_write and not schema.equal(name, current.get(name), value)


def forgotten(personal: Iterable[str], wanted: Mapping[str, str], current: Current | None) -> dict[str, str]:
    """What takes the place of a person's words in HubSpot: what the order without its person says, or nothing."""
    new = {name: wanted.get(name, "") for name in personal if (current or {}).get(name)}
    return {name: text for name, text in new.items() if text != (current or {}).get(name)}
