"""A WooCommerce store's REST API: orders and customers as the store has them, and its webhooks."""

from __future__ import annotations

from woohub.store.about import AboutReader
from woohub.store.customers import CustomerReader
from woohub.store.orders import OrderReader
from woohub.store.webhooks import WebhookEditor


class Store(OrderReader, CustomerReader, WebhookEditor, AboutReader):
    """The client of a store. `Caller` describes its fields, and which errors its methods raise."""
