"""`woohub dlq` against the deployed stack, and rejected orders for it."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from tests.support.cli_stack import NAME, REFUSED
from woohub_cli.main import app

runner = CliRunner()
DLQ, QUEUE = "DeadLetterQueueUrl", "QueueUrl"


def run(*arguments: str) -> Any:
    return runner.invoke(app, ["dlq", arguments[0], "--stack", NAME, *arguments[1:]])


def listed(*arguments: str) -> list[dict[str, Any]]:
    result = run("list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    letters: list[dict[str, Any]] = json.loads(result.stdout)
    return letters


def rejection(number: int, **more: str) -> dict[str, str]:
    return REFUSED | {"entity": f"order:{number}"} | more


FIELDS = {"number": "RE-7", "billing": {"first_name": "Ana", "last_name": "Rossi"}}


class PartlyFailingClient:
    """An SQS client that sends all but the first message of each batch."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send_message_batch(self, **request: Any) -> Any:
        request["Entries"] = request["Entries"][1:]
        return self._client.send_message_batch(**request) | {"Failed": [{"Id": "0", "Code": "InternalError"}]}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
