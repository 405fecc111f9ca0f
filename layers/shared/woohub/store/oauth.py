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
    """The parameters of a call with the OAuth 1.0a signature; `now_s` in epoch seconds.

    One-legged: there is no token, so the signing key ends in "&". The nonce is good once, the signature 15 minutes.
    """
    unsigned = dict(params) | {
        "oauth_consumer_key": credentials.consumer_key,
        "oauth_nonce": secrets.token_hex(16),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(now_s),
    }
    return unsigned | {"oauth_signature": oauth_signature(method, url, unsigned, credentials.consumer_secret)}


def oauth_signature(method: str, url: str, params: Mapping[str, str], consumer_secret: str) -> str:
    """RFC 5849 §3.4 as WooCommerce checks it, with HMAC-SHA256, in base64."""
    pairs = sorted((quoted(name), quoted(value)) for name, value in params.items())
    normal = "&".join(f"{name}={value}" for name, value in pairs)
    text = "&".join((method.upper(), quoted(url), quoted(normal)))
    return base64.b64encode(hmac.digest(f"{consumer_secret}&".encode(), text.encode(), "sha256")).decode()


def quoted(text: str) -> str:
    """Percent-encoded as RFC 3986 has it: everything but letters, digits and -._~."""
    return quote(text, safe="~")
