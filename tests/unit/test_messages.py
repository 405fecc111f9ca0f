"""A delivery as an SQS message and back."""

from __future__ import annotations

import base64
import gzip
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from woohub.delivery import messages
from woohub.delivery.delivery import Delivery
from woohub.errors import InvalidMessage

MEBIBYTE = 1024 * 1024
FORMAT_1 = json.loads((Path(__file__).parents[1] / "fixtures" / "messages-format-1.json").read_text(encoding="utf-8"))

deliveries = st.builds(
    Delivery,
    topic=st.text(),
    body=st.binary() | st.text().map(str.encode),
    received_ms=st.integers(0, 10**13 - 1),
    entity=st.text(),
    source=st.text(st.characters()),  # lone surrogates too: a header may hold anything
    webhook_id=st.text(),
    delivery_id=st.text(),
    signature=st.text(),
    ahead_s=st.just(0) | st.integers(0, 10**10),
    store=st.sampled_from(["", "second"]),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def a_delivery(body: bytes = b'{"id":1234}') -> Delivery:
    return Delivery(topic="order.deleted", body=body, received_ms=1_795_473_681_000, entity="order:1234", signature="s")


def received(message: dict[str, Any]) -> Delivery:
    return messages.from_sqs(message["MessageBody"], messages.flat_attributes(message["MessageAttributes"]))


def metadata(**changes: Any) -> dict[str, str]:
    fields = json.loads(messages.to_sqs(a_delivery())["MessageAttributes"]["delivery"]["StringValue"])
    return {"delivery": json.dumps({**fields, **changes})}


def size(message: dict[str, Any]) -> int:
    attributes = message["MessageAttributes"].items()
    lengths = [len(part.encode()) for name, value in attributes for part in (name, *value.values())]
    return len(message["MessageBody"].encode()) + sum(lengths)


def incompressible(length: int) -> bytes:
    return random.Random(0).randbytes(length)  # noqa: S311


@given(deliveries)
@example(a_delivery(b""))
@example(a_delivery(b"a\r\nb\rc\td"))
@example(a_delivery(b"\x00"))
@example(a_delivery("\ufffe\uffff".encode()))
@example(a_delivery(b"\xed\xa0\x80"))
def test_a_delivery_is_unchanged_after_a_round_trip(delivery: Delivery) -> None:
    assert received(messages.to_sqs(delivery)) == delivery


@given(deliveries)
def test_a_message_holds_only_characters_that_sqs_accepts(delivery: Delivery) -> None:
    message = messages.to_sqs(delivery)
    text = message["MessageBody"] + message["MessageAttributes"]["delivery"]["StringValue"]

    assert message["MessageBody"]
    assert all(c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" for c in text)


def test_a_message_has_one_attribute() -> None:
    assert list(messages.to_sqs(a_delivery())["MessageAttributes"]) == ["delivery"]


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b'{"id":1234}', "plain"),
        (b"x" * 256 * 1024, "plain"),
        (b"x" * (256 * 1024 + 1), "gzip+base64"),
        (b"\xff", "gzip+base64"),
        (b"\x0b", "gzip+base64"),
        (b"", "gzip+base64"),
        (incompressible(MEBIBYTE * 7 // 10), "gzip+base64"),
    ],
    ids=["small", "256 KiB", "larger than 256 KiB", "not UTF-8", "rejected by SQS", "empty", "incompressible"],
)
def test_a_body_is_sent_plain_if_it_is_small_text_and_compressed_otherwise(body: bytes, encoding: str) -> None:
    message = messages.to_sqs(a_delivery(body))

    assert messages.encoding(message) == encoding
    assert size(message) <= MEBIBYTE
    assert received(message).body == body


def test_an_order_of_lambdas_largest_request_fits_a_message() -> None:
    items = [{"id": n, "name": f"Product {n}", "price": n / 7, "taxes": []} for n in range(90_000)]
    body = json.dumps({"id": 1, "status": "processing", "line_items": items}).encode()

    message = messages.to_sqs(a_delivery(body))

    assert len(body) > 5.5 * MEBIBYTE
    assert size(message) <= MEBIBYTE
    assert received(message).body == body


def test_a_body_that_compresses_too_little_is_sent_without_meta_data_and_signature() -> None:
    order = {"id": 1, "status": "processing", "line_items": [{"name": "A"}]}
    bulk = {"meta_data": [{"value": base64.b64encode(incompressible(2 * MEBIBYTE)).decode()}], "_links": {}}
    body = json.dumps({**order, "line_items": [{"name": "A", **bulk}], **bulk}).encode()

    message = messages.to_sqs(a_delivery(body))

    assert messages.encoding(message) == "trimmed"
    assert json.loads(received(message).body) == order
    assert received(message).signature == ""


@pytest.mark.parametrize(
    "body", [incompressible(MEBIBYTE), json.dumps([base64.b64encode(incompressible(MEBIBYTE)).decode()]).encode()]
)
def test_a_body_that_cannot_fit_is_rejected(body: bytes) -> None:
    with pytest.raises(InvalidMessage, match="do not fit"):
        messages.to_sqs(a_delivery(body))


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("plain", b'{"id":40}'),
        ("gzip+base64", b'{"id":7,"status":"processing","note":"\x00\xff"}'),
        ("trimmed", b'{"id":7,"status":"processing"}'),
    ],
)
def test_format_1_bodies_are_readable(encoding: str, body: bytes) -> None:
    sample = FORMAT_1[encoding]

    assert messages.from_sqs(sample["body"], {"delivery": sample["delivery"]}).body == body


def test_format_1_fields_are_readable() -> None:
    sample = FORMAT_1["plain"]

    assert messages.from_sqs(sample["body"], {"delivery": sample["delivery"]}) == Delivery(
        topic="order.deleted",
        body=b'{"id":40}',
        received_ms=1795473749000,
        entity="order:40",
        source="http://127.0.0.1:8899/",
        webhook_id="4",
        delivery_id="bae389af92750f8a580623e326622026",
        signature="A7pgSC3ZAM7n0TSldgcfAE3N6k8oXh6hV9QShB3YAgQ=",
    )


def test_unknown_metadata_fields_are_ignored() -> None:
    assert messages.from_sqs('{"id":1234}', metadata(added="later")) == a_delivery()


def test_a_newer_format_is_rejected_with_the_next_step() -> None:
    with pytest.raises(InvalidMessage, match=r"message format 3, .* deploy the newer version, then redrive"):
        messages.from_sqs("{}", metadata(format=3))


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"delivery": ""},
        {"delivery": "{"},
        {"delivery": "[" * 200_000},
        {"delivery": '{"format":' + "9" * 5000 + "}"},
        {"delivery": "[]"},
        {"delivery": "{}"},
        metadata(format="1"),
        metadata(format=True),
        metadata(format=0),
        metadata(encoding="rot13"),
        metadata(encoding=None),
        metadata(encoding=["plain"]),
        metadata(topic=None),
        metadata(entity=5),
        metadata(signature=[]),
        metadata(received_ms="1"),
        metadata(received_ms=True),
        metadata(received_ms=None),
        metadata(received_ms=-1),
        metadata(received_ms=10**13),
    ],
)
def test_invalid_metadata_is_rejected(attributes: dict[str, str]) -> None:
    with pytest.raises(InvalidMessage):
        messages.from_sqs('{"id":1234}', attributes)


TOO_LARGE = base64.b64encode(gzip.compress(bytes(17 * MEBIBYTE))).decode()
COMPRESSED = base64.b64encode(gzip.compress(b"content")).decode()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "é",
        "====",
        COMPRESSED[:-8],
        COMPRESSED + COMPRESSED,
        COMPRESSED + "\n",
        base64.b64encode(b"content").decode(),
        TOO_LARGE,
    ],
    ids=["empty", "JSON", "not ASCII", "not base64", "truncated", "twice", "line break", "not gzip", "over 16 MiB"],
)
@pytest.mark.parametrize("encoding", ["gzip+base64", "trimmed"])
def test_a_damaged_body_is_rejected(encoding: str, body: str) -> None:
    with pytest.raises(InvalidMessage, match=r"the body is not"):
        messages.from_sqs(body, metadata(encoding=encoding))


def test_a_body_with_a_lone_surrogate_is_rejected() -> None:
    with pytest.raises(InvalidMessage):
        messages.from_sqs("\ud800", metadata())


fields = st.fixed_dictionaries(
    {},
    optional={
        "format": st.just(1) | json_values,
        "encoding": st.sampled_from(["plain", "gzip+base64", "trimmed"]) | json_values,
        "received_ms": st.integers() | json_values,
        "topic": st.text() | json_values,
        "entity": st.text() | json_values,
    },
)


@given(
    st.text(st.characters()),
    st.dictionaries(st.text(), st.text()) | st.fixed_dictionaries({"delivery": fields.map(json.dumps)}),
)
def test_any_message_is_read_as_a_delivery_or_rejected(body: str, attributes: dict[str, str]) -> None:
    try:
        delivery = messages.from_sqs(body, attributes)
    except InvalidMessage:
        return
    assert received(messages.to_sqs(delivery)) == delivery


def test_flat_attributes_reads_the_forms_of_lambda_and_boto3() -> None:
    from_lambda = {"delivery": {"stringValue": "x", "dataType": "String", "binaryListValues": []}}
    from_boto3 = {"delivery": {"StringValue": "x", "DataType": "String"}}

    assert messages.flat_attributes(from_lambda) == messages.flat_attributes(from_boto3) == {"delivery": "x"}


@pytest.mark.parametrize(
    "attribute", [None, "x", {}, {"binaryValue": "eA=="}, {"stringValue": None}, {"StringValue": 5}]
)
def test_flat_attributes_leaves_out_attributes_without_text(attribute: Any) -> None:
    assert messages.flat_attributes({"other": attribute}) == {}


def bulky(**fields: object) -> bytes:
    """An order with megabytes that cannot be compressed."""
    note = base64.b64encode(incompressible(2_000_000)).decode()
    return json.dumps({"id": 1, "status": "processing", "customer_note": note} | fields).encode()


def sent_and_read(body: bytes) -> dict[str, Any]:
    """The JSON that the consumer reads from a message with this body."""
    content: dict[str, Any] = json.loads(received(messages.to_sqs(a_delivery(body))).body)
    return content


def test_a_long_text_is_truncated_if_the_body_fits_no_message() -> None:
    assert len(sent_and_read(bulky())["customer_note"]) == 65_536


@pytest.mark.parametrize("gather", [list, lambda rows: dict(enumerate(map(dict, rows)))])
def test_the_mark_of_an_erased_person_is_kept_if_meta_data_is_removed(gather: Any) -> None:
    mark = {"id": 9, "key": "_anonymized", "value": "yes"}

    read = sent_and_read(bulky(meta_data=gather([{"key": "label", "value": "v" * 1000}, mark])))

    assert read["meta_data"] == [mark]


def test_small_meta_fields_are_kept_if_large_ones_are_removed() -> None:
    tracking = {"key": "_tracking", "value": [{"number": "00340434161094"}]}
    label = {"key": "_label_pdf", "value": base64.b64encode(incompressible(2_000_000)).decode()}

    read = sent_and_read(json.dumps({"id": 1, "status": "processing", "meta_data": [label, tracking]}).encode())

    assert read["meta_data"] == [tracking]


def test_all_meta_fields_are_removed_if_the_small_ones_do_not_fit() -> None:
    text = base64.b64encode(incompressible(2_400_000)).decode()
    rows = [{"key": "k", "value": text[start : start + 800]} for start in range(0, len(text), 800)]

    read = sent_and_read(json.dumps({"id": 1, "status": "processing", "meta_data": rows}).encode())

    assert read == {"id": 1, "status": "processing"}


def test_a_version_without_several_stores_rejects_messages_of_further_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    message = messages.to_sqs(replace(a_delivery(), store="second"))
    monkeypatch.setattr(messages, "FORMAT", 1)

    with pytest.raises(InvalidMessage, match="deploy the newer version"):
        received(message)


def test_messages_of_the_first_store_keep_format_1() -> None:
    attribute = messages.to_sqs(a_delivery())["MessageAttributes"]["delivery"]["StringValue"]

    assert attribute == (
        '{"format":1,"encoding":"plain","received_ms":1795473681000,"topic":"order.deleted","entity":"order:1234",'
        '"source":"","webhook_id":"","delivery_id":"","signature":"s"}'
    )


@pytest.mark.parametrize("name", ["", "Second", "first", "-a", "a-", "a" * 33, 7, None])
def test_a_message_with_an_invalid_store_name_is_rejected(name: object) -> None:
    with pytest.raises(InvalidMessage):
        messages.from_sqs("{}", metadata(format=2, store=name))
