"""Settings of the local stack, from the environment and from .env."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from simulators.hubspot.portal import DEFAULT_TOKEN
from woohub_cli.set_up.store_setup import named_sources

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".local"
VERSIONS = ("2026-09", "2026-03", "v3")  # as in template.yaml


class InvalidSetting(Exception):
    """A variable has an invalid value; the message names it."""


@dataclass(frozen=True)
class Settings:
    """Settings of the local stack.

    Port 0 means any free port. An empty `hubspot_url` means the simulator; an empty `store_url` means that there is no
    store to read. `store_sources` are further addresses of the store.
    """

    state: Path = STATE
    host: str = "127.0.0.1"  # another address only for containers, see CONTRIBUTING.md
    port: int = 4566
    simulator_port: int = 8790
    hubspot_url: str = ""
    hubspot_api_version: str = "2026-09"
    hubspot_token: str = DEFAULT_TOKEN
    webhook_secret: str = "lab-secret"  # noqa: S105  # of the captured deliveries
    store_url: str = ""
    store_key: str = ""
    store_secret: str = ""
    store_sources: tuple[str, ...] = ()
    enforce_iam: bool = False  # functions have only the permissions of the template; callers need the stack's keys

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], env_file: Path = ROOT / ".env") -> Settings:
        """Return the settings by their documented names.

        The environment overrides the file; an empty value counts as not set. Raises InvalidSetting.
        """
        try:
            sources = (dotenv_values(env_file, interpolate=False, encoding="utf-8-sig"), environ)
        except UnicodeDecodeError as error:
            raise InvalidSetting(f"{env_file} cannot be read: save it as UTF-8 ({error})") from error
        given = {name: value for source in sources for name, value in source.items() if value}
        return cls(
            host=given.get("LOCAL_HOST", cls.host),
            port=_port(given, "LOCAL_PORT", cls.port),
            simulator_port=_port(given, "HUBSPOT_SIMULATOR_PORT", cls.simulator_port),
            hubspot_url=_url(given, "HUBSPOT_API_URL"),
            hubspot_api_version=_version(given, "HUBSPOT_API_VERSION", cls.hubspot_api_version),
            hubspot_token=given.get("HUBSPOT_API_KEY", cls.hubspot_token),
            webhook_secret=given.get("WOO_COMMERCE_WEBHOOK_SECRET", cls.webhook_secret),
            store_url=given.get("WOO_COMMERCE_URL", cls.store_url),
            store_key=given.get("WOO_COMMERCE_CONSUMER_KEY", cls.store_key),
            store_secret=given.get("WOO_COMMERCE_CONSUMER_SECRET", cls.store_secret),
            store_sources=tuple(named_sources(given)),
        )


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise InvalidSetting(f"{name} is {text!r}, but a port is a number from 0 to 65535")
    return int(text)


def _url(given: Mapping[str, str], name: str) -> str:
    text = given.get(name, "").rstrip("/")
    if text and not re.fullmatch("https?://[^/]+", text):
        raise InvalidSetting(f"{name} is {text!r}, but must be a scheme and a host such as https://api.hubapi.com")
    return text


def _version(given: Mapping[str, str], name: str, default: str) -> str:
    text = given.get(name, default)
    if text not in VERSIONS:
        raise InvalidSetting(f"{name} is {text!r}, but must be one of {', '.join(VERSIONS)}")
    return text
