"""What is deployed, as packaging/Makefile builds it, and how large it is."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("ingest", "consumer", "governor", "reconcile")
LAYERS = ("dependencies", "shared")
TARGET = "arm64 and Python 3.13"  # packaging/Makefile's defaults
_NOT_PASSED_ON = ("MAKE", "LOCAL_PYTHON", "ARCHITECTURE")  # they would decide what is built


@dataclass(frozen=True)
class Size:
    """KB (a thousand bytes) in Lambda's file system, and as uploaded."""

    unzipped: float
    zipped: float


@dataclass(frozen=True)
class Artifacts:
    """The layers and functions in one folder."""

    place: Path

    def layer(self, name: str) -> Path:
        """What is unpacked into /opt."""
        return self.place / f"{name.title()}Layer"

    def function(self, name: str) -> Path:
        """What is unpacked into /var/task."""
        return self.place / f"{name.title()}Function"

    def path(self, function: str) -> list[Path]:
        """Where a function finds its modules before it looks into the runtime, as on Lambda."""
        return [self.function(function), *(self.layer(name) / "python" for name in LAYERS)]

    def sizes(self) -> dict[str, Size]:
        """Of each layer and function."""
        layers = {f"{name} layer": size(self.layer(name)) for name in LAYERS}
        return layers | {name: size(self.function(name)) for name in FUNCTIONS}

    def have_byte_code(self) -> bool:
        """Whether a Python of the runtime's version was at hand to compile them."""
        return any(self.layer("shared").rglob("*.pyc"))


def build(place: Path, python: str = "") -> Artifacts:
    """Build everything: for this interpreter of this machine, or for Lambda."""
    found = Artifacts(place)
    for folder in (*map(found.layer, LAYERS), *map(found.function, FUNCTIONS)):
        build_one(folder.name, folder, python)
    return found


def build_one(logical_id: str, folder: Path, python: str = "") -> Path:
    """Build one artifact into a new folder, as `sam build` has it built."""
    folder.mkdir(parents=True)
    passed_on = {name: text for name, text in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
    subprocess.run(  # noqa: S603
        ["make", "--silent", "--makefile", "packaging/Makefile", f"build-{logical_id}"],  # noqa: S607
        env=passed_on | {"ARTIFACTS_DIR": str(folder), "LOCAL_PYTHON": python},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return folder


def size(folder: Path) -> Size:
    """Of an artifact, zipped as sam zips it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in files:
            zipped.write(path, path.relative_to(folder))
    return Size(sum(path.stat().st_size for path in files) / 1e3, len(archive.getvalue()) / 1e3)
