"""The functions' modules and events, as Lambda loads and calls them."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from tests.support.consumer import as_record
from tests.support.orders import delivery
from woohub.delivery.messages import to_sqs


def cold_start(name: str) -> ModuleType:
    """Import a function's module again, as a new execution environment does."""
    return importlib.reload(importlib.import_module(f"functions.{name}.app"))


def records(*bodies: dict[str, Any]) -> dict[str, Any]:
    """An SQS event with these orders."""
    records = []
    for number, body in enumerate(bodies):
        message = to_sqs(delivery("order.created", body))
        sent = {"MessageId": f"m{number}", "ReceiptHandle": "r", "Body": message["MessageBody"]}
        records.append(as_record(sent | {"MessageAttributes": message["MessageAttributes"]}))
    return {"Records": records}
