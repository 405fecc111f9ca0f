"""The product as deployed, in virtual time: real ingest, consumer and governor, with AWS and HubSpot in memory."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Collection, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import ReadTimeoutError

from functions.ingest import app as ingest
from simulators.core.transport import InProcessResponse
from simulators.core.virtual_threads import VirtualThreads
from simulators.hubspot import (
    DEFAULT_TOKEN,
    InProcessTransport,
    SimulatedPortal,
    create_app,
    provision,
    provision_line_items,
)
from tests.model.aws import Crash, EventSource, Parameters, Secrets
from tests.model.shop import SOURCE, Request
from tests.model.simulation import Simulation
from tests.model.sqs import Queue, SqsClient
from tests.support.bucket import Bucket
from tests.support.deliveries import SECRET
from tests.support.metrics import provision_metrics
from tests.support.targets import BESIDE, mapping_with, provision_orders
from woohub.clock import Timer
from woohub.consumer import dead_letters
from woohub.consumer.batch import Consumer
from woohub.consumer.breaker import Breaker, BreakerParameter, EventSourceMapping, govern, mapping_id
from woohub.delivery import messages
from woohub.delivery.delivery import Delivery
from woohub.delivery.store_secrets import StoreSecrets
from woohub.errors import InternalError
from woohub.hubspot.client import HubSpot
from woohub.hubspot.properties import PropertyCatalog
from woohub.hubspot.retries import Caller
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub.settings import HubSpotToken, Secret
from woohub.sync.engine import Sync
from woohub.sync.outcome import Outcome, Verdict
from woohub.sync.record_kinds import KindsOfConfiguration, record_kinds
from woohub.sync.records import Kinds
from woohub_cli.set_up.provision import provision as set_up_portal

FIELDS = load_mapping()
COMMERCE = mapping_with(f"{BESIDE}[line_item]\nenabled = true\n[contact.metrics]\nenabled = true\n")
TIMEOUT, MARGIN = 60.0, 6.0  # seconds of the consumer function, and what it keeps for itself
QUEUE, DEAD_LETTERS = ingest.settings.queue_url, "dead-letters"
Latency = Callable[[], float]


Key = tuple[str, str]  # body and `delivery` attribute of a message, which stay the same on every queue


@dataclass(frozen=True)
class Accepted:
    """A delivery that ingest accepted, and whose effect is therefore due."""

    key: Key
    topic: str
    body: dict[str, Any]
    received_ms: int
    store: str = ""


@dataclass
class HubSpotConnection:
    """The consumer's connection to HubSpot, which takes time and can crash the process.

    `crash_at` is the number of a call (from 1) and the moment, `before` or `after` its effect. HubSpot answers 500 to
    every call whose body contains `fails_on`; with `times_out`, it does not respond at all.
    """

    transport: Any
    latency: Latency
    threads: VirtualThreads
    crash_at: tuple[int, str] | None = None
    fails_on: bytes = b""
    times_out: bool = False
    calls: int = 0

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        self.calls += 1
        this = self.calls
        number, moment = self.crash_at or (0, "")
        seconds = self.latency()
        self.threads.sleep(seconds / 2)
        if self.fails_on and self.fails_on in (kwargs.get("body") or b""):
            return self._fail(url, kwargs["timeout"].read_timeout)
        if number == this and moment == "before":
            raise Crash(f"before {method} {url}")
        try:
            response = self.transport.request(method, url, **kwargs)
        finally:
            if number == this:
                raise Crash(f"after {method} {url}")
        self.threads.sleep(seconds / 2)
        return response

    def _fail(self, url: str, timeout_s: float) -> InProcessResponse:
        if not self.times_out:
            return InProcessResponse(500, HTTPHeaderDict(), b"")
        self.threads.sleep(timeout_s)
        raise ReadTimeoutError(None, url, "timeout")  # type: ignore[arg-type]


@dataclass(repr=False)
class SimulatedStack:
    """Everything that is deployed, and a record of what happened in it."""

    simulation: Simulation
    unique: bool = True
    version: str = "2026-09"
    writers: int = 1
    latency: Latency = lambda: 0.2
    crashes: Callable[[], tuple[int, str] | None] = lambda: None  # called at each invocation of the consumer
    repeats: float = 0.0  # see Queue
    throttled: float = 0.0  # see EventSource
    fails_on: bytes = b""  # see HubSpotConnection
    times_out: bool = False  # see HubSpotConnection
    governed: bool = True  # whether the governor's schedule runs
    wrap_transport: Callable[[InProcessTransport], Any] = lambda transport: (
        transport
    )  # wraps the transport of each new process
    bucket: Bucket | None = None  # the stack's configuration, instead of `kinds`
    kinds: Kinds = field(default_factory=lambda: record_kinds(FIELDS))
    commerce: bool = (
        False  # line items, metrics and HubSpot's orders switched on, in a portal with the most difficult settings
    )
    accepted: list[Accepted] = field(default_factory=list)
    outcomes: dict[Key, Outcome] = field(default_factory=dict)  # the outcome of each delivery
    ended_at: dict[Key, float] = field(default_factory=dict)  # epoch seconds
    warnings: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    alarms: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # internal errors that the consumer caught
    invocations: int = 0
    crashed: int = 0
    longest: float = 0.0  # seconds of an invocation

    def __post_init__(self) -> None:
        seed = self.simulation.random.getrandbits(32)
        self.portal = SimulatedPortal(clock=self.simulation.clock, seed=seed)
        provision(self.portal, unique_order_id=self.unique)
        if self.commerce:
            self._switch_on_commerce()
        self._app = create_app(self.portal)
        self.dead_letters = Queue(self.simulation, DEAD_LETTERS)
        self.queue = Queue(self.simulation, QUEUE, self.dead_letters, self.repeats)
        self.sqs = SqsClient(self.queue, self.dead_letters)
        stored = json.dumps({"current": SECRET, "sources": [SOURCE]})
        self.secrets = Secrets(webhook=stored, hubspot=DEFAULT_TOKEN)
        self.parameters = Parameters()
        self.parameters.values["breaker"] = '{"state": "closed"}'
        self.source = EventSource(self.simulation, self.queue, self._consume, self.writers, self.throttled)
        self._ingest_secret = self._secret("webhook")
        self._store_secrets = StoreSecrets(self._secret, self.simulation.clock)
        self._workers: dict[int, Process] = {}
        self.simulation.every(60, self._govern)

    def _switch_on_commerce(self) -> None:
        self.kinds = record_kinds(COMMERCE)
        provision_line_items(self.portal)
        provision_orders(self.portal, COMMERCE)
        provision_metrics(self.portal, COMMERCE)
        self.portal.change_settings({"calculates_amounts": True, "frees_archived_values": False})

    def transport(self, threads: VirtualThreads) -> Any:
        """A connection to HubSpot that lets the process's other threads run while it waits."""
        return self.wrap_transport(InProcessTransport(self._app, sleep=threads.sleep))

    def post(self, request: Request) -> int:
        """Send a request to the API; the status of the response."""
        encoded = self.simulation.random.random() < 0.5  # API Gateway does either
        body = base64.b64encode(request.body).decode() if encoded else request.body.decode()
        event = {"headers": dict(request.headers), "body": body, "isBase64Encoded": encoded}
        event |= {"pathParameters": {"store": request.store}} if request.store else {}
        received_ms = self.simulation.ms()
        with (
            patch.multiple(
                ingest, sqs=self.sqs, secret=self._ingest_secret, store_secrets=self._store_secrets, time=self
            ),
            redirect_stdout(io.StringIO()),
        ):
            answer = ingest.lambda_handler(event, None)
        if '"queued"' in answer["body"] and request.headers["X-WC-Webhook-Source"] == SOURCE:
            key = self.queue.newest().key
            self.accepted.append(Accepted(key, request.topic, json.loads(request.body), received_ms, request.store))
        return int(answer["statusCode"])

    def time_ns(self) -> int:
        """The clock of the ingest function, which reads `time.time_ns()`."""
        return self.simulation.ms() * 1_000_000

    def reconcile(self, topic: str, thing: Mapping[str, Any], store: str = "") -> None:
        """Queue an entity that reconcile has read, received now."""
        entity = f"{topic.partition('.')[0]}:{thing['id']}"
        delivery = Delivery(topic, json.dumps(thing).encode(), self.simulation.ms(), entity, SOURCE, store=store)
        self.sqs.send_message(QueueUrl=QUEUE, **messages.to_sqs(delivery))
        self.accepted.append(Accepted(key_of(delivery), topic, dict(thing), delivery.received_ms, store))

    def _consume(self, event: dict[str, Any], worker: int) -> dict[str, Any]:
        """One invocation; a process that crashed is replaced, as Lambda does."""
        process = self._workers.get(worker) or Process(self)
        self._workers[worker] = process
        self.invocations += 1
        started = self.simulation.now
        try:
            return process.handle(event)
        except Crash:
            self.crashed += 1
            del self._workers[worker]
            raise
        finally:
            self.longest = max(self.longest, self.simulation.now - started)

    def cold_start(self) -> None:
        """Lambda replaces the consumer's processes."""
        self._workers.clear()

    def _govern(self) -> None:
        if not self.governed:
            return
        threads = VirtualThreads(self.simulation.clock, self.simulation.sleep)
        timer = Timer(self.simulation.clock, threads.sleep)
        timer.start(28)
        line = HubSpotConnection(self.transport(threads), self.latency, threads)
        hubspot = HubSpot(Caller(line, HubSpotToken(self._secret("hubspot")), timer), self.version)
        try:
            govern(
                self.breaker_parameter(), self.event_source_mapping(), lambda: self._probe(hubspot), self.simulation.now
            )
        except ClientError:
            return  # the function failed; it runs again in a minute

    def _probe(self, hubspot: HubSpot) -> None:
        if self.bucket:
            self.bucket.configuration(self.simulation.clock).current()
        hubspot.probe()

    def current_kinds(self) -> Callable[[Collection[str]], Kinds]:
        """The function with which a new process gets the kinds for each batch."""
        if self.bucket is None:
            return lambda _stores: self.kinds
        return KindsOfConfiguration(self.bucket.configuration(self.simulation.clock)).current

    def breaker_parameter(self) -> BreakerParameter:
        """The breaker's state."""
        client: Any = self.parameters
        return BreakerParameter(client, "breaker")

    def event_source_mapping(self) -> EventSourceMapping:
        """The event source mapping, which the breaker enables and disables."""
        client: Any = self.source
        return EventSourceMapping(client, lambda: mapping_id(client, "queue", "consumer"))

    def _secret(self, name: str) -> Secret:
        client: Any = self.secrets
        return Secret(client, name, clock=self.simulation.clock)

    def secret(self, name: str) -> Secret:
        """A secret as a new process reads it."""
        return self._secret(name)

    def set_up(self, of_stores: Mapping[str, FieldMapping]) -> None:
        """Create in HubSpot what `woohub store add` creates."""
        timer = Timer(self.simulation.clock, self.simulation.sleep)
        timer.start(600)
        http = InProcessTransport(self._app, sleep=self.simulation.sleep)
        hubspot = HubSpot(Caller(http, HubSpotToken(self.secret("hubspot")), timer))
        for mapping in of_stores.values():
            assert all(step.outcome != "failed" for step in set_up_portal(hubspot, mapping, dry_run=False))

    def redrive(self) -> int:
        """Send all dead letters back to the queue, as `woohub dlq redrive` does; their number."""
        letters = self.dead_letters.messages()
        for letter in letters:
            kept = dead_letters.without_reason(letter.texts)
            self.queue.send(letter.body, {name: letter.attributes[name] for name in kept})
            self.dead_letters.delete(letter.id)
            self.outcomes.pop(letter.key, None)
        return len(letters)

    def drain(self, timeout_s: float = 7200) -> bool:
        """Wait until the queue is empty; False if it is not within `patience` seconds."""
        return self.simulation.run_while(lambda: len(self.queue) > 0, timeout_s=timeout_s)

    @property
    def calls(self) -> int:
        """HubSpot calls made so far."""
        return sum(self.portal.calls.values())

    def unaccounted(self) -> list[Key]:
        """Accepted deliveries that are neither on the queue, nor done, nor in the dead-letter queue."""
        waiting = {message.key for message in self.queue.messages()}
        dead = {message.key for message in self.dead_letters.messages()}
        done = {key for key, outcome in self.outcomes.items() if outcome.verdict is not Verdict.REJECTED}
        known = waiting | dead | done
        return [delivery.key for delivery in self.accepted if delivery.key not in known]


def key_of(delivery: Delivery) -> Key:
    """The key of a delivery."""
    sent = messages.to_sqs(delivery)
    return sent["MessageBody"], sent["MessageAttributes"][messages.ATTRIBUTE]["StringValue"]


class Process:
    """One consumer process, built as functions/consumer/app.py builds it."""

    def __init__(self, stack: SimulatedStack) -> None:
        self._stack = stack
        threads = VirtualThreads(stack.simulation.clock, stack.simulation.sleep)
        self._timer = Timer(stack.simulation.clock, threads.sleep)
        self._connection = HubSpotConnection(stack.transport(threads), stack.latency, threads)
        self._token = token = HubSpotToken(stack.secret("hubspot"))
        dice = stack.simulation.random.random
        caller = Caller(self._connection, token, self._timer, random=dice, concurrency=threads)
        hubspot = HubSpot(caller, stack.version)
        portal = PropertyCatalog(hubspot, self._timer, self._warn)
        sync = Sync(hubspot, portal, stack.current_kinds(), self._timer, self._warn)
        breaker = Breaker(stack.breaker_parameter, stack.event_source_mapping, self._alarm, stack.simulation.clock)
        sqs: Any = stack.sqs
        self._consumer = Consumer(
            sync, breaker, sqs, QUEUE, DEAD_LETTERS, self._report, self._warn, clock=stack.simulation.clock, jitter=dice
        )

    def handle(self, event: dict[str, Any]) -> dict[str, Any]:
        """One invocation."""
        self._connection.calls, self._connection.crash_at = 0, self._stack.crashes()
        self._connection.fails_on, self._connection.times_out = self._stack.fails_on, self._stack.times_out
        self._timer.start(TIMEOUT - MARGIN)
        with self._token.kept():
            return self._consumer.consume(event["Records"])

    def _report(self, outcome: Outcome) -> None:
        if isinstance(outcome.error, InternalError):
            self._stack.faults.append(str(outcome.error))
        if isinstance(outcome.message.delivery, Delivery) and outcome.verdict is not Verdict.RETRY:
            key = key_of(outcome.message.delivery)
            self._stack.outcomes[key], self._stack.ended_at[key] = outcome, self._stack.simulation.now

    def _warn(self, event: str, **facts: Any) -> None:
        self._stack.warnings.append((event, facts))

    def _alarm(self, event: str, **facts: Any) -> None:
        self._stack.alarms.append((event, facts))
