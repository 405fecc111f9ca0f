"""Know which properties a HubSpot portal has, and which values it has refused."""

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

MAX_AGE_S = 900.0  # after this time the definitions are read again
MAX_AGE_LACKING_S = 30.0  # the same while a property is missing: set-up may be about to create it
MISSING = "property_missing_in_hubspot"  # a warning; after a recent one MAX_AGE_LACKING_S counts
CURRENCY_REFUSED = "currency_not_enabled_in_hubspot"
CURRENCY = "deal_currency_code"  # an enumeration of the account's currencies; HubSpot refuses any other value
CURRENCIES = (CURRENCY, "hs_currency_code", "hs_line_item_currency_code")  # the same property of other objects
STANDARD_TYPES = {  # types of HubSpot's own properties, for tokens that may not read definitions
    "amount": "number",
    "closedate": "datetime",
    "hs_total_price": "number",
    "hs_external_created_date": "datetime",
}

Warn = Callable[..., None]


@dataclass(frozen=True)
class Definition:
    """What matters about a property when it is written. `options` is empty if HubSpot lists none."""

    type: str
    unique: bool
    options: frozenset[str]


@dataclass(frozen=True)
class PropertySchema:
    """The properties of one object, frozen for a batch.

    `definitions` is empty if the token may not read them; then every property counts as existing. HubSpot's refusals
    add to `missing` and `refused`: properties that do not exist, and pairs of property and value that were refused.
    """

    key: str
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    refused: frozenset[tuple[str, str]] = frozenset()

    def has(self, name: str) -> bool:
        """Whether the portal has this property, as far as is known."""
        return name not in self.missing and (not self.definitions or name in self.definitions)

    def is_unique(self, name: str) -> bool:
        """Whether the property's values are unique. True if the definitions are unknown."""
        return not self.definitions or (name in self.definitions and self.definitions[name].unique)

    def options(self, name: str) -> frozenset[str]:
        """Return the values that the definition allows; empty if it does not list them."""
        return self.definitions[name].options if name in self.definitions else frozenset()

    def accepts(self, name: str, value: str) -> bool:
        """Whether HubSpot accepts this value, as far as is known.

        Always True for the key: it is better that HubSpot refuses a record than that it creates one without its key.
        """
        if name == self.key:
            return True
        return self.has(name) and (name, value) not in self.refused and self._is_offered(name, value)

    def divided(self, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Divide the values into those that HubSpot accepts, and those that it would refuse."""
        if values.keys() <= self._always_accepted:
            return dict(values), {}
        doubtful = values.keys() - self._always_accepted
        refused = {name: values[name] for name in doubtful if not self.accepts(name, values[name])}
        return {name: value for name, value in values.items() if name not in refused}, refused

    def equal(self, name: str, current: str | None, new: str) -> bool:
        """Whether HubSpot's `current` value means the same as `new`: as a number, an instant or a text, by its type."""
        if current is None or current == new:
            return current == new
        definition = self.definitions.get(name)
        read = PARSERS.get(definition.type if definition else STANDARD_TYPES.get(name, "string"))
        return read is not None and read(current) is not None and read(current) == read(new)

    @cached_property
    def _always_accepted(self) -> Set[str]:
        """The properties of which HubSpot accepts every value. With this, most values need no further check."""
        return self.definitions.keys() - self.missing - {name for name, _ in self.refused} - set(CURRENCIES)

    def _is_offered(self, name: str, value: str) -> bool:
        options = self.options(name) if name in CURRENCIES else frozenset()
        return not options or not value or value in options


class PropertyCatalog:
    """The schemas of all objects, read on first use and again every quarter of an hour.

    `warn(event, **fields)` is called for each property that has to be left out, at most four times an hour.
    """

    def __init__(self, hubspot: HubSpot, timer: Timer, warn: Warn) -> None:
        self._hubspot = hubspot
        self._timer = timer
        self._warn = warn
        self._schemas: dict[ObjectType, PropertySchema] = {}
        self._read_at: dict[ObjectType, float] = {}
        self._looked_for: dict[ObjectType, Set[str]] = {}  # properties that were missing
        self._warned: dict[tuple[str, ...], float] = {}

    def schema(self, object_type: ObjectType, wanted: Iterable[str] = ()) -> PropertySchema:
        """Return the object's properties. Raises the errors of a read from HubSpot.

        The definitions are read again if the key is missing, and once for each `wanted` property that is missing: a new
        store or mapping may want properties that set-up has just created.
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
        """Whether the key's definition differs from this schema's. Ask this if HubSpot refuses to read by the key."""
        if object_type.has_standard_key:
            return False
        if self._timer.now() - self._read_at.get(object_type, float("-inf")) > MAX_AGE_LACKING_S:
            self._read_at.pop(object_type, None)
        key = object_type.key
        return self._fresh(object_type).definitions.get(key) != schema.definitions.get(key)

    def learn(
        self, object_type: ObjectType, problem: HubSpotProblem, properties: Mapping[str, str]
    ) -> PropertySchema | None:
        """Add to the schema what a refusal of these properties shows: missing properties, or refused currencies.

        Return the new schema; None if it shows nothing new, so that another attempt would end the same.
        """
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
        if age > (MAX_AGE_LACKING_S if self._was_missing_recently() else MAX_AGE_S):
            self._schemas[object_type] = PropertySchema(object_type.key, self._read(object_type))
            self._read_at[object_type] = self._timer.now()
        return self._schemas[object_type]

    def _was_missing_recently(self) -> bool:
        """Whether a property was missing recently, which set-up may be about to create. A refused currency is usual."""
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
    """Read a date of HubSpot: ISO 8601 with or without milliseconds, or epoch milliseconds. None if it is neither."""
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        parsed = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


PARSERS: Mapping[str, Callable[[str], object]] = {"number": _number, "datetime": _instant}
