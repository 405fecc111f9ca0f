"""What the queues hold of a person: found and deleted."""

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
    """Delete the messages of a queue that hold one of these addresses and were received until then; how many.

    All others can be received again at once.
    """
    with dead_letter_queue.peek_all(sqs, url, advance=advance) as letters:
        chosen = [letter for letter in letters.values() if is_about(letter, addresses, until_ms)]
        return len(chosen) if dry_run else dead_letter_queue.drop(sqs, url, letters, chosen).count


def is_about(letter: DeadLetter, addresses: Collection[str], until_ms: int) -> bool:
    """Whether a message holds one of these addresses, and was received until then."""
    received_ms = letter.delivery.received_ms if letter.delivery else letter.sent_ms
    text = _text(letter.delivery.body if letter.delivery else letter.body.encode())
    return received_ms <= until_ms and any(_holds(text, address) for address in addresses)


def _text(body: bytes) -> str:
    """A body in lower case, without the escapes of JSON and HTML, and without what no address has."""
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        text = body.decode(errors="replace")
    return INVISIBLE.sub("", html.unescape(text)).lower()


def _holds(text: str, address: str) -> bool:
    """Whether a text has this address, and not only a longer one that ends or begins with it."""
    return bool(re.search(rf"(?<![\w.+&'-]){re.escape(address)}(?![\w-]|\.\w)", text))
