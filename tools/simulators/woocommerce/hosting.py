"""What hosts, web servers and plugins do to requests and responses of WooCommerce, as seen on real stores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from .bodies import php_json

CALLED_PATH = "simulator.called_path"  # the WSGI environment's key for the path as the caller sent it
API = "/wp-json"
REDIRECTS = ("", "login", "language", "slash", "https")

Environ = dict[str, Any]
Start = Callable[..., Any]
Wsgi = Callable[[Environ, Start], Iterable[bytes]]


@dataclass(frozen=True)
class Hosting:
    """One host; by default it changes nothing.

    `redirect` is one of REDIRECTS, or the address of another host to which all calls are redirected.
    """

    index_closed: str = ""  # the error code with which a plugin refuses /wp-json/ to callers without a login
    index_status: int = 401
    drops_authorization: bool = False
    permalinks: str = "pretty"  # "plain": WordPress redirects /wp-json/ to itself; "missing": a page of the web server
    redirect: str = ""
    maintenance: str = ""  # the Retry-After of WordPress's maintenance page: seconds, or a date
    before: str = ""  # text before every JSON: a message of PHP, a byte order mark
    after: str = ""  # text after it: the comment of a cache plugin
    numbered_lists: bool = False  # a plugin removed the second row of each list, so PHP writes an object with numbers

    def __post_init__(self) -> None:
        if self.redirect not in REDIRECTS and "://" not in self.redirect:
            raise ValueError(f"redirect is one of {', '.join(REDIRECTS)} or another address")
        if self.permalinks not in ("pretty", "plain", "missing"):
            raise ValueError("permalinks are pretty, plain or missing")

    def dressed(self, text: str) -> str:
        """Return the JSON of a response as it leaves the host."""
        return f"{self.before}{_numbered(text) if self.numbered_lists else text}{self.after}"


def _numbered(text: str) -> str:
    rows = json.loads(text)
    if not isinstance(rows, list) or not rows:
        return text
    return php_json({str(number): row for number, row in enumerate(rows) if number != 1})


class WebServer:
    """Everything in front of WordPress's own routing.

    `hosting` is called for each request. The simulator's controls are not affected.
    """

    def __init__(self, wordpress: Wsgi, hosting: Callable[[], Hosting]) -> None:
        self._wordpress = wordpress
        self._hosting = hosting

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        hosting, path = self._hosting(), str(environ["PATH_INFO"])
        if path.startswith("/_simulator/"):
            return self._wordpress(environ, start)
        if hosting.drops_authorization:
            environ.pop("HTTP_AUTHORIZATION", None)
        if hosting.maintenance:
            return _page(start, "503 Service Unavailable", MAINTENANCE, {"Retry-After": hosting.maintenance})
        location = _redirected(hosting, environ, path)
        if location:
            return _page(start, "301 Moved Permanently", "", {"Location": location, "X-Redirect-By": "WordPress"})
        return self._routed(hosting, environ, path, start)

    def _routed(self, hosting: Hosting, environ: Environ, path: str, start: Start) -> Iterable[bytes]:
        environ[CALLED_PATH] = path
        if hosting.redirect == "language":
            path = path.removeprefix("/en")
        route = parse_qs(str(environ.get("QUERY_STRING", ""))).get("rest_route")
        if route and not path.startswith(API):  # with any permalinks
            path = API + route[0]
        elif hosting.permalinks == "missing":
            return _page(start, "404 Not Found", "<html><head><title>404 Not Found</title></head></html>", {})
        if hosting.redirect == "slash" and path != f"{API}/":
            path = path.rstrip("/")
        environ["PATH_INFO"] = path
        return self._wordpress(environ, start)


MAINTENANCE = (
    "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>Briefly unavailable for scheduled maintenance. "
    "Check back in a minute.</body></html>"
)


def _redirected(hosting: Hosting, environ: Environ, path: str) -> str:
    """Return the URL to which this call is redirected; "" if it is not."""
    scheme, query = str(environ["wsgi.url_scheme"]), str(environ.get("QUERY_STRING", ""))
    host = _host(environ)
    asked = f"?{query}" if query else ""
    if hosting.permalinks == "plain" and path.startswith(API):
        return f"{scheme}://{host}{path.rstrip('/')}/{asked}"
    if hosting.redirect == "login" and path != "/wp-login.php":
        return f"{scheme}://{host}/wp-login.php?{urlencode({'redirect_to': f'{scheme}://{host}{path}'})}"
    if hosting.redirect == "language" and not path.startswith("/en/"):
        return f"{scheme}://{host}/en{path}{asked}"
    if hosting.redirect == "slash" and not path.endswith("/"):
        return f"{scheme}://{host}{path}/{asked}"
    if hosting.redirect == "https" and scheme == "http":
        return f"https://{host}{path}{asked}"
    return f"{hosting.redirect.rstrip('/')}{quote(path)}{asked}" if "://" in hosting.redirect else ""


def _host(environ: Environ) -> str:
    if environ.get("HTTP_HOST"):
        return str(environ["HTTP_HOST"])
    port = str(environ["SERVER_PORT"])
    return str(environ["SERVER_NAME"]) + ("" if port in ("80", "443") else f":{port}")


def _page(start: Start, status: str, text: str, headers: dict[str, str]) -> Iterator[bytes]:
    start(status, [("Content-Type", "text/html; charset=UTF-8"), *headers.items()])
    return iter([text.encode()])
