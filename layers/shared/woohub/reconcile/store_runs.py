"""The runs of a stack's stores, one in each invocation. The schedule's run is the first store's, and starts others."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from woohub.configuration import Configuration, ConfigurationUnreadable
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.errors import StoreUnknown
from woohub.hubspot.client import HubSpot
from woohub.hubspot_settings import ReconcileSettings
from woohub.mapping.fields import FieldMapping
from woohub.metrics import SWEEP_ALIVE, SWEEP_FAILED, SWEEP_NOT_CONFIGURED, SWEEP_STARTED
from woohub.reconcile import other_stores
from woohub.reconcile.request import RunRequest
from woohub.reconcile.run import Reconcile
from woohub.reconcile.store_access import StoreAccess
from woohub.reconcile.telemetry import Counter, Telemetry
from woohub.store.client import Store
from woohub.store.connection import USUAL_STYLE, RequestStyle, StoreCredentials, is_unset
from woohub.stores import FIRST

REPAIR_ACCESS = (
    "nothing is reconciled: the secret with the store's access is no JSON with url, consumer_key and consumer_secret: "
    "run `woohub setup`; or it was deleted: `aws secretsmanager restore-secret` brings it back"
)
HUBSPOT_REQUESTS_PER_10_SECONDS = 5  # of all stores' runs, in addition to the consumer's: nightly checks may be slow


@dataclass
class StoreRuns:
    """Does the reconcile function's invocations.

    `access` and `queue` get the name of a store. `open_store` gets a store's access and credentials, and the style in
    which its host accepted calls last. `hubspot` gets the number of requests that a run may make in ten seconds.
    `start` starts the runs of further stores, and returns how many it could not start.
    """

    settings: ReconcileSettings
    telemetry: Telemetry
    configuration: Configuration
    access: Callable[[str], StoreAccess]
    open_store: Callable[[StoreAccess, StoreCredentials, RequestStyle], Store]
    queue: Callable[[str], DeliveryQueue]
    hubspot: Callable[[int], HubSpot]
    start: Callable[[Sequence[str]], int]
    styles: dict[StoreCredentials, RequestStyle] = field(default_factory=dict)  # that this process has found out

    def run(self, event: object) -> dict[str, Any]:
        """Do the run that the event asks for (see `woohub.reconcile.request`), and return its report."""
        if self.settings.detailed_metrics:
            with self.telemetry.of(FIRST) as counter:
                counter.add(SWEEP_STARTED)  # for all stores in one sum
        request, stores = RunRequest.from_event(event), self._stores()
        with self.telemetry.of(request.store) as counter:
            if other_stores.is_scheduled(event):
                self._start(stores[1:], counter)
            return self._run(request, stores, counter)

    def mapping(self, store: str) -> FieldMapping:
        """Return the store's mapping in force. Raises ConfigurationUnreadable or StoreUnknown."""
        mappings = self.configuration.current([store]).mappings
        if store not in mappings:
            raise StoreUnknown(store)
        return mappings[store]

    def _stores(self) -> list[str]:
        """Return the names of all stores, or only the first one's if the configuration cannot be read."""
        try:
            return [FIRST, *sorted(self.configuration.current().stores)]
        except ConfigurationUnreadable as error:
            self.telemetry.alarm("configuration_unreadable", error=str(error))
            return [FIRST]

    def _start(self, stores: Sequence[str], counter: Counter) -> None:
        """Start the runs of the further stores. If that fails, the first store's run continues all the same."""
        if stores and (failed := self.start(stores)):
            counter.add(SWEEP_FAILED, failed)

    def _run(self, request: RunRequest, stores: Sequence[str], counter: Counter) -> dict[str, Any]:
        access = self.access(request.store)
        text = access.secret.text()
        credentials = StoreCredentials.from_secret(text)
        if credentials is None:
            return self._without_credentials(request.store, text, counter)
        store = self.open_store(access, credentials, self.styles.get(credentials, USUAL_STYLE))
        facts = self._reconcile(access, store, stores, counter).run(request).facts()
        if facts["failed"]:
            self.styles.pop(store.credentials, None)  # the host may accept another style now: the next run finds out
        else:
            self.styles[store.credentials] = store.style
        self.telemetry.record_run(facts)
        return facts

    def _reconcile(self, access: StoreAccess, store: Store, stores: Sequence[str], counter: Counter) -> Reconcile:
        number = stores.index(access.store) if access.store in stores else 0
        return Reconcile(
            store,
            self.queue(access.store),
            access.parameter,
            self.hubspot(other_stores.hubspot_share(HUBSPOT_REQUESTS_PER_10_SECONDS, len(stores))),
            lambda: self.mapping(access.store),
            access.webhooks(self.settings),
            count=counter.add,
            log=self.telemetry.warn,
            clock=time.time,
            night_hour=other_stores.night_hour(self.settings.nightly_hour, number),
        )

    def _without_credentials(self, store: str, access: str, counter: Counter) -> dict[str, Any]:
        """Report why nothing is reconciled: no access is stored yet, or it is damaged, which is a failure."""
        if is_unset(access):
            text = "no access to the store is set, so nothing is reconciled: run `woohub setup`"
            self.telemetry.say_once(text, store)
            counter.add(SWEEP_NOT_CONFIGURED)
            counter.add(SWEEP_ALIVE)
        else:
            self.telemetry.alarm("store_access_unreadable", to_do=REPAIR_ACCESS)
            counter.add(SWEEP_FAILED)
        return {"configured": False}
