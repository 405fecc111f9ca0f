"""What every HubSpot portal is born with: object types, their default properties, the sales pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ObjectType:
    """A CRM object type under its several names."""

    id: str
    plural: str
    singular: str
    modified: str
    returned: tuple[str, ...]  # what a read gives when it names no properties

    @property
    def java_name(self) -> str:
        """The name in HubSpot's own messages."""
        return self.singular.upper()


CONTACTS = ObjectType("0-1", "contacts", "contact", "lastmodifieddate", ("email", "firstname", "lastname"))
DEALS = ObjectType(
    "0-3", "deals", "deal", "hs_lastmodifieddate", ("amount", "closedate", "dealname", "dealstage", "pipeline")
)
LINE_ITEMS = ObjectType(
    "0-8", "line_items", "line_item", "hs_lastmodifieddate", ("name", "quantity", "price", "amount", "hs_product_id")
)
ORDERS = ObjectType("0-123", "orders", "order", "hs_lastmodifieddate", ("hs_order_name", "hs_total_price"))
BUILT_IN = (CONTACTS, DEALS, LINE_ITEMS, ORDERS)
OBJECT_TYPES = {name: kind for kind in BUILT_IN for name in (kind.id, kind.plural, kind.singular)}


def known_types() -> list[ObjectType]:
    """Every object type of a portal; a test may add one to OBJECT_TYPES and ASSOCIATION_TYPES."""
    return list(dict.fromkeys(OBJECT_TYPES.values()))


# (from, to): the type of an unlabelled association, https://developers.hubspot.com/docs (associations v4 guide).
# Assumed are 508, 511 and 514: the associations of an order as seen from the other end.
ASSOCIATION_TYPES = {
    (DEALS.id, CONTACTS.id): 3,
    (CONTACTS.id, DEALS.id): 4,
    (DEALS.id, LINE_ITEMS.id): 19,
    (LINE_ITEMS.id, DEALS.id): 20,
    (ORDERS.id, CONTACTS.id): 507,
    (CONTACTS.id, ORDERS.id): 508,
    (ORDERS.id, DEALS.id): 512,
    (DEALS.id, ORDERS.id): 511,
    (ORDERS.id, LINE_ITEMS.id): 513,
    (LINE_ITEMS.id, ORDERS.id): 514,
}


@dataclass
class Option:
    """A choice of an enumeration."""

    value: str
    label: str
    display_order: int = -1
    hidden: bool = False


@dataclass
class PropertyDefinition:
    """A property of an object type. `source` says where live options come from: pipelines, stages or currencies.

    Those of orders are `order_pipelines` and `order_stages`.
    """

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = ""
    options: list[Option] = field(default_factory=list)
    description: str = ""
    unique: bool = False
    read_only: bool = False
    calculated: bool = False
    hubspot_defined: bool = True
    hidden: bool = False
    source: str = ""
    created: str = ""


@dataclass
class Stage:
    """A stage. Deals have a `probability` of 0.0 to 1.0, where 0 and 1 close the deal; orders have a state instead.

    For orders `probability` is that state: OPEN or CLOSED.
    """

    id: str
    label: str
    order: int
    probability: str
    created: str = ""
    updated: str = ""


@dataclass
class Pipeline:
    """A pipeline with its stages by id."""

    id: str
    label: str
    order: int
    stages: dict[str, Stage]
    created: str = ""
    updated: str = ""


LIFECYCLE = (
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
)

GROUPS = {
    CONTACTS.id: (("contactinformation", "Contact Information"), ("emailinformation", "Email Information")),
    DEALS.id: (("dealinformation", "Deal Information"), ("deal_revenue", "Deal Revenue")),
    LINE_ITEMS.id: (("lineiteminformation", "Line Item Information"),),
    ORDERS.id: (("order_information", "Order Information"),),
}


def default_properties(kind: ObjectType) -> list[PropertyDefinition]:
    """The built-in properties of an object type that matter to an integration."""
    own = {
        CONTACTS: _contact_properties,
        DEALS: _deal_properties,
        LINE_ITEMS: _line_item_properties,
        ORDERS: _order_properties,
    }
    definitions = own[kind]() if kind in own else []
    return definitions + _system_properties(kind)


def _contact_properties() -> list[PropertyDefinition]:
    texts = (
        ("firstname", "First Name"),
        ("lastname", "Last Name"),
        ("address", "Street Address"),
        ("city", "City"),
        ("state", "State/Region"),
        ("zip", "Postal Code"),
        ("country", "Country/Region"),
        ("company", "Company Name"),
        ("jobtitle", "Job Title"),
        ("website", "Website URL"),
    )
    group = "contactinformation"
    return [
        PropertyDefinition("email", "Email", group=group),
        PropertyDefinition("phone", "Phone Number", field_type="phonenumber", group=group),
        PropertyDefinition("mobilephone", "Mobile Phone Number", field_type="phonenumber", group=group),
        *(PropertyDefinition(name, label, group=group) for name, label in texts),
        PropertyDefinition(
            "lifecyclestage",
            "Lifecycle Stage",
            type="enumeration",
            field_type="radio",
            group=group,
            options=[Option(value, label, order) for order, (value, label) in enumerate(LIFECYCLE)],
        ),
        PropertyDefinition(
            "hs_additional_emails",
            "Additional email addresses",
            type="enumeration",
            field_type="checkbox",
            group=group,
            source="any",
        ),
        PropertyDefinition(
            "num_associated_deals", "Number of Associated Deals", "number", "number", group, calculated=True
        ),
    ]


def _deal_properties() -> list[PropertyDefinition]:
    group = "dealinformation"
    return [
        PropertyDefinition("dealname", "Deal Name", group=group),
        PropertyDefinition("amount", "Amount", "number", "number", group),
        PropertyDefinition("closedate", "Close Date", "datetime", "date", group),
        PropertyDefinition("pipeline", "Pipeline", "enumeration", "select", group, source="pipelines"),
        PropertyDefinition("dealstage", "Deal Stage", "enumeration", "radio", group, source="stages"),
        PropertyDefinition("deal_currency_code", "Currency", "enumeration", "select", group, source="currencies"),
        PropertyDefinition("description", "Deal Description", field_type="textarea", group=group),
        PropertyDefinition(
            "dealtype",
            "Deal Type",
            "enumeration",
            "radio",
            group,
            options=[Option("newbusiness", "New Business", 0), Option("existingbusiness", "Existing Business", 1)],
        ),
        PropertyDefinition(
            "num_associated_contacts", "Number of Associated Contacts", "number", "number", group, calculated=True
        ),
    ]


def _line_item_properties() -> list[PropertyDefinition]:
    group = "lineiteminformation"
    texts = (("name", "Name"), ("hs_sku", "SKU"), ("description", "Description"), ("hs_url", "URL"))
    numbers = (("quantity", "Quantity"), ("price", "Unit price"), ("discount", "Unit discount"), ("tax", "Tax"))
    return [
        *(PropertyDefinition(name, label, group=group) for name, label in texts),
        *(PropertyDefinition(name, label, "number", "number", group) for name, label in numbers),
        PropertyDefinition("hs_product_id", "Product ID", "number", "number", group),
        PropertyDefinition(
            "hs_line_item_currency_code", "Currency", "enumeration", "select", group, source="currencies"
        ),
        PropertyDefinition("amount", "Net price", "number", "number", group, calculated=True),
    ]


def _order_properties() -> list[PropertyDefinition]:
    group = "order_information"
    texts = (
        ("hs_order_name", "Order Name"),
        ("hs_external_order_id", "External Order ID"),
        ("hs_external_order_status", "External Order Status"),
        ("hs_external_order_url", "External Order URL"),
        ("hs_source_store", "Source Store"),
        ("hs_discount_codes", "Discount Codes"),
        ("hs_payment_status", "Payment Status"),
        ("hs_fulfillment_status", "Fulfillment Status"),
    )
    numbers = (
        ("hs_total_price", "Total Price"),
        ("hs_subtotal_price", "Subtotal Price"),
        ("hs_tax", "Tax"),
        ("hs_shipping_cost", "Shipping Cost"),
        ("hs_order_discount", "Order Discount"),
        ("hs_refund_amount", "Refund Amount"),
    )
    dates = (
        ("hs_external_created_date", "External Created Date"),
        ("hs_external_modified_date", "External Modified Date"),
        ("hs_processed_date", "Processed Date"),
    )
    return [
        *(PropertyDefinition(name, label, group=group) for name, label in texts),
        *(PropertyDefinition(name, label, "number", "number", group) for name, label in numbers),
        *(PropertyDefinition(name, label, "datetime", "date", group) for name, label in dates),
        PropertyDefinition("hs_pipeline", "Pipeline", "enumeration", "select", group, source="order_pipelines"),
        PropertyDefinition("hs_pipeline_stage", "Order Stage", "enumeration", "radio", group, source="order_stages"),
        PropertyDefinition("hs_currency_code", "Currency Code", "enumeration", "select", group, source="currencies"),
    ]


def _system_properties(kind: ObjectType) -> list[PropertyDefinition]:
    group = f"{kind.singular}information"
    return [
        PropertyDefinition("hs_object_id", "Record ID", "number", "number", group, read_only=True),
        PropertyDefinition("createdate", "Create Date", "datetime", "date", group, read_only=True),
        PropertyDefinition(kind.modified, "Last Modified Date", "datetime", "date", group, read_only=True),
    ]


def order_pipeline(now: str) -> Pipeline:
    """The pipeline of orders, with the same ids in every portal."""
    stages = (
        ("4b27b500-f031-4927-9811-68a0b525cbae", "Open", "OPEN"),
        ("937ea84d-0a4f-4dcf-9028-3f9c2aafbf03", "Processed", "OPEN"),
        ("aa99e8d0-c1d5-4071-b915-d240bbb1aed9", "Shipped", "OPEN"),
        ("3725360f-519b-4b18-a593-494d60a29c9f", "Delivered", "CLOSED"),
        ("3c85a297-e9ce-400b-b42e-9f16853d69d6", "Cancelled", "CLOSED"),
    )
    return _built_in("14a2e10e-5471-408a-906e-c51f3b04369e", "Order Pipeline", stages, now)


def default_pipeline(now: str) -> Pipeline:
    """The sales pipeline of a new portal."""
    stages = (
        ("appointmentscheduled", "Appointment Scheduled", "0.2"),
        ("qualifiedtobuy", "Qualified To Buy", "0.4"),
        ("presentationscheduled", "Presentation Scheduled", "0.6"),
        ("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
        ("contractsent", "Contract Sent", "0.9"),
        ("closedwon", "Closed Won", "1.0"),
        ("closedlost", "Closed Lost", "0.0"),
    )
    return _built_in("default", "Sales Pipeline", stages, now)


def _built_in(key: str, label: str, stages: Iterable[tuple[str, str, str]], now: str) -> Pipeline:
    """A pipeline of these stages: id, label, and probability or state."""
    made = {stage: Stage(stage, name, order, state, now, now) for order, (stage, name, state) in enumerate(stages)}
    return Pipeline(key, label, 0, made, now, now)
