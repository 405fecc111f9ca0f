"""The emulated AWS: MiniStack, corrected where it differs from AWS. This script runs in its own environment.

- Requests count as encrypted, as all requests to AWS are: the queues reject unencrypted ones.
- The webhook's URL is short and does not change.
- A burst of deliveries waits for a few processes of the ingest function; MiniStack starts a process for each, which on
  one machine takes longer than the deliveries themselves. No delivery is rejected.
- A function's reserved concurrency holds for the version that an alias points to: one consumer at a time.
- A batch is collected during its mapping's window, up to its batch size; MiniStack passes on ten messages at most.
- Permissions are those of AWS: single event source mappings have actions of their own, batches of SQS requests have
  none, and a queue is polled with the function's permissions.
- A layer is unpacked once; MiniStack unpacks 20 MB for each process, which takes as long as the process itself.
- Saved queries, gradual deployments and web ACLs, which MiniStack does not implement, are accepted without effect.
- The emulator ends when its standard input closes, so it never outlives the process that started it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack import app as ministack
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.services import lambda_svc, sqs
from ministack.services.cloudformation import provisioners

UNKNOWN = (
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::Logs::QueryDefinition",
    "AWS::WAFv2::IPSet",
    "AWS::WAFv2::WebACLAssociation",
)
_MAPPING_ACTIONS = {"GET": "lambda:GetEventSourceMapping", "PUT": "lambda:UpdateEventSourceMapping"}
_POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
NOT_ALLOWED = "PROBLEM: the function's role may not poll the queue"
_CONCURRENT_DELIVERIES = 4


def behind_gateway(app: Any) -> Any:
    """Return the ASGI app behind a gateway that terminates TLS and routes /webhooks/... to the API."""

    slots = asyncio.Semaphore(_CONCURRENT_DELIVERIES)

    async def handle(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}
            if scope["path"].startswith("/webhooks/"):
                path = os.environ["LOCAL_API"] + scope["path"]
                async with slots:
                    await app({**scope, "path": path, "raw_path": path.encode()}, receive, send)
                return
        await app(scope, receive, send)

    return handle


def collect_batch(queue_url: str, batch_size: int) -> list[dict[str, Any]]:
    """Return a batch for the queue's event source mapping; empty while its window is open.

    The window opens when the first message becomes visible, also while the function processes another batch.
    """
    if not _may_poll(sqs._get_q(queue_url)["attributes"]["QueueArn"]):
        return []
    with sqs._queues_lock:
        queue = sqs._get_q(queue_url)
        sqs._expire_retained(queue)
        sqs._dlq_sweep(queue)
        now = time.time()
        visible = [message["visible_at"] for message in queue["messages"] if message["visible_at"] <= now]
        if 0 < len(visible) < batch_size and now - min(visible) < _window(queue["attributes"]["QueueArn"]):
            return []
        timeout = int(queue["attributes"]["VisibilityTimeout"])
        batch: list[dict[str, Any]] = sqs._collect_msgs(queue, batch_size, timeout)
        return batch


def _window(queue_arn: str) -> float:
    windows = (mapping.get("MaximumBatchingWindowInSeconds", 0) for mapping in _mappings(queue_arn))
    return max(map(float, windows), default=0.0)  # a parameter's number comes as text


def _mappings(queue_arn: str) -> list[dict[str, Any]]:
    return [mapping for mapping in lambda_svc._esms._data.values() if mapping["EventSourceArn"] == queue_arn]


def _may_poll(queue_arn: str) -> bool:
    """Whether the functions may poll the queue. If not, their mappings record it, as in AWS."""
    if not ministack.AUTH:
        return True
    allowed = True
    for mapping in _mappings(queue_arn):
        if not _allowed(mapping, queue_arn):
            mapping["LastProcessingResult"], allowed = NOT_ALLOWED, False
        elif mapping["LastProcessingResult"] == NOT_ALLOWED:
            mapping["LastProcessingResult"] = "No records processed"
    return allowed


def _allowed(mapping: dict[str, Any], queue_arn: str) -> bool:
    role = lambda_svc._functions[mapping["FunctionName"]]["config"]["Role"]
    region, account = queue_arn.split(":")[3:5]
    policies = iam_evaluator._gather_role_policies(role.rpartition("/")[2], account)
    polls = (
        iam_evaluator.EvalContext(role, "AssumedRole", account, action, queue_arn, region, secure_transport=True)
        for action in _POLLING
    )
    return all(iam_evaluator.evaluate(poll, policies).decision == "Allow" for poll in polls)


class UnpackedOnce(zipfile.ZipFile):
    """Code or a layer that is unpacked once into a folder for all processes. On AWS none may write there either."""

    def namelist(self) -> list[str]:
        """Return no names for MiniStack to check: `extractall` stays within its folder anyway."""
        return []

    def extractall(self, path: Any = None, *_: Any, **__: Any) -> None:
        """Make the (empty) folder a link to the unpacked files."""
        digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
        unpacked = Path(tempfile.gettempdir(), f"unpacked-{digest}")
        if not unpacked.exists():
            fresh = Path(tempfile.mkdtemp())
            super().extractall(fresh, list(self.NameToInfo))
            with suppress(OSError):  # another process of the function was faster
                fresh.rename(unpacked)
        Path(path).rmdir()
        Path(path).symlink_to(unpacked)


def reserved_for_all_versions(reserved: Callable[..., int | None]) -> Callable[..., int | None]:
    """Read reserved concurrency from the function: MiniStack stores it there, but reads it from the version."""

    def concurrency(version: dict[str, Any], config: dict[str, Any]) -> int | None:
        return reserved(lambda_svc._functions.get(config["FunctionName"], version), config)

    return concurrency


def corrected_action(action_of: Callable[..., str | None]) -> Callable[..., str | None]:
    """Return the IAM action of a request as MiniStack does, corrected for two kinds of requests."""

    def action(service: str, method: str, path: str, *request: Any) -> str | None:
        if service == "lambda" and "/event-source-mappings/" in path and path.rpartition("/")[2]:
            return _MAPPING_ACTIONS.get(method)
        name = action_of(service, method, path, *request)
        return name.removesuffix("Batch") if service == "sqs" and name else name

    return action


def create_without_effect(logical_id: str, _properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, str]]:
    """Create a resource that has only an id and no effect."""
    return f"{stack_name}-{logical_id}", {}


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ministack.app = behind_gateway(ministack.app)
    sqs._receive_messages_for_esm = collect_batch
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": UnpackedOnce})
    lambda_svc._reserved_concurrency = reserved_for_all_versions(lambda_svc._reserved_concurrency)
    for kind in UNKNOWN:
        provisioners._RESOURCE_HANDLERS[kind] = {"create": create_without_effect, "delete": lambda *_: None}
    iam_actions.extract_iam_action = corrected_action(iam_actions.extract_iam_action)
    sys.exit(ministack.main())
