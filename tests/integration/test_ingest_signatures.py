"""The ingest function accepts only deliveries that are signed with the store's secret."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest

from functions.ingest import app
from generators.events import ingest_event
from tests.support.deliveries import SECRET, delivery
from tests.support.ingest import OUTAGES, FailingClient, Ingest, directive, order_event
from woohub.settings import Secret


def test_a_forged_delivery_is_answered_401_and_not_queued(ingest: Ingest) -> None:
    sent = delivery(19)

    assert ingest.send(ingest_event(sent, sent.body.replace(b'"total":"', b'"total":"9'))) == 401
    assert ingest.queue() == []
    assert ingest.outcomes() == ["SignatureInvalid"]


@pytest.mark.parametrize("nr", [121, 123, 125, 127])
def test_a_delivery_signed_with_another_secret_is_answered_401(ingest: Ingest, nr: int) -> None:
    assert ingest.send(ingest_event(delivery(nr))) == 401
    assert ingest.queue() == []


@pytest.mark.parametrize("secrets", [{}, {"current": ""}, {"current": "", "previous": ""}])
@pytest.mark.parametrize("nr", [19, 121])
def test_without_a_secret_every_delivery_is_answered_401_and_logged_as_an_error(
    ingest: Ingest, secrets: dict[str, str], nr: int
) -> None:
    ingest.store_secret(**secrets)

    assert ingest.send(ingest_event(delivery(nr))) == 401
    assert ingest.queue() == []
    assert [(line["level"], line["status"]) for line in ingest.log()] == [("ERROR", 401), ("WARNING", 401)]


def test_a_delivery_is_answered_401_when_the_secret_does_not_exist(ingest: Ingest) -> None:
    ingest.secrets.delete_secret(SecretId=app.settings.webhook_secret_arn, ForceDeleteWithoutRecovery=True)

    assert ingest.send(ingest_event(delivery(19))) == 401


def test_a_delivery_signed_with_the_previous_secret_is_accepted_and_counted(ingest: Ingest) -> None:
    ingest.store_secret(current="a new one", previous=SECRET)

    assert ingest.send(ingest_event(delivery(19))) == 200
    (line,) = ingest.log()
    assert line["signed_with"] == "previous"
    assert ["service", "signed_with"] in directive(line)["Dimensions"]


def test_a_delivery_signed_with_a_changed_secret_is_accepted_at_once(ingest: Ingest) -> None:
    assert ingest.send(order_event(total="1.00")) == 200
    ingest.store_secret(current="a new one")

    assert ingest.send(order_event(total="1.00", secret="a new one")) == 200


def signed_with_sha512() -> dict[str, Any]:
    """A delivery as signed under a plugin that sets the filter `woocommerce_webhook_hash_algorithm`."""
    event = order_event(total="1.00")
    signature = base64.b64encode(hmac.digest(SECRET.encode(), event["body"].encode(), "sha512")).decode()
    return event | {"headers": event["headers"] | {"X-WC-Webhook-Signature": signature}}


def test_a_signature_of_another_algorithm_is_answered_401_and_the_log_names_the_filter(ingest: Ingest) -> None:
    assert ingest.send(signed_with_sha512()) == 401

    (line,) = ingest.log()
    assert line["SignatureInvalid"] == 1
    assert "woocommerce_webhook_hash_algorithm" in line["reason"]


def test_an_invalid_signature_for_an_unknown_store_is_counted_for_the_stack_only(ingest: Ingest) -> None:
    assert ingest.send(signed_with_sha512() | {"pathParameters": {"store": "invented"}}) == 401

    (line,) = ingest.log()
    assert directive(line)["Dimensions"] == [["service"]]
    assert "SignatureMatch" not in line


def test_an_unsigned_request_makes_no_call_to_secrets_manager(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "secret", Secret(FailingClient(OUTAGES[2]), "arn"))  # type: ignore[arg-type]

    assert ingest.send({"headers": {"X-WC-Webhook-Topic": "order.created"}, "body": "{}"}) == 401


@pytest.mark.parametrize(
    ("event", "matches"),
    [
        (ingest_event(delivery(19)), [1]),
        (ingest_event(delivery(117)), [1]),
        (ingest_event(delivery(121)), [0]),
        (signed_with_sha512(), [0]),
        ({"headers": {}, "body": "{}"}, []),
        (ingest_event(delivery(1)), []),
    ],
    ids=["order", "no record", "another secret", "another algorithm", "no signature", "ping"],
)
def test_signature_match_is_counted_only_for_signed_requests(
    ingest: Ingest, event: dict[str, Any], matches: list[int]
) -> None:
    ingest.send(event)

    assert [line["SignatureMatch"] for line in ingest.log() if "SignatureMatch" in line] == matches
