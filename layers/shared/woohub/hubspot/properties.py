"""Which properties a HubSpot portal has, and what it has turned out to refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from woohub.clock import Timer
from woohub.errors import Forbidden, HubSpotProblem, HubSpotRejected, HubSpotUnavailable
from woohub.hubspot import answers
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import ObjectType

MAX_AGE_S = 900.0  # seconds after which definitions are read again
MAX_AGE_LACKING_S = 30.0  # the same while something is lacking: what set-up adds is used without a new deployment
MISSING = "property_missing_in_hubspot"  # the warning, whose recent ones shorten the age
CURRENCY_REFUSED = "currency_not_enabled_in_hubspot"
CURRENCY = "deal_currency_code"  # an enumeration of the account's currencies; any other value is refused
CURRENCIES = (CURRENCY, "hs_currency_code", "hs_line_item_currency_code")  # the same of other objects
STANDARD_TYPES = {
    "amount": "number",
    "closedate": "datetime",
    "hs_total_price": "number",
    "hs_external_created_date": "datetime",
}  # of HubSpot's own, for tokens that may not ask

Warn = Callable[..., None]


@dataclass(frozen=True)
class Definition:
    """A property, as far as writing it matters; `options` are empty where HubSpot does not list them."""

    type: str
    unique: bool
    options: frozenset[str]


@dataclass(frozen=True)
class PropertySchema:
    """The properties of one object, frozen for a batch.

    Without definitions (a token that may not read them) every property is taken to be there. `missing` and `refused`
    (property, value) are what HubSpot's refusals have taught.
    """

    key: str
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    refused: frozenset[tuple[str, str]] = frozenset()

    def has(self, name: str) -> bool:
        """Whether writing this property would be accepted."""
        return name not in self.missing and (not self.definitions or name in self.definitions)

    def is_unique(self, name: str) -> bool:
        """Whether the property identifies records; unknown definitions count as set up properly."""
        return not self.definitions or (name in self.definitions and self.definitions[name].unique)

    def options(self, name: str) -> frozenset[str]:
        """What the definition allows; empty where it does not say, as HubSpot may not for currencies."""
        return self.definitions[name].options if name in self.definitions else frozenset()

    def accepts(self, name: str, value: str) -> bool:
        """Whether HubSpot takes this value; the key is always sent: better refused than made without it."""
        if name == self.key:
            return True
        return self.has(name) and (name, value) not in self.refused and self._is_offered(name, value)

    def divided(self, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """The values that HubSpot takes, and those that it would refuse."""
        if values.keys() <= self._always_accepted:
            return dict(values), {}
        doubtful = values.keys() - self._always_accepted
        refused = {name: values[name] for name in doubtful if not self.accepts(name, values[name])}
        return {name: value for name, value in values.items() if name not in refused}, refused

    def equal(self, name: str, current: str | None, new: str) -> bool:
        """Whether HubSpot's value means the same: numbers as numbers, dates as instants, the rest as text."""
        if current is None or current == new:
            return current == new
        definition = self.definitions.get(name)
        read = PARSERS.get(definition.type if definition else STANDARD_TYPES.get(name, "string"))
        return read is not None and read(current) is not None and read(current) == read(new)

    @cached_property
    def _always_accepted(self) -> Set[str]:
        """The properties whose values nothing speaks against, for all checks but few."""
        return self.definitions.keys() - self.missing - {name for name, _ in self.refused} - set(CURRENCIES)

    def _is_offered(self, name: str, value: str) -> bool:
        options = self.options(name) if name in CURRENCIES else frozenset()
        return not options or not value or value in options


class PropertyCatalog:
    """The schemas, read on first use and again every quarter of an hour.

    `warn(event, **fields)` is called for each property that has to be left out, at most four times an hour.
    """

    def __init__(self, hubspot: HubSpot, timer: Timer, warn: Warn) -> None:
        self._hubspot = hubspot
        self._timer = timer
        self._warn = warn
        self._schemas: dict[ObjectType, PropertySchema] = {}
        self._read_at: dict[ObjectType, float] = {}
        self._looked_for: dict[ObjectType, Set[str]] = {}  # names that were lacking
        self._warned: dict[tuple[str, ...], float] = {}

    def schema(self, object_type: ObjectType, wanted: Iterable[str] = ()) -> PropertySchema:
        """The object's properties. Raises as HubSpot's reads.

        Looks again before it says that the key is missing, and once before it says so of a property that is wanted:
        a new store or mapping wants others, which set-up has just made.
        """
        schema = self._fresh(object_type)
        is_set_up = schema.has(object_type.key) or object_type.has_standard_key
        lacking = {name for name in wanted if not schema.has(name)}
        looked_for = self._looked_for.get(object_type, lacking)
        self._looked_for[object_type] = looked_for | lacking
        if is_set_up and lacking <= looked_for:
            return schema
        self._read_at.pop(object_type, None)
        return self._fresh(object_type)

    def key_has_changed(self, object_type: ObjectType, schema: PropertySchema) -> bool:
        """Whether the key is defined otherwise than in this schema: asked where HubSpot refuses to read by it."""
        if object_type.has_standard_key:
            return False
        if self._timer.now() - self._read_at.get(object_type, float("-inf")) > MAX_AGE_LACKING_S:
            self._read_at.pop(object_type, None)
        key = object_type.key
        return self._fresh(object_type).definitions.get(key) != schema.definitions.get(key)

    def learn(
        self, object_type: ObjectType, problem: HubSpotProblem, properties: Mapping[str, str]
    ) -> PropertySchema | None:
        """The schema with what a refusal teaches; None where leaving something out cannot help the next attempt."""
        schema = self._schemas[object_type]
        missing = frozenset(name for name in problem.absent if name in properties) - schema.missing
        in_words = CURRENCIES if not problem.properties and "currency" in problem.message.lower() else ()
        names = {*problem.properties, *in_words} - set(problem.absent)
        refused = frozenset((name, properties[name]) for name in names if name in CURRENCIES and name in properties)
        self._schemas[object_type] = PropertySchema(
            schema.key, schema.definitions, schema.missing | missing, schema.refused | refused
        )
        return self._schemas[object_type] if missing or refused else None

    def warn_left_out(self, object_type: ObjectType, properties: Mapping[str, str]) -> None:
        """Warn of properties that were not written because HubSpot would refuse them."""
        schema = self._schemas[object_type]
        for name, value in properties.items():
            if schema.has(name):
                self._warn_once(CURRENCY_REFUSED, currency=value)
            else:
                self._warn_once(MISSING, object_type=object_type.name, property=name)

    def _warn_once(self, event: str, **fields: str) -> None:
        key = (event, *fields.values())
        if self._timer.now() - self._warned.get(key, float("-inf")) > MAX_AGE_S:
            self._warned[key] = self._timer.now()
            self._warn(event, **fields)

    def _fresh(self, object_type: ObjectType) -> PropertySchema:
        age = self._timer.now() - self._read_at.get(object_type, float("-inf"))
        if age > (MAX_AGE_LACKING_S if self._lacked_recently() else MAX_AGE_S):
            self._schemas[object_type] = PropertySchema(object_type.key, self._read(object_type))
            self._read_at[object_type] = self._timer.now()
        return self._schemas[object_type]

    def _lacked_recently(self) -> bool:
        """Whether set-up may be about to add something; that a currency is not enabled is quite normal."""
        now = self._timer.now()
        return any(event == MISSING and now - at <= MAX_AGE_S for (event, *_), at in list(self._warned.items()))

    def _read(self, object_type: ObjectType) -> Mapping[str, Definition]:
        known = self._schemas.get(object_type)
        try:
            rows = self._hubspot.property_definitions(object_type, retry=known is None)
        except (Forbidden, HubSpotRejected) as error:
            self._warn("property_definitions_unreadable", object_type=object_type.name, error=str(error))
            return {}
        except HubSpotUnavailable as error:
            if known is None:
                raise
            self._warn("property_definitions_unreadable", object_type=object_type.name, error=str(error))
            return known.definitions
        return {row["name"]: _definition(row) for row in rows}


def _definition(row: Mapping[str, Any]) -> Definition:
    options = (str(option.get("value")) for option in answers.rows(row, "options") if not option.get("hidden"))
    return Definition(str(row.get("type") or "string"), bool(row.get("hasUniqueValue")), frozenset(options))


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


PARSERS: Mapping[str, Callable[[str], object]] = {"number": _number, "datetime": _instant}
