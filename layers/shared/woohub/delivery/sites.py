"""Determine which site a URL belongs to: the store's own or another one, such as a staging clone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from unicodedata import normalize
from urllib.parse import quote, unquote, urlsplit

_BEFORE_THE_HOST = re.compile(r"^([a-z][a-z0-9+.-]*:)?//+")
_DEFAULT_PORTS = (None, 80, 443)


def is_another(source: str, sources: Iterable[str]) -> bool:
    """Whether a source (a URL) is none of the store's; False if either is unknown."""
    own = {site(url) for url in sources} - {""}
    return bool(own) and {site(source), site(_as_sent(source))}.isdisjoint(own | {""})


@lru_cache(maxsize=64)  # the same few for every delivery
def site(url: str) -> str:
    """A URL's host, port and path in canonical form ("shop.example", "shop.example:8080/de"); "" without a host.

    URLs that differ only in scheme, `www.`, letter case, default port, trailing slashes or punycode are the same site:
    WordPress's `home_url`, the source of each delivery, changes in these by a click in its settings.
    """
    text = _folded(url).strip()
    try:
        parts = urlsplit(f"//{_BEFORE_THE_HOST.sub('', text)}")
        port = "" if parts.port in _DEFAULT_PORTS else f":{parts.port}"
        path = quote(_folded(unquote(parts.path))).lower().rstrip("/")
    except ValueError:  # no URL: it equals itself only
        return text
    host = _host(_folded("".join((parts.hostname or "").split())))
    return f"{host}{port}{path}" if host else ""


def _as_sent(url: str) -> str:
    """A header's value without what proxies do to it: bytes read as Latin-1 or escaped, doubled, `null` for none."""
    first = url.split(", ", 1)[0]
    with suppress(UnicodeError):
        first = first.encode("latin-1").decode()
    return "" if first.strip().lower() == "null" else unquote(first)


def _host(name: str) -> str:
    host = ".".join(map(_label, name.rstrip(".").split("."))).removeprefix("www.")
    return f"[{host}]" if ":" in host else host


def _label(label: str) -> str:
    """One part of a host, with the letters its punycode stands for."""
    if not (label.isascii() and label.startswith("xn--")):
        return label
    try:
        letters = _folded(label.removeprefix("xn--").encode().decode("punycode"))
    except ValueError:
        return label
    return label if letters.isascii() else letters


def _folded(text: str) -> str:
    return normalize("NFKC", normalize("NFKC", text).lower())
