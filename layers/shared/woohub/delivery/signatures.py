"""Sign bodies as WooCommerce does, and check whether the store signed a request."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping

from woohub.delivery.delivery import Delivery
from woohub.errors import SignatureError, SignatureMissing

NOT_SHA256 = (
    "the signature is no HMAC-SHA256 in base64: does a plugin of the store set the filter "
    "woocommerce_webhook_hash_algorithm?"
)
_HEADER = "x-wc-webhook-"
_FORM = "application/x-www-form-urlencoded"
_PING = re.compile(rb"webhook_id=\d{1,20}")


def signing_key(secret: str) -> bytes:
    """Return the key with which WooCommerce signs: `wp_specialchars_decode(secret, ENT_QUOTES)`, spaces included."""
    # "surrogatepass": a secret that is not text must fail to match, not fail to encode.
    return _ENTITY.sub(_decoded, secret).encode("utf-8", "surrogatepass")


# Entities are decoded once, as WordPress does it: "&amp;lt;" becomes "&lt;". WordPress decodes no hexadecimal < and >.
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot)|#0*(38|60|62|34|39)|#[xX]0*(26|22|27));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}


def _decoded(entity: re.Match[str]) -> str:
    name, decimal, hexadecimal = entity.groups()
    if name:
        return _NAMED[name]
    return chr(int(decimal) if decimal else int(hexadecimal, 16))


def sign(body: bytes, secret: str) -> str:
    """Return the value of `X-WC-Webhook-Signature` for this body."""
    return base64.b64encode(hmac.digest(signing_key(secret), body, "sha256")).decode()


def signature(headers: Mapping[str, str]) -> str:
    """Return a request's signature header. Raises SignatureMissing, or SignatureError if it cannot match any body."""
    value = _lower(headers).get(f"{_HEADER}signature", "")
    if not value:
        raise SignatureMissing("no signature")
    if len(value) != 44:  # 32 bytes in base64
        raise SignatureError(NOT_SHA256)
    return value


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str], *, received_ms: int
) -> tuple[Delivery, str]:
    """Return the delivery, and the name of the secret that signed it: "current" or "previous".

    Raises SignatureError if none of `secrets` signed the body. The signature covers the body only, so anyone who has an
    old delivery can send it again, even with other headers.
    """
    received = signature(headers)
    for name, secret in secrets.items():
        if secret and _matches(received, body, secret):
            return _delivery(_lower(headers), body, received_ms), name
    raise SignatureError("the signature matches none of the secrets" if any(secrets.values()) else "no secret is set")


def _matches(received: str, body: bytes, secret: str) -> bool:
    # Bytes, because compare_digest accepts only ASCII in texts, and a header may hold any character.
    return hmac.compare_digest(received.encode("utf-8", "surrogatepass"), sign(body, secret).encode())


def _delivery(values: Mapping[str, str], body: bytes, received_ms: int) -> Delivery:
    return Delivery(
        topic=_topic(values),
        body=body,
        received_ms=received_ms,
        source=values.get(f"{_HEADER}source", ""),
        webhook_id=values.get(f"{_HEADER}id", ""),
        delivery_id=values.get(f"{_HEADER}delivery-id", ""),
        signature=values.get(f"{_HEADER}signature", ""),
    )


def _topic(values: Mapping[str, str]) -> str:
    """Return the topic header; "" if the resource or event header contradicts it."""
    topic = values.get(f"{_HEADER}topic", "")
    resource, _, event = topic.partition(".")
    agrees = values.get(f"{_HEADER}resource", resource) == resource and values.get(f"{_HEADER}event", event) == event
    return topic if agrees else ""


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case names, as HTTP APIs pass them on; REST APIs keep the client's case."""
    return {name.lower(): value for name, value in headers.items() if isinstance(name, str) and isinstance(value, str)}


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether this is the unsigned `webhook_id=N` that a store sends when a webhook is saved. It expects 200."""
    values = _lower(headers)
    is_form = values.get("content-type", "").lower().startswith(_FORM)
    return is_form and f"{_HEADER}signature" not in values and _PING.fullmatch(body) is not None
