"""Deliveries as SQS messages: the signed bytes unchanged as the body, everything else in one attribute.

There is only one attribute, because SQS allows ten and a rejection adds its reasons as further ones. It holds compact
JSON: `format`, `encoding` (plain, gzip+base64 or trimmed) and the fields of the Delivery without its body. `ahead_s` is
written only if it is not 0; an old consumer may ignore it. The first store's messages have format 1. Format 2 adds
`store`, so that a version that knows only one store refuses the message instead of treating it as that store's.
Messages wait in queues for up to two weeks, so every format ever written stays readable. During a rollout an old
consumer reads what a new ingest writes: release the reader of a new format first, and name the format in the changelog.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from woohub.counted import counted
from woohub.delivery.delivery import Delivery
from woohub.errors import InvalidMessage
from woohub.json_values import objects
from woohub.stores import FIRST, is_name

FORMAT = 2  # the newest format that this version reads
FORMAT_OF_FIRST_STORE, FORMAT_WITH_STORE = 1, 2
ATTRIBUTE = "delivery"
ENTRIES = 10  # SQS: messages in one call

_PLAIN_BYTES = 256 * 1024
_MESSAGE_BYTES = 1024 * 1024 - 32 * 1024  # SQS: 1 MiB with all attributes; 32 KiB are kept for a rejection's reasons
_DECOMPRESSED_BYTES = 16 * 1024 * 1024  # Lambda receives 6 MB at most: anything larger is no delivery
# A list of what SQS rejects. The complement of what it accepts would take 6 ms of every cold start to compile.
_REJECTED_BY_SQS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
ERASED_MARK = "_anonymized"  # the meta key that WooCommerce's eraser sets: such an order gets no contact
_LONGEST_TEXT_CHARS = 65_536  # HubSpot: in one property
_BULK = frozenset({"meta_data", "_links"})  # fields that plugins may fill without limit
_META_CHARS = (1_000, 0)  # of a meta value that stays in a trimmed body, and if that is still too large
_TEXTS = ("topic", "entity", "source", "webhook_id", "delivery_id", "signature")
_MAX_RECEIVED_MS = 10**13  # the year 2286; keeps version strings sortable


def to_sqs(delivery: Delivery) -> dict[str, Any]:
    """Return SendMessage's arguments, with the body as plain text, else compressed, else compressed and trimmed.

    A trimmed body lacks `_links` and large meta fields, such as a shipping label that a plugin stores as base64; if
    that is not enough, all meta fields. It is no longer what the store signed, so the signature is left out. Raises
    InvalidMessage if even the trimmed body is too large.
    """
    text = _plain(delivery.body)
    if text is not None:
        return _message(delivery, "plain", text)
    message = _message(delivery, "gzip+base64", _compressed(delivery.body))
    for meta_chars in _META_CHARS:
        if size(message) > _MESSAGE_BYTES:
            trimmed = _compressed(_trimmed(delivery.body, meta_chars))
            message = _message(replace(delivery, signature=""), "trimmed", trimmed)
    if size(message) > _MESSAGE_BYTES:
        raise InvalidMessage(
            f"{counted(len(delivery.body), 'byte')} do not fit an SQS message, even compressed and trimmed"
        )
    return message


def _message(delivery: Delivery, encoding: str, body: str) -> dict[str, Any]:
    written = FORMAT_WITH_STORE if delivery.store else FORMAT_OF_FIRST_STORE
    metadata = {"format": written, "encoding": encoding, "received_ms": delivery.received_ms}
    metadata |= {name: getattr(delivery, name) for name in _TEXTS}
    metadata |= {"store": delivery.store} if delivery.store else {}
    metadata |= {"ahead_s": delivery.ahead_s} if delivery.ahead_s else {}
    value = json.dumps(metadata, separators=(",", ":"))
    return {"MessageBody": body, "MessageAttributes": {ATTRIBUTE: {"DataType": "String", "StringValue": value}}}


def _plain(body: bytes) -> str | None:
    if not 0 < len(body) <= _PLAIN_BYTES:  # SQS takes no empty body
        return None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if _REJECTED_BY_SQS.search(text) else text


def _compressed(body: bytes) -> str:
    return base64.b64encode(gzip.compress(body, compresslevel=6, mtime=0)).decode()


def _without_bulk(meta_chars: int, fields: dict[str, Any]) -> dict[str, Any]:
    """Return an object without its bulk fields and with texts cut to what HubSpot takes.

    Meta fields up to `meta_chars` stay, and so does an erasure's mark.
    """
    kept = {name: _cut(value) for name, value in fields.items() if name not in _BULK}
    rows = objects(fields.get("meta_data"))
    small = [row for row in rows if row.get("key") == ERASED_MARK or len(json.dumps(row.get("value"))) <= meta_chars]
    return kept | ({"meta_data": small} if small else {})


def _cut(value: object) -> object:
    return value[:_LONGEST_TEXT_CHARS] if isinstance(value, str) else value


def _trimmed(body: bytes, meta_chars: int) -> bytes:
    try:
        content = json.loads(body, object_hook=partial(_without_bulk, meta_chars))
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        return body


def sendable(text: str) -> str:
    """Replace what SQS does not accept in a text: control characters and halves of characters."""
    return _REJECTED_BY_SQS.sub("\N{REPLACEMENT CHARACTER}", text)


def size(message: dict[str, Any]) -> int:
    """Return the bytes of a message as SQS counts them: its body and its attributes."""
    attributes = message["MessageAttributes"].items()
    lengths = [len(name) + len(a["DataType"]) + len(a["StringValue"]) for name, a in attributes]  # all ASCII
    return len(message["MessageBody"].encode()) + sum(lengths)


def encoding(message: dict[str, Any]) -> str:
    """Return how the message's body is encoded: "plain", "gzip+base64" or "trimmed"."""
    return str(json.loads(message["MessageAttributes"][ATTRIBUTE]["StringValue"])["encoding"])


def from_sqs(body: str, attributes: Mapping[str, str]) -> Delivery:
    """Read the delivery in a message; `attributes` as `flat_attributes` returns them. Raises InvalidMessage."""
    metadata = _metadata(attributes)
    written = metadata.get("format")
    if type(written) is not int or written < 1:
        raise InvalidMessage("no message of woohub: its format is missing")
    if written > FORMAT:
        raise InvalidMessage(
            f"message format {written}, but this version reads up to {FORMAT}: deploy the newer version, then redrive"
        )
    return _read(body, metadata, written)


def _store(metadata: dict[str, Any], written: int) -> str:
    if written < FORMAT_WITH_STORE:
        return FIRST
    store = _text(metadata, "store")
    if not is_name(store):
        raise InvalidMessage("`store` is not the name of a store")
    return store


def _metadata(attributes: Mapping[str, str]) -> dict[str, Any]:
    if ATTRIBUTE not in attributes:
        raise InvalidMessage(f"no message of woohub: it has no attribute `{ATTRIBUTE}`")
    try:
        metadata = json.loads(attributes[ATTRIBUTE])
    except (ValueError, TypeError, RecursionError):
        raise InvalidMessage(f"the attribute `{ATTRIBUTE}` is not JSON") from None
    if not isinstance(metadata, dict):
        raise InvalidMessage(f"the attribute `{ATTRIBUTE}` is not a JSON object")
    return metadata


def _read(body: str, metadata: dict[str, Any], written: int) -> Delivery:
    decode = _DECODERS.get(str(metadata.get("encoding")))
    if decode is None:
        raise InvalidMessage("the body's encoding is unknown")
    try:
        content = decode(body)
    except (ValueError, TypeError, zlib.error):
        raise InvalidMessage(f"the body is not {metadata['encoding']}") from None
    return Delivery(
        body=content,
        received_ms=_received_ms(metadata),
        ahead_s=_ahead_s(metadata),
        store=_store(metadata, written),
        **{name: _text(metadata, name) for name in _TEXTS},
    )


def _text(metadata: dict[str, Any], name: str) -> str:
    value = metadata.get(name, "")
    if not isinstance(value, str):
        raise InvalidMessage(f"`{name}` is not text")
    return value


def _received_ms(metadata: dict[str, Any]) -> int:
    value = metadata.get("received_ms")
    if type(value) is not int or not 0 <= value < _MAX_RECEIVED_MS:
        raise InvalidMessage("`received_ms` is not a time in milliseconds")
    return value


def _ahead_s(metadata: dict[str, Any]) -> int:
    value = metadata.get("ahead_s", 0)
    if type(value) is not int or value < 0:
        raise InvalidMessage("`ahead_s` is not a number of seconds")
    return value


def _decompressed(body: str) -> bytes:
    stream = zlib.decompressobj(wbits=31)  # 31: gzip with its header and checksum
    content = stream.decompress(base64.b64decode(body, validate=True), _DECOMPRESSED_BYTES)
    if not stream.eof or stream.unused_data:
        raise ValueError("truncated, too long, or followed by something else")
    return content


_DECODERS: Mapping[str, Callable[[str], bytes]] = {
    "plain": str.encode,
    "gzip+base64": _decompressed,
    "trimmed": _decompressed,
}


def flat_attributes(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the text attributes by name, from those of a Lambda record or of ReceiveMessage."""
    values = {name: _string_value(attribute) for name, attribute in attributes.items()}
    return {name: value for name, value in values.items() if isinstance(value, str)}


def _string_value(attribute: Any) -> Any:
    if not isinstance(attribute, Mapping):
        return None
    return attribute.get("stringValue", attribute.get("StringValue"))
