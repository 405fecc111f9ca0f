"""The texts about failing calls to a store that several modules share: causes, and what to do about them."""

from __future__ import annotations

from dataclasses import dataclass

SET_URL = "set that as the store's URL (WOO_COMMERCE_URL), then run `woohub setup`"
CHECK_URL = "is the store up, and WOO_COMMERCE_URL right?"
CHECK_KEY = (
    "Check consumer key and secret (WooCommerce > Settings > Advanced > REST API; WOO_COMMERCE_CONSUMER_KEY and "
    "WOO_COMMERCE_CONSUMER_SECRET), then run `woohub setup`"
)
LET_THROUGH = "let the REST API through: /wp-json/ and ?rest_route=, for the user agent woohub"
TRY_LATER = "try again later; if it continues, ask the store's host"


@dataclass(frozen=True)
class Cause:
    """Why a call failed, and what to do about it, in words for the people who run the store."""

    words: str
    fix: str
