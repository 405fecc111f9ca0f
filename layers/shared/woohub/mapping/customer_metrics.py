"""Which numbers of a customer's orders the contact shows, and their names: `[contact.metrics]` in mapping.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from woohub.mapping.rows import DealRow, MappingFile, MetricsRow, PropertyRow


@dataclass(frozen=True, slots=True)
class Metric:
    """One number: its names by preset, and how set-up creates it.

    `type_there` is the type of the property that the other plugin creates, where it differs.
    """

    woocommerce: str
    makewebbetter: str
    type: str
    label: str
    description: str
    type_there: str = ""


# makewebbetter: the names that the plugin "HubSpot for WooCommerce" of this maker uses, for who leaves it
# (its class HubWooContactProperties; docs/decisions.md, 2026-11-29).
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
        "The sum of the customer's paid orders. Blank where they are in several currencies.",
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
        "The currency of total and average. Blank where the customer paid in several.",
    ),
)
NET_TOTAL = "woocommerce_net_total"  # of a deal: its order's total less refunds; filled where metrics are kept
NET_TOTAL_ROW = DealRow.model_validate({"order": "net_total", "as": "number"})
NET_TOTAL_PROPERTY = PropertyRow.model_validate(
    {
        "label": "WooCommerce net total",
        "type": "number",
        "fieldType": "number",
        "description": "The order's total less refunds. Written by woohub, which sums up the customer's orders by it.",
    }
)
OF_DEALS = ("amount", "closedate", "currency")
OF_ORDERS = ("hs_total_price", "hs_external_created_date", "woocommerce_currency")
FIELD_TYPES = {"string": "text", "number": "number", "datetime": "date"}


@dataclass(frozen=True)
class CustomerMetrics:
    """The section, ready to use. `names` are the contact's properties in the order of METRICS."""

    names: tuple[str, ...]
    paid_statuses: frozenset[str]
    amount: str
    is_net: bool  # NET_TOTAL counts; the amount only of deals from before there was one
    date: str
    currency: str

    @classmethod
    def of(cls, row: MetricsRow, *, has_deals: bool = True) -> CustomerMetrics | None:
        """None while it is switched off. `has_deals`: they sum up deals, else HubSpot's orders."""
        if not row.enabled:
            return None
        names = tuple(str(getattr(metric, row.names)) for metric in METRICS)
        amount, date, currency = OF_DEALS if has_deals else OF_ORDERS
        paid, is_net = frozenset(row.paid_statuses), row.amount is None
        return cls(names, paid, row.amount or amount, is_net, row.date or date, row.currency or currency)

    @property
    def definitions(self) -> Mapping[str, Metric]:
        """What set-up creates, by name."""
        return MappingProxyType(dict(zip(self.names, METRICS, strict=True)))

    @property
    def of_deal(self) -> tuple[str, ...]:
        """What has to be read of a deal, beside key and status."""
        return (*self.amounts, self.date, self.currency)

    @property
    def amounts(self) -> tuple[str, ...]:
        """Which properties of a deal have its amount: the first that has a value counts."""
        return (NET_TOTAL, self.amount) if self.is_net else (self.amount,)


def with_net_total(file: MappingFile) -> MappingFile:
    """The file whose deals, or HubSpot's orders where there are none, have NET_TOTAL, beside the amount."""
    kind = "deal" if file.deal_enabled else "order"
    rows, created = getattr(file, kind), getattr(file.create, kind)
    create = file.create.model_copy(update={kind: {NET_TOTAL: NET_TOTAL_PROPERTY, **created}})
    return file.model_copy(update={kind: {NET_TOTAL: NET_TOTAL_ROW, **rows}, "create": create})
