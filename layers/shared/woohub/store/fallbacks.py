"""The other ways in which a store may take a call that it refused in one: each is tried once, then remembered.

Never another host, and a key never in plain text: what a redirect or a refusal hints at is only followed where the key
stays with the store it was made in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import parse_qs

from woohub.store.causes import WRONG_SIGNATURE, base, ends, is_login, same_host
from woohub.store.requests import Access, Question, StoreRefused, Way, is_secure

MOST = 5  # ways of one call
KEY_SEEN = "woocommerce_rest_authentication_error"  # WooCommerce saw a key, and refuses that one
# What a client says when it begins to use a way, by the part of it that is new.
EVENTS = {
    "url": "store_redirects_its_rest_api",
    "plain": "store_has_plain_permalinks",
    "keys_in_query": "store_drops_the_authorization_header",
    "home": "store_signs_with_its_home_address",
}


def others(error: StoreRefused, question: Question, access: Access, way: Way, home: Callable[[], str]) -> Iterator[Way]:
    """Ways worth trying after this refusal; `home` asks for the store's home address, "" where it is not told."""
    if 300 <= error.status < 400:
        yield from _redirected(error, question, access, way)
    elif error.status == 404 and not error.code and not way.plain:
        yield replace(way, plain=True)
    elif _key_unseen(error, question, access, way):
        yield replace(way, keys_in_query=True)
    elif WRONG_SIGNATURE in error.cause and error.code == KEY_SEEN and not way.home:
        told = home()
        if told.startswith(("http://", "https://")):
            yield replace(way, home=told.rstrip("/"))


def _redirected(error: StoreRefused, question: Question, access: Access, way: Way) -> Iterator[Way]:
    came, to = ends(error.location, access, way, question)
    if not error.location or is_login(came, to) or not same_host(came, to):
        return
    if (came.scheme, to.scheme) == ("https", "http"):
        return
    if _is_the_api(to.path, to.query, question, way) and base(to, question.path) != (way.url or access.url):
        yield replace(way, url=base(to, question.path))
    if not way.plain:
        yield replace(way, plain=True)


def _is_the_api(path: str, query: str, question: Question, way: Way) -> bool:
    """Whether the same is asked for there."""
    if way.plain:
        return "rest_route" in parse_qs(query)
    return path.rstrip("/").endswith(f"/wp-json/{question.path}".rstrip("/"))


def _key_unseen(error: StoreRefused, question: Question, access: Access, way: Way) -> bool:
    """Whether nobody seems to have seen the key: WooCommerce answers a user who lacks a right with 403."""
    if question.anonymous or way.keys_in_query or not access.consumer_key or not is_secure(way.url or access.url):
        return False
    if error.status == 403:
        return bool(error.code) and not error.code.startswith("woocommerce_")
    return error.status == 401 and bool(error.code) and error.code != KEY_SEEN
