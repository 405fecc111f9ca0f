"""The consumer of an operated stack, run on request; its log and that of ingest go to the mocked CloudWatch."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3

from simulators.hubspot import DEFAULT_TOKEN, InProcessTransport, create_app, provision
from simulators.hubspot.portal import ALL_SCOPES
from simulators.woocommerce import KEY, SECRET
from tests.support.consumer import as_record
from tests.support.engine import FIELDS, Token
from tests.support.operated_stack import OperatedStack, now_text
from woohub.clock import Timer
from woohub.consumer.batch import Consumer
from woohub.consumer.breaker import Breaker, BreakerParameter, EventSourceMapping, State
from woohub.erasures import CurrentErasures, ErasureList
from woohub.http import Call
from woohub.hubspot.client import HubSpot
from woohub.hubspot.properties import PropertyCatalog
from woohub.hubspot.retries import Caller
from woohub.mapping.fields import FieldMapping
from woohub.settings import Secret
from woohub.sync.engine import Sync
from woohub.sync.outcome import Outcome
from woohub.sync.record_kinds import record_kinds
from woohub_cli.erase.erasure_list import ErasureFile

GROUPS = {"ingest": "/aws/lambda/ingest", "consumer": "/aws/lambda/consumer"}


@dataclass
class StackConsumer:
    """Processes the queue of a stack."""

    shop: OperatedStack
    mapping: FieldMapping = FIELDS
    outcomes: list[Outcome] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        outputs = self.shop.stack.outputs
        http = InProcessTransport(create_app(self.shop.portal))
        self.timer = Timer()
        hubspot = HubSpot(Caller(http, Token(), self.timer, on_call=self.calls.append))
        flow = EventSourceMapping(self.shop.stack.client("lambda"), lambda: outputs["EventSourceMappingId"])
        parameter = BreakerParameter(self.shop.stack.client("ssm"), outputs["BreakerParameter"])
        breaker = Breaker(lambda: parameter, lambda: flow, _silent)
        catalog, kinds = PropertyCatalog(hubspot, self.timer, _silent), record_kinds(self.mapping)
        hubspot_secret = Secret(self.shop.stack.client("secretsmanager"), outputs["HubSpotSecretArn"], max_age_s=0)
        erasures = CurrentErasures(self._erasures, hubspot_secret)
        sync = Sync(hubspot, catalog, lambda _stores: kinds, self.timer, _silent, erasures.current)
        self.sqs: Any = self.shop.stack.client("sqs")
        self.url = outputs["QueueUrl"]
        dead = outputs["DeadLetterQueueUrl"]
        self.consumer = Consumer(sync, breaker, self.sqs, self.url, dead, self.outcomes.append, _silent)
        self.logs: Any = self.shop.stack.client("logs")
        self._make_logs()

    def _erasures(self) -> ErasureList | None:
        """The list as stored now, without the minute of caching."""
        return ErasureFile(self.shop.stack.client("s3"), self.shop.stack.outputs["ConfigurationBucket"]).read()

    def reset(self) -> None:
        """Empty the store, HubSpot, queues and logs, and restore every setting that `woohub setup` makes."""
        self.shop.portal.tokens = {DEFAULT_TOKEN: ALL_SCOPES}
        self.shop.portal.change_settings({"rules": []})
        self.shop.portal.reset()
        provision(self.shop.portal)
        store = self.shop.shop
        store.orders.clear()
        store.customers.clear()
        store.keys.clear()
        store.keys[KEY] = (SECRET, "read_write")
        store.requests.clear()
        store.run_webhooks()
        store.hooks.lose = 0.0
        for webhook in store.hooks.webhooks.values():
            webhook.secret, webhook.status, webhook.failures = self.shop.webhook_secret, "active", 0
        for output in ("QueueUrl", "DeadLetterQueueUrl"):
            url = self.shop.stack.outputs[output]
            self.sqs.delete_queue(QueueUrl=url)
            self.sqs.create_queue(QueueName=url.rpartition("/")[2])
        boto3.resource("s3").Bucket(self.shop.stack.outputs["ConfigurationBucket"]).object_versions.delete()
        self.shop.stack.store("HubSpotSecretArn", {"token": DEFAULT_TOKEN})
        self.shop.stack.breaker(State())
        self.shop.stack.client("lambda").update_event_source_mapping(
            UUID=self.shop.stack.outputs["EventSourceMappingId"], Enabled=True
        )
        self.shop.watermark(completed=now_text())
        self.shop.stack.store("StoreSecretArn", {"url": store.url, "consumer_key": KEY, "consumer_secret": SECRET})
        self._take_log()
        for group in GROUPS.values():
            self.logs.delete_log_group(logGroupName=group)
        self._make_logs()

    def _make_logs(self) -> None:
        for group in GROUPS.values():
            with suppress(self.logs.exceptions.ResourceAlreadyExistsException):  # of an earlier consumer of the stack
                self.logs.create_log_group(logGroupName=group)
                self.logs.create_log_stream(logGroupName=group, logStreamName="stream")

    def deliver(self) -> None:
        """Send the store's pending deliveries, and process the queue."""
        self.shop.shop.run_webhooks()
        self.process_queue()

    def process_queue(self) -> None:
        """Process every message that can be received now."""
        self.ingested()
        while records := self._receive():
            self.timer.start(57)
            failed = {failure["itemIdentifier"] for failure in self.consumer.consume(records)["batchItemFailures"]}
            for record in records:
                if record["messageId"] not in failed:
                    self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        self._log_outcomes()

    def _receive(self) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        asked = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "AttributeNames": ["All"]}
        while some := self.sqs.receive_message(QueueUrl=self.url, VisibilityTimeout=390, **asked).get("Messages"):
            records += [as_record(message) | {"attributes": message["Attributes"]} for message in some]
        return records

    def ingested(self) -> list[dict[str, Any]]:
        """What ingest has queued since the last call; its log goes to CloudWatch."""
        lines = self._take_log()
        self.log("ingest", *lines)
        return [entry for line in lines if "message_id" in (entry := json.loads(line))]

    def _take_log(self) -> list[str]:
        text = self.shop.log.getvalue()
        self.shop.log.seek(0)
        self.shop.log.truncate()
        return text.splitlines()

    def _log_outcomes(self) -> None:
        self.log("consumer", *(json.dumps({"message": "delivery"} | outcome.facts()) for outcome in self.outcomes))
        self.log("consumer", *(json.dumps({"message": "hubspot call"} | call.facts()) for call in self.calls))
        self.outcomes.clear()
        self.calls.clear()

    def log(self, where: str, *lines: str) -> None:
        """Write these lines to a function's log group."""
        events = [{"timestamp": round(time.time() * 1000), "message": line} for line in lines]
        if events:
            self.logs.put_log_events(logGroupName=GROUPS[where], logStreamName="stream", logEvents=events)


def _silent(_event: str, **_facts: Any) -> None:
    return None
