"""One delivery of the store, or what woohub read from it instead."""

from __future__ import annotations

from dataclasses import dataclass, field

from woohub.stores import FIRST


@dataclass(frozen=True, slots=True)
class Delivery:
    """One authentic delivery. `entity` ("order:1234", "customer:56") is set by `identify`."""

    topic: str
    body: bytes = field(repr=False)  # the signed bytes, unchanged; personal data, so never printed
    received_ms: int  # epoch milliseconds
    entity: str = ""
    source: str = ""  # the shop's home URL
    webhook_id: str = ""  # unique within one shop only
    delivery_id: str = ""  # for tracing only: one webhook's deliveries within a second share it
    signature: str = field(default="", repr=False)  # base64, as received
    store: str = FIRST
    ahead_s: int = 0  # of what woohub read: seconds that the store's clock was ahead of ours

    @property
    def names(self) -> dict[str, str]:
        """What it is about, for log lines: the entity, and the store unless it is the first."""
        return {"entity": self.entity} | ({"store": self.store} if self.store else {})
