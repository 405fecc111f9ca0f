"""A new version is published behind the alias whenever code or settings of its function change."""

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
    """The resources that CloudFormation gets."""
    command = [str(SAM.with_name("python")), "tools/generators/expanded.py", str(template), *parameters]
    process = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    resources: dict[str, Any] = json.loads(process.stdout)["Resources"]
    return resources


def versions(resources: dict[str, Any]) -> dict[str, str]:
    """The logical id of each function's version; a changed id makes a new version."""
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


# How versions are rolled out and which events invoke the alias are not settings of a version.
NOT_IN_A_VERSION = {"DeploymentPreference", "Events"}
SETTINGS = {
    name: {
        *parameters(TEMPLATE["Globals"]["Function"]),
        *parameters({key: value for key, value in function.items() if key not in NOT_IN_A_VERSION}),
    }
    for name, function in VERSIONED.items()
}


@pytest.fixture(scope="module")
def now() -> dict[str, str]:
    return versions(expanded())


def test_only_ingest_and_consumer_are_rolled_out_gradually() -> None:
    assert set(VERSIONED) == {"IngestFunction", "ConsumerFunction"}
    assert all(resource["DeploymentPreference"]["Type"] == {"Ref": "Rollout"} for resource in VERSIONED.values())


@pytest.mark.parametrize("name", VERSIONED)
def test_a_functions_version_depends_on_every_parameter_that_it_uses(name: str) -> None:
    described = VERSIONED[name]["VersionDescription"]["Sub"]

    assert set(re.findall(r"\$\{(\w+)\}", described)) == SETTINGS[name]


@pytest.mark.parametrize("layer", ["shared", "dependencies"])
def test_a_changed_layer_makes_new_versions_of_all_functions(layer: str, now: dict[str, str], tmp_path: Path) -> None:
    changed = tmp_path / "template.yaml"
    text = FILE.read_text(encoding="utf-8")
    changed.write_text(text.replace(f"ContentUri: layers/{layer}\n", "ContentUri: events\n"), encoding="utf-8")

    then = versions(expanded(changed))

    assert set(then.values()).isdisjoint(now.values())


def test_a_changed_stage_name_makes_no_new_version(now: dict[str, str]) -> None:
    assert versions(expanded(FILE, "StageName=other")) == now
