"""The variables of `.env` and the environment, and the files beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from woohub.store.connection import StoreCredentials
from woohub.stores import FIRST, FIRST_SHOWN, is_name
from woohub_cli.cli_errors import WrongUsage

URL = "WOO_COMMERCE_URL"
STORE_VARIABLES = (URL, "WOO_COMMERCE_CONSUMER_KEY", "WOO_COMMERCE_CONSUMER_SECRET")
OF_ONE_STORE = "WOO_COMMERCE_"  # what the names of a store's variables begin with


def nearest(name: str, folder: Path) -> Path | None:
    """The file of this name in the folder or the closest one above it."""
    return next((path for parent in (folder, *folder.parents) if (path := parent / name).is_file()), None)


def read(environ: Mapping[str, str], folder: Path, store: str | None = None) -> dict[str, str]:
    """Variables of the nearest `.env`, those of the environment above them; blank ones are left out.

    Values of `.env` are used as they are: a webhook secret may contain a `$`. `store` is what --store names. WrongUsage
    where the file is no UTF-8.
    """
    file = nearest(".env", folder)
    try:
        written = dotenv_values(file, interpolate=False, encoding="utf-8-sig") if file else {}
    except UnicodeDecodeError as error:
        raise WrongUsage(f"{file} cannot be read: save it as UTF-8 ({error})") from error
    return of_store(_filled(written) | _filled(environ), store_named(store))


def store_named(asked: str | None) -> str:
    """The store that --store names, FIRST where it names none; WrongUsage for what is no name."""
    name = (asked or FIRST).strip()
    if name in (FIRST, FIRST_SHOWN):
        return FIRST
    if not is_name(name):
        raise WrongUsage(f"{asked!r} is no store's name: lower-case letters, digits and -, beginning with a letter")
    return name


def store_credentials(env: Mapping[str, str]) -> StoreCredentials | None:
    """The store's address and key; None unless all of it is set."""
    return None if missing(env) else StoreCredentials(*(env[name].strip() for name in STORE_VARIABLES))


def missing(env: Mapping[str, str]) -> list[str]:
    """The variables of the store that are not set."""
    return [name for name in STORE_VARIABLES if not env.get(name, "").strip()]


def of_store(variables: Mapping[str, str], store: str) -> dict[str, str]:
    """The variables as a further store's commands see them: those with its name at their end instead of the first's.

    WOO_COMMERCE_URL_SECOND is the WOO_COMMERCE_URL of the store "second", which has nothing to do with the first one's.
    """
    if store == FIRST:
        return dict(variables)
    end = end_of_variables(store)
    own = {
        name.removesuffix(end): value
        for name, value in variables.items()
        if name.startswith(OF_ONE_STORE) and name.endswith(end)
    }
    return {name: value for name, value in variables.items() if not name.startswith(OF_ONE_STORE)} | own


def end_of_variables(store: str) -> str:
    """What the names of a further store's variables end with."""
    return f"_{store.replace('-', '_').upper()}"


def _filled(variables: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if value and value.strip()}
