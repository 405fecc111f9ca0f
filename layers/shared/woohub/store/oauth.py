"""Sign calls over plain http: OAuth 1.0a as WooCommerce checks it."""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import quote

from woohub.store.connection import StoreCredentials


def signed(
    method: str, url: str, params: Mapping[str, str], credentials: StoreCredentials, now_s: int
) -> dict[str, str]:
    """Return a call's parameters with those of its OAuth 1.0a signature; `now_s` in epoch seconds.

    The signature is one-legged: there is no token, so the signing key ends in "&". WooCommerce accepts a nonce once,
    and a signature for 15 minutes.
    """
    unsigned = dict(params) | {
        "oauth_consumer_key": credentials.consumer_key,
        "oauth_nonce": secrets.token_hex(16),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(now_s),
    }
    return unsigned | {"oauth_signature": oauth_signature(method, url, unsigned, credentials.consumer_secret)}


def oauth_signature(method: str, url: str, params: Mapping[str, str], consumer_secret: str) -> str:
    """Return the signature by RFC 5849 §3.4 as WooCommerce checks it, with HMAC-SHA256, in base64."""
    pairs = sorted((quoted(name), quoted(value)) for name, value in params.items())
    normal = "&".join(f"{name}={value}" for name, value in pairs)
    text = "&".join((method.upper(), quoted(url), quoted(normal)))
    return base64.b64encode(hmac.digest(f"{consumer_secret}&".encode(), text.encode(), "sha256")).decode()


def quoted(text: str) -> str:
    """Percent-encode a text by RFC 3986: everything but letters, digits and -._~."""
    return quote(text, safe="~")
