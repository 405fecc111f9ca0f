"""The variables of `.env` and the environment, and the files beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values


def nearest(name: str, folder: Path) -> Path | None:
    """The file of this name in the folder or the closest one above it."""
    return next((path for parent in (folder, *folder.parents) if (path := parent / name).is_file()), None)


def read(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Variables of the nearest `.env`, those of the environment above them; blank ones are left out.

    Values of `.env` are used as they are: a webhook secret may contain a `$`.
    """
    file = nearest(".env", folder)
    written = dotenv_values(file, interpolate=False) if file else {}
    return _filled(written) | _filled(environ)


def _filled(variables: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value and value.strip()}
