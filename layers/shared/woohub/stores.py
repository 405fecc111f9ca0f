"""The stores of a stack: their names, and what is found by a name without any configuration.

The first store is what a stack has from the beginning, and goes without a name: its URL, secrets, messages and keys do
not mention it. Each further store has a name, and by it a webhook path, two secrets and a watermark of its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FIRST = ""  # the name of the first store in messages, logs and collections
FIRST_SHOWN = "first"  # what people call it; no other store may be called so
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]|[a-z]")


@dataclass(frozen=True)
class StoreSettings:
    """What `stores.json` says about a further store; "" stands for the default."""

    url: str = ""
    order_key_prefix: str = ""
    customer_id_property: str = ""


def is_name(text: str) -> bool:
    """Whether a further store may be called so: at most 32 lower-case letters, digits and "-", a letter first."""
    return bool(_NAME.fullmatch(text)) and text != FIRST_SHOWN


def webhook_url(first: str, store: str) -> str:
    """Where a store's webhooks deliver to, from the URL of the first store's."""
    return f"{first}/{store}" if store else first


def secrets_prefix(stack: str) -> str:
    """What the names of all further stores' secrets begin with."""
    return f"{stack}/stores/"


def webhook_secret(stack: str, store: str) -> str:
    """The name of the secret that a further store's webhooks sign with."""
    return f"{secrets_prefix(stack)}{store}/webhook"


def access_secret(stack: str, store: str) -> str:
    """The name of the secret with a further store's address and REST key."""
    return f"{secrets_prefix(stack)}{store}/store"


def watermark_parameter(stack: str, store: str) -> str:
    """The name of the SSM parameter that says how far a further store has been read."""
    return f"/{secrets_prefix(stack)}{store}/watermark"
