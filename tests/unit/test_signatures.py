"""Which requests the store signed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.deliveries import SECRET, captured, delivery
from woohub.delivery import signatures
from woohub.delivery.delivery import Delivery
from woohub.errors import SignatureError

# The secrets of the deliveries marked "OTHER", as the store holds them.
OTHER_SECRETS = {123: "a&amp;b&#039;c&quot;d", 125: " padded ", 127: "ünï😀"}
SIGNED_WITH_THE_EMPTY_SECRET = 121
NOW = 1_795_473_681_000

bodies = st.binary(max_size=200)
secrets = st.text(min_size=1, max_size=60)


def signed(body: bytes, secret: str = SECRET, **headers: str) -> dict[str, str]:
    return {"X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Signature": signatures.sign(body, secret), **headers}


def verified(headers: Any, body: bytes, *secrets: str) -> Delivery:
    names = ("current", "previous")
    return signatures.verify(headers, body, dict(zip(names, secrets, strict=False)), received_ms=NOW)[0]


@pytest.mark.parametrize("sent", [line for line in captured() if line.secret == SECRET], ids=lambda sent: f"{sent.nr}")
def test_every_captured_delivery_is_verified(sent: Any) -> None:
    assert verified(sent.headers, sent.body, SECRET).body == sent.body


@pytest.mark.parametrize("nr", OTHER_SECRETS)
def test_captured_deliveries_signed_with_unusual_secrets_are_verified(nr: int) -> None:
    sent = delivery(nr)

    assert verified(sent.headers, sent.body, OTHER_SECRETS[nr]).topic == sent.topic


def test_a_padded_secret_is_not_stripped() -> None:
    sent = delivery(125)

    with pytest.raises(SignatureError):
        verified(sent.headers, sent.body, OTHER_SECRETS[125].strip())


@pytest.mark.parametrize("configured", [{}, {"current": ""}, {"current": "", "previous": ""}, {"current": SECRET}])
def test_a_delivery_signed_with_the_empty_secret_is_rejected(configured: dict[str, str]) -> None:
    sent = delivery(SIGNED_WITH_THE_EMPTY_SECRET)

    assert signatures.sign(sent.body, "") == sent.headers["X-WC-Webhook-Signature"]
    with pytest.raises(SignatureError):
        signatures.verify(sent.headers, sent.body, configured, received_ms=NOW)


@pytest.mark.parametrize(
    "sent", [line for line in captured() if line.secret == "unsigned"], ids=lambda sent: f"{sent.nr}"
)
def test_every_captured_ping_is_recognised(sent: Any) -> None:
    assert signatures.is_ping(sent.headers, sent.body)


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("plain", b"plain"),
        ("&amp;&lt;&gt;&quot;&#039;", b"&<>\"'"),
        ("&#38;&#60;&#62;&#34;&#39;", b"&<>\"'"),
        ("&#00038;&#0060;&#062;&#000000034;&#0039;", b"&<>\"'"),
        ("&#x26;&#x22;&#x27;&#X0026;&#x00022;&#X27;", b"&\"'&\"'"),
        ("&amp;lt;&amp;amp;&amp;#039;", b"&lt;&amp;&#039;"),
        ("&#x3c;&#x3e;&#x3C;", b"&#x3c;&#x3e;&#x3C;"),
        ("&AMP;&apos;&nbsp;&amp&#39", b"&AMP;&apos;&nbsp;&amp&#39"),
        ("&#039", b"&#039"),
        ("  a\tb ", b"  a\tb "),
        ("ünï😀", "ünï😀".encode()),
    ],
    ids=[
        "nothing to decode",
        "named entities, and the quote",
        "decimal",
        "leading zeros",
        "hexadecimal, either case",
        "one pass only",
        "hexadecimal angle brackets are kept",
        "unknown entities are kept",
        "no semicolon",
        "spaces are kept",
        "utf-8",
    ],
)
def test_signing_key_decodes_what_wordpress_decodes(secret: str, key: bytes) -> None:
    assert signatures.signing_key(secret) == key


@given(bodies, secrets)
def test_any_signed_body_is_verified(body: bytes, secret: str) -> None:
    assert verified(signed(body, secret), body, secret).body == body


@given(bodies.filter(bool), secrets, st.data())
def test_a_body_with_one_changed_byte_is_rejected(body: bytes, secret: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(body) - 1))
    forged = bytes([*body[:at], body[at] ^ data.draw(st.integers(1, 255)), *body[at + 1 :]])

    with pytest.raises(SignatureError):
        verified(signed(body, secret), forged, secret)


@given(bodies, secrets, st.integers(0, 43), st.characters())
def test_a_signature_with_one_changed_character_is_rejected(body: bytes, secret: str, at: int, character: str) -> None:
    headers = signed(body, secret)
    right = headers["X-WC-Webhook-Signature"]
    headers["X-WC-Webhook-Signature"] = wrong = f"{right[:at]}{character}{right[at + 1 :]}"

    assume(wrong != right)
    with pytest.raises(SignatureError):
        verified(headers, body, secret)


header_names = st.sampled_from(["X-WC-Webhook-Signature", "x-wc-webhook-topic", "X-Wc-Webhook-Id"]) | st.text()
anything = st.none() | st.integers() | st.text() | st.text(min_size=44, max_size=44) | st.binary()


@given(st.dictionaries(header_names | st.integers(), anything), bodies)
def test_any_unsigned_request_is_rejected(headers: dict[Any, Any], body: bytes) -> None:
    with pytest.raises(SignatureError):
        verified(headers, body, SECRET, "older")


@given(st.dictionaries(header_names | st.integers(), anything), bodies)
def test_any_signed_request_is_verified_whatever_its_other_headers(headers: dict[Any, Any], body: bytes) -> None:
    headers = {name: value for name, value in headers.items() if str(name).lower() != "x-wc-webhook-signature"}

    assert verified({**headers, "X-WC-Webhook-Signature": signatures.sign(body, SECRET)}, body, SECRET).body == body


@pytest.mark.parametrize(
    "signature",
    ["", "é" * 44, "\ud800" * 44, "=" * 44, "A" * 43, "A" * 45, "\n" * 44],
    ids=["empty", "not ASCII", "lone surrogates", "not base64", "short", "long", "blank"],
)
def test_a_malformed_signature_is_rejected(signature: str) -> None:
    with pytest.raises(SignatureError):
        verified({"X-WC-Webhook-Signature": signature}, b"{}", SECRET)


@pytest.mark.parametrize("change", [str.lower, str.upper, str.title, str.swapcase])
def test_header_names_match_in_any_case(change: Any) -> None:
    headers = {change(name): value for name, value in delivery(19).headers.items()}

    accepted = verified(headers, delivery(19).body, SECRET)

    assert (accepted.topic, accepted.webhook_id) == ("order.created", "2")


def test_a_delivery_has_the_values_of_its_headers() -> None:
    sent = delivery(19)

    assert verified(sent.headers, sent.body, SECRET) == Delivery(
        topic="order.created",
        body=sent.body,
        received_ms=NOW,
        source="http://127.0.0.1:8899/",
        webhook_id="2",
        delivery_id="1f3ec9b32ea8c288fb1ca519c8d840e1",
        signature="d7gc2/whQcpDGQ9xyRlEpOzl0ods8pl1AJmL9dq7AHw=",
    )


@pytest.mark.parametrize(("signer", "name"), [("new", "current"), ("old", "previous")])
def test_verify_accepts_both_secrets_during_rotation_and_names_the_one_used(signer: str, name: str) -> None:
    configured = {"current": "new", "previous": "old"}

    _, matched = signatures.verify(signed(b"{}", signer), b"{}", configured, received_ms=NOW)

    assert matched == name


def test_a_signature_error_does_not_reveal_the_right_signature() -> None:
    body = b'{"id":1}'

    with pytest.raises(SignatureError) as raised:
        verified(signed(body, "another"), body, SECRET)

    assert signatures.sign(body, SECRET) not in str(raised.value)


def test_the_repr_of_a_delivery_hides_personal_data() -> None:
    sent = delivery(19)

    assert "@shop.example" in sent.body.decode()
    assert "@shop.example" not in repr(verified(sent.headers, sent.body, SECRET))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/json"}, b"webhook_id=2"),
        ({}, b"webhook_id=2"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"webhook_id="),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"webhook_id=2&x=1"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"webhook_id=two"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "webhook_id=٢".encode()),
        ({"Content-Type": "application/x-www-form-urlencoded", "X-WC-Webhook-Signature": "x"}, b"webhook_id=2"),
    ],
    ids=["JSON", "no content type", "no number", "another field", "not digits", "not ASCII digits", "signed"],
)
def test_a_request_that_differs_from_a_ping_is_no_ping(headers: dict[str, str], body: bytes) -> None:
    assert not signatures.is_ping(headers, body)
