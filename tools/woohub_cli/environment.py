"""Read the variables of `.env` and the environment, and find files such as `.env`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from woohub.store.connection import StoreCredentials
from woohub.stores import FIRST, FIRST_SHOWN, is_name
from woohub_cli.cli_errors import WrongUsage

URL = "WOO_COMMERCE_URL"
STORE_VARIABLES = (URL, "WOO_COMMERCE_CONSUMER_KEY", "WOO_COMMERCE_CONSUMER_SECRET")
STORE_PREFIX = "WOO_COMMERCE_"  # the names of a store's variables begin with this


def nearest(name: str, folder: Path) -> Path | None:
    """Return the file of this name in the folder or in the closest folder above it; None if there is none."""
    return next((path for parent in (folder, *folder.parents) if (path := parent / name).is_file()), None)


def read(environ: Mapping[str, str], folder: Path, store: str | None = None) -> dict[str, str]:
    """Return the variables of the nearest `.env` and the environment, which takes precedence. Blank ones are left out.

    Values of `.env` are not interpolated: a webhook secret may contain a `$`. `store` is the value of --store. Raises
    WrongUsage if the file is not UTF-8.
    """
    file = nearest(".env", folder)
    try:
        written = dotenv_values(file, interpolate=False, encoding="utf-8-sig") if file else {}
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{file} cannot be read: save it as UTF-8 ({error})") from error
    return of_store(_filled(written) | _filled(environ), store_named(store))


def store_named(asked: str | None) -> str:
    """Return the name of the store that --store names, FIRST without it. Raises WrongUsage for an invalid name."""
    name = (asked or FIRST).strip()
    if name in (FIRST, FIRST_SHOWN):
        return FIRST
    if not is_name(name):
        raise WrongUsage(f"{asked!r} is no store's name: lower-case letters, digits and -, beginning with a letter")
    return name


def store_credentials(env: Mapping[str, str]) -> StoreCredentials | None:
    """Return the store's address and key, or None if any of the three variables is not set."""
    return None if missing(env) else StoreCredentials(*(env[name].strip() for name in STORE_VARIABLES))


def missing(env: Mapping[str, str]) -> list[str]:
    """Return the names of the store's variables that are not set."""
    return [name for name in STORE_VARIABLES if not env.get(name, "").strip()]


def of_store(variables: Mapping[str, str], store: str) -> dict[str, str]:
    """Return the variables for one store: a further store's variables have its name as suffix, which is removed.

    For the store "second", WOO_COMMERCE_URL_SECOND becomes WOO_COMMERCE_URL. The first store's variables are left out
    then.
    """
    if store == FIRST:
        return dict(variables)
    end = variable_suffix(store)
    own = {
        name.removesuffix(end): value
        for name, value in variables.items()
        if name.startswith(STORE_PREFIX) and name.endswith(end)
    }
    return {name: value for name, value in variables.items() if not name.startswith(STORE_PREFIX)} | own


def variable_suffix(store: str) -> str:
    """Return the suffix of a further store's variables, such as _SECOND."""
    return f"_{store.replace('-', '_').upper()}"


def _filled(variables: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value and value.strip()}
