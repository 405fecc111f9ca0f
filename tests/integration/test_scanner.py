"""`make check`'s static scanner, with the project's waivers: it still sees what it must."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tools.template import TEMPLATE

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


def scanned(folder: Path, *options: str | Path) -> dict[str, set[str]]:
    """The failed checks of each file of a folder, by its stem."""
    answer = subprocess.run(  # noqa: S603
        [SCANNER, "--directory", folder, "--framework", "cloudformation", "--output", "json", *options],
        cwd=folder,  # where no other configuration lies
        capture_output=True,
        text=True,
        check=False,
    )
    failed: dict[str, set[str]] = {file.stem: set() for file in folder.iterdir()}
    for one in json.loads(answer.stdout)["results"]["failed_checks"]:
        failed[Path(one["file_path"]).stem].add(one["check_id"])
    return failed


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What is found in the template with each of the flaws, and without any."""
    folder, text = tmp_path_factory.mktemp("planted"), TEMPLATE.read_text(encoding="utf-8")
    for flaw, change in PLANTED.items():
        (folder / f"{flaw}.yaml").write_text(text.replace(*change, 1), encoding="utf-8")
    (folder / "template.yaml").write_text(text, encoding="utf-8")
    return scanned(folder, "--config-file", CONFIGURATION)


@pytest.mark.parametrize("flaw", PLANTED)
def test_a_planted_flaw_is_found(flaw: str, found: dict[str, set[str]]) -> None:
    assert flaw in found[flaw]


def test_nothing_else_is_found(found: dict[str, set[str]]) -> None:
    assert found["template"] == set()


def test_every_waiver_has_its_reason() -> None:
    assert len(WAIVERS) == CONFIGURATION.read_text(encoding="utf-8").count("- CKV")
    assert [check for check, reason in WAIVERS if len(reason.split()) < 5] == []


def test_every_waiver_is_needed(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")

    assert scanned(tmp_path, "--skip-download")["template"] == {check for check, _ in WAIVERS}
