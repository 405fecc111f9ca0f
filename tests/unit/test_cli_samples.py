"""The samples that `woohub send` reads, and the headers it sends."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliveries import SECRET, captured, delivery
from tests.support.payloads import order
from woohub.delivery import signatures, topics
from woohub.mapping.fields import load_mapping
from woohub.store import payloads
from woohub_cli.cli_errors import WrongUsage
from woohub_cli.deliveries import samples, sending
from woohub_cli.deliveries.samples import Sample

EVENTS = Path(__file__).parents[2] / "events"
FIXTURE = Path(__file__).parents[1] / "fixtures" / "deliveries.jsonl"


def only_sample(source: str | Path, topic: str = "") -> Sample:
    (sample,) = samples.read(str(source), topic)
    return sample


def written(folder: Path, thing: Any, name: str = "body.json") -> Path:
    file = folder / name
    file.write_text(thing if isinstance(thing, str) else json.dumps(thing), encoding="utf-8")
    return file


def test_the_sample_order_maps_to_the_documented_contact_and_deal() -> None:
    """Their values are in tests/unit/test_mapping_values.py."""
    mapping = load_mapping()
    sample = payloads.Order.model_validate_json(samples.sample_order().body)

    assert mapping.deal(sample) == mapping.deal(order())
    assert mapping.contact_from_order(sample) == mapping.contact_from_order(order())


def test_the_topic_and_bytes_of_an_ingest_event_are_read_unchanged() -> None:
    sample = only_sample(EVENTS / "ingest-order-created.json")

    assert (sample.topic, sample.body) == ("order.created", delivery(19).body)


def test_an_ingest_event_in_base64_is_decoded(tmp_path: Path) -> None:
    event = json.loads((EVENTS / "ingest-order-created.json").read_text())
    event |= {"body": base64.b64encode(event["body"].encode()).decode(), "isBase64Encoded": True}

    assert only_sample(written(tmp_path, event)).body == delivery(19).body


def test_a_file_of_captured_deliveries_is_read_in_order() -> None:
    listed = list(samples.read(str(FIXTURE)))

    assert [sample.body for sample in listed] == [line.body for line in captured()]
    assert [sample.topic for sample in listed] == [line.topic for line in captured()]


def test_one_captured_delivery_is_selected_by_its_number() -> None:
    assert only_sample(f"{FIXTURE}:64").body == delivery(64).body


def test_a_line_without_a_number_is_selected_by_its_position(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"id": number, "status": "pending"}) for number in (7, 8, 9))
    file = written(tmp_path, lines, "orders.jsonl")

    assert json.loads(only_sample(f"{file}:2").body)["id"] == 8


def test_a_byte_order_mark_before_the_first_delivery_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text('{"nr": 7, "id": 8, "status": "pending"}\n', "utf-8-sig")

    assert json.loads(only_sample(f"{file}:7", "order.created").body)["id"] == 8


def test_an_unknown_delivery_number_is_rejected() -> None:
    with pytest.raises(WrongUsage, match="has no delivery 9999"):
        only_sample(f"{FIXTURE}:9999")


@pytest.mark.parametrize(
    ("body", "topic"),
    [
        ({"id": 5, "status": "pending"}, "order.updated"),
        ({"id": 6, "email": "a@example.com", "username": "a"}, "customer.updated"),
    ],
)
def test_the_topic_of_a_bare_body_is_inferred_from_its_fields(tmp_path: Path, body: Any, topic: str) -> None:
    assert only_sample(written(tmp_path, body)).topic == topic


def test_the_bytes_of_a_bare_body_are_read_unchanged(tmp_path: Path) -> None:
    file = written(tmp_path, '{ "id": 5,\n "status": "pending", "total": "1.00" }\n')

    assert only_sample(file).body == b'{ "id": 5,\n "status": "pending", "total": "1.00" }\n'


def test_a_bare_body_with_ambiguous_fields_requires_a_topic(tmp_path: Path) -> None:
    file = written(tmp_path, {"id": 5})

    assert only_sample(file, "order.deleted").topic == "order.deleted"
    with pytest.raises(WrongUsage, match="--topic"):
        only_sample(file)


def test_a_queue_event_is_rejected() -> None:
    with pytest.raises(WrongUsage, match="queue"):
        only_sample(EVENTS / "consumer-batch.json")


def test_a_missing_file_is_rejected() -> None:
    with pytest.raises(WrongUsage, match=r"nowhere\.json cannot be read"):
        only_sample("nowhere.json")


def test_the_headers_of_a_sample_pass_verification() -> None:
    sample = samples.sample_order()

    verified, signed_with = signatures.verify(
        sending.headers(sample, "a secret"), sample.body, {"current": "a secret"}, received_ms=0
    )

    assert (verified.topic, signed_with, topics.identify(verified).entity) == (
        "order.created",
        "current",
        "order:1234",
    )


@pytest.mark.parametrize("line", [line for line in captured() if line.secret == SECRET], ids=lambda line: str(line.nr))
def test_signing_a_captured_delivery_again_gives_the_stores_headers(line: Any) -> None:
    sample = only_sample(f"{FIXTURE}:{line.nr}")

    sent = {name.lower(): value for name, value in sending.headers(sample, SECRET).items()}

    theirs = {name.lower(): value for name, value in line.headers.items()}
    assert {name: value for name, value in sent.items() if name.startswith("x-wc-")} == {
        name: value for name, value in theirs.items() if name.startswith("x-wc-")
    }


def test_every_wc_header_of_the_store_is_sent() -> None:
    theirs = {name.lower() for name in delivery(19).headers if name.lower().startswith("x-wc-")}

    assert theirs <= {name.lower() for name in sending.headers(samples.sample_order(), "a secret")}


def test_a_ping_is_sent_without_signature() -> None:
    sent = sending.headers(only_sample(EVENTS / "ingest-ping.json"), "a secret")

    assert signatures.is_ping(sent, only_sample(EVENTS / "ingest-ping.json").body)


def test_as_captured_keeps_the_webhook_headers_and_drops_those_of_the_connection() -> None:
    forged = only_sample(EVENTS / "ingest-forged.json")

    sent = sending.as_captured(forged)

    assert sent["x-wc-webhook-signature"] == delivery(19).headers["X-WC-Webhook-Signature"]
    assert all(name in ("content-type", "user-agent") or name.startswith("x-wc-webhook-") for name in sent)


def test_deliveries_of_one_second_share_their_delivery_id() -> None:
    name = "X-WC-Webhook-Delivery-ID"
    sample = samples.sample_order()

    assert sending.headers(sample, "s", now=10.1)[name] == sending.headers(sample, "s", now=10.9)[name]
    assert sending.headers(sample, "s", now=10.1)[name] != sending.headers(sample, "s", now=11.0)[name]
