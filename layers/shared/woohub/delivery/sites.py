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
    """Whether a source (a URL) is none of the store's `sources`; False if there are none, or `source` is empty."""
    own = set(sites(sources))
    return bool(own) and {site(source), site(_undo_proxies(source))}.isdisjoint(own | {""})


def sites(urls: Iterable[str]) -> list[str]:
    """Return the sites of these URLs, each once."""
    return [name for name in dict.fromkeys(map(site, urls)) if name]


@lru_cache(maxsize=64)  # all deliveries name the same few URLs
def site(url: str) -> str:
    """Return a URL's host, port and path in canonical form ("shop.example:8080/de"); "" if it has no host.

    URLs that differ only in scheme, `www.`, letter case, default port, trailing slashes or punycode are the same site:
    a click in WordPress's settings can change these in `home_url`, which is the source of each delivery.
    """
    text = _folded(url).strip()
    try:
        parts = urlsplit(f"//{_BEFORE_THE_HOST.sub('', text)}")
        port = "" if parts.port in _DEFAULT_PORTS else f":{parts.port}"
        path = quote(_folded(unquote(parts.path))).lower().rstrip("/")
    except ValueError:  # not a URL, so it equals only itself
        return text
    host = _host(_folded("".join((parts.hostname or "").split())))
    return f"{host}{port}{path}" if host else ""


def _undo_proxies(url: str) -> str:
    """Undo what proxies do to a header: UTF-8 read as Latin-1, escaped characters, a doubled value, `null` for none."""
    first = url.split(", ", 1)[0]
    with suppress(UnicodeError):
        first = first.encode("latin-1").decode()
    return "" if first.strip().lower() == "null" else unquote(first)


def _host(name: str) -> str:
    host = ".".join(map(_label, name.rstrip(".").split("."))).removeprefix("www.")
    return f"[{host}]" if ":" in host else host


def _label(label: str) -> str:
    """Return one part of a host name, with punycode decoded."""
    if not (label.isascii() and label.startswith("xn--")):
        return label
    try:
        letters = _folded(label.removeprefix("xn--").encode().decode("punycode"))
    except ValueError:
        return label
    return label if letters.isascii() else letters


def _folded(text: str) -> str:
    return normalize("NFKC", normalize("NFKC", text).lower())
