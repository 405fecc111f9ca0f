"""Find and delete a person's messages in the queues."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from woohub.mapping.values import INVISIBLE
from woohub_cli.dlq import dead_letter_queue
from woohub_cli.dlq.dead_letters import DeadLetter
from woohub_cli.rendering.output import Advance

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def purge(
    sqs: SQSClient, url: str, addresses: Collection[str], until_ms: int, *, dry_run: bool, advance: Advance
) -> int:
    """Delete messages that hold one of these addresses and were received until `until_ms`; returns how many.

    All other messages can be received again at once.
    """
    with dead_letter_queue.peek_all(sqs, url, advance=advance) as letters:
        chosen = [letter for letter in letters.values() if is_about(letter, addresses, until_ms)]
        return len(chosen) if dry_run else dead_letter_queue.drop(sqs, url, letters, chosen).count


def is_about(letter: DeadLetter, addresses: Collection[str], until_ms: int) -> bool:
    """Whether a message holds one of these addresses, and was received until `until_ms`."""
    received_ms = letter.delivery.received_ms if letter.delivery else letter.sent_ms
    text = _text(letter.delivery.body if letter.delivery else letter.body.encode())
    return received_ms <= until_ms and any(_holds(text, address) for address in addresses)


def _text(body: bytes) -> str:
    """Return a body in lower case, without the escapes of JSON and HTML and without invisible characters."""
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body.decode(errors="replace")
    return INVISIBLE.sub("", html.unescape(text)).lower()


def _holds(text: str, address: str) -> bool:
    """Whether a text contains this address, and not only a longer one that begins or ends with it."""
    return bool(re.search(rf"(?<![\w.+&'-]){re.escape(address)}(?![\w-]|\.\w)", text))
