"""Measure the deployed functions on this machine: size, cold start, CPU time and memory."""

from __future__ import annotations

import compileall
import gc
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from simulators.hubspot import InProcessTransport, create_app, provision_line_items, running

from . import orders
from .account import Clock, account, create_contacts
from .woohub_flow import KINDS, WITH_LINE_ITEMS, WooHubFlow

ROOT = Path(__file__).parents[2]
FUNCTIONS = ("ingest", "consumer", "governor", "reconcile")
LAYERS = ("dependencies", "shared")
STARTS, BATCHES, TIMEOUT_S = 11, 15, 120.0  # figures are medians of so many starts or batches
BATCH = 100  # orders per batch, so that the figures are per hundred
LARGE_NOTE_CHARS = 55_000  # 100 orders with such notes are 6 MB, the most that Lambda passes on
_BUILD_VARIABLES = ("MAKE", "LOCAL_PYTHON", "ARCHITECTURE")  # not inherited: they would change what is built
BARE_HANDLER = """\
import json
import os

import boto3

sqs = boto3.client("sqs")


def lambda_handler(event, context):
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=event["body"])
    return {"statusCode": 200, "body": json.dumps({})}
"""
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012"
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "POWERTOOLS_SERVICE_NAME": "woohub",
    "POWERTOOLS_METRICS_NAMESPACE": "WooHub",
    "LOG_LEVEL": "INFO",
    "QUEUE_URL": f"{QUEUE}/deliveries",
    "QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:deliveries",
    "DEAD_LETTER_QUEUE_URL": f"{QUEUE}/dead-letters",
    "WEBHOOK_SECRET_ARN": "webhook",
    "HUBSPOT_SECRET_ARN": "hubspot",
    "STORE_SECRET_ARN": "store",
    "BREAKER_PARAMETER": "/woohub/breaker",
    "WATERMARK_PARAMETER": "/woohub/watermark",
    "EVENT_SOURCE_MAPPING_ID": "00000000-0000-0000-0000-000000000000",
}


def build(logical_id: str, folder: Path, python: str = "") -> Path:
    """Build a layer or function into a new folder as `sam build` does: for Lambda, or for this machine's `python`."""
    folder.mkdir(parents=True)
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_BUILD_VARIABLES)}
    subprocess.run(  # noqa: S603
        ["make", "--silent", "--makefile", "packaging/Makefile", f"build-{logical_id}"],  # noqa: S607
        env=inherited | {"ARTIFACTS_DIR": str(folder), "LOCAL_PYTHON": python},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return folder


def build_all(place: Path, python: str = "") -> dict[str, Path]:
    """Build all layers and functions. Return their folders by name."""
    layers = {f"{name} layer": build(f"{name.title()}Layer", place / name / "layer", python) for name in LAYERS}
    return layers | {name: build(f"{name.title()}Function", place / name, python) for name in FUNCTIONS}


def lambda_path(built: Mapping[str, Path], function: str) -> list[Path]:
    """Return the search path of a function's modules on Lambda, before those of the runtime."""
    return [built[function], *(built[f"{name} layer"] / "python" for name in LAYERS)]


def zipped_kb(folder: Path) -> float:
    """Return the size of an artifact as sam uploads it, in KB (a thousand bytes)."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            zipped.write(path, path.relative_to(folder))
    return len(archive.getvalue()) / 1e3


def bare_handler(folder: Path) -> Path:
    """Write a function that only sends to SQS, compiled as the others are."""
    folder.mkdir()
    (folder / "app.py").write_text(BARE_HANDLER, encoding="utf-8")
    compileall.compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return folder


def probe(path: Sequence[Path], *arguments: str, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run probe.py and return its result. Raises RuntimeError with its standard error if it fails."""
    place = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(map(str, path))}
    with TemporaryDirectory(prefix="woohub-bench-") as folder:
        result = Path(folder) / "result.json"
        process = subprocess.run(  # noqa: S603
            [sys.executable, "-P", str(Path(__file__).with_name("probe.py")), str(result), *arguments],
            env=VARIABLES | place | dict(variables or {}),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if process.returncode:
            raise RuntimeError(process.stderr)
        measured: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return measured


def cold_starts(paths: Mapping[str, Sequence[Path]]) -> dict[str, float]:
    """Return the CPU milliseconds from a bare interpreter to an imported function, by name.

    The functions take turns, so that noise affects all of them equally.
    """
    starts: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(STARTS):
        for name, path in paths.items():
            starts[name].append(probe(path)["cpu_s"] * 1000)
    return {name: median(milliseconds) for name, milliseconds in starts.items()}


@dataclass(frozen=True)
class Footprint:
    """CPU milliseconds for an event, and the peak memory in MiB."""

    event_ms: float
    peak_mib: float


def ingest_footprint(path: Sequence[Path]) -> Footprint:
    """Measure ingest, with one delivery after another."""
    event = json.loads(orders.SAMPLE.read_text(encoding="utf-8"))
    return _footprint("ingest", path, [event] * 100)


def consumer_footprint(path: Sequence[Path], note_chars: int = 0) -> Footprint:
    """Measure the whole consumer, with logs, metrics and HTTP.

    Each batch has 100 new orders, whose notes are `note_chars` long.
    """
    portal = account(Clock())
    portal.clock = time.time
    portal.change_settings({"requests_per_10_s": 10_000, "latency_ms": 0.0})
    events = [_consumer_event(1 + n * BATCH, note_chars) for n in range(2 if note_chars else BATCHES)]
    with running(portal) as url:
        variables = {"HUBSPOT_API_URL": url, "HUBSPOT_REQUESTS_PER_10_SECONDS": "10000"}
        return _footprint("consumer", path, events, variables)


def _consumer_event(first: int, note_chars: int) -> dict[str, Any]:
    clock = Clock()
    woohub = WooHubFlow(account(clock), clock)
    for body in orders.new_orders(BATCH, clock.now, first=first).orders:
        longer = body | {"customer_note": "n" * note_chars}
        woohub.queues.send(orders.delivery("order.created", longer, clock.now))
    return {"Records": woohub.queues.receive()}


def _footprint(
    function: str, path: Sequence[Path], events: Iterable[object], variables: Mapping[str, str] | None = None
) -> Footprint:
    with TemporaryDirectory(prefix="woohub-bench-") as folder:
        lines = Path(folder) / "events.jsonl"
        lines.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
        measured = probe(path, function, str(lines), variables=variables)
    return Footprint(measured["event_s"] * 1000, measured["peak_kib"] / 1024)


@dataclass
class MeteredHttp:
    """A connection that adds up the CPU time spent inside it, which is the simulator's, not the consumer's."""

    transport: InProcessTransport
    inside_s: float = 0.0

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        started = time.process_time()
        try:
            return self.transport.request(method, url, **kwargs)
        finally:
            self.inside_s += time.process_time() - started


@dataclass(frozen=True)
class Cpu:
    """CPU milliseconds for a batch, and their ratio to json.loads of the same deliveries."""

    ms: float
    times_json: float


def consumer_cpu(*, line_items: bool = False) -> dict[str, Cpu]:
    """Return the medians for batches of 100 new orders, status changes and unchanged deliveries.

    The time inside the connection to HubSpot is not included.
    """
    clock = Clock()
    portal = provision_line_items(account(clock)) if line_items else account(clock)
    http = MeteredHttp(InProcessTransport(create_app(portal), sleep=clock.sleep))
    woohub = WooHubFlow(portal, clock, http=http, kinds=WITH_LINE_ITEMS if line_items else KINDS)
    known = [orders.Person(n + 1) for n in range(BATCHES * BATCH // 2)]
    create_contacts(portal, clock, known)
    batches: dict[str, list[Cpu]] = {"new": [], "changed": [], "unchanged": []}
    for n in range(BATCHES):
        half = known[n * BATCH // 2 : (n + 1) * BATCH // 2]
        created = orders.new_orders(BATCH, clock.now, first=1 + n * BATCH, known=half)
        changes = orders.status_changes(created.orders, ["completed"] * BATCH, at=clock.now + 1)
        for kind, workload in (("new", created), ("changed", changes), ("unchanged", changes)):
            json_ms, cpu_ms = _json_cpu_ms(workload), _batch_cpu_ms(woohub, http, workload)
            batches[kind].append(Cpu(cpu_ms, cpu_ms / json_ms))
    return {
        kind: Cpu(median(cpu.ms for cpu in cpus[1:]), median(cpu.times_json for cpu in cpus[1:]))
        for kind, cpus in batches.items()
    }


def _json_cpu_ms(workload: orders.Workload) -> float:
    """Return the shortest of three times: other work of the machine only makes them longer."""
    times = []
    for _ in range(3):
        started = time.process_time()
        for delivery in workload.deliveries:
            json.loads(delivery.body)
        times.append(time.process_time() - started)
    return min(times) * 1000


def _batch_cpu_ms(woohub: WooHubFlow, http: MeteredHttp, workload: orders.Workload) -> float:
    for delivery in workload.deliveries:
        woohub.queues.send(delivery)
    records = woohub.queues.receive()
    gc.collect()
    gc.freeze()  # what the simulators and earlier measures hold is none of the consumer's, whose own garbage counts
    http.inside_s, started = 0.0, time.process_time()
    woohub.consume(records)
    spent_s = time.process_time() - started - http.inside_s
    if woohub.queues.messages:
        raise AssertionError("the batch was not done")
    return spent_s * 1000
