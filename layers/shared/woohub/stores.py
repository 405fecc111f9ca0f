"""The stores of a stack: their names, and the URLs, secrets and parameters whose names follow from them.

A stack has its first store from the beginning. It has no name: its URL, secrets, messages and keys do not mention it.
Each further store has a name, and, named after it, its own webhook path, two secrets and a watermark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FIRST = ""  # the name of the first store in messages, logs and collections
FIRST_SHOWN = "first"  # what people call the first store; no other store may have this name
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]|[a-z]")


@dataclass(frozen=True)
class StoreSettings:
    """The settings of a further store in `stores.json`; "" means the default."""

    url: str = ""
    order_key_prefix: str = ""
    customer_id_property: str = ""


def is_name(text: str) -> bool:
    """Whether a further store may have this name.

    A name has at most 32 lower-case letters, digits and "-", begins with a letter and does not end with "-".
    """
    return bool(_NAME.fullmatch(text)) and text != FIRST_SHOWN


def webhook_url(first: str, store: str) -> str:
    """Return the URL to which a store's webhooks deliver, given the first store's URL."""
    return f"{first}/{store}" if store else first


def secrets_prefix(stack: str) -> str:
    """Return the prefix of the names of all further stores' secrets."""
    return f"{stack}/stores/"


def webhook_secret(stack: str, store: str) -> str:
    """Return the name of the secret with which a further store's webhooks sign."""
    return f"{secrets_prefix(stack)}{store}/webhook"


def access_secret(stack: str, store: str) -> str:
    """Return the name of the secret with a further store's address and REST key."""
    return f"{secrets_prefix(stack)}{store}/store"


def watermark_parameter(stack: str, store: str) -> str:
    """Return the name of the SSM parameter that says how far a further store has been read."""
    return f"/{secrets_prefix(stack)}{store}/watermark"
