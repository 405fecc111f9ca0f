"""Find other styles to send a request that a store refused. Each is tried once, and the style that works is kept.

A redirect or a hint is followed only if the key stays with its store: never to another host, and never as plain text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from woohub.store.connection import Connection, RequestStyle
from woohub.store.redirects import Redirect
from woohub.store.refusals import WRONG_SIGNATURE
from woohub.store.requests import StoreRefused, StoreRequest

MAX_STYLES_PER_CALL = 5
KEY_SEEN = "woocommerce_rest_authentication_error"  # WooCommerce's code if it has seen the key, and refuses it
# The event that is logged when a style is used for the first time, by the field of RequestStyle that is new.
EVENTS = {
    "url": "store_redirects_its_rest_api",
    "plain": "store_has_plain_permalinks",
    "keys_in_query": "store_drops_the_authorization_header",
    "home": "store_signs_with_its_home_address",
}


def other_styles(
    error: StoreRefused, request: StoreRequest, connection: Connection, home: Callable[[], str]
) -> Iterator[RequestStyle]:
    """Yield the styles worth trying after this refusal.

    `home` asks the store for its home address, and returns "" if the store does not tell it.
    """
    style = connection.style
    if 300 <= error.status < 400:
        yield from _after_redirect(Redirect(connection, request.path, error.location))
    elif error.status == 404 and not error.code and not style.plain:
        yield replace(style, plain=True)
    elif _is_key_unseen(error, request, connection):
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


def _is_key_unseen(error: StoreRefused, request: StoreRequest, connection: Connection) -> bool:
    """Whether WooCommerce seems not to have seen the key: it would answer 403 to a key's user who lacks a right."""
    if request.anonymous or connection.style.keys_in_query:
        return False
    if not connection.credentials.consumer_key or not connection.secure:
        return False
    if error.status == 403:
        return bool(error.code) and not error.code.startswith("woocommerce_")
    return error.status == 401 and bool(error.code) and error.code != KEY_SEEN
