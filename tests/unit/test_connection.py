"""The store's address and keys, and the OAuth signature of calls over http."""

from __future__ import annotations

import json

import pytest

from woohub.store.connection import StoreCredentials
from woohub.store.oauth import oauth_signature, signed

CREDENTIALS = StoreCredentials("http://shop.test", "ck_key", "cs_secret")


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://shop.test", "https://shop.test"),
        ("https://shop.test/", "https://shop.test"),
        ("https://shop.test/wp-json/wc/v3/", "https://shop.test"),
        ("https://example.com/shop/", "https://example.com/shop"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("shop.test", "https://shop.test"),
    ],
)
def test_the_address_of_a_store_is_normalised(address: str, url: str) -> None:
    assert StoreCredentials(address, "ck", "cs").url == url


def test_credentials_are_read_from_the_secret_without_surrounding_spaces() -> None:
    stored = json.dumps({"url": " https://shop.test ", "consumer_key": "ck_key", "consumer_secret": "cs_secret\n"})

    assert StoreCredentials.from_secret(stored) == StoreCredentials("https://shop.test", "ck_key", "cs_secret")


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"url": "", "consumer_key": "", "consumer_secret": ""}',
        '{"url": "https://shop.test", "consumer_key": "ck_key", "consumer_secret": " "}',
        '{"url": "https://shop.test", "consumer_key": "ck_key", "consumer_secret": 5}',
    ],
)
def test_an_empty_or_invalid_secret_gives_no_credentials(stored: str) -> None:
    assert StoreCredentials.from_secret(stored) is None


def test_the_repr_of_credentials_hides_the_keys() -> None:
    assert "ck_key" not in repr(CREDENTIALS)
    assert "cs_secret" not in repr(CREDENTIALS)


def test_the_oauth_signature_equals_that_of_openssl() -> None:
    """printf <base string> | openssl dgst -sha256 -hmac 'cs_secret&' -binary | base64"""
    parameters = {
        "include": "1,2",
        "oauth_consumer_key": "ck_key",
        "oauth_nonce": "n0nce",
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": "1795473600",
    }

    signature = oauth_signature("get", "http://shop.test/wp-json/wc/v3/orders", parameters, "cs_secret")

    assert signature == "CnNZl0mrKAW0mWKSPT0pWSP223j0sHpdoqbo0SUnzt0="


def test_the_oauth_signature_does_not_depend_on_the_order_of_parameters() -> None:
    some, others = {"b": "2", "a": "1"}, {"a": "1", "b": "2"}

    assert oauth_signature("GET", "http://shop.test/", some, "s") == oauth_signature(
        "GET", "http://shop.test/", others, "s"
    )


def test_two_signed_calls_have_different_nonces() -> None:
    first, second = (signed("GET", "http://shop.test/", {}, CREDENTIALS, 1_795_473_600) for _ in range(2))

    assert first["oauth_nonce"] != second["oauth_nonce"]


def test_a_signed_call_does_not_include_the_consumer_secret() -> None:
    assert "cs_secret" not in str(signed("GET", "http://shop.test/", {}, CREDENTIALS, 1_795_473_600))
