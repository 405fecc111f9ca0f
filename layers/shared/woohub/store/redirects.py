"""Say why a store redirects a call, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit

from woohub.store.causes import LET_THROUGH, SET_URL, Cause
from woohub.store.connection import Connection
from woohub.store.error_pages import first_words

LOGIN = re.compile(r"(?i)log-?in|sign-?in|account|/sso\b|/saml|cloudflareaccess|auth\b")
LANGUAGE = re.compile(r"(?i)^/[a-z]{2}(?:[-_][a-z]{2,4})?/")
USUAL_PORTS = {"http": 80, "https": 443, None: None}


@dataclass(frozen=True)
class Redirect:
    """A call to the REST API's `path`, and the `location` it was redirected to, which may be empty or no address."""

    connection: Connection
    path: str
    location: str

    @cached_property
    def called(self) -> SplitResult:
        """The address of the call."""
        return urlsplit(self.connection.url(self.path))

    @cached_property
    def to(self) -> SplitResult:
        """The address that the call was redirected to; `called` if `location` is no address."""
        try:
            target = urlsplit(urljoin(self.called.geturl(), self.location))
            return target if target.port is None or target.hostname else self.called
        except ValueError:  # no address, or no port
            return self.called

    @property
    def schemes(self) -> tuple[str, str]:
        """The schemes before and after the redirect, such as ("http", "https")."""
        return self.called.scheme, self.to.scheme

    @property
    def is_to_login(self) -> bool:
        """Whether the redirect leads to a login page."""
        parts = ((self.called.path, self.to.path), (self.called.netloc, self.to.netloc))
        return any(LOGIN.search(after) and not LOGIN.search(before) for before, after in parts)

    @property
    def is_within_host(self) -> bool:
        """Whether host and port stay the same. The usual ports of http and https count as the same port."""
        ports = [USUAL_PORTS.get(end.scheme) if end.port is None else end.port for end in (self.called, self.to)]
        return self.called.hostname == self.to.hostname and (ports[0] == ports[1] or set(ports) == {80, 443})

    @property
    def is_to_the_api(self) -> bool:
        """Whether the redirect leads to the same path of a REST API."""
        if self.connection.style.plain:
            return "rest_route" in parse_qs(self.to.query)
        return self.to.path.rstrip("/").endswith(f"/wp-json/{self.path}".rstrip("/"))

    @property
    def base_url(self) -> str:
        """The store's address to which the REST API was redirected."""
        path = self.to.path.rstrip("/").removesuffix(f"/wp-json/{self.path}".rstrip("/")).rstrip("/")
        return f"{self.to.scheme}://{self.to.netloc}{path}"

    @property
    def is_to_another_language(self) -> bool:
        """Whether the redirect puts a language such as /de/ in front of the path."""
        prefix = LANGUAGE.match(self.to.path)
        return bool(prefix and not self.called.path.startswith(prefix[0]))


def _login_cause(redirect: Redirect) -> Cause:
    where = _shown(redirect.to.path) if redirect.is_within_host else f"{redirect.to.scheme}://{redirect.to.netloc}"
    return Cause(
        f"the store redirects to a login page, {where}", f"a plugin or the host blocks the REST API; {LET_THROUGH}"
    )


def _language_cause(redirect: Redirect) -> Cause:
    prefix = LANGUAGE.match(redirect.to.path)
    return Cause(
        f"the store redirects its REST API to the address of a language, {prefix[0] if prefix else ''}",
        "let the language plugin leave /wp-json/ alone",
    )


# Each row is a condition and the cause that it means. The first condition that is true counts.
CAUSES: tuple[tuple[Callable[[Redirect], bool], Callable[[Redirect], Cause]], ...] = (
    (
        lambda redirect: not redirect.location,
        lambda _redirect: Cause(
            "the store redirects without saying where", f"look for a plugin or rule that does so; {LET_THROUGH}"
        ),
    ),
    (lambda redirect: redirect.is_to_login, _login_cause),
    (
        lambda redirect: not redirect.is_within_host or redirect.schemes == ("http", "https"),
        lambda redirect: Cause(f"the store redirects to {redirect.base_url}", SET_URL),
    ),
    (
        lambda redirect: redirect.schemes == ("https", "http"),
        lambda _redirect: Cause(
            "the store redirects from https to plain http",
            "set both addresses in Settings > General to https://; a proxy must send X-Forwarded-Proto: https",
        ),
    ),
    (
        lambda redirect: redirect.called.path.rstrip("/") == redirect.to.path.rstrip("/"),
        lambda _redirect: Cause(
            "the store redirects its REST API to itself, and ?rest_route= does not help",
            "set Settings > Permalinks to “Post name” and save; else look for a rule that adds slashes",
        ),
    ),
    (lambda redirect: redirect.is_to_another_language, _language_cause),
    (
        lambda _redirect: True,
        lambda redirect: Cause(
            f"the store redirects its REST API to {_shown(redirect.to.path)}",
            f"a plugin (coming soon, members only, SEO) or a rule of its web server does so; {LET_THROUGH}",
        ),
    ),
)


def cause_of_redirect(redirect: Redirect) -> Cause:
    """Return the cause of a redirect. Its query is not repeated in the text, because it may hold a secret."""
    return next(describe(redirect) for fits, describe in CAUSES if fits(redirect))


def _shown(path: str) -> str:
    return first_words(path) or "/"
