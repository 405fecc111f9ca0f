"""A stack in operation, for tests of the command line: a mocked AWS with the real ingest function, a store, HubSpot."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

import boto3
from typer.testing import CliRunner

from functions.ingest import app as ingest
from simulators import hubspot
from simulators.core.server import AppServer, in_thread
from simulators.hubspot import DEFAULT_TOKEN, SimulatedPortal
from simulators.woocommerce import KEY, SECRET, SimulatedShop, create_app
from tests.support.cli_stack import NAME, Deployed, deployed
from woohub.clock import Timer
from woohub.delivery import messages
from woohub.delivery.delivery import Delivery
from woohub.delivery.sites import site
from woohub.delivery.store_secrets import StoreSecrets
from woohub.settings import Secret
from woohub.store.webhooks import TOPICS
from woohub.stores import webhook_secret
from woohub_cli.main import app
from woohub_cli.set_up import store_setup
from woohub_cli.stack import connections

PATH = "/live/webhooks/woocommerce"
FUNCTIONS = {"GovernorFunction": "governor", "ReconcileFunction": "reconcile"}
OUTPUTS = FUNCTIONS | {
    "IngestFunction": "ingest",
    "ConsumerFunction": "consumer",
    "StoreSecretArn": "shop-to-crm/store",
    "WatermarkParameter": "/shop-to-crm/watermark",
}


@dataclass
class OperatedStack:
    """A stack with its store and HubSpot, which a test may inspect or break."""

    stack: Deployed
    portal: SimulatedPortal
    shop: SimulatedShop
    log: io.StringIO = field(default_factory=io.StringIO)  # the ingest function's output
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, *arguments: str, **env: str | None) -> Any:
        """Run a command of `woohub`."""
        variables: dict[str, str | None] = {**self.environment, **env}
        return CliRunner().invoke(app, [command, "--stack", NAME, *arguments], env=variables)

    def json(self, command: str, *arguments: str, **env: str | None) -> Any:
        """The command's output with --json."""
        result = self.run(command, "--json", *arguments, **env)
        assert result.stdout, result.output
        return json.loads(result.stdout)

    def steps(self, command: str, *arguments: str, **env: str | None) -> dict[str, dict[str, str]]:
        """The steps that the command reports, by name."""
        return {step["step"]: step for step in self.json(command, *arguments, **env)["steps"]}

    @property
    def url(self) -> str:
        """The webhook URL of the stack."""
        return self.stack.outputs["WebhookUrl"]

    @property
    def webhook_secret(self) -> str:
        """The current webhook secret."""
        return str(self.stack.secret("WebhookSecretArn")["current"])

    def ready(self) -> OperatedStack:
        """Create and store everything that `woohub setup` and the first reconcile run do."""
        hubspot.provision(self.portal)
        self.stack.store("HubSpotSecretArn", {"token": DEFAULT_TOKEN})
        keys = {"url": self.shop.url, "consumer_key": KEY, "consumer_secret": SECRET}
        self.stack.store("StoreSecretArn", keys)
        url, secret = self.url, self.webhook_secret
        self.stack.store("WebhookSecretArn", {"current": secret, "sources": [site(self.shop.url)]})
        for topic in TOPICS:
            self.shop.hooks.create(name=f"woohub {NAME}: {topic}", topic=topic, delivery_url=url, secret=secret)
        self.watermark(completed=now_text())
        return self

    def watermark(self, **changes: Any) -> None:
        """Store reconcile's watermark, with these changes."""
        moment = now_text()
        mark = {"orders": {"moment": moment}, "trash": {"moment": moment}, "accounts": 1, "since": moment}
        value = json.dumps(mark | {"scanned": moment} | changes)
        self.parameter("WatermarkParameter", value)

    def parameter(self, output: str, value: str) -> None:
        name = self.stack.outputs[output]
        self.stack.client("ssm").put_parameter(Name=name, Type="String", Value=value, Overwrite=True)

    def metric(self, name: str, value: float = 1, *, minutes_ago: float = 10, **dimensions: str) -> None:
        """Write a metric as a function would."""
        at = datetime.fromtimestamp(datetime.now(UTC).timestamp() - minutes_ago * 60, UTC)
        named = [{"Name": key, "Value": text} for key, text in ({"service": NAME} | dimensions).items()]
        point = {"MetricName": name, "Value": value, "Timestamp": at, "Dimensions": named}
        self.stack.client("cloudwatch").put_metric_data(Namespace="WooHub", MetricData=[point])

    def outcomes(self) -> list[str]:
        """The outcome of each request to the ingest function."""
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"] for line in lines]

    def queued(self) -> list[Delivery]:
        """Receive the queued deliveries."""
        received = self.stack.messages("QueueUrl")
        return [
            messages.from_sqs(message["Body"], messages.flat_attributes(message["MessageAttributes"]))
            for message in received
        ]


class StaleSecret:
    """The secret of a function that can no longer read the current one."""

    def text(self) -> str:
        return "an-old-secret"

    refresh = text


def now_text() -> str:
    """The current time in UTC, in WooCommerce's format."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")


@contextmanager
def operated_stack(**settings: Any) -> Iterator[OperatedStack]:
    """A running stack, store and HubSpot before setup; `settings` are those of the portal."""
    portal, shop = SimulatedPortal(**settings), SimulatedShop()
    with ExitStack() as started:
        hubspot_url = started.enter_context(hubspot.running(portal))
        ingest_url = started.enter_context(_serving_ingest())
        stack = started.enter_context(deployed(**OUTPUTS, HubSpotApiUrl=hubspot_url, WebhookUrl=ingest_url + PATH))
        _deploy_the_rest(stack.client)
        # Without the simulator's cron: tests decide when the store delivers.
        shop.url = shop.hooks.home = started.enter_context(in_thread(AppServer(create_app(shop).wsgi_app)))
        running = OperatedStack(stack, portal, shop)
        running.environment = {
            "WOO_COMMERCE_URL": shop.url,
            "WOO_COMMERCE_CONSUMER_KEY": KEY,
            "WOO_COMMERCE_CONSUMER_SECRET": SECRET,
            "HUBSPOT_API_KEY": DEFAULT_TOKEN,
        }
        started.enter_context(_ingest_of(running))
        for module in (connections, store_setup):
            started.enter_context(patch.object(module, "Timer", _without_pauses))
        yield running


def _without_pauses() -> Timer:
    """A timer whose pauses take no time."""
    pauses: list[float] = []
    return Timer(lambda: time.monotonic() + sum(pauses), pauses.append)


@contextmanager
def _ingest_of(running: OperatedStack) -> Iterator[None]:
    """The ingest function with this stack's queue and secret, and its own log."""
    outputs = running.stack.outputs
    settings = replace(ingest.settings, queue_url=outputs["QueueUrl"], webhook_secret_arn=outputs["WebhookSecretArn"])
    secrets = running.stack.client("secretsmanager")
    secret = Secret(secrets, outputs["WebhookSecretArn"])
    others = StoreSecrets(lambda store: Secret(secrets, webhook_secret(NAME, store)))
    with (
        patch.object(ingest, "settings", settings),
        patch.object(ingest, "secret", secret),
        patch.object(ingest, "store_secrets", others),
        patch.object(ingest, "sqs", running.stack.sqs),
        patch.object(ingest, "sys", SimpleNamespace(stdout=running.log)),
    ):
        yield


def _deploy_the_rest(client: Callable[[str], Any]) -> None:
    client("secretsmanager").create_secret(Name=OUTPUTS["StoreSecretArn"], SecretString='{"url": ""}')
    client("ssm").put_parameter(Name=OUTPUTS["WatermarkParameter"], Type="String", Value="{}")
    role = client("iam").get_role(RoleName="consumer")["Role"]["Arn"]
    events = client("events")
    for name in FUNCTIONS.values():
        arn = _function(name, role, client)
        events.put_rule(Name=f"{name}-schedule", ScheduleExpression="rate(1 minute)", State="ENABLED")
        events.put_targets(Rule=f"{name}-schedule", Targets=[{"Id": "function", "Arn": arn}])


def deploy_ingest() -> None:
    """Create the ingest function in Lambda, which names its log group; deliveries do not need it."""
    _function("ingest", boto3.client("iam").get_role(RoleName="consumer")["Role"]["Arn"], cast("Any", boto3.client))


def _function(name: str, role: str, client: Callable[[str], Any]) -> str:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    made = client("lambda").create_function(
        FunctionName=name, Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": code.getvalue()}
    )
    return str(made["FunctionArn"])


@contextmanager
def _serving_ingest() -> Iterator[str]:
    """The ingest function behind an HTTP port, like behind API Gateway."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = self._answer(body.decode())
            self.send_response(answer["statusCode"])
            self.end_headers()
            self.wfile.write(answer["body"].encode())

        def _answer(self, body: str) -> dict[str, Any]:
            path, _, store = self.path.removeprefix(PATH).partition("/")
            if path or not self.path.startswith(PATH):
                return {"statusCode": 403, "body": '{"message": "Missing Authentication Token"}'}
            event = {"headers": dict(self.headers), "body": body}
            return ingest.lambda_handler(event | ({"pathParameters": {"store": store}} if store else {}), None)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
