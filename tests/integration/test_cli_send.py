"""`woohub send`, against a server that checks signatures like the ingest function."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.cli_stack import NAME, WEBHOOK_SECRET, Deployed, deployed
from tests.support.deliveries import captured, delivery
from woohub.delivery import signatures
from woohub.errors import SignatureError
from woohub_cli.main import app

EVENTS = Path(__file__).parents[2] / "events"
FIXTURE = Path(__file__).parents[1] / "fixtures" / "deliveries.jsonl"
runner = CliRunner()


@dataclass
class Receiver:
    """A webhook URL that accepts pings and deliveries with a valid signature."""

    stack: Deployed | None = None
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        self.requests.append((headers, body))
        if signatures.is_ping(headers, body):
            return 200, "pong"
        try:
            signatures.verify(headers, body, {"current": WEBHOOK_SECRET}, received_ms=0)
        except SignatureError:
            return 401, "no valid signature"
        return 200, "queued"

    def run(self, *arguments: str) -> Any:
        return runner.invoke(app, ["send", "--stack", NAME, *arguments])

    def replies(self, *arguments: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.run("--json", *arguments).stdout)
        return rows


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.chdir(tmp_path)
    started = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, message = started.answer(dict(self.headers), body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"message": message}).encode())

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with deployed(WebhookUrl=f"http://127.0.0.1:{server.server_port}/live/webhooks/woocommerce") as stack:
            started.stack = stack
            yield started
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_send_dry_run_lists_the_deliveries_and_sends_none(receiver: Receiver) -> None:
    result = receiver.run("--repeat", "2", "--dry-run")

    assert (result.exit_code, receiver.requests) == (0, [])
    assert result.stdout.count("order:1234") == 2
    assert "2 would be sent to http://127.0.0.1:" in result.stdout


def test_send_without_a_file_sends_a_sample_order(receiver: Receiver) -> None:
    result = receiver.run()

    assert result.exit_code == 0, result.output
    ((headers, body),) = receiver.requests
    assert headers["X-WC-Webhook-Topic"] == "order.created"
    assert json.loads(body)["id"] == 1234
    assert "queued" in result.stdout


def test_send_json_reports_each_delivery(receiver: Receiver) -> None:
    (reply,) = receiver.replies(str(EVENTS / "ingest-order-updated.json"))

    assert reply["ms"] >= 0
    assert reply == {
        "delivery": str(EVENTS / "ingest-order-updated.json"),
        "topic": "order.updated",
        "entity": f"order:{delivery(64).payload['id']}",
        "status": 200,
        "answer": '{"message": "queued"}',
        "ms": reply["ms"],
    }


def test_send_signs_captured_deliveries_again(receiver: Receiver) -> None:
    replies = receiver.replies(str(FIXTURE))

    assert [reply["status"] for reply in replies] == [200] * len(captured())
    assert [body for _, body in receiver.requests] == [line.body for line in captured()]


def test_send_as_is_keeps_the_captured_signature(receiver: Receiver) -> None:
    result = receiver.run("--as-is", str(EVENTS / "ingest-forged.json"))

    assert result.exit_code == 1
    assert "no valid signature" in result.stdout


def test_send_repeat_sends_the_same_body_again(receiver: Receiver) -> None:
    assert len(receiver.replies("--repeat", "3")) == 3
    assert len({body for _, body in receiver.requests}) == 1


def test_send_topic_overrides_the_topic(receiver: Receiver, tmp_path: Path) -> None:
    file = tmp_path / "trashed.json"
    file.write_text('{"id": 40}')

    (reply,) = receiver.replies(str(file), "--topic", "order.deleted")

    assert (reply["topic"], reply["entity"], reply["status"]) == ("order.deleted", "order:40", 200)
    assert receiver.requests[0][0]["X-WC-Webhook-Event"] == "deleted"


def test_send_signs_with_the_current_secret(receiver: Receiver) -> None:
    assert receiver.stack
    receiver.stack.store("WebhookSecretArn", {"current": "another", "previous": WEBHOOK_SECRET})

    assert receiver.run().exit_code == 1


def test_send_without_a_stored_secret_names_setup(receiver: Receiver) -> None:
    assert receiver.stack
    receiver.stack.store("WebhookSecretArn", {"current": ""})

    result = receiver.run()

    assert (result.exit_code, result.stdout) == (1, "")
    assert "woohub setup" in result.stderr


def test_send_never_prints_the_secret(receiver: Receiver) -> None:
    assert WEBHOOK_SECRET not in receiver.run().output
    assert WEBHOOK_SECRET not in receiver.run("--json").output


def test_send_with_a_missing_file_sends_nothing_and_ends_with_exit_code_2(receiver: Receiver) -> None:
    result = receiver.run(str(EVENTS / "ingest-order-created.json"), "nowhere.json")

    assert (result.exit_code, receiver.requests) == (2, [])


def test_send_names_a_url_that_does_not_respond(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with deployed(WebhookUrl="http://127.0.0.1:9/live"):
        result = runner.invoke(app, ["send", "--stack", NAME])

    assert (result.exit_code, result.stdout) == (1, "")
    assert "http://127.0.0.1:9/live does not answer" in result.stderr


def test_send_uses_the_recorded_source_address_unless_as_is(receiver: Receiver) -> None:
    assert receiver.stack
    receiver.stack.store("WebhookSecretArn", {"current": WEBHOOK_SECRET, "sources": ["shop.example/de"]})

    receiver.run(f"{FIXTURE}:19")
    receiver.run(f"{FIXTURE}:19", "--as-is")

    sources = [
        signatures.verify(headers, body, {"": WEBHOOK_SECRET}, received_ms=0)[0].source
        for headers, body in receiver.requests[:1]
    ]
    assert sources == ["https://shop.example/de/"]
    assert receiver.requests[1][0]["x-wc-webhook-source"] == "http://127.0.0.1:8899/"
