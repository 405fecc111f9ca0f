"""Add a store to a stack: check it, create secrets and watermark, HubSpot's properties, webhooks and alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from woohub.delivery.sites import site
from woohub.mapping.several_stores import order_key_prefix
from woohub.store.connection import StoreCredentials
from woohub.store.webhooks import TOPICS
from woohub.stores import FIRST_SHOWN, StoreSettings
from woohub_cli.check_result import Result, Step, failed
from woohub_cli.checks import store_access
from woohub_cli.cli_errors import Trouble
from woohub_cli.environment import STORE_VARIABLES
from woohub_cli.set_up import further_stores, stack_setup
from woohub_cli.set_up.provision import provision
from woohub_cli.set_up.rotation import new_secret
from woohub_cli.set_up.store_setup import Reach
from woohub_cli.stack import connections, stack_configuration
from woohub_cli.stack.secret_store import STORE_KEY, WEBHOOK_SECRET, StackSecrets
from woohub_cli.stack.stacks import Stack


def refuse_twins(first: Stack, name: str, wanted: StoreSettings, others: Mapping[str, StoreSettings]) -> None:
    """Raise Trouble if adding the store would double orders, double deals or overwrite a property.

    A store added twice sends every order twice; another prefix makes a second deal of each order; a property that the
    mapping writes already would get customer ids in place of its values.
    """
    stored = StackSecrets(first).store()
    addresses = {other: row.url for other, row in others.items() if other != name}
    addresses |= {FIRST_SHOWN: stored.url} if stored else {}
    for other, url in addresses.items():
        if site(url) == site(wanted.url):
            raise Trouble(f"{wanted.url} is the store {other} already: HubSpot would get each of its orders twice")
    known = others.get(name)
    if not known and wanted.customer_id_property in stack_configuration.current(first).mapping.contact_properties:
        raise Trouble(f"{wanted.customer_id_property} is written by the mapping already: name another --customer-id")
    if known and order_key_prefix(name, known) != order_key_prefix(name, wanted):
        raise Trouble(f"the store {name} has the order key prefix {order_key_prefix(name, known)!r}: it cannot change")


@dataclass(frozen=True)
class Addition:
    """A store that is added to a stack. `others` are the further stores that the stack already has."""

    stack: Stack  # of the new store: see Stack.of_store
    access: StoreCredentials
    settings: StoreSettings
    others: Mapping[str, StoreSettings]
    env: Mapping[str, str]
    reach: Reach

    @property
    def name(self) -> str:
        return self.stack.store

    def run(self, *, dry_run: bool) -> Iterator[Step]:
        """Run all steps; a second run continues where the first stopped. Raises WrongUsage if the settings conflict."""
        wanted = {**self.others, self.name: self.settings}
        mappings = further_stores.with_stores(self.stack, wanted).mappings
        table, others = mappings[self.name], mappings.values()
        checks = list(self._checks())
        yield from checks
        if failed(checks):
            return
        address = connections.hubspot_address(self.stack, self.env)
        if dry_run:
            token = connections.hubspot(self.stack, self.env).caller.token.current()
            yield Step("store in the stack", Result.WOULD_CREATE, "secrets, watermark, alarms")
            yield from provision(address.connect(token), table, others, dry_run=True)
            yield Step("webhooks", Result.WOULD_CREATE, f"{self.stack.output('WebhookUrl')}: {', '.join(TOPICS)}")
            return
        yield from self._resources()
        env = {**self.env, **dict(zip(STORE_VARIABLES, asdict(self.access).values(), strict=True))}
        # After HubSpot's properties exist: the consumer looks for them as soon as it knows the store.
        listed = self._listed()
        yield from stack_setup.run(
            self.stack, env, table, address.connect, self.reach, before_webhooks=listed, others=others
        )
        yield further_stores.make_alarms(self.stack, self.name)

    def _checks(self) -> Iterator[Step]:
        """Check, before anything is changed, that the store answers and accepts the key."""
        store = self.reach.connect(self.access)
        reachable, about = store_access.reachable(store)
        yield reachable
        if about is not None:
            yield store_access.readable(store)

    def _listed(self) -> Iterator[Step]:
        if self.others.get(self.name) != self.settings:
            further_stores.put(self.stack, self.name, self.settings)
            yield Step("stores.json", Result.STORED, "the functions know the store at its first delivery")

    def _resources(self) -> Iterator[Step]:
        secret = {"current": self.env.get("WOO_COMMERCE_WEBHOOK_SECRET") or new_secret()}
        yield further_stores.make_secret(self.stack, self.stack.output("WebhookSecretArn"), secret, WEBHOOK_SECRET)
        yield further_stores.make_secret(
            self.stack, self.stack.output("StoreSecretArn"), asdict(self.access), STORE_KEY
        )
        yield further_stores.make_watermark(self.stack, self.name)
