"""Say why a store refuses a call, and what to do about it."""

from __future__ import annotations

from woohub.store.causes import CHECK_KEY, LET_THROUGH, Cause
from woohub.store.connection import Connection, RequestStyle

WRONG_SIGNATURE = "Invalid signature"


def cause_of_refusal(status: int, code: str, message: str, connection: Connection) -> Cause:
    """Return the cause of an error that WordPress or WooCommerce reports, by its status, code and message."""
    words = f"the store refuses ({status} {code}), “{message}”" if message else f"the store refuses ({status} {code})"
    if status not in (401, 403):
        return Cause(words, "")
    secure = connection.secure
    if code.startswith("woocommerce_rest_cannot_"):
        return Cause(
            words, f"A Read/Write key of an administrator or shop manager is needed{_key_unseen_advice(status, secure)}"
        )
    if code != "woocommerce_rest_authentication_error":
        return Cause(
            words,
            f"a security plugin or the host blocks the REST API; {LET_THROUGH}{_key_unseen_advice(status, secure)}",
        )
    return Cause(words, CHECK_KEY if secure else f"{CHECK_KEY}{_signature_advice(message, connection.style)}")


def _key_unseen_advice(status: int, secure: bool) -> str:
    """Say why WooCommerce may not see the key, which is what its 401 means; "" for another status."""
    if status != 401:
        return ""
    if not secure:
        return "; or a proxy drops the query"
    return (
        "; or the key is not seen, neither in the Authorization header nor in the address: behind a proxy WordPress "
        "must know that it is reached over https (X-Forwarded-Proto)"
    )


def _signature_advice(message: str, style: RequestStyle) -> str:
    clock = ". Check the store's clock, too: over plain http it may be wrong by 15 minutes at most"
    if WRONG_SIGNATURE not in message:
        return clock
    home = f", which is {style.home}" if style.home else ""
    return (
        f"{clock}. A signature also names host and port of the store's home address (Settings > General){home}: "
        "WOO_COMMERCE_URL must have the same"
    )
