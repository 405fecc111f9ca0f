"""What every HubSpot portal is born with: object types, their default properties, the sales pipeline."""

from __future__ import annotations

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
OBJECT_TYPES = {name: kind for kind in (CONTACTS, DEALS) for name in (kind.id, kind.plural, kind.singular)}


def known_types() -> list[ObjectType]:
    """Every object type of a portal; a test may add one to OBJECT_TYPES and ASSOCIATION_TYPES."""
    return list(dict.fromkeys(OBJECT_TYPES.values()))


# (from, to): the type of an unlabelled association, https://developers.hubspot.com/docs (associations v4 guide)
ASSOCIATION_TYPES = {(DEALS.id, CONTACTS.id): 3, (CONTACTS.id, DEALS.id): 4}


@dataclass
class Option:
    """A choice of an enumeration."""

    value: str
    label: str
    display_order: int = -1
    hidden: bool = False


@dataclass
class PropertyDefinition:
    """A property of an object type. `source` says where live options come from: pipelines, stages or currencies."""

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
    """A stage; for deals `probability` is 0.0 to 1.0 and 0 or 1 close the deal."""

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
}


def default_properties(kind: ObjectType) -> list[PropertyDefinition]:
    """The built-in properties of an object type that matter to an integration."""
    own = {CONTACTS: _contact_properties, DEALS: _deal_properties}
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


def _system_properties(kind: ObjectType) -> list[PropertyDefinition]:
    group = f"{kind.singular}information"
    return [
        PropertyDefinition("hs_object_id", "Record ID", "number", "number", group, read_only=True),
        PropertyDefinition("createdate", "Create Date", "datetime", "date", group, read_only=True),
        PropertyDefinition(kind.modified, "Last Modified Date", "datetime", "date", group, read_only=True),
    ]


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
    made = {key: Stage(key, label, order, odds, now, now) for order, (key, label, odds) in enumerate(stages)}
    return Pipeline("default", "Sales Pipeline", 0, made, now, now)
