"""Say what a web page means that a store sent instead of JSON, or with an error."""

from __future__ import annotations

import html
import re

from woohub.http import Response
from woohub.store.causes import LET_THROUGH, TRY_LATER, Cause

SHOWN_CHARACTERS = 80  # of a page, in error texts


def fix_of_status(status: int) -> str:
    """Say what to do about an error with this status that WordPress itself reports."""
    return "look at WooCommerce > Status > Logs, fatal-errors" if status == 500 else TRY_LATER


def cause_of_page(response: Response) -> Cause:
    """Return what a page may mean. The text repeats the page's first words, but nothing of orders or customers."""
    text = (response.data or b"")[:20_000].decode(errors="replace")
    cause = _kind_of_page(text, response)
    plugin = re.search(r"wp-content/(?:mu-)?(?:plugins|themes)/([\w.-]{1,60})", text) if cause is PHP else None
    fix, shown = f"{cause.fix}: {plugin[1]}" if plugin else cause.fix, first_words(text)
    return Cause(f"{cause.words} (it begins “{shown}”)" if shown else cause.words, fix)


def _kind_of_page(text: str, response: Response) -> Cause:
    if response.status == 401 and "basic" in response.headers.get("www-authenticate", "").lower():
        return PASSWORD
    by_status = PAGES_BY_STATUS.get(response.status, ERROR_PAGE if response.status >= 500 else NO_JSON)
    return next((cause for pattern, cause in PAGES if pattern.search(text)), by_status)


def first_words(text: str) -> str:
    """Return the page's first words, up to where JSON begins, without HTML, addresses and long tokens."""
    text = re.split(r'[\[{]\s*(?:[\[{"\]}]|$)', text, maxsplit=1)[0]
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|$)|<!--.*?-->|<[^>]*>", " ", text)
    text = re.sub(r"\S*/(wp-content/)", r"\1", html.unescape(text))
    text = re.sub(r"\S+@\S+|\b(?=\w*\d)\w{16,}\b", "…", text)
    text = "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


PHP = Cause(
    "PHP's messages come before it",
    "turn off WP_DEBUG_DISPLAY (display_errors) in wp-config.php, and update or deactivate what they come from",
)
PASSWORD = Cause(
    "its web server asks for a password of its own",
    f"exempt the REST API from that, since a call can have only one Authorization header; {LET_THROUGH}",
)
FIREWALL = Cause("a firewall or security plugin in front of the store?", LET_THROUGH)
ERROR_PAGE = Cause("a page of its web server or of a proxy in front of it", TRY_LATER)
NO_JSON = Cause(
    "a page: of maintenance, of a plugin, or with PHP's messages (WP_DEBUG_DISPLAY)?",
    "open the shop in a browser; look for a plugin that answers in its place",
)
MAINTENANCE = Cause(
    "the store is in maintenance",
    "wait until its update or maintenance mode ends; if it never does, delete .maintenance in WordPress's folder",
)
PAGES = (
    (re.compile(r"(?i)\b(?:warning|notice|deprecated|fatal error|parse error)\b(?:</b>)?: .{0,600}?\.php", re.S), PHP),
    (
        re.compile(r"(?i)just a moment|cf-chl|challenge-platform|attention required|captcha|sucuri|wordfence|imunify"),
        Cause("a bot protection or firewall answers in the store's place", LET_THROUGH),
    ),
    (
        re.compile(r"(?i)error establishing a database connection"),
        Cause("WordPress does not reach its database", TRY_LATER),
    ),
    (
        re.compile(r"(?i)critical error on (this|your) website"),
        Cause("an error in PHP ended WordPress", fix_of_status(500)),
    ),
    (re.compile(r"(?i)maintenance|briefly unavailable|coming soon"), MAINTENANCE),
    (
        re.compile(r"^\s*[\[{]"),
        Cause("its JSON is broken, or breaks off", f"look for PHP's limits of time and memory; {fix_of_status(500)}"),
    ),
)
PAGES_BY_STATUS = {
    401: FIREWALL,
    403: FIREWALL,
    404: Cause(
        "a page",
        "is the address right (WOO_COMMERCE_URL), is WooCommerce active, and are the permalinks set to anything but "
        "“Plain”?",
    ),
    405: FIREWALL,
    406: FIREWALL,
    429: Cause("its host or a firewall accepts no more calls for now", f"{TRY_LATER}, or {LET_THROUGH}"),
    500: Cause("a page: PHP or the web server failed", fix_of_status(500)),
    503: MAINTENANCE,
}
