"""The layers contain only what a function imports, since every file costs time at cold starts and uploads."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from benchmark.functions import FUNCTIONS, ROOT, consumer_footprint, probe

LOCK = (ROOT / "layers" / "dependencies" / "requirements.txt").read_text(encoding="utf-8")
SHARED = ROOT / "layers" / "shared"


@pytest.fixture(scope="module")
def functions() -> dict[str, frozenset[str]]:
    """The modules that each function imports in a fresh process."""
    return {name: frozenset(probe([ROOT / "functions" / name, SHARED])["modules"]) for name in FUNCTIONS}


@pytest.fixture(scope="module")
def imported(functions: dict[str, frozenset[str]]) -> frozenset[str]:
    """The modules that any function imports."""
    return frozenset().union(*functions.values())


def distributions(modules: Iterable[str]) -> set[str]:
    """The distributions of these modules, with their names as in lock files."""
    installed = packages_distributions()
    packages = {module.partition(".")[0] for module in modules} & installed.keys()
    return {re.sub("[-_.]+", "-", installed[package][0]).lower() for package in packages}


def unused_packages(lock: str, imported: Iterable[str]) -> set[str]:
    """The locked distributions of which no module is imported."""
    return set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)) - distributions(imported)


def unused_modules(layer: Path, imported: Iterable[str]) -> set[str]:
    """The modules of the woohub package that are not imported."""
    files = (file for file in (layer / "woohub").rglob("*.py") if file.stem != "__init__")
    return {".".join(file.relative_to(layer).with_suffix("").parts) for file in files} - set(imported)


def test_every_package_of_the_dependencies_layer_is_imported(imported: frozenset[str]) -> None:
    assert unused_packages(LOCK, imported) == set()


def test_every_module_of_the_shared_layer_is_imported(imported: frozenset[str]) -> None:
    assert unused_modules(SHARED, imported) == set()


def test_a_locked_package_that_no_function_imports_is_reported(imported: frozenset[str]) -> None:
    assert unused_packages(f"{LOCK}\nrich==14.0.0 \\\n", imported) == {"rich"}


def test_a_module_that_no_function_imports_is_reported(tmp_path: Path, imported: frozenset[str]) -> None:
    shutil.copytree(SHARED / "woohub", tmp_path / "woohub", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "woohub" / "backfill.py").touch()

    assert unused_modules(tmp_path, imported) == {"woohub.backfill"}


def test_ingest_imports_neither_pydantic_nor_powertools(functions: dict[str, frozenset[str]]) -> None:
    assert not {"pydantic", "aws-lambda-powertools"} & distributions(functions["ingest"])


def test_the_consumers_footprint_has_a_duration_and_a_peak_memory() -> None:
    footprint = consumer_footprint([ROOT / "functions" / "consumer", SHARED], note_chars=1)

    assert min(footprint.event_ms, footprint.peak_mib) > 0
