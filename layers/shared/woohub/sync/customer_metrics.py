"""Compute a contact's metrics from the contact's deals in HubSpot.

They are computed from all deals each time, so that they are right after merges, deletions, refunds and deliveries in
any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext

from woohub.hubspot.answers import Record
from woohub.hubspot.objects import CONTACTS, DEALS, ObjectType
from woohub.hubspot.properties import PropertySchema
from woohub.mapping.computed import EXACT
from woohub.mapping.customer_metrics import CustomerMetrics
from woohub.mapping.mapping_file import KEY, STATUS
from woohub.store.payloads import TRASH
from woohub.sync.records import Change, Results, Summary
from woohub.sync.versions import DealVersion

MIN_DECIMALS, MAX_DECIMALS = 2, 32  # of an average
MAX_DIGITS = 32  # of an amount before the point; a larger number is no amount of money
STATUS_PREFIX = "wc-"  # of order statuses in WooCommerce's database


@dataclass(frozen=True)
class PlacedOrder:
    """An order as its deal shows it."""

    date: str
    status: str
    amount: Decimal
    currency: str
    deal_id: str


class CustomerMetricsSummary(Summary):
    """The Summary of a contact's deals, or of HubSpot's orders."""

    def __init__(self, metrics: CustomerMetrics, of: ObjectType = DEALS) -> None:
        self._metrics = metrics
        self.type = CONTACTS
        self.of = of
        self.properties = metrics.names
        self.properties_of = (KEY, STATUS, *metrics.of_deal)

    def touched(self, results: Results) -> Iterable[str]:
        """Yield the ids of the batch's contacts, and of the present and former contacts of its deals."""
        for ref, result in results.items():
            if ref.type == self.type and result.record_id:
                yield result.record_id
            if ref.type == self.of and not result.error:
                version = DealVersion.parse(result.properties.get(self.of.version))
                yield from filter(None, (*(version.contacts or ()), *version.former) if version else ())

    def plan(self, current: Record, associated: Sequence[Record], schema: PropertySchema) -> Change:
        """Return the metrics that differ from HubSpot's. A blank replaces a value that is no longer right."""
        orders = [self._order(deal) for deal in associated if deal.properties.get(KEY)]
        values = dict(zip(self.properties, metrics_of(orders, self._metrics.paid_statuses), strict=True))
        shown = {name: _fit_definition(value, name, schema) for name, value in values.items()}
        differing = {name: value for name, value in shown.items() if _differs(name, value, current.properties, schema)}
        left_out = {name: value for name, value in differing.items() if not schema.has(name)}
        return Change({name: value for name, value in differing.items() if name not in left_out}, left_out)

    def _order(self, deal: Record) -> PlacedOrder:
        has = deal.properties.get
        amount = next((text for name in self._metrics.amounts if (text := has(name))), "")
        date, currency = has(self._metrics.date) or "", has(self._metrics.currency) or ""
        return PlacedOrder(date, deal.properties.get(STATUS) or "", _decimal(amount), currency, deal.id)


def metrics_of(orders: Sequence[PlacedOrder], paid_statuses: Iterable[str]) -> tuple[str, ...]:
    """Return the values in the order of METRICS, "" for no value. Orders in the trash do not count."""
    placed = sorted((order for order in orders if order.status != TRASH), key=lambda order: (order.date, order.deal_id))
    paid = [order for order in placed if order.status in set(paid_statuses)]
    currencies = {order.currency for order in paid or placed if order.currency}
    is_mixed = len(currencies) > 1
    with localcontext(EXACT):
        total = sum((order.amount for order in paid), Decimal(0))
        average = _average(total, len(paid)) if paid else ""
    dated = [order for order in placed if order.date]
    return (
        str(len(placed)),
        "" if is_mixed else f"{total:f}",
        "" if is_mixed else average,
        dated[0].date if dated else "",
        dated[-1].date if dated else "",
        placed[-1].status if placed else "",
        "" if is_mixed else "".join(currencies),
    )


def _average(total: Decimal, count: int) -> str:
    exponent = total.as_tuple().exponent
    decimals = min(MAX_DECIMALS, max(MIN_DECIMALS, -exponent if isinstance(exponent, int) else 0))
    return f"{(total / count).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):f}"


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return number if number.is_finite() and abs(number.adjusted()) <= MAX_DIGITS else Decimal(0)


def _fit_definition(value: str, name: str, schema: PropertySchema) -> str:
    """Convert a value to the definition of another plugin's property.

    A property of type `date` gets the day only. One with options gets the option that is the status, with or without
    `wc-` as in WooCommerce's database, or "".
    """
    definition = schema.definitions.get(name)
    if definition and definition.type == "date":
        return value[:10]
    options = schema.options(name)
    return next((text for text in (value, STATUS_PREFIX + value) if text in options), "") if options else value


def _differs(name: str, value: str, current: Mapping[str, str | None], schema: PropertySchema) -> bool:
    has = current.get(name) or ""
    return has != value and not schema.equal(name, has, value)
