"""The wheel contains the command and its dependencies, and works without a checkout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution, distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local_stack.settings import ROOT
from tests.support.wheel import InstalledWheel, install

IMPORT_ALL = """
import importlib, json, pkgutil
from importlib.metadata import packages_distributions
import woohub_cli.main
for module in pkgutil.walk_packages(woohub_cli.__path__, "woohub_cli."):
    importlib.import_module(module.name)
known = packages_distributions()
packages = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted({dist for package in packages for dist in known.get(package, ())})))
"""
OPTIONAL = {"certifi"}  # botocore uses it where it is installed


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> InstalledWheel:
    return install(tmp_path_factory.mktemp("wheel"))


def with_dependencies(requirements: Iterable[str]) -> Iterator[str]:
    """The distributions that these requirements install in this environment."""
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)
            yield from with_dependencies(distribution(requirement.name).requires or ())


def test_the_wheel_contains_only_the_package_and_the_command(wheel: InstalledWheel) -> None:
    assert {path.name for path in wheel.site.iterdir()} == {
        "woohub",
        "woohub_cli",
        f"woohub-{version('woohub')}.dist-info",
    }


def test_the_wheel_contains_every_file_of_the_package_and_the_command(wheel: InstalledWheel) -> None:
    for source in (ROOT / "layers" / "shared" / "woohub", ROOT / "tools" / "woohub_cli"):
        files = {path.relative_to(source.parent) for path in source.rglob("*.*") if path.suffix != ".pyc"}
        assert {path for path in files if not (wheel.site / path).is_file()} == set()


def test_the_wheel_requires_every_package_that_the_command_imports(wheel: InstalledWheel, tmp_path: Path) -> None:
    imported = wheel.python(IMPORT_ALL, folder=tmp_path)

    assert imported.returncode == 0, imported.stderr
    (metadata,) = distributions(name="woohub", path=[str(wheel.site)])
    installed = {"woohub", *OPTIONAL, *with_dependencies(metadata.requires or ())}
    assert {canonicalize_name(name) for name in json.loads(imported.stdout)} <= installed


def test_the_command_starts_in_an_empty_folder(wheel: InstalledWheel, tmp_path: Path) -> None:
    shown = wheel.command("--help", folder=tmp_path)

    assert shown.returncode == 0, shown.stderr
    assert "woohub setup --dry-run" in shown.stdout
    assert wheel.command("--version", folder=tmp_path).stdout == f"woohub {version('woohub')}\n"


def test_the_command_without_a_stack_prints_how_to_name_one(wheel: InstalledWheel, tmp_path: Path) -> None:
    status = wheel.command("status", folder=tmp_path, environ={"HOME": str(tmp_path)})

    assert status.returncode == 2
    assert "--stack or WOOHUB_STACK" in status.stderr
