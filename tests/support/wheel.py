"""The wheel, installed in a folder as by `pip install`, without the checkout on the import path."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_stack.settings import ROOT

# Run with -I -S, so that neither the editable checkout nor the current folder is on the import path.
START = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); "


@dataclass(frozen=True)
class InstalledWheel:
    """`site` has the wheel's files; its dependencies are those of this environment."""

    site: Path

    def python(
        self, code: str, *arguments: str, folder: Path, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run code with the wheel on the import path, in this folder."""
        paths = ":".join((str(self.site), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
        return subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-S", "-c", START + code, paths, *arguments],
            cwd=folder,
            env=dict(os.environ if environ is None else environ),
            capture_output=True,
            text=True,
            check=False,
        )

    def command(
        self, *arguments: str, folder: Path, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `woohub`."""
        return self.python("from woohub_cli.main import app; app()", *arguments, folder=folder, environ=environ)


def install(folder: Path) -> InstalledWheel:
    """Build the wheel of this checkout and unpack it in the folder."""
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return InstalledWheel(folder / "site")
