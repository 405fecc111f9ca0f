"""What an alias moves to: a version that is published anew whenever code or settings of its function change."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_stack.deployment import SAM
from local_stack.settings import ROOT
from tests.support.template import FUNCTIONS, TEMPLATE

FILE = ROOT / "template.yaml"
VERSIONED = {name: resource for name, resource in FUNCTIONS.items() if "AutoPublishAlias" in resource}


def expanded(template: Path = FILE, *parameters: str) -> dict[str, Any]:
    """The resources CloudFormation is given."""
    command = [str(SAM.with_name("python")), "tools/generators/expanded.py", str(template), *parameters]
    process = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    resources: dict[str, Any] = json.loads(process.stdout)["Resources"]
    return resources


def versions(resources: dict[str, Any]) -> dict[str, str]:
    """The logical id of each function's version; another id is another version."""
    aliases = [resource["Properties"] for resource in resources.values() if resource["Type"] == "AWS::Lambda::Alias"]
    return {alias["FunctionName"]["Ref"]: alias["FunctionVersion"]["Fn::GetAtt"][0] for alias in aliases}


def parameters(part: object) -> Iterator[str]:
    """The parameters that a part of the template depends on, by reference or by a condition."""
    if isinstance(part, list):
        for child in part:
            yield from parameters(child)
    elif isinstance(part, dict):
        for name, child in part.items():
            if name == "Ref" and child in TEMPLATE["Parameters"]:
                yield child
            yield from parameters(TEMPLATE["Conditions"][child[0]] if name == "If" else [])
            yield from parameters(child)


# How versions come into use, and what hands events to the alias: no settings of a version.
OF_NO_VERSION = {"DeploymentPreference", "Events"}
SETTINGS = {
    name: {
        *parameters(TEMPLATE["Globals"]["Function"]),
        *parameters({key: value for key, value in function.items() if key not in OF_NO_VERSION}),
    }
    for name, function in VERSIONED.items()
}


@pytest.fixture(scope="module")
def now() -> dict[str, str]:
    return versions(expanded())


def test_what_deliveries_pass_through_is_rolled_out_gradually() -> None:
    assert set(VERSIONED) == {"IngestFunction", "ConsumerFunction"}
    assert all(resource["DeploymentPreference"]["Type"] == {"Ref": "Rollout"} for resource in VERSIONED.values())


@pytest.mark.parametrize("name", VERSIONED)
def test_another_value_of_any_parameter_it_is_told_makes_a_new_version(name: str) -> None:
    described = VERSIONED[name]["VersionDescription"]["Sub"]

    assert set(re.findall(r"\$\{(\w+)\}", described)) == SETTINGS[name]


@pytest.mark.parametrize("layer", ["shared", "dependencies"])
def test_another_layer_makes_new_versions_of_all(layer: str, now: dict[str, str], tmp_path: Path) -> None:
    changed = tmp_path / "template.yaml"
    text = FILE.read_text(encoding="utf-8")
    changed.write_text(text.replace(f"ContentUri: layers/{layer}\n", "ContentUri: events\n"), encoding="utf-8")

    then = versions(expanded(changed))

    assert set(then.values()).isdisjoint(now.values())


def test_another_stage_name_concerns_no_function(now: dict[str, str]) -> None:
    assert versions(expanded(FILE, "StageName=other")) == now
