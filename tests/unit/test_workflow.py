"""The GitHub workflow: its actions are pinned, its make targets exist, and only the deployment has a role."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_every_action_is_pinned_to_a_commit() -> None:
    actions = [step["uses"] for step in STEPS if "uses" in step]

    assert actions
    assert [action for action in actions if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)] == []


def test_every_make_target_of_the_workflow_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {step["run"].removeprefix("make ") for step in STEPS if step.get("run", "").startswith("make ")}

    assert targets == {"audit", "check", "test", "build"}
    assert targets <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def test_only_the_deploy_job_may_assume_a_role_and_it_needs_the_tests() -> None:
    rights = {name: job.get("permissions", WORKFLOW["permissions"]) for name, job in WORKFLOW["jobs"].items()}

    assert {name for name, granted in rights.items() if "id-token" in granted} == {"deploy"}
    assert WORKFLOW["jobs"]["deploy"]["needs"] == "test"
