"""One delivery of a store, or a record that woohub read from the store itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from woohub.stores import FIRST


@dataclass(frozen=True, slots=True)
class Delivery:
    """One authentic delivery. `topics.identify` fills in `entity`, such as "order:1234" or "customer:56"."""

    topic: str
    body: bytes = field(repr=False)  # the signed bytes, unchanged; personal data, so never printed
    received_ms: int  # epoch milliseconds
    entity: str = ""
    source: str = ""  # the shop's home URL
    webhook_id: str = ""  # unique within one shop only
    delivery_id: str = ""  # for tracing only: one webhook's deliveries within a second share it
    signature: str = field(default="", repr=False)  # base64, as received
    store: str = FIRST
    ahead_s: int = 0  # only if woohub read the record: seconds by which the store's clock was ahead of woohub's

    @property
    def names(self) -> dict[str, str]:
        """The entity, and the name of a further store, as fields of log lines."""
        return {"entity": self.entity} | ({"store": self.store} if self.store else {})
