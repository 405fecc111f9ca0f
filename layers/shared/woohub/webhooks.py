"""Authenticate WooCommerce deliveries and say which order or customer each is about."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from woohub.errors import NotAnEntity, SignatureError

_HEADER = "x-wc-webhook-"
_FORM = "application/x-www-form-urlencoded"
_PING = re.compile(rb"webhook_id=\d{1,20}")
_DIGITS = re.compile(r"[0-9]{1,20}")
_REST_CODE = re.compile(r"[a-z0-9_]{1,80}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One authentic delivery. `entity` ("order:1234", "customer:56") is set by `identify`."""

    topic: str
    body: bytes = field(repr=False)  # the signed bytes, unchanged; personal data, so never printed
    received_ms: int  # epoch milliseconds
    entity: str = ""
    source: str = ""  # the shop's home URL
    webhook_id: str = ""  # unique within one shop only
    delivery_id: str = ""  # for tracing only: one webhook's deliveries within a second share it
    signature: str = field(default="", repr=False)  # base64, as received


def signing_key(secret: str) -> bytes:
    """The key WooCommerce signs with: `wp_specialchars_decode(secret, ENT_QUOTES)` of WordPress; spaces count."""
    # "surrogatepass": a secret that is not text must fail to match, not fail to encode.
    return _ENTITY.sub(_decoded, secret).encode("utf-8", "surrogatepass")


# One pass, as WordPress does it: "&amp;lt;" becomes "&lt;". It knows no hexadecimal form of < and >.
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot)|#0*(38|60|62|34|39)|#[xX]0*(26|22|27));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}


def _decoded(entity: re.Match[str]) -> str:
    name, decimal, hexadecimal = entity.groups()
    if name:
        return _NAMED[name]
    return chr(int(decimal) if decimal else int(hexadecimal, 16))


def sign(body: bytes, secret: str) -> str:
    """The value of `X-WC-Webhook-Signature` for this body."""
    return base64.b64encode(hmac.digest(signing_key(secret), body, "sha256")).decode()


def signature(headers: Mapping[str, str]) -> str:
    """The signature a request claims, or SignatureError if it has none or one that cannot match."""
    value = _lower(headers).get(f"{_HEADER}signature", "")
    if len(value) != 44:  # 32 bytes in base64
        raise SignatureError("no signature, or not one of WooCommerce's")
    return value


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str], *, received_ms: int
) -> tuple[Delivery, str]:
    """The delivery and the name of the secret that signed it ("current", "previous"), or SignatureError.

    The signature covers the body only: whoever holds an old delivery can send it again, under other headers too.
    """
    received = signature(headers)
    for name, secret in secrets.items():
        if secret and _matches(received, body, secret):
            return _delivery(_lower(headers), body, received_ms), name
    raise SignatureError("the signature matches none of the secrets" if any(secrets.values()) else "no secret is set")


def _matches(received: str, body: bytes, secret: str) -> bool:
    # As bytes: compare_digest refuses text beyond ASCII, and a header may hold anything.
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
    """The topic header; nothing when the resource or event header contradicts it."""
    topic = values.get(f"{_HEADER}topic", "")
    resource, _, event = topic.partition(".")
    agrees = values.get(f"{_HEADER}resource", resource) == resource and values.get(f"{_HEADER}event", event) == event
    return topic if agrees else ""


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """REST APIs keep the case of header names, HTTP APIs do not, and either may hand over anything a client sends."""
    return {name.lower(): value for name, value in headers.items() if isinstance(name, str) and isinstance(value, str)}


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether this is the unsigned `webhook_id=N` a store sends when a webhook is saved; it wants exactly 200."""
    values = _lower(headers)
    is_form = values.get("content-type", "").lower().startswith(_FORM)
    return is_form and f"{_HEADER}signature" not in values and _PING.fullmatch(body) is not None


def identify(delivery: Delivery) -> Delivery:
    """The delivery with its entity filled in, or NotAnEntity.

    Only what tells orders, customers and accidents apart is looked at: odd values are the consumer's to reject.
    """
    if delivery.topic not in _SHAPES:
        raise NotAnEntity("unknown_topic")
    thing = _parsed(delivery.body)
    if not isinstance(thing, dict) or not _SHAPES[delivery.topic](thing):
        raise _what_else(thing)
    kind = delivery.topic.partition(".")[0]
    return replace(delivery, entity=f"{kind}:{identifier(thing)}")


def identifier(thing: Mapping[str, Any]) -> int:
    """The id of an order or customer, which a plugin may have turned into text; 0 where there is none."""
    found = thing.get("id")
    if isinstance(found, str) and _DIGITS.fullmatch(found):
        return int(found)
    return found if type(found) is int else 0


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):  # also: not UTF-8, numbers beyond Python's digit limit
        raise NotAnEntity("not_json", lost_event=True) from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _is_order(thing: dict[str, Any]) -> bool:
    return _has_id(thing) and isinstance(thing.get("status"), str) and "username" not in thing


def _is_customer(thing: dict[str, Any]) -> bool:
    return _has_id(thing) and "email" in thing and "line_items" not in thing


def _is_only_an_id(thing: dict[str, Any]) -> bool:
    return _has_id(thing) and len(thing) == 1


def _has_id(thing: dict[str, Any]) -> bool:
    return 0 < identifier(thing) < 2**64  # WordPress: BIGINT UNSIGNED


TEST_TOPIC = "action.woohub_test"  # of the deliveries that `woohub setup` and `woohub doctor` make

# What a store sends under each topic, whatever version of its API the webhook was made with.
_SHAPES: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "order.created": _is_order,
    "order.updated": _is_order,
    "order.restored": _is_order,
    "order.deleted": _is_only_an_id,
    "customer.created": _is_customer,
    "customer.updated": _is_customer,
    "customer.deleted": _is_only_an_id,
}


def _what_else(thing: Any) -> NotAnEntity:
    """A REST error, which WooCommerce sends and signs like any payload, or a body that belongs to another topic."""
    code = thing.get("code") if isinstance(thing, dict) and "message" in thing else None
    if not isinstance(code, str) or not _REST_CODE.fullmatch(code):
        return NotAnEntity("topic_mismatch")
    # "…_invalid_id": deleted before the delivery. All others (`…rest_cannot_view`, `rest_no_route`) hide a real change.
    return NotAnEntity(code, lost_event=not code.endswith("_invalid_id"))
