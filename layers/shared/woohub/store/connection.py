"""A store's address, the key to its REST API, and the style of calls that its host accepts."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from woohub.json_values import object_in


def is_secure(url: str) -> bool:
    """Whether this is an https address."""
    return url.lower().startswith("https://")


def is_unset(text: str) -> bool:
    """Whether a store's secret still is the empty object that the template created. Anything else was stored since."""
    stored = object_in(text)
    return stored is not None and not any(stored.values())


@dataclass(frozen=True)
class StoreCredentials:
    """The store's address, and its REST key: a read/write key of an administrator or shop manager."""

    url: str  # the shop's address without /wp-json
    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)

    @classmethod
    def from_secret(cls, text: str) -> StoreCredentials | None:
        """Read `{"url", "consumer_key", "consumer_secret"}`; None if one of the three is missing or empty."""
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
        """Return the usual address of a path of the store's REST API."""
        return f"{self.url}/wp-json/{path}"


@dataclass(frozen=True)
class RequestStyle:
    """How calls to a store differ from the usual style. `woohub.store.fallbacks` finds out what the store accepts."""

    url: str = ""  # the address, on the same host, to which the store redirects its REST API
    plain: bool = False  # use ?rest_route=, which also works with "Plain" permalinks
    keys_in_query: bool = False  # put the key into the query, because the host drops the Authorization header
    home: str = ""  # the home address that signatures must name, if it is not the address of the calls


USUAL_STYLE = RequestStyle()


@dataclass(frozen=True)
class Connection:
    """A store's credentials, and the style in which to call it."""

    credentials: StoreCredentials
    style: RequestStyle = USUAL_STYLE

    @property
    def base_url(self) -> str:
        """The address of the store, without the REST API's path."""
        return self.style.url or self.credentials.url

    @property
    def secure(self) -> bool:
        """Whether calls go over https."""
        return is_secure(self.base_url)

    def url(self, path: str) -> str:
        """Return the address of a call to this path, without the query."""
        return f"{self.base_url}/" if self.style.plain else f"{self.base_url}/wp-json/{path}"

    def signed_url(self, path: str) -> str:
        """Return the URL that WooCommerce signs: its home address, without a slash at the end, and the path there."""
        home = f"http://{(self.style.home or self.credentials.url).partition('://')[2]}"
        called = urlsplit(self.url(path)).path
        from_home = called.removeprefix(urlsplit(home).path).lstrip("/")
        return f"{home}/{from_home}" if from_home else home
