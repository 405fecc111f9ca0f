"""Check that the store answers, accepts the key, and has a correct clock and a usable WooCommerce."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from woohub.counted import counted
from woohub.store.about import About
from woohub.store.client import Store
from woohub.store.connection import is_secure
from woohub.store.requests import StoreRefused, StoreUnavailable
from woohub_cli.check_result import Result, Step
from woohub_cli.cli_errors import STORE_FAILS

NAMESPACE = "wc/v3"
FIRST_WITH_MODIFIED_AFTER = (5, 8)  # older versions of WooCommerce cannot list changed orders
CLOCK_SOON, CLOCK_FAR = 60.0, 900.0  # seconds; WordPress refuses signed requests that are 15 minutes off
UNKNOWN_WEBHOOK = 0  # no webhook has this id

ADDRESS_FIX = "correct WOO_COMMERCE_URL: the shop's address without /wp-json; is the shop up, and open to this machine?"
SLOW_FIX = "the store is too slow to answer: see its load, its plugins (Query Monitor) and its PHP workers; try again"
KEY_FIX = (
    "make a key with Read/Write permission for an administrator or shop manager (WooCommerce > Settings > Advanced > "
    "REST API) and put it into .env as WOO_COMMERCE_CONSUMER_KEY and WOO_COMMERCE_CONSUMER_SECRET, then `woohub setup`"
)
READ_ONLY = "it may only read: webhooks can be neither created nor repaired"
DROPPED = (
    "its web server drops the Authorization header, so the key goes in the address, as WooCommerce allows, and then "
    "appears in the web server's access log"
)
DROPPED_FIX = (
    "let the header through to PHP (Apache: `CGIPassAuth On`, or `SetEnvIf Authorization (.+) HTTP_AUTHORIZATION=$1`)"
)
CLOCK_FIX = "set the clock of the store's server by NTP: its dates decide which state of an order is the newer one"


def is_loopback(url: str) -> bool:
    """Whether requests to this address never leave the machine, so that plain http is safe."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _failed(what: str, error: Exception, fix: str = KEY_FIX) -> Step:
    """Return the step for a check that ended with one of STORE_FAILS.

    `fix` is used if the store refused the call without a more specific remedy.
    """
    if isinstance(error, StoreRefused):
        return Step(what, Result.FAILED, error.cause, error.fix or fix)
    if isinstance(error, StoreUnavailable):
        return Step(what, Result.FAILED, error.cause, error.fix or ADDRESS_FIX)
    return Step(what, Result.FAILED, str(error), SLOW_FIX)


def reachable(store: Store) -> tuple[Step, About | None]:
    """Check that WordPress with WooCommerce answers at the address; also return what it says about itself."""
    what, url = "store", store.credentials.url
    try:
        about = store.about()
    except STORE_FAILS as error:
        return _failed(what, error, ADDRESS_FIX), None
    if NAMESPACE not in about.namespaces:
        lacking = f"WordPress answers at {url}, but has no REST API {NAMESPACE}"
        return Step(what, Result.FAILED, lacking, "activate WooCommerce there, or correct WOO_COMMERCE_URL"), None
    if not store.credentials.secure and not is_secure(store.style.url) and not is_loopback(url):
        plain = f"{url} is reached over plain http: orders can be read on the way"
        return Step(what, Result.WARNING, plain, "give the shop a certificate, and WOO_COMMERCE_URL https://"), about
    return Step(what, Result.OK, f"{about.name or 'WooCommerce'} at {url}"), about


def hosting(store: Store, about: About) -> Iterator[Step]:
    """Yield a step for each peculiarity of the store's host that woohub works around."""
    if about.closed:
        detail = f"closed to callers without a key ({about.closed}): name and time zone of the store are not known"
        yield Step("store's REST index", Result.WARNING, detail, "nothing, as long as the key works")
    way, what = store.style, "calls to the store"
    if way.url:
        moved = f"{store.credentials.url} redirects its REST API to {way.url}, which is used"
        yield Step(what, Result.WARNING, moved, f"set WOO_COMMERCE_URL={way.url} and run `woohub setup`")
    if way.plain:
        yield Step(what, Result.OK, "by ?rest_route=, since /wp-json/ is not there (permalinks set to “Plain”?)")
    if way.keys_in_query:
        yield Step(what, Result.WARNING, DROPPED, DROPPED_FIX)
    if way.home:
        detail = f"signed for {way.home}, the store's home address, which is not {store.credentials.url}"
        yield Step(what, Result.WARNING, detail, f"set WOO_COMMERCE_URL={way.home} if it can be reached there")


def addresses(store: Store) -> list[str]:
    """Return the addresses that the store may name as the source of its deliveries.

    The first is its home address, if the store says it; the others are those at which it is reached.
    """
    readings = (lambda: store.about().home, lambda: _environment(store).get("home_url"))
    for read in readings:  # the second needs the key, but also works if the REST API's index is closed
        with suppress(*STORE_FAILS):
            if home := str(read() or ""):
                return [home, store.credentials.url]
    return [store.credentials.url, store.style.url, store.style.home]


def _environment(store: Store) -> Mapping[str, Any]:
    return store.system_status("environment").get("environment") or {}


def readable(store: Store) -> Step:
    """Whether the key may read orders, customers and webhooks."""
    what = "store's key, reading"
    try:
        orders, customers = store.count("orders"), store.count("customers")
        store.count("webhooks")
    except STORE_FAILS as error:
        return _failed(what, error)
    return Step(what, Result.OK, f"{counted(orders, 'order')}, {counted(customers, 'customer')}")


def writable(store: Store) -> Step:
    """Check that the key may write: it updates a webhook that cannot exist. WooCommerce checks the key first."""
    what = "store's key, writing"
    try:
        store.update_webhook(UNKNOWN_WEBHOOK)
    except STORE_FAILS as error:
        status = error.status if isinstance(error, StoreRefused) else 0
        if status in (401, 403):
            return Step(what, Result.FAILED, f"{READ_ONLY} ({error})", KEY_FIX)
        if status not in (400, 404):
            return _failed(what, error)
    return Step(what, Result.OK)


def clock(about: About, now: float) -> Step:
    """Check how far the store's clock is off; `now` in epoch seconds."""
    what = "store's clock"
    if not about.clock:
        return Step(what, Result.WARNING, "the store sends no time", "let its web server send a Date header")
    off = about.clock - now
    detail = f"{abs(off):.0f} s {'ahead' if off > 0 else 'behind'}; time zone {zone(about)}"
    if abs(off) <= CLOCK_SOON:
        return Step(what, Result.OK, detail)
    return Step(what, Result.FAILED if abs(off) > CLOCK_FAR else Result.WARNING, detail, CLOCK_FIX)


def zone(about: About) -> str:
    """Return the store's time zone: its name or, if only an offset is set, the offset."""
    if about.utc_offset_hours is None:
        return "unknown"
    return about.time_zone or f"UTC{about.utc_offset_hours:+g}"


def version(store: Store) -> tuple[Step, str]:
    """Check that WooCommerce is new enough; also return the store's currency ("" if it does not say)."""
    what = "WooCommerce"
    try:
        status = store.system_status("environment", "settings")
    except STORE_FAILS as error:
        return _failed(what, error), ""
    currency = str((status.get("settings") or {}).get("currency") or "")
    number = str((status.get("environment") or {}).get("version") or "")
    parts = re.match(r"(\d+)\.(\d+)", number)
    if parts and (int(parts[1]), int(parts[2])) < FIRST_WITH_MODIFIED_AFTER:
        old = f"{number} cannot list changed orders: lost deliveries are recovered for 7 days only"
        return Step(what, Result.WARNING, old, "update WooCommerce to 5.8 or later"), currency
    return Step(what, Result.OK, number or "of unknown version"), currency
