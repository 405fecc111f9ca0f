"""Read and change a store's webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from woohub.store.lists import RecordReader
from woohub.store.requests import StoreRefused, StoreRequest

TOPICS = (
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "customer.created",
    "customer.updated",
    "customer.deleted",
)


@dataclass(frozen=True)
class Webhook:
    """A webhook of the store. The store shows neither its secret nor how often it has failed."""

    id: int
    name: str
    status: str  # active, paused, disabled
    topic: str
    delivery_url: str
    date_created_gmt: str = ""  # UTC

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Webhook:
        """Read the fields that the store sends for a webhook."""
        names = ("name", "status", "topic", "delivery_url", "date_created_gmt")
        return cls(id=int(row["id"]), **{name: str(row.get(name) or "") for name in names})


class WebhookEditor(RecordReader):
    """Reads and changes webhooks. Changes are sent once, without retries."""

    def webhooks(self) -> list[Webhook]:
        """Return all webhooks of the store, whoever created them."""
        listings = self.listings("webhooks", {"orderby": "id", "order": "asc"})
        return [Webhook.from_row(row.fields) for listing in listings for row in listing.rows]

    def create_webhook(self, *, name: str, topic: str, delivery_url: str, secret: str) -> Webhook:
        """Create a webhook, which is active at once. The store sends a ping to its URL."""
        if topic not in TOPICS:  # a store accepts a topic such as "Order.Created", but never delivers it
            raise ValueError(f"{topic} is not one of the topics woohub reads")
        body = {"name": name, "topic": topic, "delivery_url": delivery_url, "secret": secret}
        return Webhook.from_row(self.call(StoreRequest("POST", "wc/v3/webhooks", body=body)).object())

    def update_webhook(self, webhook_id: int, **changes: str) -> Webhook:
        """Change a webhook's status (active, paused, disabled), topic, delivery_url, secret or name.

        Making a webhook active does not reset the store's count of failures: the next failure disables it again.
        """
        return Webhook.from_row(self.call(StoreRequest("PUT", f"wc/v3/webhooks/{webhook_id}", body=changes)).object())

    def delete_webhook(self, webhook_id: int) -> None:
        """Delete a webhook for good. Nothing happens if the store does not have it."""
        try:
            self.call(StoreRequest("DELETE", f"wc/v3/webhooks/{webhook_id}", {"force": "true"}))
        except StoreRefused as error:
            if error.status != 404:
                raise
