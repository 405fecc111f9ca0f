"""Which secret each webhook signs with, by the ingest function's log."""

from __future__ import annotations

from dataclasses import dataclass

from woohub.delivery.topics import TEST_TOPIC
from woohub_cli import traces
from woohub_cli.stacks import Stack


@dataclass(frozen=True)
class Signer:
    """A webhook, by its latest delivery."""

    webhook_id: int
    topic: str
    signed_with: str  # current or previous

    @property
    def text(self) -> str:
        """For people, who find it in the store by its number."""
        return f"webhook {self.topic} (#{self.webhook_id})"


def signers(stack: Stack, since_ms: int) -> dict[int, Signer]:
    """The webhooks that delivered since then, by id; raises botocore's errors."""
    latest: dict[int, Signer] = {}
    lines = traces.of_function(stack, "IngestFunction", '"signed_with"', since_ms)
    for _at_ms, said in sorted(lines, key=lambda line: line[0]):
        number = str(said.get("webhook_id") or "")
        if said.get("topic") != TEST_TOPIC and number.isascii() and number.isdigit():
            latest[int(number)] = Signer(int(number), str(said.get("topic") or ""), str(said.get("signed_with") or ""))
    return latest
