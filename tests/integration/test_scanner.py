"""The static scanner of `make check` finds flaws in the expanded template, despite the project's waivers."""

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
        cwd=folder,  # a folder without a configuration
        capture_output=True,
        text=True,
        check=False,
    )
    failed: dict[str, set[str]] = {file.stem: set() for file in folder.iterdir()}
    for check in json.loads(answer.stdout)["results"]["failed_checks"]:
        failed[Path(check["file_path"]).stem].add(check["check_id"])
    return failed


def expand(text: str, folder: Path, name: str) -> None:
    """Write the template as CloudFormation expands it, which is what `make check` scans, into the folder."""
    source = folder.parent / f"{folder.name}-{name}.yaml"
    source.write_text(text, encoding="utf-8")
    command = [str(ROOT / ".venv-sam" / "bin" / "python"), "tools/generators/expanded.py", str(source)]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    (folder / f"{name}.json").write_text(made.stdout, encoding="utf-8")


@pytest.fixture(scope="module")
def flaws(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The failed checks of the template as it is, and with all flaws planted."""
    folder, text = tmp_path_factory.mktemp("planted"), TEMPLATE.read_text(encoding="utf-8")
    expand(text, folder, "template")
    for change in PLANTED.values():
        text = text.replace(*change, 1)
    expand(text, folder, "planted")
    return scanned(folder)


@pytest.mark.parametrize("flaw", PLANTED)
def test_the_scanner_finds_a_planted_flaw(flaw: str, flaws: dict[str, set[str]]) -> None:
    """The next test shows that the template itself does not have the flaw."""
    assert flaw in flaws["planted"] - WAIVED


def test_the_template_fails_exactly_the_waived_checks(flaws: dict[str, set[str]]) -> None:
    assert flaws["template"] == WAIVED


def test_the_scanners_configuration_skips_only_the_waived_checks() -> None:
    options = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))

    assert set(options.pop("skip-check")) == WAIVED
    assert options == {"framework": ["cloudformation"], "compact": True, "quiet": True, "skip-download": True}


def test_every_waiver_has_a_reason_of_at_least_five_words() -> None:
    assert len(WAIVERS) == CONFIGURATION.read_text(encoding="utf-8").count("- CKV")
    assert [check for check, reason in WAIVERS if len(reason.split()) < 5] == []
