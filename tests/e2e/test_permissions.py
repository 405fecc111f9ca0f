"""The functions do all their work with the permissions of template.yaml, and not with fewer.

Each permission is removed in turn, and the results of its function must differ. Not tested is what Lambda itself does
with a role, since the emulated one does not check it: writing logs and traces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from generators.events import consumer_record
from local_stack import stack_client
from local_stack.settings import ROOT
from local_stack.stack import Stack
from local_stack.steps import wait_until
from simulators.woocommerce import KEY, SECRET, SimulatedShop
from simulators.woocommerce import running as open_shop
from tests.support.bucket import CUSTOM_STATUS
from tests.support.emulated_lambda import end_warm_processes
from tests.support.orders import delivery, order
from tests.support.template import RESOURCES, actions
from woohub import stores, stores_file
from woohub.configuration import MAPPING_KEY, STORES_KEY
from woohub.consumer.breaker import TEMPLATE_VALUE as BREAKER
from woohub.consumer.retries import RESEND_RECEIVES
from woohub.delivery.messages import to_sqs
from woohub.reconcile.watermark import START as WATERMARK
from woohub.reconcile.watermark import Watermark, text
from woohub.store.webhooks import TOPICS
from woohub.stores import StoreSettings

USED_BY_LAMBDA = ("logs:", "xray:")
SECOND = "second"  # another store of the stack
Results = Generator[tuple[str, Any], None, None]  # the results of a function's work, by name, in order


@dataclass(frozen=True)
class Permission:
    """One action on one resource, by its position in the policy of a role."""

    role: str
    policy: str
    statement: int
    action: str
    resource: int
    on: str

    def __str__(self) -> str:
        return f"{self.role}, {self.action}, {self.on}"


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def permissions() -> Iterator[Permission]:
    for name, resource in RESOURCES.items():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                yield from in_policy(name, policy["PolicyName"], policy["PolicyDocument"])
        if resource["Type"] == "AWS::IAM::Policy":
            for role in resource["Properties"]["Roles"]:
                yield from in_policy(
                    role["Ref"], resource["Properties"]["PolicyName"], resource["Properties"]["PolicyDocument"]
                )


def in_policy(role: str, policy: str, document: Any) -> Iterator[Permission]:
    for number, statement in enumerate(document["Statement"]):
        for action in actions(statement):
            for place, resource in enumerate(as_list(statement["Resource"])):
                yield Permission(role, policy, number, action, place, on(resource))


def on(resource: Any) -> str:
    return resource if isinstance(resource, str) else str(*resource.values())


PERMISSIONS = [permission for permission in permissions() if not permission.action.startswith(USED_BY_LAMBDA)]


@contextmanager
def without(permission: Permission, stack: Stack) -> Iterator[None]:
    """The stack without this permission in the deployed role."""
    iam, role = stack.client("iam"), role_of(permission.role, stack)
    whole = iam.get_role_policy(RoleName=role, PolicyName=permission.policy)["PolicyDocument"]
    less = json.loads(json.dumps(whole))
    statement = less["Statement"].pop(permission.statement)
    for action in as_list(statement["Action"]):
        for place, resource in enumerate(as_list(statement["Resource"])):
            if (action, place) != (permission.action, permission.resource):
                less["Statement"].append({"Effect": "Allow", "Action": action, "Resource": resource})
    policy = {"RoleName": role, "PolicyName": permission.policy}
    iam.delete_role_policy(**policy)
    if less["Statement"]:
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(less))
    try:
        yield
    finally:
        iam.put_role_policy(**policy, PolicyDocument=json.dumps(whole))


def role_of(name: str, stack: Stack) -> str:
    resource = stack.client("cloudformation").describe_stack_resource(
        StackName=stack.stack_name, LogicalResourceId=name
    )
    return str(resource["StackResourceDetail"]["PhysicalResourceId"])


def invoke_cold(stack: Stack, name: str, event: Any) -> Any:
    """A function's answer after a cold start, or the name of its error."""
    end_warm_processes(stack, name)
    client, function = stack.client("lambda"), getattr(stack, f"{name}_function")
    timeout = client.get_function_configuration(FunctionName=function)["Timeout"]
    client.update_function_configuration(FunctionName=function, Timeout=15)  # seconds: enough without long retries
    answer = invoke(stack, function, event)
    client.update_function_configuration(FunctionName=function, Timeout=timeout)
    return answer


def invoke(stack: Stack, function: str, event: Any) -> Any:
    response = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    payload = json.loads(response["Payload"].read())
    return payload["errorType"] if "FunctionError" in response else payload


def event_source_mapping(stack: Stack) -> dict[str, Any]:
    mapping: dict[str, Any] = stack.client("lambda").get_event_source_mapping(UUID=stack.event_source_mapping_id)
    return mapping


def poll_queue(stack: Stack, enabled: bool) -> None:
    stack.client("lambda").update_event_source_mapping(UUID=stack.event_source_mapping_id, Enabled=enabled)


def breaker(stack: Stack, **state: Any) -> str:
    """The breaker's state; set first if one is given."""
    ssm = stack.client("ssm")
    if state:
        ssm.put_parameter(Name=stack.breaker_parameter, Value=json.dumps(state), Type="String", Overwrite=True)
    value = ssm.get_parameter(Name=stack.breaker_parameter)["Parameter"]["Value"]
    return str(json.loads(value)["state"])


def overwrite(stack: Stack, parameter: str, start: str) -> None:
    """Overwrite a parameter as CloudFormation does when a deployment changes its tags."""
    stack.client("ssm").put_parameter(Name=parameter, Value=start, Type="String", Overwrite=True)


def ingest(stack: Stack) -> Results:
    """A delivery is verified and queued."""
    poll_queue(stack, enabled=False)
    event = json.loads((ROOT / "events" / "ingest-order-created.json").read_text(encoding="utf-8"))
    yield "status", invoke_cold(stack, "ingest", event)["statusCode"]
    of_second = event | {"pathParameters": {"store": SECOND}}
    yield "status for the second store", invoke(stack, stack.ingest_function, of_second)["statusCode"]
    yield "queued", stack_client.queue_length(stack)


def consumer(stack: Stack) -> Results:
    """Orders are written by the mapping in the bucket and one is rejected; then HubSpot rejects the token, with one
    message that was received so often that it is sent again."""
    logged = len(Path(stack.log).read_bytes())
    yield "polled", polled(stack)
    poll_queue(stack, enabled=True)
    invoke_cold(stack, "consumer", {"Records": [record(1, status="awaiting-pickup"), record(2, total="a lot")]})
    yield "written", [(deal.order, deal.stage) for deal in stack_client.deals(stack)]
    yield "rejected", [letter["entity"] for letter in stack_client.dead_letters(stack)]
    stack_client.simulator(stack, "POST", "faults", {"status": 401})
    overwrite(stack, stack.breaker_parameter, BREAKER)
    invoke(stack, stack.consumer_function, {"Records": [received(3, stack), record(4, receive_count=RESEND_RECEIVES)]})
    yield "resent", delayed(stack)
    yield "breaker", (breaker(stack), event_source_mapping(stack)["State"])
    log = logged_since(logged, stack)
    yield "warnings", [word for word in ("queue_call_failed", "breaker_not_stored") if word in log]


def logged_since(start: int, stack: Stack) -> str:
    return Path(stack.log).read_bytes()[start:].decode(errors="replace")


def polled(stack: Stack) -> bool:
    """Whether Lambda may receive a message from the queue for the function."""
    stack.client("sqs").send_message(QueueUrl=stack.queue_url, **to_sqs(delivery("order.created", order(9))))

    def allowed() -> bool:
        return bool(stack_client.deals(stack))

    def refused() -> bool:
        return str(event_source_mapping(stack)["LastProcessingResult"]).startswith("PROBLEM")

    wait_until(lambda: allowed() or refused(), "the queue is neither polled nor is polling denied", timeout_s=30)
    return allowed()


def record(number: int, *, receive_count: int = 1, **changes: Any) -> dict[str, Any]:
    message = to_sqs(delivery("order.created", order(number, **changes)))
    return consumer_record(message, f"message-{number}", receive_count=receive_count)


def received(number: int, stack: Stack) -> dict[str, Any]:
    """A record of a message that is in the queue, and hidden because it was received."""
    poll_queue(stack, enabled=False)
    sqs = stack.client("sqs")
    sqs.send_message(QueueUrl=stack.queue_url, **to_sqs(delivery("order.created", order(number))))
    (message,) = sqs.receive_message(QueueUrl=stack.queue_url, VisibilityTimeout=390)["Messages"]
    poll_queue(stack, enabled=True)
    return record(number) | {"messageId": message["MessageId"], "receiptHandle": message["ReceiptHandle"]}


def delayed(stack: Stack) -> int:
    name = "ApproximateNumberOfMessagesDelayed"
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=stack.queue_url, AttributeNames=[name])
    return int(answer["Attributes"][name])


def governor(stack: Stack) -> Results:
    """An open breaker is closed because HubSpot responds; a mapping that was disabled meanwhile is enabled again."""
    poll_queue(stack, enabled=False)
    breaker(stack, state="open", policy="outage", resume=True)
    overwrite(stack, stack.breaker_parameter, BREAKER)
    yield "answer", invoke_cold(stack, "governor", {})
    yield "breaker", (breaker(stack), event_source_mapping(stack)["State"])
    poll_queue(stack, enabled=False)  # as a breaker does that opens while it is closed
    yield "answer after a race", invoke(stack, stack.governor_function, {})
    yield "mapping after a race", event_source_mapping(stack)["State"]


def reconcile(stack: Stack) -> Results:
    """Two stores get their webhooks, and their orders are queued, with the nightly scans."""
    poll_queue(stack, enabled=False)
    logged, ssm = len(Path(stack.log).read_bytes()), stack.client("ssm")
    watermarks = (stack.watermark_parameter, stores.watermark_parameter(stack.stack_name, SECOND))
    for name in watermarks:
        overwrite(stack, name, text(Watermark.beginning("2026-11-25T00:00:00", "")))
        overwrite(stack, name, WATERMARK)
    list_of_stores = {"Bucket": stack.configuration_bucket, "Key": STORES_KEY}
    stack.client("s3").put_object(**list_of_stores, Body=stores_file.write({SECOND: StoreSettings()}))
    access_of_second = stores.access_secret(stack.stack_name, SECOND)
    with shop_with_access(stack, stack.store_secret_arn) as shop, shop_with_access(stack, access_of_second) as second:
        answer = invoke_cold(stack, "reconcile", {"customers": "all", "deleted": "all"})
        if isinstance(answer, dict) and str(answer.get("stopped")).startswith("out of time"):  # on a busy machine
            answer = invoke(stack, stack.reconcile_function, {})
        yield "complete", complete(answer)
        yield "webhooks", {webhook.topic: webhook.secret for webhook in shop.hooks.webhooks.values()}
        yield "second complete", complete(invoke(stack, stack.reconcile_function, {"store": SECOND}))
        yield "second's webhooks", {webhook.topic: webhook.secret for webhook in second.hooks.webhooks.values()}
        yield "queued", stack_client.queue_length(stack) > 1  # at least one per store; the last minutes are read twice
        kept = [ssm.get_parameter(Name=name)["Parameter"]["Value"] != WATERMARK for name in watermarks]
        yield "watermarks kept", kept
        # so that the run it starts does nothing
        stack.client("secretsmanager").put_secret_value(SecretId=access_of_second, SecretString="{}")
        invoke(stack, stack.reconcile_function, {"source": "aws.events"})
    yield "others started", "store_not_started" not in logged_since(logged, stack)


@contextmanager
def shop_with_access(stack: Stack, secret: str) -> Iterator[SimulatedShop]:
    """A shop with one order, whose URL and key are in this secret."""
    shop = SimulatedShop()
    with open_shop(shop, cron=False) as url:
        access = {"url": url, "consumer_key": KEY, "consumer_secret": SECRET}
        stack.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(access))
        shop.checkout()
        yield shop


def complete(answer: Any) -> Any:
    return answer.get("complete") if isinstance(answer, dict) else answer


WORK: dict[str, tuple[Callable[[Stack], Results], dict[str, Any]]] = {
    "IngestRole": (ingest, {"status": 200, "status for the second store": 200, "queued": 2}),
    "ConsumerRole": (
        consumer,
        {
            "polled": True,
            "written": [("1", "on_hold"), ("9", "newly_created_order")],
            "rejected": ["order:2"],
            "resent": 1,
            "breaker": ("open", "Disabled"),
            "warnings": [],
        },
    ),
    "GovernorRole": (
        governor,
        {
            "answer": {"state": "closed", "done": "reopened"},
            "breaker": ("closed", "Enabled"),
            "answer after a race": {"state": "closed", "done": "repaired"},
            "mapping after a race": "Enabled",
        },
    ),
    "ReconcileRole": (
        reconcile,
        {
            "complete": True,
            "webhooks": dict.fromkeys(TOPICS, "lab-secret"),
            "second complete": True,
            "second's webhooks": dict.fromkeys(TOPICS, "lab-secret"),
            "queued": True,
            "watermarks kept": [True, True],
            "others started": True,
        },
    ),
}


@pytest.fixture
def changeable_stack(stack: Stack) -> Iterator[Stack]:
    """A stack that a test may change: schedules are disabled, and its state is restored afterwards."""
    secrets, events = stack.client("secretsmanager"), stack.client("events")
    schedules = [rule["Name"] for rule in events.list_rules()["Rules"] if rule.get("ScheduleExpression")]
    for name in schedules:
        events.disable_rule(Name=name)
    store = secrets.get_secret_value(SecretId=stack.store_secret_arn)["SecretString"]
    mapping = {"Bucket": stack.configuration_bucket, "Key": MAPPING_KEY}
    stack.client("s3").put_object(**mapping, Body=CUSTOM_STATUS.encode())
    signs = secrets.get_secret_value(SecretId=stack.webhook_secret_arn)["SecretString"]
    of_second = {
        stores.webhook_secret(stack.stack_name, SECOND): signs,
        stores.access_secret(stack.stack_name, SECOND): "{}",
    }
    for name, value in of_second.items():
        secrets.create_secret(Name=name, SecretString=value)
    yield stack
    for name in of_second:
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    stack.client("s3").delete_object(Bucket=stack.configuration_bucket, Key=STORES_KEY)
    stack.client("s3").delete_object(**mapping)
    secrets.put_secret_value(SecretId=stack.store_secret_arn, SecretString=store)
    stack.client("sqs").purge_queue(QueueUrl=stack.queue_url)
    stack.client("sqs").purge_queue(QueueUrl=stack.dlq_url)
    stack_client.simulator(stack, "DELETE", "faults")
    breaker(stack, state="closed")
    poll_queue(stack, enabled=True)
    wait_until(
        lambda: not str(event_source_mapping(stack)["LastProcessingResult"]).startswith("PROBLEM"),
        "the queue stays unpolled",
    )
    for name in schedules:
        events.enable_rule(Name=name)


@pytest.mark.parametrize("role", WORK)
def test_each_function_works_with_the_templates_permissions(role: str, changeable_stack: Stack) -> None:
    work, expected = WORK[role]

    assert dict(work(changeable_stack)) == expected


@pytest.mark.parametrize("permission", PERMISSIONS, ids=str)
def test_each_function_fails_without_any_one_of_its_permissions(
    permission: Permission, changeable_stack: Stack
) -> None:
    work, expected = WORK[permission.role]

    with without(permission, changeable_stack), closing(work(changeable_stack)) as results:
        assert any(result != expected[name] for name, result in results)
