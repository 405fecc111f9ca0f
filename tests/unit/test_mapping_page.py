"""docs/mapping.md lists the properties and stages of the mapping, and its recipes work."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.payloads import order
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub.mapping.overlay import Overlay

MAPPING = load_mapping()


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of docs/mapping.md."""
    page = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_mapping_md_lists_every_property_and_its_write_mode() -> None:
    by_woohub = {"pipeline", "dealstage", "woocommerce_order_id", "woocommerce_order_status"}
    kinds = {"contact": MAPPING.contact_rules, "deal": MAPPING.deal_rules}
    listed = {
        (kind, name, "by woohub" if name in by_woohub else rules[name].mode)
        for kind, rules in kinds.items()
        for name in rules
    }
    versions = {
        ("contact", MAPPING.contact_properties[-1], "by woohub"),
        ("deal", MAPPING.deal_properties[-1], "by woohub"),
    }

    assert {(row[0], row[1].strip("`"), row[4]) for row in rows("Every property")} == listed | versions


def test_mapping_md_lists_every_stage() -> None:
    listed = [(row[0].strip("`"), row[1], row[2].split()[0], re.findall("`([^`]+)`", row[3])) for row in rows("Stages")]

    assert listed == [
        (stage.id, stage.label, str(stage.probability), list(stage.statuses)) for stage in MAPPING.pipeline.stages
    ]


def recipes() -> dict[str, str]:
    page = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")
    return dict(re.findall(r"\n### ([^\n]+)\n(?:(?!\n#).)*?```toml\n(.*?)```", page, re.DOTALL))


def mapping_with_recipe(recipe: str) -> FieldMapping:
    """woohub's own mapping with a recipe of the page as its overlay."""
    return load_mapping(Overlay("mapping.toml", recipes()[recipe].encode()))


def test_the_recipe_for_a_custom_status_sets_its_stage() -> None:
    mapping = mapping_with_recipe("Give a custom status its stage")

    assert (mapping.pipeline.stage("awaiting-pickup"), mapping.pipeline.stage("on-hold")) == ("on_hold", "on_hold")


def test_the_recipe_for_another_pipeline_sets_pipeline_and_stage() -> None:
    mapping = mapping_with_recipe("Use a pipeline you have already")

    assert MAPPING.deal(order()) | {"pipeline": "default", "dealstage": "presentationscheduled"} == mapping.deal(
        order()
    )


def test_the_recipe_for_a_new_field_maps_and_defines_it() -> None:
    mapping = mapping_with_recipe("Add a field")

    assert mapping.deal(order(payment_method_title="Cash"))["woocommerce_payment_method"] == "Cash"
    assert "woocommerce_payment_method" in {definition.name for definition in mapping.definitions}


def test_the_recipe_against_overwriting_keeps_the_current_value() -> None:
    mapping = mapping_with_recipe("Keep a field from being overwritten")

    assert not mapping.contact_rules["phone"].writes("555-1", "555-2", creating=False)
