"""How a user's mapping.toml is merged over woohub's own."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.payloads import order
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub.mapping.mapping_file import DEFAULT, InvalidMapping, read
from woohub.mapping.overlay import Overlay, difference, merged
from woohub.mapping.rows import MappingFile
from woohub.mapping.write_rule import WriteRule

OWN: dict[str, Any] = tomllib.loads(DEFAULT.read_text("utf-8"))


def mapping_with(*texts: str) -> FieldMapping:
    return load_mapping(*(Overlay(f"file-{number}.toml", text.encode()) for number, text in enumerate(texts)))


def reported_mistakes(*texts: str) -> str:
    with pytest.raises(InvalidMapping) as failure:
        mapping_with(*texts)
    return str(failure.value)


@pytest.mark.parametrize("content", [b"", DEFAULT.read_bytes()], ids=["empty", "woohub's own file"])
def test_an_overlay_without_differences_changes_nothing(content: bytes) -> None:
    assert read([Overlay("mapping.toml", content)]) == read()


@pytest.mark.parametrize(
    "line",
    [
        'stages.on_hold.statuses = ["awaiting-pickup"]',
        'stages.on_hold.statuses = ["on-hold", "wc-awaiting-pickup"]',
        '[stages]\non_hold = { label = "On hold", probability = 0.4, statuses = ["on-hold", "awaiting-pickup"] }',
    ],
)
def test_a_custom_status_is_added_to_a_stage_that_keeps_its_statuses(line: str) -> None:
    mapping = mapping_with(line)

    assert (mapping.pipeline.stage("awaiting-pickup"), mapping.pipeline.stage("on-hold")) == ("on_hold", "on_hold")
    assert mapping.pipeline.is_known("awaiting-pickup")


def test_a_status_moves_to_the_stage_that_lists_it() -> None:
    mapping = mapping_with('stages.completed.statuses = ["refunded"]')

    assert (mapping.pipeline.stage("refunded"), mapping.pipeline.stage("completed")) == ("completed", "completed")


def test_a_new_stage_is_added_after_the_existing_stages() -> None:
    mapping = mapping_with('stages.ready = { label = "Ready for pickup", probability = 0.9, statuses = ["ready"] }')

    assert mapping.pipeline.stage("ready") == "ready"
    assert [stage.id for stage in mapping.pipeline.stages] == [
        *(stage.id for stage in load_mapping().pipeline.stages),
        "ready",
    ]


def test_the_statuses_of_a_removed_stage_lead_to_the_default_stage() -> None:
    mapping = mapping_with("stages.failed = false")

    assert (mapping.pipeline.stage("failed"), mapping.pipeline.is_known("failed")) == ("newly_created_order", False)


def test_a_changed_row_keeps_its_other_keys() -> None:
    phone = mapping_with('contact.phone = { write = "if-empty" }')

    assert phone.contact_rules["phone"] == WriteRule("if-empty")
    assert phone.contact_from_order(order())["phone"] == "555-123-4567"


def test_a_text_replaces_fields_and_fields_replace_a_text() -> None:
    deal = mapping_with('deal.amount = { text = "{total} {currency}" }\ndeal.dealname = { order = "currency" }').deal(
        order()
    )

    assert (deal["amount"], deal["dealname"]) == ("150.00 USD", "USD")


def test_a_new_source_of_a_line_item_replaces_the_old_one() -> None:
    over = {"line_item": {"name": {"order": "number"}, "price": {"item": "subtotal"}, "hs_sku": False}}

    rows = merged(OWN, over)["line_item"]

    assert (rows["name"], rows["price"]) == ({"order": "number"}, {"item": "subtotal", "as": "number"})
    assert difference(OWN, merged(OWN, over)) == over


def test_removing_a_field_removes_its_property() -> None:
    mapping = mapping_with("deal.associated_products = false")

    assert "associated_products" not in mapping.deal(order())
    assert "associated_products" not in [definition.name for definition in mapping.definitions]


def test_removing_an_unknown_field_changes_nothing() -> None:
    assert (
        mapping_with("deal.gone_since_2027 = false\n[create.deal]\nnor_this = false").deal_rules
        == load_mapping().deal_rules
    )


def test_another_pipeline_has_only_its_own_stages() -> None:
    mapping = mapping_with(
        '[pipeline]\nid = "default"\nlabel = "Sales"\ndefault_stage = "open"\n'
        '[stages]\nopen = { label = "Open", probability = 0.5 }\n'
        'lost = { label = "Lost", probability = 0.0, statuses = ["trash"] }\n'
    )

    assert [stage.id for stage in mapping.pipeline.stages] == ["open", "lost"]


def test_a_second_overlay_applies_on_top_of_the_first() -> None:
    mapping = mapping_with(
        'deal.paid = { order = "date_paid_gmt" }\ndeal.amount = false', 'deal.paid = { write = "on-create" }'
    )

    assert mapping.deal_rules["paid"] == WriteRule("on-create")
    assert "amount" not in mapping.deal_rules


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('deal.amount = { as = "euros" }', "deal.amount.as"),
        ('deal.paid = { as = "number" }', "deal.paid"),
        ('stages.ready = { statuses = ["ready"] }', "stages.ready.label"),
        ('stages.on_hold.statuses = "awaiting-pickup"', "stages.on_hold.statuses"),
        ("contact.email = false", "contact.email"),
        ("stages = 3", "stages"),
        ("contact = false", "contact"),
        ('deal.amount = "total"', "deal.amount"),
        ('[stages]\non_hold = { statuses = ["x"] }\nfailed = { statuses = ["x"] }', "stages.failed"),
        ("stages.cancelled = false", "stages"),
        ('[create.deal.paid]\nlabel = "Paid"', "create.deal.paid.type"),
        ("deel = {}", "deel"),
        ("[deal", "Expected"),
    ],
)
def test_a_mistake_is_reported_with_the_file_and_the_place(text: str, place: str) -> None:
    report = reported_mistakes(text)

    assert report.startswith("file-0.toml:")
    assert place in report


def test_the_second_of_two_files_is_reported_if_the_mistake_is_there() -> None:
    assert reported_mistakes("deal.amount = false", 'deal.amount = { order = "total", as = "euros" }').startswith(
        "file-1.toml"
    )


def whole(tables: dict[str, Any]) -> MappingFile:
    return MappingFile.model_validate(tables)


ROWS = st.sampled_from(
    [
        {"order": "number"},
        {"order": "total", "as": "number"},
        {"text": "Order #{id}", "write": "if-not-renamed"},
        {"order": ["a", "b"], "write": "on-create"},
    ]
)
STATUSES = st.sampled_from(["pending", "on-hold", "processing", "refunded", "failed", "packed", "wc-ready"])


@st.composite
def complete_files(draw: st.DrawFn) -> dict[str, Any]:
    """woohub's own file with a user's edits."""
    fields = [name for name in OWN["deal"] if name != "enabled"]
    deal = {**OWN["deal"], **draw(st.dictionaries(st.sampled_from([*fields, "paid", "more"]), ROWS))}
    deal["enabled"] = draw(st.booleans())
    for name in draw(st.sets(st.sampled_from([*OWN["deal"]]))):  # older files have no `enabled`
        deal.pop(name, None)
    names = [*OWN["stages"], "ready"]
    leads = {"trash": "cancelled", **draw(st.dictionaries(STATUSES, st.sampled_from(names)))}
    stages = {
        name: {"label": name, "probability": draw(st.sampled_from([0.0, 0.5])), "statuses": []}
        for name in names
        if name in {*leads.values(), "newly_created_order"} or draw(st.booleans())
    }
    for status, stage in leads.items():
        stages[stage]["statuses"].append(status)
    created = {name: row for name, row in OWN["create"]["deal"].items() if name in deal or "order" in name}
    pipeline = OWN["pipeline"] if draw(st.booleans()) else {**OWN["pipeline"], "id": "default"}
    create = {**OWN["create"], "deal": created}
    return {**OWN, "order_key_prefix": draw(st.sampled_from(["", "b-"])), "deal": deal, "stages": stages,
            "pipeline": pipeline, "create": create}  # fmt: skip


def meaning(tables: dict[str, Any]) -> Any:
    """What the tables mean, regardless of the order of rows and of statuses that lead to the default stage."""
    file = whole(tables)
    default = file.pipeline.default_stage
    leads = {status: name for name, stage in file.stages.items() for status in stage.statuses if name != default}
    stages = {name: (stage.label, stage.probability) for name, stage in file.stages.items()}
    return file.order_key_prefix, file.contact, file.deal, file.deal_enabled, file.pipeline, stages, leads, file.create


@given(complete_files())
def test_merging_the_difference_of_a_complete_file_restores_that_file(tables: dict[str, Any]) -> None:
    assert meaning(merged(OWN, difference(OWN, tables))) == meaning(tables)


def test_sections_missing_from_an_older_complete_file_are_no_difference() -> None:
    old = {key: value for key, value in OWN.items() if key not in ("order", "order_pipeline", "order_stages")}
    old["create"] = {key: value for key, value in OWN["create"].items() if key != "order"}
    old["contact"] = {key: value for key, value in OWN["contact"].items() if key != "metrics"}
    old["deal"] = {key: value for key, value in OWN["deal"].items() if key != "enabled"}

    assert difference(OWN, old) == {}


@given(complete_files())
def test_the_difference_of_a_merged_difference_is_unchanged(tables: dict[str, Any]) -> None:
    over = difference(OWN, tables)

    assert difference(OWN, merged(OWN, over)) == over


@given(complete_files(), complete_files())
def test_merging_twice_equals_merging_once(first: dict[str, Any], other: dict[str, Any]) -> None:
    once = merged(first, other)

    assert meaning(merged(once, other)) == meaning(once)
