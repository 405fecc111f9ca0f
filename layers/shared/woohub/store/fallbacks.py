"""Other ways to send a request that a store refused: each is tried once, and the style that works is kept.

Never to another host, and never the key in plain text: what a redirect or a refusal hints at is only followed where the
key stays with the store it was made in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from woohub.store.connection import Connection, RequestStyle
from woohub.store.redirects import Redirect
from woohub.store.refusals import WRONG_SIGNATURE
from woohub.store.requests import StoreRefused, StoreRequest

MAX_STYLES_PER_CALL = 5
KEY_SEEN = "woocommerce_rest_authentication_error"  # WooCommerce saw a key, and refuses that one
# What a client logs when it begins to use a style, by the part of the style that is new.
EVENTS = {
    "url": "store_redirects_its_rest_api",
    "plain": "store_has_plain_permalinks",
    "keys_in_query": "store_drops_the_authorization_header",
    "home": "store_signs_with_its_home_address",
}


def other_styles(
    error: StoreRefused, request: StoreRequest, connection: Connection, home: Callable[[], str]
) -> Iterator[RequestStyle]:
    """Styles worth trying after this refusal; `home` asks the store for its home address, "" where it does not say."""
    style = connection.style
    if 300 <= error.status < 400:
        yield from _after_redirect(Redirect(connection, request.path, error.location))
    elif error.status == 404 and not error.code and not style.plain:
        yield replace(style, plain=True)
    elif _key_unseen(error, request, connection):
        yield replace(style, keys_in_query=True)
    elif WRONG_SIGNATURE in error.cause and error.code == KEY_SEEN and not style.home:
        address = home()
        if address.startswith(("http://", "https://")):
            yield replace(style, home=address.rstrip("/"))


def _after_redirect(redirect: Redirect) -> Iterator[RequestStyle]:
    connection = redirect.connection
    if not redirect.location or redirect.is_to_login or not redirect.is_within_host:
        return
    if redirect.schemes == ("https", "http"):
        return
    if redirect.is_to_the_api and redirect.base_url != connection.base_url:
        yield replace(connection.style, url=redirect.base_url)
    if not connection.style.plain:
        yield replace(connection.style, plain=True)


def _key_unseen(error: StoreRefused, request: StoreRequest, connection: Connection) -> bool:
    """Whether nobody seems to have seen the key: WooCommerce answers a user who lacks a right with 403."""
    if request.anonymous or connection.style.keys_in_query:
        return False
    if not connection.credentials.consumer_key or not connection.secure:
        return False
    if error.status == 403:
        return bool(error.code) and not error.code.startswith("woocommerce_")
    return error.status == 401 and bool(error.code) and error.code != KEY_SEEN
