"""The stack's webhooks in the store: create and repair them, set their secret, and test the delivery."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

from woohub.delivery.topics import TEST_TOPIC
from woohub.http import Http
from woohub.store.client import Store
from woohub.store.subscriptions import WebhookProblem, find_problems, name_of, repair
from woohub.store.webhooks import TOPICS, Webhook
from woohub_cli.check_result import Result, Step
from woohub_cli.checks.store_access import is_loopback
from woohub_cli.cli_errors import STORE_FAILS, Trouble
from woohub_cli.deliveries import sending
from woohub_cli.deliveries.samples import Sample

PORTS = (None, 80, 443, 8080)  # WordPress: http_allowed_safe_ports
WEBHOOKS_PAGE = "WooCommerce > Settings > Advanced > Webhooks"
PROBLEMS = {  # the detail and the fix
    "missing": ("there is none", "run `woohub setup`: it creates the webhook again"),
    "disabled": (
        "disabled: by WooCommerce, after more than five failed deliveries in a row, or by a person",
        "run `woohub setup`: it makes the webhook active again, and the next reconcile reads what it missed",
    ),
    "paused": (
        "paused by somebody",
        f"set it to active in {WEBHOOKS_PAGE}: woohub never changes a webhook that a person paused",
    ),
    "wrong_url": ("delivers to another URL", "run `woohub setup`: it gives the webhook the stack's URL"),
    "wrong_topic": ("has another topic", "run `woohub setup`: it gives the webhook its topic again"),
    "duplicate": (
        "there is another one for the same topic",
        f"remove it in {WEBHOOKS_PAGE}: every event is delivered twice, which only costs time",
    ),
}
AGAIN = "run this again: what is done stays done"
PROBE = Sample("test delivery", TEST_TOPIC, b'{"action":"woohub_test","arg":0}')
PROBE_ANSWER = "no order or customer"  # ingest's answer to a signed delivery that is neither


def ours(webhooks: Sequence[Webhook], *, stack: str, url: str) -> list[Webhook]:
    """Return the stack's webhooks, by URL or by name, in any state."""
    names = {name_of(stack, topic) for topic in TOPICS}
    return [webhook for webhook in webhooks if webhook.delivery_url == url or webhook.name in names]


def removed(store: Store, webhooks: Iterable[Webhook], *, dry_run: bool) -> Iterator[Step]:
    """Delete these webhooks. Raises the store's errors."""
    for webhook in webhooks:
        if not dry_run:
            store.delete_webhook(webhook.id)
        yield Step(described(webhook), Result.WOULD_REMOVE if dry_run else Result.REMOVED)


def described(webhook: Webhook) -> str:
    """Return the webhook for people, with the number by which the store lists it."""
    return f"webhook {webhook.topic or webhook.name} (#{webhook.id})"


def register(store: Store, *, stack: str, url: str, secret: str, dry_run: bool) -> Iterator[Step]:
    """Make sure that each topic has one active webhook with the stack's URL and secret."""
    try:
        yield from _registered(store, stack, url, secret, dry_run=dry_run)
    except STORE_FAILS as error:
        yield Step("webhooks", Result.FAILED, str(error), AGAIN)


def _registered(store: Store, stack: str, url: str, secret: str, *, dry_run: bool) -> Iterator[Step]:
    known = store.webhooks()
    wrong = find_problems(known, stack=stack, url=url)
    for finding in wrong:
        if finding.repairable:
            yield _repaired(store, finding, stack, url, secret, dry_run=dry_run)
        else:
            yield finding_step(finding, Result.WARNING)
    repaired = {finding.webhook.id for finding in wrong if finding.webhook and finding.repairable}
    left = [webhook for webhook in ours(known, stack=stack, url=url) if webhook.id not in repaired]
    for webhook in left:
        if not dry_run:
            # The store never returns a secret, so it may have another one. Setting the same one changes nothing.
            store.update_webhook(webhook.id, secret=secret)
    fine = {webhook.topic for webhook in left} & set(TOPICS) - {finding.topic for finding in wrong}
    if fine:
        yield Step("webhooks", Result.OK, f"active, and sign with the stack's secret: {', '.join(sorted(fine))}")


def _repaired(store: Store, finding: WebhookProblem, stack: str, url: str, secret: str, *, dry_run: bool) -> Step:
    what = f"webhook {finding.topic}"
    new = finding.webhook is None
    detail = "" if new else f"was {finding.problem.replace('_', ' ')}"
    if dry_run:
        return Step(what, Result.WOULD_CREATE if new else Result.WOULD_REPAIR, detail)
    made = repair(store, finding, stack=stack, url=url, secret=secret)
    if (made.status, made.topic, made.delivery_url) != ("active", finding.topic, url):
        seen = f"the store made it {made.status}, topic {made.topic or 'none'}, URL {made.delivery_url}"
        return Step(what, Result.FAILED, seen, f"look at it in {WEBHOOKS_PAGE}; a plugin may have changed it")
    return Step(what, Result.CREATED if new else Result.REPAIRED, detail)


def finding_step(finding: WebhookProblem, outcome: Result) -> Step:
    """Return the step on a problem of a webhook, with what to do about it."""
    what = described(finding.webhook) if finding.webhook else f"webhook {finding.topic}"
    return Step(what, outcome, *PROBLEMS[finding.problem])


def give_secret(store: Store, webhooks: Sequence[Webhook], secret: str) -> Iterator[Step]:
    """Set the secret of each webhook; its status stays. A failure does not stop the others."""
    for webhook in webhooks:
        what = described(webhook)
        try:
            store.update_webhook(webhook.id, secret=secret)
            yield Step(what, Result.STORED, "signs with the current secret")
        except STORE_FAILS as error:
            yield Step(what, Result.FAILED, str(error), AGAIN)


def url_step(url: str, shop: str) -> Step:
    """Check that WordPress delivers to this URL. To any URL of the shop's own host it does."""
    what = "webhook URL"
    reason = not_deliverable(url, shop)
    if reason:
        fix = "deploy the stack, or reach this one through a tunnel and name its address in the parameter WebhookUrl"
        return Step(what, Result.WARNING, f"{url}: {reason}", fix)
    if urlsplit(url).scheme == "http" and not is_loopback(url):
        return Step(what, Result.WARNING, f"{url}: customers' data travel in plain text", "give it an https address")
    return Step(what, Result.OK, url)


def not_deliverable(url: str, shop: str) -> str:
    """Return why WordPress does not deliver to this URL; "" if it does."""
    to = urlsplit(url)
    if to.hostname == urlsplit(shop).hostname:
        return ""
    if is_private(to.hostname or ""):
        return "WordPress delivers to no private address"
    return "" if to.port in PORTS else "WordPress delivers to the ports 80, 443 and 8080 only"


def is_private(host: str) -> bool:
    """Whether the host is certainly not reachable from the internet."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".localhost", ".internal", ".test"))


def send_probe(http: Http, url: str, secret: str, fix: str) -> Step:
    """Send a signed delivery without an order: the stack checks its signature and does nothing else."""
    what = "signed test delivery"
    try:
        reply = sending.post(http, url, PROBE, sending.headers(PROBE, secret))
    except Trouble as error:
        return Step(what, Result.FAILED, str(error), "is the stack deployed, and the URL open to the internet?")
    if reply.status == 200 and PROBE_ANSWER in reply.answer:
        return Step(what, Result.OK, f"accepted in {reply.seconds * 1000:.0f} ms")
    fixes = {401: fix} | FIXES_BY_STATUS
    seen = f"answered {reply.status} {reply.answer[:200]}".strip()
    return Step(what, Result.FAILED, seen, fixes.get(reply.status, "see the ingest function's log"))


REDIRECTED = (
    "WordPress follows no redirect, and counts most of them as delivered: every delivery is lost. Give the stack the "
    "address that answers by itself, in the parameter WebhookUrl, and run `woohub setup`"
)
FIXES_BY_STATUS = dict.fromkeys(range(300, 400), REDIRECTED) | {
    403: "a firewall, a resource policy or a wrong path refuses it before the function",
    404: "the URL is not the stack's: compare it with the output WebhookUrl",
    429: "API Gateway's limit is used up: is somebody flooding the URL?",
}
