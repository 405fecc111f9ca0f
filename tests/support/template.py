"""template.yaml: its resources and functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generators.template import load

TEMPLATE = load()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FUNCTIONS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}


def actions(statement: Mapping[str, Any]) -> list[str]:
    """The actions of a policy's statement, which may be a single text."""
    return [statement["Action"]] if isinstance(statement["Action"], str) else list(statement["Action"])
