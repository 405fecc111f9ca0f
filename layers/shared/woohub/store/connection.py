"""Where a store is, the key to its REST API, and how its host accepts calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from woohub.json_values import object_in


def is_secure(url: str) -> bool:
    """Whether this is an https address."""
    return url.lower().startswith("https://")


def is_unset(text: str) -> bool:
    """Whether a store's secret is as it was made, an object without values. All else is a key, or a damaged one."""
    stored = object_in(text)
    return stored is not None and not any(stored.values())


@dataclass(frozen=True)
class StoreCredentials:
    """Where the store is and the key to it, which must be a read/write key of an administrator or shop manager."""

    url: str  # the shop's address without /wp-json
    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)

    @classmethod
    def from_secret(cls, text: str) -> StoreCredentials | None:
        """From `{"url", "consumer_key", "consumer_secret"}`; None as long as one of them is missing or empty."""
        stored = object_in(text) or {}
        values = [stored.get(name) for name in ("url", "consumer_key", "consumer_secret")]
        if not all(isinstance(value, str) and value.strip() for value in values):
            return None
        return cls(*(str(value).strip() for value in values))

    def __post_init__(self) -> None:
        address = self.url.partition("/wp-json")[0].rstrip("/")
        object.__setattr__(self, "url", address if "://" in address else f"https://{address}")

    @property
    def secure(self) -> bool:
        """Whether the store is reached over https."""
        return is_secure(self.url)

    def address(self, path: str) -> str:
        """Where the store's REST API usually keeps this."""
        return f"{self.url}/wp-json/{path}"


@dataclass(frozen=True)
class RequestStyle:
    """How a store accepts calls, where that differs from the usual; `woohub.store.fallbacks` finds out."""

    url: str = ""  # where it redirects its REST API to, on the same host
    plain: bool = False  # by ?rest_route=, which works with "Plain" permalinks as well
    keys_in_query: bool = False  # its host drops the Authorization header
    home: str = ""  # its home address, where signatures must name another than the one it is reached at


USUAL_STYLE = RequestStyle()


@dataclass(frozen=True)
class Connection:
    """How to reach a store at this moment."""

    credentials: StoreCredentials
    style: RequestStyle = USUAL_STYLE

    @property
    def base_url(self) -> str:
        """Where it is reached, without the REST API's path."""
        return self.style.url or self.credentials.url

    @property
    def secure(self) -> bool:
        """Whether calls go over https."""
        return is_secure(self.base_url)

    def url(self, path: str) -> str:
        """The address of a call, without its query."""
        return f"{self.base_url}/" if self.style.plain else f"{self.base_url}/wp-json/{path}"

    def signed_url(self, path: str) -> str:
        """What WooCommerce signs: its home address, without a slash at the end, and the path from there."""
        home = f"http://{(self.style.home or self.credentials.url).partition('://')[2]}"
        called = urlsplit(self.url(path)).path
        from_home = called.removeprefix(urlsplit(home).path).lstrip("/")
        return f"{home}/{from_home}" if from_home else home
