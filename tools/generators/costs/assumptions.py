"""What is assumed, out of assumptions.toml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .prices import InvalidFile, read

ASSUMPTIONS = Path(__file__).with_name("assumptions.toml")

Assumed = Mapping[str, float]  # by name; the file says what each means


@dataclass(frozen=True)
class Group:
    """Assumptions that belong together: values, and a text with {value} in it for each."""

    title: str
    source: str
    values: Assumed
    says: Mapping[str, str]


def groups(path: Path = ASSUMPTIONS) -> list[Group]:
    """The file's groups, in its order."""
    found = []
    for one in read(path).values():
        if "title" in one:
            title, source = one.pop("title"), one.pop("from")
            values, says = ({name: entry[key] for name, entry in one.items()} for key in ("value", "says"))
            found.append(Group(title, source, values, says))
    return found


def metrics(path: Path = ASSUMPTIONS) -> dict[str, list[str]]:
    """The custom metrics: those written `every_hour`, and those written `with_deliveries`."""
    found: dict[str, list[str]] = read(path)["metrics"]
    return found


def load(path: Path = ASSUMPTIONS) -> dict[str, float]:
    """Every value by its name, and how many custom metrics there are."""
    values = {name: value for group in groups(path) for name, value in group.values.items()}
    return values | {f"metrics_{when}": len(names) for when, names in metrics(path).items()}


def changed(assumed: Assumed, given: Iterable[str]) -> dict[str, float]:
    """With other values, each given as `name=value`; InvalidFile if there is no such assumption or number."""
    return dict(assumed) | dict(_changed(assumed, one) for one in given)


def _changed(assumed: Assumed, one: str) -> tuple[str, float]:
    name, _, text = one.partition("=")
    if name not in assumed:
        raise InvalidFile(f"no assumption is called {name!r}: tools/generators/costs/assumptions.toml has them all")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InvalidFile(f"{one}: a number above 0 is needed")
    return name, value
