"""Authenticate WooCommerce deliveries and identify the order or customer each is about."""

from __future__ import annotations

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from woohub.errors import NotAnEntity, SignatureError
from woohub.stores import FIRST

_HEADER = "x-wc-webhook-"
_FORM = "application/x-www-form-urlencoded"
_PING = re.compile(rb"webhook_id=\d{1,20}")
_DIGITS = re.compile(r"[0-9]{1,20}")
_EXACT_FLOATS = 2**53  # from here on, floats skip whole numbers
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
    store: str = FIRST
    ahead_s: int = 0  # of what woohub read: seconds that the store's clock was ahead of ours

    @property
    def names(self) -> dict[str, str]:
        """What it is about, for log lines: the entity, and the store unless it is the first."""
        return {"entity": self.entity} | ({"store": self.store} if self.store else {})


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

    The signature covers the body only: anyone with an old delivery can replay it, even with other headers.
    """
    received = signature(headers)
    for name, secret in secrets.items():
        if secret and _matches(received, body, secret):
            return _delivery(_lower(headers), body, received_ms), name
    raise SignatureError("the signature matches none of the secrets" if any(secrets.values()) else "no secret is set")


def _matches(received: str, body: bytes, secret: str) -> bool:
    # As bytes: compare_digest accepts ASCII text only, and a header may hold anything.
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
    """The topic header; "" if the resource or event header contradicts it."""
    topic = values.get(f"{_HEADER}topic", "")
    resource, _, event = topic.partition(".")
    agrees = values.get(f"{_HEADER}resource", resource) == resource and values.get(f"{_HEADER}event", event) == event
    return topic if agrees else ""


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """REST APIs keep the case of header names, HTTP APIs do not, and either passes on anything a client sends."""
    return {name.lower(): value for name, value in headers.items() if isinstance(name, str) and isinstance(value, str)}


def is_ping(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether this is the unsigned `webhook_id=N` that a store sends when a webhook is saved; it expects 200."""
    values = _lower(headers)
    is_form = values.get("content-type", "").lower().startswith(_FORM)
    return is_form and f"{_HEADER}signature" not in values and _PING.fullmatch(body) is not None


def identify(delivery: Delivery) -> Delivery:
    """The delivery with its entity filled in, or NotAnEntity.

    It checks only what distinguishes orders, customers and errors of the store; the consumer rejects odd values.
    """
    if delivery.topic not in _SHAPES:
        raise NotAnEntity("unknown_topic")
    try:
        content = read_json(delivery.body)
    except ValueError:
        raise NotAnEntity("not_json", lost_event=True) from None
    if not isinstance(content, dict) or not identifier(content) or not _SHAPES[delivery.topic](content):
        raise _not_an_entity(content)
    kind = delivery.topic.partition(".")[0]
    return replace(delivery, entity=f"{kind}:{identifier(content)}")


def read_json(body: bytes) -> Any:
    """The JSON value in a body; ValueError if it is none, or holds NaN, or is nested too deeply."""
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def identifier(content: Mapping[str, Any]) -> int:
    """The id of an order or customer; 0 if there is none."""
    return whole_number(content.get("id")) or 0


def whole_number(value: object) -> int | None:
    """The number that 12, 12.0, "12" and " 12 " mean, as plugins write it; None for any other value.

    It is at least 0 and less than 2**64, the end of WordPress's ids (BIGINT UNSIGNED).
    """
    number = value
    if isinstance(value, str):
        number = int(value) if _DIGITS.fullmatch(value.strip()) else None
    elif isinstance(value, float) and value.is_integer() and value < _EXACT_FLOATS:
        number = int(value)
    return number if type(number) is int and 0 <= number < 2**64 else None


# Fields that only one kind has, in any version of WooCommerce's API. Plugins add fields of any name to both, so a body
# is of the kind that more of its fields belong to.
_OWN_FIELDS: Mapping[str, Set[str]] = {
    "order": {"status", "currency", "total", "total_tax", "parent_id", "number", "order_key", "customer_id"}
    | {"customer_note", "payment_method", "line_items", "shipping_lines", "refunds"},
    "customer": {"email", "first_name", "last_name", "role", "username", "avatar_url", "is_paying_customer"}
    | {"orders_count", "total_spent"},
}
# Every order, and every customer, has these. A deletion has an id and what plugins add, but no two of either set.
_ESSENTIAL_FIELDS = ({"status", "total", "line_items"}, {"email", "username", "role"})


def _is_order(content: dict[str, Any]) -> bool:
    return isinstance(content.get("status"), str) and _resembles("order", "customer", content)


def _is_customer(content: dict[str, Any]) -> bool:
    return "email" in content and _resembles("customer", "order", content)


def _resembles(kind: str, other: str, content: dict[str, Any]) -> bool:
    return len(_OWN_FIELDS[kind] & content.keys()) > len(_OWN_FIELDS[other] & content.keys())


def _is_deletion(content: dict[str, Any]) -> bool:
    return all(len(essential & content.keys()) < 2 for essential in _ESSENTIAL_FIELDS)


TEST_TOPIC = "action.woohub_test"  # of the deliveries that `woohub setup` and `woohub doctor` send

# What a store sends under each topic besides the id, whatever version of its API the webhook uses.
_SHAPES: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "order.created": _is_order,
    "order.updated": _is_order,
    "order.restored": _is_order,
    "order.deleted": _is_deletion,
    "customer.created": _is_customer,
    "customer.updated": _is_customer,
    "customer.deleted": _is_deletion,
}


def _not_an_entity(content: Any) -> NotAnEntity:
    """Why a body is no order or customer: mostly it is an error of the store's API, signed like any payload.

    Only "…_invalid_id" loses nothing: the order was deleted before the delivery. All others (`…rest_cannot_view`,
    `rest_no_route`, a body of the legacy API or of another topic) mean that a change did not arrive.
    """
    codes = [code for code in _error_codes(content) if _REST_CODE.fullmatch(code)] or ["topic_mismatch"]
    losses = [code for code in codes if not code.endswith("_invalid_id")]
    return NotAnEntity((losses or codes)[0], lost_event=bool(losses))


def _error_codes(content: Any) -> list[str]:
    """The codes of a REST error, an error of the legacy API, or a WP_Error as PHP writes it."""
    if not isinstance(content, dict):
        return []
    errors = content.get("errors")
    if isinstance(errors, dict):
        return list(errors)
    rows = errors if isinstance(errors, list) else [content]
    codes = [row.get("code") for row in rows if isinstance(row, dict) and "message" in row]
    return [code for code in codes if isinstance(code, str)]
