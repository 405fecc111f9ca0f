"""What this HubSpot portal has: its properties, and what it has turned out not to take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from woohub import answers
from woohub.errors import Forbidden, Problem, Refused, Unavailable
from woohub.hubspot import HubSpot
from woohub.throttle import Timer

MAX_AGE = 900.0  # seconds after which definitions are read again
MAX_AGE_LACKING = 30.0  # the same while something is lacking: what set-up adds is used without a new deployment
IDENTITY = "email"  # HubSpot's own, and what contacts are found by: better refused than made without it
MISSING = "property_missing_in_hubspot"  # the warning, whose recent ones shorten the age
CURRENCY = "deal_currency_code"  # an enumeration of the account's currencies; any other value is refused
OWN_TYPES = {"amount": "number", "closedate": "datetime"}  # of HubSpot's own properties, for tokens that may not ask

Warn = Callable[..., None]


@dataclass(frozen=True)
class Definition:
    """A property of contacts or deals, as far as writing it matters."""

    type: str
    unique: bool
    options: frozenset[str]


class Portal:
    """The properties of contacts and deals, read on first use and again every quarter of an hour.

    A token that may not read definitions is no obstacle: everything is then taken to be there, and what HubSpot
    refuses is learned. `warn(event, **fields)` is told about each property that has to be left out, at most four times
    an hour.
    """

    def __init__(self, hubspot: HubSpot, timer: Timer, warn: Warn) -> None:
        self._hubspot = hubspot
        self._timer = timer
        self._warn = warn
        self._read_at: dict[str, float] = {}
        self._definitions: dict[str, Mapping[str, Definition]] = {}
        self._lacking: set[tuple[str, str]] = set()
        self._refused_currencies: set[str] = set()
        self._warned: dict[tuple[str, ...], float] = {}

    def lacks(self, object_type: str, name: str) -> bool:
        """Whether writing this property would be refused."""
        known = self._known(object_type)
        return (object_type, name) in self._lacking or (bool(known) and name not in known)

    def has(self, object_type: str, name: str) -> bool:
        """Whether the portal has a property nothing works without; looks again before it says no."""
        if self.lacks(object_type, name):
            self._read_at.pop(object_type, None)
        return not self.lacks(object_type, name)

    def is_unique(self, object_type: str, name: str) -> bool:
        """Whether the property identifies records; unknown definitions count as set up properly."""
        known = self._known(object_type)
        return not known or (name in known and known[name].unique)

    def options(self, object_type: str, name: str) -> frozenset[str]:
        """What the definition of a property allows; nothing where it does not say, as HubSpot may for currencies."""
        definition = self._known(object_type).get(name)
        return definition.options if definition else frozenset()

    def writable(self, object_type: str, properties: Mapping[str, str]) -> dict[str, str]:
        """The properties this portal takes; the others are left out with a warning, once each."""
        kept = {name: value for name, value in properties.items() if not self._drops(object_type, name)}
        if CURRENCY in kept and not self._has_currency(object_type, kept[CURRENCY]):
            del kept[CURRENCY]
        return kept

    def same(self, object_type: str, name: str, current: str | None, new: str) -> bool:
        """Whether HubSpot's value means the same: numbers as numbers, dates as instants, the rest as text."""
        if current is None or current == new:
            return current == new
        definition = self._known(object_type).get(name)
        read = READERS.get(definition.type if definition else OWN_TYPES.get(name, "string"))
        return read is not None and read(current) is not None and read(current) == read(new)

    def unchanged(self, object_type: str, name: str, current: str | None, new: str) -> bool:
        """Whether writing this value would change nothing: it means the same, or the portal does not take it."""
        return self.same(object_type, name, current, new) or not self.writable(object_type, {name: new})

    def learn(self, object_type: str, problem: Problem, properties: Mapping[str, str]) -> bool:
        """Take in why a record was refused; True when leaving something out can help the next try."""
        absent = {(object_type, name) for name in problem.absent if name in properties} - self._lacking
        self._lacking |= absent
        refused = CURRENCY in problem.properties and CURRENCY not in problem.absent and CURRENCY in properties
        if refused:
            self._refused_currencies.add(properties[CURRENCY])
        return bool(absent) or refused

    def _drops(self, object_type: str, name: str) -> bool:
        lacking = name != IDENTITY and self.lacks(object_type, name)
        if lacking:
            self._warn_once(MISSING, object_type=object_type, property=name)
        return lacking

    def _has_currency(self, object_type: str, code: str) -> bool:
        definition = self._known(object_type).get(CURRENCY)
        offered = definition is None or not definition.options or code in definition.options
        if not offered or code in self._refused_currencies:
            self._warn_once("currency_not_enabled_in_hubspot", currency=code)
            return False
        return True

    def _warn_once(self, event: str, **fields: str) -> None:
        key = (event, *fields.values())
        if self._timer.now() - self._warned.get(key, float("-inf")) > MAX_AGE:
            self._warned[key] = self._timer.now()
            self._warn(event, **fields)

    def _known(self, object_type: str) -> Mapping[str, Definition]:
        age = self._timer.now() - self._read_at.get(object_type, float("-inf"))
        if age > (MAX_AGE_LACKING if self._lacked_lately() else MAX_AGE):
            self._definitions[object_type] = self._read(object_type)
            self._read_at[object_type] = self._timer.now()
            self._lacking = {one for one in self._lacking if one[0] != object_type}
            self._refused_currencies.clear()
        return self._definitions[object_type]

    def _lacked_lately(self) -> bool:
        """Whether set-up may be about to add something; that a currency is not enabled is quite normal."""
        now = self._timer.now()
        return any(event == MISSING and now - at <= MAX_AGE for (event, *_), at in self._warned.items())

    def _read(self, object_type: str) -> Mapping[str, Definition]:
        known = object_type in self._definitions
        try:
            rows = self._hubspot.property_definitions(object_type, patient=not known)
        except (Forbidden, Refused) as error:
            self._warn("property_definitions_unreadable", object_type=object_type, error=str(error))
            return {}
        except Unavailable as error:
            if not known:
                raise
            self._warn("property_definitions_unreadable", object_type=object_type, error=str(error))
            return self._definitions[object_type]
        return {row["name"]: _definition(row) for row in rows}


def _definition(row: Mapping[str, object]) -> Definition:
    return Definition(
        type=str(row.get("type") or "string"),
        unique=bool(row.get("hasUniqueValue")),
        options=frozenset(
            str(option.get("value")) for option in answers.rows(row, "options") if not option.get("hidden")
        ),
    )


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _instant(text: str) -> datetime | None:
    """HubSpot gives ISO 8601 with or without milliseconds, or epoch milliseconds."""
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        parsed = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


READERS: Mapping[str, Callable[[str], object]] = {"number": _number, "datetime": _instant}
