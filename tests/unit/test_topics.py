"""Which order or customer a delivery is about, and which deliveries are about none."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import payloads
from tests.support.deliveries import SECRET, captured, delivery
from woohub.delivery import signatures, topics
from woohub.delivery.delivery import Delivery
from woohub.errors import NotAnEntity
from woohub.store.payloads import READERS, CustomerEvent, Ignored, OrderEvent, OrderTrashed, parse

NOW = 1_795_473_681_000

ORDER = {"id": 1234, "status": "processing", "line_items": []}
CUSTOMER = {"id": 56, "email": "jane.doe@example.com", "role": "customer", "username": "jane"}
ID_ONLY = {"id": 1234}
REST_ERROR = {"code": "rest_no_route", "message": "No route was found", "data": {"status": 404}}

bodies = st.binary(max_size=200)


def authentic(headers: Mapping[str, str], body: bytes) -> Delivery:
    return signatures.verify(headers, body, {"current": SECRET}, received_ms=NOW)[0]


def a_delivery(topic: str, content: Any) -> Delivery:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Delivery(topic=topic, body=body, received_ms=NOW)


def rejection(topic: str, content: Any) -> NotAnEntity:
    with pytest.raises(NotAnEntity) as rejected:
        topics.identify(a_delivery(topic, content))
    return rejected.value


@pytest.mark.parametrize(
    ("topic", "content", "entity"),
    [
        ("order.created", ORDER, "order:1234"),
        ("order.updated", ORDER, "order:1234"),
        ("order.restored", ORDER, "order:1234"),
        ("order.deleted", ID_ONLY, "order:1234"),
        ("customer.created", CUSTOMER, "customer:56"),
        ("customer.updated", CUSTOMER, "customer:56"),
        ("customer.deleted", ID_ONLY, "customer:1234"),
        ("customer.updated", {"id": 56, "email": ""}, "customer:56"),
        ("order.updated", {**ORDER, "total": None, "billing": "none"}, "order:1234"),
        ("order.updated", {**ORDER, "id": 2**64 - 1}, "order:18446744073709551615"),
    ],
)
def test_identify_names_the_order_or_customer(topic: str, content: Any, entity: str) -> None:
    assert topics.identify(a_delivery(topic, content)).entity == entity


SHAPES = {"order": ORDER, "customer": CUSTOMER, "id only": ID_ONLY, "empty object": {}}
EXPECTED = {"deleted": {"order": "id only", "customer": "id only"}}
MISMATCHES = [
    (f"{kind}.{event}", shape)
    for kind in ("order", "customer")
    for event in ("created", "updated", "restored", "deleted")
    for shape in SHAPES
    if (kind, event) != ("customer", "restored") and shape != EXPECTED.get(event, {}).get(kind, kind)
]


@pytest.mark.parametrize(("topic", "shape"), MISMATCHES)
def test_a_body_that_does_not_fit_its_topic_is_rejected(topic: str, shape: str) -> None:
    assert rejection(topic, SHAPES[shape]).cause == "topic_mismatch"


@pytest.mark.parametrize(
    ("topic", "content"),
    [("order.updated", {**CUSTOMER, "status": "active"}), ("customer.updated", {**ORDER, "email": "jane@example.com"})],
    ids=["customer with a status", "order with an address"],
)
def test_a_body_with_a_field_of_the_other_kind_fits_only_its_own_topic(topic: str, content: Any) -> None:
    own_topic = {"order.updated": "customer.updated", "customer.updated": "order.updated"}[topic]

    assert rejection(topic, content).cause == "topic_mismatch"
    assert topics.identify(a_delivery(own_topic, content)).entity


# Plugins may add any field, also one of the other kind of record.
PLUGIN_FIELDS = {"username": "jane", "email": "jane@example.com", "role": "customer", "line_items": [], "total": "1.00"}


@pytest.mark.parametrize("extra", PLUGIN_FIELDS)
@pytest.mark.parametrize(("label", "topic"), [("order", "order.updated"), ("customer", "customer.updated")])
def test_a_captured_record_with_a_field_of_a_plugin_is_identified(label: str, topic: str, extra: str) -> None:
    whole = next(line.payload for line in captured() if line.topic == topic and "email" in line.body.decode())

    assert topics.identify(a_delivery(topic, {extra: PLUGIN_FIELDS[extra]} | whole)).entity.startswith(label)


def test_an_order_with_all_fields_of_an_account_is_an_order_only() -> None:
    both = delivery(19).payload | dict.fromkeys(("email", "username", "role", "first_name", "last_name"), "x")

    assert topics.identify(a_delivery("order.created", both)).entity == "order:16"
    assert rejection("customer.created", both).cause == "topic_mismatch"


@pytest.mark.parametrize(
    "extra",
    [
        {"site": "shop-a"},
        {"number": "A-30", "status": "trash"},
        {"email": "jane@example.com"},
        {"deleted_by": {"username": "admin"}, "username": "admin"},
        {"code": "x", "message": "y"},
    ],
)
@pytest.mark.parametrize("kind", ["order", "customer"])
def test_a_deletion_with_fields_of_plugins_is_identified(kind: str, extra: dict[str, Any]) -> None:
    assert topics.identify(a_delivery(f"{kind}.deleted", {"id": 30, **extra})).entity == f"{kind}:30"


COMPLETE = [
    line for line in captured() if line.topic.endswith(("created", "updated", "restored")) and '"id"' in str(line.body)
]


@pytest.mark.parametrize("topic", ["order.deleted", "customer.deleted"])
@pytest.mark.parametrize("sent", COMPLETE, ids=lambda sent: f"{sent.nr}")
def test_a_complete_record_under_a_deletion_topic_is_rejected_as_a_lost_event(sent: Any, topic: str) -> None:
    rejected = rejection(topic, sent.body)

    assert rejected.lost_event


@pytest.mark.parametrize(
    "identifier", [0, -1, True, 1.5, "", "0", "-1", "1.0", "1 2", "٤", None, [], 2**64, 1e19, 10**400]
)
@pytest.mark.parametrize("topic", ["order.updated", "order.deleted"])
def test_an_invalid_id_is_rejected(topic: str, identifier: Any) -> None:
    content = {"id": identifier} if topic == "order.deleted" else {**ORDER, "id": identifier}

    assert rejection(topic, content).cause == "topic_mismatch"


@pytest.mark.parametrize("identifier", ["1234", " 1234", "1234\u00a0", "01234", 1234.0])
@pytest.mark.parametrize("topic", ["order.updated", "order.deleted"])
def test_an_id_in_quotes_with_spaces_or_as_a_float_is_accepted(topic: str, identifier: Any) -> None:
    content = {"id": identifier} if topic == "order.deleted" else {**ORDER, "id": identifier}

    assert topics.identify(a_delivery(topic, content)).entity == "order:1234"


@pytest.mark.parametrize("status", [None, 1, ["processing"]])
def test_an_order_without_a_text_as_status_is_rejected(status: Any) -> None:
    assert rejection("order.updated", {**ORDER, "status": status}).cause == "topic_mismatch"


NO_TOPICS = ["", "order", "order.published", "customer.restored", "coupon.created", "ORDER.CREATED"]


@pytest.mark.parametrize("topic", [*NO_TOPICS, "order.swept", "customer.swept"])
def test_other_topics_are_rejected(topic: str) -> None:
    assert rejection(topic, ORDER).cause == "unknown_topic"


@pytest.mark.parametrize("header", [{"X-WC-Webhook-Resource": "customer"}, {"x-wc-webhook-event": "deleted"}])
def test_a_topic_that_contradicts_the_other_headers_is_rejected(header: dict[str, str]) -> None:
    body = json.dumps(ORDER).encode()
    signed = {"X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Signature": signatures.sign(body, SECRET)}
    contradictory = authentic(signed | header, body)

    with pytest.raises(NotAnEntity, match="unknown_topic"):
        topics.identify(contradictory)


@pytest.mark.parametrize(
    ("code", "lost"),
    [
        ("woocommerce_rest_cannot_view", True),
        ("rest_no_route", True),
        ("rest_api_unavailable", True),
        # all that a webhook of the old API sends from a store with HPOS
        ("woocommerce_rest_invalid_shop_order_id", True),
        ("woocommerce_rest_shop_order_invalid_id", False),
        ("wc_user_invalid_id", False),
    ],
)
@pytest.mark.parametrize("topic", ["order.created", "customer.updated"])
def test_a_rest_error_is_rejected_with_its_code_and_lost_event(topic: str, code: str, lost: bool) -> None:
    rejected = rejection(topic, {**REST_ERROR, "code": code})

    assert (rejected.cause, rejected.lost_event) == (code, lost)


@pytest.mark.parametrize("code", [None, 5, "", "Jane Doe", "a" * 100, "rest\nno_route"])
def test_an_unusual_error_code_is_not_used_as_cause(code: Any) -> None:
    assert rejection("order.created", {**REST_ERROR, "code": code}).cause == "topic_mismatch"


LEGACY_ORDER = {"order": {"id": 40, "order_number": "40", "status": "processing", "total": "20.00", "line_items": []}}
NOT_ALLOWED = "woocommerce_api_user_cannot_read_order"


@pytest.mark.parametrize("topic", ["order.created", "order.deleted", "customer.updated", "customer.deleted"])
@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (LEGACY_ORDER, "topic_mismatch"),
        ({"customer": {"id": 5, "email": "jane@example.com"}}, "topic_mismatch"),
        ({"errors": {NOT_ALLOWED: ["x"]}, "error_data": {NOT_ALLOWED: {"status": 401}}}, NOT_ALLOWED),
        ({"errors": [{"code": NOT_ALLOWED, "message": "x"}]}, NOT_ALLOWED),
        ({"errors": {"a_invalid_id": ["x"], NOT_ALLOWED: ["x"]}}, NOT_ALLOWED),
        ({"errors": []}, "topic_mismatch"),
        ({"code": "x"}, "topic_mismatch"),
        ({"error": "not allowed"}, "topic_mismatch"),
        ({"success": False, "data": None}, "topic_mismatch"),
        ([], "topic_mismatch"),
        ([{"id": 1}], "topic_mismatch"),
        (None, "topic_mismatch"),
        (False, "topic_mismatch"),
        (5, "topic_mismatch"),
        (b'""', "topic_mismatch"),
        (b"<!DOCTYPE html><html></html>", "not_json"),
    ],
)
def test_any_other_body_is_rejected_as_a_lost_event(topic: str, content: Any, cause: str) -> None:
    rejected = rejection(topic, content)

    assert (rejected.cause, rejected.lost_event) == (cause, True)


def test_the_error_for_an_order_deleted_before_its_delivery_is_no_lost_event() -> None:
    content = {"errors": {"woocommerce_rest_shop_order_invalid_id": ["Invalid ID."]}, "error_data": []}

    assert not rejection("order.updated", content).lost_event


@pytest.mark.parametrize("content", [LEGACY_ORDER, [], b"", ORDER])
def test_a_delivery_of_an_unknown_topic_is_no_lost_event(content: Any) -> None:
    assert not rejection("product.updated", content).lost_event


@pytest.mark.parametrize("depth", [210, 512])
def test_an_order_nested_up_to_512_levels_is_identified(depth: int) -> None:
    body = b'{"id":51,"status":"processing","meta_data":' + b"[" * depth + b"]" * depth + b"}"

    assert topics.identify(a_delivery("order.created", body)).entity == "order:51"


def test_an_order_with_a_lone_surrogate_is_identified() -> None:
    body = b'{"id":50,"status":"processing","customer_note":"ok \\ud83d"}'

    assert topics.identify(a_delivery("order.created", body)).entity == "order:50"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        delivery(19).body[:-1],
        b"webhook_id=2",
        b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf{}",
        b'{"id":1,"status":"x","total":NaN}',
        b'{"id":1,"status":"x","total":-Infinity}',
        b'{"id":' + b"9" * 5000 + b"}",
        b"[" * 200_000,
    ],
    ids=["empty", "truncated", "form", "UTF-16", "BOM", "NaN", "-Infinity", "5,000 digits", "200,000 levels"],
)
def test_a_body_that_is_not_json_is_rejected_as_a_lost_event(body: bytes) -> None:
    rejected = rejection("order.updated", body)

    assert (rejected.cause, rejected.lost_event) == ("not_json", True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(["id", "status"]), inner),
    max_leaves=8,
)


@given(st.text() | st.sampled_from(["order.created", "order.deleted", "customer.updated"]), json_values | bodies)
def test_any_content_is_identified_or_rejected(topic: str, content: Any) -> None:
    try:
        entity = topics.identify(a_delivery(topic, content)).entity
    except NotAnEntity:
        return
    assert entity.startswith(topic.partition(".")[0] + ":")


ids = st.integers(1, 2**53 - 1).flatmap(
    lambda number: st.sampled_from([number, str(number), f" {number} ", float(number)])
)
accepted_topics = st.sampled_from([topic for topic in READERS if not topic.endswith("swept")])


@given(accepted_topics, ids, st.dictionaries(st.text(), json_values))
def test_the_consumer_reads_the_record_that_ingest_identified(
    topic: str, identifier: Any, extra: dict[str, Any]
) -> None:
    whole = payloads.ORDER if topic.startswith("order") else payloads.CUSTOMER
    content = extra | ({} if topic.endswith("deleted") else whole) | {"id": identifier}

    identified = topics.identify(a_delivery(topic, content))

    match parse(identified):
        case OrderEvent(order=order):
            assert identified.entity == f"order:{order.id}"
        case OrderTrashed(order_id=number):
            assert identified.entity == f"order:{number}"
        case CustomerEvent(customer=customer):
            assert identified.entity == f"customer:{customer.id}"
        case Ignored(reason=reason):
            assert reason == "customer_deleted"


@pytest.mark.parametrize(
    ("nr", "entity"),
    [
        (8, "customer:2"),
        (16, "customer:4"),
        (19, "order:16"),
        (43, "order:28"),
        (78, "order:40"),
        (79, "order:40"),
        (89, "customer:3"),
        (213, "order:65"),
        (217, "order:66"),
    ],
)
def test_captured_deliveries_are_identified(nr: int, entity: str) -> None:
    sent = delivery(nr)

    assert topics.identify(authentic(sent.headers, sent.body)).entity == entity


@pytest.mark.parametrize(
    ("nr", "cause", "lost"),
    [
        (112, "woocommerce_rest_shop_order_invalid_id", False),
        (115, "wc_user_invalid_id", False),
        (117, "woocommerce_rest_cannot_view", True),
        (119, "woocommerce_rest_cannot_view", True),
        (158, "unknown_topic", False),
        (159, "unknown_topic", False),
        *[(nr, "rest_no_route", True) for nr in (247, 248, 249, 250)],
    ],
)
def test_captured_errors_are_rejected_with_their_cause(nr: int, cause: str, lost: bool) -> None:
    sent = delivery(nr)

    rejected = rejection(sent.topic, sent.body)

    assert (rejected.cause, rejected.lost_event) == (cause, lost)


@pytest.mark.parametrize(
    "customer",
    [
        {"id": 2, "email": "ana@shop.example", "username": "ana", "last_order": None, "orders_count": 0},
        {"id": 2, "email": "ana@shop.example", "username": "ana", "role": "customer", "total_spent": "0.00"},
    ],
    ids=["v1", "v2"],
)
def test_customers_of_older_api_versions_are_identified(customer: dict[str, Any]) -> None:
    assert topics.identify(a_delivery("customer.created", customer)).entity == "customer:2"
