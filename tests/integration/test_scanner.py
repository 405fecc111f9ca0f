"""`make check`'s static scanner, with the project's waivers: it still sees what it must in the expanded template."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from generators.template import TEMPLATE

ROOT = TEMPLATE.parent
CONFIGURATION = ROOT / ".checkov.yaml"
SCANNER = ROOT / ".venv-scanner" / "bin" / "checkov"
PLANTED = {
    "CKV_AWS_62": (
        "Action: sqs:SendMessage\n                Resource: !GetAtt DeliveryQueue.Arn",
        "Action: '*'\n                Resource: '*'",
    ),
    "CKV_AWS_66": ("    Properties: {RetentionInDays: !Ref LogRetentionDays}\n", ""),
    "CKV_AWS_363": ("Runtime: python3.13", "Runtime: python3.7"),
}

WAIVERS = re.findall(r"- (CKV_\w+) # (.+)", CONFIGURATION.read_text(encoding="utf-8"))
WAIVED = {check for check, _ in WAIVERS}


def scanned(folder: Path) -> dict[str, set[str]]:
    """The failed checks of each file of a folder, by its stem; nothing is waived."""
    answer = subprocess.run(  # noqa: S603
        [SCANNER, "--directory", folder, "--framework", "cloudformation", "--output", "json", "--skip-download"],
        cwd=folder,  # where no configuration lies
        capture_output=True,
        text=True,
        check=False,
    )
    failed: dict[str, set[str]] = {file.stem: set() for file in folder.iterdir()}
    for check in json.loads(answer.stdout)["results"]["failed_checks"]:
        failed[Path(check["file_path"]).stem].add(check["check_id"])
    return failed


def expand(text: str, folder: Path, name: str) -> None:
    """Put into the folder what `make check` scans: what CloudFormation makes of a template."""
    source = folder.parent / f"{folder.name}-{name}.yaml"
    source.write_text(text, encoding="utf-8")
    command = [str(ROOT / ".venv-sam" / "bin" / "python"), "tools/generators/expanded.py", str(source)]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    (folder / f"{name}.json").write_text(made.stdout, encoding="utf-8")


@pytest.fixture(scope="module")
def flaws(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What is found in the template as it is, and with all the flaws planted."""
    folder, text = tmp_path_factory.mktemp("planted"), TEMPLATE.read_text(encoding="utf-8")
    expand(text, folder, "template")
    for change in PLANTED.values():
        text = text.replace(*change, 1)
    expand(text, folder, "planted")
    return scanned(folder)


@pytest.mark.parametrize("flaw", PLANTED)
def test_a_planted_flaw_is_found(flaw: str, flaws: dict[str, set[str]]) -> None:
    """And only because it is planted, as the next test shows."""
    assert flaw in flaws["planted"] - WAIVED


def test_nothing_but_what_is_waived_is_found_and_every_waiver_is_needed(flaws: dict[str, set[str]]) -> None:
    assert flaws["template"] == WAIVED


def test_the_configuration_leaves_nothing_out_but_the_waived_checks() -> None:
    options = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))

    assert set(options.pop("skip-check")) == WAIVED
    assert options == {"framework": ["cloudformation"], "compact": True, "quiet": True, "skip-download": True}


def test_every_waiver_has_its_reason() -> None:
    assert len(WAIVERS) == CONFIGURATION.read_text(encoding="utf-8").count("- CKV")
    assert [check for check, reason in WAIVERS if len(reason.split()) < 5] == []
