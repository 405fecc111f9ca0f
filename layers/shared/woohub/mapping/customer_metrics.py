"""The numbers of a customer's orders that the contact shows, and their names: `[contact.metrics]` in mapping.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from woohub.mapping.rows import DealRow, MappingFile, MetricsRow, PropertyRow


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its property's name in each preset, and how set-up creates the property.

    `type_there` is the type that MakeWebBetter's plugin gives its property; "" if it is the same type.
    """

    woocommerce: str
    makewebbetter: str
    type: str
    label: str
    description: str
    type_there: str = ""


# The preset makewebbetter has the names that MakeWebBetter's plugin "HubSpot for WooCommerce" uses, for shops that used
# it before (its class HubWooContactProperties; docs/decisions.md, 2026-11-29).
ORDERS, TOTAL_PAID, AVERAGE, FIRST_DATE, LAST_DATE, LAST_STATUS, CURRENCY = range(7)
METRICS = (
    Metric(
        "woocommerce_orders",
        "total_number_of_orders",
        "number",
        "WooCommerce orders",
        "How many orders the customer has placed; those in the trash do not count.",
    ),
    Metric(
        "woocommerce_total_paid",
        "total_value_of_orders",
        "number",
        "WooCommerce total paid",
        "The sum of the customer's paid orders. Blank if they are in several currencies.",
    ),
    Metric(
        "woocommerce_average_order",
        "average_order_value",
        "number",
        "WooCommerce average order",
        "The total paid, divided by the number of paid orders.",
    ),
    Metric(
        "woocommerce_first_order_date",
        "first_order_date",
        "datetime",
        "WooCommerce first order date",
        "When the customer placed the first order.",
        type_there="date",
    ),
    Metric(
        "woocommerce_last_order_date",
        "last_order_date",
        "datetime",
        "WooCommerce last order date",
        "When the customer placed the latest order.",
        type_there="date",
    ),
    Metric(
        "woocommerce_last_order_status",
        "last_order_status",
        "string",
        "WooCommerce last order status",
        "The status of the latest order.",
        type_there="enumeration",
    ),
    Metric(
        "woocommerce_metrics_currency",
        "last_order_currency",
        "string",
        "WooCommerce metrics currency",
        "The currency of total and average. Blank if the customer paid in several.",
    ),
)
NET_TOTAL = "woocommerce_net_total"  # a deal's property: its order's total less refunds; filled if metrics are on
NET_TOTAL_ROW = DealRow.model_validate({"order": "net_total", "as": "number"})
NET_TOTAL_PROPERTY = PropertyRow.model_validate(
    {
        "label": "WooCommerce net total",
        "type": "number",
        "fieldType": "number",
        "description": "The order's total less refunds. Written by woohub, which sums up the customer's orders by it.",
    }
)
SOURCES_OF_DEALS = ("amount", "closedate", "currency")
SOURCES_OF_ORDERS = ("hs_total_price", "hs_external_created_date", "woocommerce_currency")
FIELD_TYPES = {"string": "text", "number": "number", "datetime": "date"}


@dataclass(frozen=True)
class CustomerMetrics:
    """The section `[contact.metrics]`, ready to use.

    `names` are the contact's properties in the order of METRICS; `amount`, `date` and `currency` are a deal's.
    """

    names: tuple[str, ...]
    paid_statuses: frozenset[str]
    amount: str
    is_net: bool  # NET_TOTAL counts, and `amount` only for older deals, which have no NET_TOTAL
    date: str
    currency: str

    @classmethod
    def of(cls, row: MetricsRow, *, has_deals: bool = True) -> CustomerMetrics | None:
        """Prepare the section; None if it is switched off. Without `has_deals` HubSpot's orders are summed up."""
        if not row.enabled:
            return None
        names = tuple(str(getattr(metric, row.names)) for metric in METRICS)
        amount, date, currency = SOURCES_OF_DEALS if has_deals else SOURCES_OF_ORDERS
        paid, is_net = frozenset(row.paid_statuses), row.amount is None
        return cls(names, paid, row.amount or amount, is_net, row.date or date, row.currency or currency)

    @property
    def definitions(self) -> Mapping[str, Metric]:
        """The properties that set-up creates, by name."""
        return MappingProxyType(dict(zip(self.names, METRICS, strict=True)))

    @property
    def of_deal(self) -> tuple[str, ...]:
        """The properties of a deal that must be read to sum it up, besides key and status."""
        return (*self.amounts, self.date, self.currency)

    @property
    def amounts(self) -> tuple[str, ...]:
        """The properties of a deal that may hold its amount. The first one with a value counts."""
        return (NET_TOTAL, self.amount) if self.is_net else (self.amount,)


def with_net_total(file: MappingFile) -> MappingFile:
    """Add NET_TOTAL to the properties of deals, or of HubSpot's orders if deals are switched off."""
    kind = "deal" if file.deal_enabled else "order"
    rows, created = getattr(file, kind), getattr(file.create, kind)
    create = file.create.model_copy(update={kind: {NET_TOTAL: NET_TOTAL_PROPERTY, **created}})
    return file.model_copy(update={kind: {NET_TOTAL: NET_TOTAL_ROW, **rows}, "create": create})
