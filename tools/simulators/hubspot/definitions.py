"""The definitions of a new HubSpot account: object types, default properties, the sales pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ObjectType:
    """A CRM object type with its names."""

    id: str
    plural: str
    singular: str
    modified: str
    returned: tuple[str, ...]  # the properties that a read returns if it names none

    @property
    def java_name(self) -> str:
        """The name in HubSpot's error messages."""
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
    """Return all object types. A test may add one to OBJECT_TYPES and ASSOCIATION_TYPES."""
    return list(dict.fromkeys(OBJECT_TYPES.values()))


# By (from, to): the type of an unlabelled association, https://developers.hubspot.com/docs (associations v4 guide).
# 508, 511 and 514 are assumptions: the associations of an order as seen from the other end.
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


def option(value: str, label: str, order: int = -1, *, hidden: bool = False) -> dict[str, Any]:
    """Return a choice of an enumeration, as the API shows it."""
    return {"label": label, "value": value, "displayOrder": order, "hidden": hidden}


@dataclass
class PropertyDefinition:
    """A property of an object type.

    `source` says where current options come from: pipelines, stages or currencies; for orders order_pipelines and
    order_stages.
    """

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    group: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
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
    """A stage. A deal's has a `probability` from 0.0 to 1.0, where 0 and 1 close the deal.

    For an order's stage `probability` is its state: OPEN or CLOSED.
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


_TYPES = {  # by field type
    **dict.fromkeys(("text", "textarea", "phonenumber"), "string"),
    **dict.fromkeys(("select", "radio", "checkbox"), "enumeration"),
    "number": "number",
    "date": "datetime",
}


def _defined(group: str, field_type: str, labels: Mapping[str, str], **more: Any) -> list[PropertyDefinition]:
    """Return properties of one field type, from labels by name."""
    return [
        PropertyDefinition(name, label, _TYPES[field_type], field_type, group, **more) for name, label in labels.items()
    ]


def default_properties(kind: ObjectType) -> list[PropertyDefinition]:
    """Return the built-in properties of an object type that matter to an integration."""
    own = {
        CONTACTS: _contact_properties,
        DEALS: _deal_properties,
        LINE_ITEMS: _line_item_properties,
        ORDERS: _order_properties,
    }
    dates = {"createdate": "Create Date", kind.modified: "Last Modified Date"}
    group = f"{kind.singular}information"
    return [
        *(own[kind]() if kind in own else ()),
        *_defined(group, "number", {"hs_object_id": "Record ID"}, read_only=True),
        *_defined(group, "date", dates, read_only=True),
    ]


def _contact_properties() -> list[PropertyDefinition]:
    group = "contactinformation"
    texts = {
        "email": "Email",
        "firstname": "First Name",
        "lastname": "Last Name",
        "address": "Street Address",
        "city": "City",
        "state": "State/Region",
        "zip": "Postal Code",
        "country": "Country/Region",
        "company": "Company Name",
        "jobtitle": "Job Title",
        "website": "Website URL",
    }
    lifecycle = [option(value, label, order) for order, (value, label) in enumerate(LIFECYCLE)]
    return [
        *_defined(group, "text", texts),
        *_defined(group, "phonenumber", {"phone": "Phone Number", "mobilephone": "Mobile Phone Number"}),
        *_defined(group, "radio", {"lifecyclestage": "Lifecycle Stage"}, options=lifecycle),
        *_defined(group, "checkbox", {"hs_additional_emails": "Additional email addresses"}, source="any"),
        *_defined(group, "number", {"num_associated_deals": "Number of Associated Deals"}, calculated=True),
    ]


def _deal_properties() -> list[PropertyDefinition]:
    group = "dealinformation"
    kinds = [option("newbusiness", "New Business", 0), option("existingbusiness", "Existing Business", 1)]
    return [
        *_defined(group, "text", {"dealname": "Deal Name"}),
        *_defined(group, "textarea", {"description": "Deal Description"}),
        *_defined(group, "number", {"amount": "Amount"}),
        *_defined(group, "date", {"closedate": "Close Date"}),
        *_defined(group, "select", {"pipeline": "Pipeline"}, source="pipelines"),
        *_defined(group, "radio", {"dealstage": "Deal Stage"}, source="stages"),
        *_defined(group, "select", {"deal_currency_code": "Currency"}, source="currencies"),
        *_defined(group, "radio", {"dealtype": "Deal Type"}, options=kinds),
        *_defined(group, "number", {"num_associated_contacts": "Number of Associated Contacts"}, calculated=True),
    ]


def _line_item_properties() -> list[PropertyDefinition]:
    group = "lineiteminformation"
    numbers = {
        "quantity": "Quantity",
        "price": "Unit price",
        "discount": "Unit discount",
        "tax": "Tax",
        "hs_product_id": "Product ID",
    }
    return [
        *_defined(group, "text", {"name": "Name", "hs_sku": "SKU", "description": "Description", "hs_url": "URL"}),
        *_defined(group, "number", numbers),
        *_defined(group, "select", {"hs_line_item_currency_code": "Currency"}, source="currencies"),
        *_defined(group, "number", {"amount": "Net price"}, calculated=True),
    ]


def _order_properties() -> list[PropertyDefinition]:
    group = "order_information"
    texts = {
        "hs_order_name": "Order Name",
        "hs_external_order_id": "External Order ID",
        "hs_external_order_status": "External Order Status",
        "hs_external_order_url": "External Order URL",
        "hs_source_store": "Source Store",
        "hs_discount_codes": "Discount Codes",
        "hs_payment_status": "Payment Status",
        "hs_fulfillment_status": "Fulfillment Status",
    }
    numbers = {
        "hs_total_price": "Total Price",
        "hs_subtotal_price": "Subtotal Price",
        "hs_tax": "Tax",
        "hs_shipping_cost": "Shipping Cost",
        "hs_order_discount": "Order Discount",
        "hs_refund_amount": "Refund Amount",
    }
    dates = {
        "hs_external_created_date": "External Created Date",
        "hs_external_modified_date": "External Modified Date",
        "hs_processed_date": "Processed Date",
    }
    return [
        *_defined(group, "text", texts),
        *_defined(group, "number", numbers),
        *_defined(group, "date", dates),
        *_defined(group, "select", {"hs_pipeline": "Pipeline"}, source="order_pipelines"),
        *_defined(group, "radio", {"hs_pipeline_stage": "Order Stage"}, source="order_stages"),
        *_defined(group, "select", {"hs_currency_code": "Currency Code"}, source="currencies"),
    ]


def order_pipeline(now: str) -> Pipeline:
    """Return the pipeline of orders, whose ids are the same in every account."""
    stages = (
        ("4b27b500-f031-4927-9811-68a0b525cbae", "Open", "OPEN"),
        ("937ea84d-0a4f-4dcf-9028-3f9c2aafbf03", "Processed", "OPEN"),
        ("aa99e8d0-c1d5-4071-b915-d240bbb1aed9", "Shipped", "OPEN"),
        ("3725360f-519b-4b18-a593-494d60a29c9f", "Delivered", "CLOSED"),
        ("3c85a297-e9ce-400b-b42e-9f16853d69d6", "Cancelled", "CLOSED"),
    )
    return _built_in("14a2e10e-5471-408a-906e-c51f3b04369e", "Order Pipeline", stages, now)


def default_pipeline(now: str) -> Pipeline:
    """Return the sales pipeline of a new account."""
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
    """Return a pipeline with these stages: id, label, and probability or state."""
    made = {stage: Stage(stage, name, order, state, now, now) for order, (stage, name, state) in enumerate(stages)}
    return Pipeline(key, label, 0, made, now, now)
