"""Merge a user's mapping.toml, an overlay that says only what differs, over the default mapping, row by row.

- A row says only what differs: `phone = { write = "if-empty" }`. `false` in place of a row removes the row. If the row
  of a property is removed, set-up does not create the property either.
- A text replaces fields as the source of a value, and fields replace a text.
- The statuses of a stage are added to those it has, and removed from the stage they led to before.
- If another pipeline is named, all stages of the previous one are dropped.

A complete file is an overlay, too, but the default's rows that it lacks stay. `difference` converts a complete file to
an overlay that removes them with `false`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Tables = Mapping[str, Any]

PIPELINES = (("pipeline", "stages"), ("order_pipeline", "order_stages"))
UNSET: Tables = {"as": "text", "write": "always", "order": [], "customer": [], "statuses": [], "hasUniqueValue": False}


@dataclass(frozen=True)
class Overlay:
    """The content of a mapping.toml. `name` is the file's name in error texts."""

    name: str
    content: bytes


def merged(base: Tables, over: Tables) -> dict[str, Any]:
    """Merge the tables of an overlay, `over`, over `base`. Values of a wrong type stay: the result is checked later."""
    base = _before_another_pipeline(base, over)
    tables = _merged_tables(base, over)
    for kind in _kinds(base):
        created = _at(tables, "create", kind)
        for name in _removed(_at(over, kind)):
            if name in created and name not in _at(over, "create", kind):
                tables = _put(tables, ("create", kind), {key: row for key, row in created.items() if key != name})
                created = _at(tables, "create", kind)
    for _, stages in PIPELINES:
        if isinstance(tables.get(stages), Mapping) and _at(over, stages):
            tables[stages] = _with_statuses(_at(base, stages), _at(over, stages), tables[stages])
    return tables


def _merged_tables(base: Tables, over: Tables) -> dict[str, Any]:
    tables = dict(base)
    for key, value in over.items():
        known = base.get(key)
        if value is False and (known is None or isinstance(known, Mapping)):
            tables.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(known, Mapping):
            tables[key] = _merged_tables(_without_other_source(known, value), value)
        else:
            tables[key] = value
    return tables


def _without_other_source(row: Tables, over: Tables) -> Tables:
    """Return the row without its source if `over` has a source of another kind, such as a text in place of fields."""
    if "text" in over and "text" not in row:
        return {key: value for key, value in row.items() if key == "write"}
    if "text" in row and {"order", "customer", "item"} & over.keys() and "text" not in over:
        return {}
    if "item" in {*row, *over}:  # a line item's value has one source only, the item or the order
        return {
            key: value
            for key, value in row.items()
            if key not in {"item", "order"} or not {"item", "order"} & over.keys()
        }
    return row


def _before_another_pipeline(base: Tables, over: Tables) -> Tables:
    for pipeline, stages in PIPELINES:
        another = _at(over, pipeline).get("id")
        if another is not None and another != _at(base, pipeline).get("id"):
            base = {key: value for key, value in base.items() if key not in (pipeline, stages)}
    return base


def _removed(rows: Tables) -> list[str]:
    return [name for name, row in rows.items() if row is False]


def _with_statuses(base: Tables, over: Tables, stages: Tables) -> dict[str, Any]:
    """Return the stages with the overlay's statuses added to those of `base`; each status leads to one stage only."""
    moved = {_plain(status) for row in over.values() for status in _statuses(row)}
    result: dict[str, Any] = {}
    for name, row in stages.items():
        kept = [status for status in _statuses(base.get(name)) if _plain(status) not in moved]
        if isinstance(row, Mapping) and isinstance(row.get("statuses", []), list):
            row = {**row, "statuses": [*kept, *_statuses(over.get(name))]}
        result[name] = row
    return result


def _statuses(row: object) -> list[Any]:
    statuses = row.get("statuses") if isinstance(row, Mapping) else None
    return statuses if isinstance(statuses, list) else []


def _plain(status: object) -> object:
    return status.strip().removeprefix("wc-") if isinstance(status, str) else repr(status)


def _at(tables: object, *path: str) -> Tables:
    """Return the table at this place; an empty one if there is none."""
    for key in path:
        tables = tables.get(key) if isinstance(tables, Mapping) else None
    return tables if isinstance(tables, Mapping) else {}


def _put(tables: Tables, path: tuple[str, ...], value: object) -> dict[str, Any]:
    first, *rest = path
    return {**tables, first: _put(_at(tables, first), tuple(rest), value) if rest else value}


def difference(base: Tables, whole: Tables) -> dict[str, Any]:
    """Return the shortest overlay that, merged over `base`, results in the complete file `whole`.

    A section that `whole` lacks altogether is newer than the file, so the overlay does not change it.
    """
    kinds = [kind for kind in _kinds(base) if kind in whole]
    apart = ("create", *_kinds(base), *(section for pair in PIPELINES for section in pair))
    over = _different_tables(base, {key: value for key, value in whole.items() if key not in apart})
    for kind in kinds:
        over[kind] = _different_rows(_at(base, kind), _at(whole, kind))
    for pipeline, stages in PIPELINES:
        over |= _different_pipeline(base, whole, pipeline, stages)
    created = {
        kind: {
            name: row
            for name, row in _different_rows(_at(base, "create", kind), _at(whole, "create", kind)).items()
            if row is not False or over[kind].get(name) is not False
        }
        for kind in kinds
    }
    group = _different(_at(base, "create", "group"), _at(whole, "create", "group"))
    return _filled(over | {"create": _filled({"group": group} | created)})


def _different_pipeline(base: Tables, whole: Tables, pipeline: str, stages: str) -> dict[str, Any]:
    if pipeline not in whole:
        return {}
    if _at(base, pipeline).get("id") != _at(whole, pipeline).get("id"):
        return {pipeline: dict(_at(whole, pipeline)), stages: dict(_at(whole, stages))}
    default = str(_at(whole, pipeline).get("default_stage"))
    return {
        pipeline: _different(_at(base, pipeline), _at(whole, pipeline)),
        stages: _different_stages(_at(base, stages), _at(whole, stages), default),
    }


def _kinds(tables: Tables) -> list[str]:
    """Return the sections whose rows are properties: those with `enabled`, or with properties under [create]."""
    created = [key for key in _at(tables, "create") if key != "group"]
    return list(dict.fromkeys([*created, *(key for key in tables if "enabled" in _at(tables, key))]))


def _different_tables(base: Tables, whole: Tables) -> dict[str, Any]:
    return {
        key: _different(_at(base, key), value) if isinstance(value, Mapping) else value
        for key, value in whole.items()
        if value != base.get(key)
    }


def _different_rows(base: Tables, whole: Tables) -> dict[str, Any]:
    changed = {
        name: _different(_without_other_source(base[name], row), row) if _is_row(row, base.get(name)) else row
        for name, row in whole.items()
        if row != base.get(name)
    }
    return changed | {name: False for name, row in base.items() if name not in whole and _is_row(row)}


def _is_row(*rows: object) -> bool:
    """Whether all these are rows of properties, and none is the switch `enabled` or a section as [contact.metrics]."""
    return all(isinstance(row, Mapping) and "enabled" not in row for row in rows)


def _different(base: Tables, whole: Tables) -> dict[str, Any]:
    unset = {key: UNSET[key] for key in base if key not in whole and key in UNSET}
    return unset | {key: value for key, value in whole.items() if key not in base or base[key] != value}


def _different_stages(before: Tables, after: Tables, default: str) -> dict[str, Any]:
    rows = _different_rows(
        {name: _without_statuses(row) for name, row in before.items()},
        {name: _without_statuses(row) for name, row in after.items()},
    )
    was = dict(_stage_of_status((name, row) for name, row in before.items() if name in after))
    leads = dict(_stage_of_status(after.items()))
    for status in [*leads, *(status for status in was if status not in leads)]:
        stage = leads.get(status, default)
        if was.get(status) != stage:
            row = rows.setdefault(stage, {})
            rows[stage] = {**row, "statuses": [*_statuses(row), status]}
    return rows


def _without_statuses(row: Tables) -> Tables:
    return {key: value for key, value in row.items() if key != "statuses"}


def _stage_of_status(stages: Iterable[tuple[str, object]]) -> Iterator[tuple[object, str]]:
    for name, row in stages:
        for status in _statuses(row):
            yield _plain(status), name


def _filled(tables: Tables) -> dict[str, Any]:
    return {key: value for key, value in tables.items() if value != {}}
