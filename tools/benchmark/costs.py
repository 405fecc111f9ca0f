"""What the functions take of a machine, in real time: imports, processor, memory, size."""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from tools.hubspot_simulator import InProcessTransport, create_app, running

from . import work
from .account import Clock, account, make_known
from .engine import BATCH, WooHub
from .work import Person

ROOT = Path(__file__).parents[2]
PACKAGE, FUNCTIONS = ROOT / "layers" / "shared" / "woohub", ROOT / "functions"
LOCK = ROOT / "layers" / "dependencies" / "requirements.txt"
BUILT = ROOT / ".aws-sam" / "build" / "DependenciesLayer"
PROBE = Path(__file__).with_name("probe.py")
IMPORTS, BATCHES = 11, 15  # of which the median is taken
PATIENCE = 120.0  # seconds for one process
BARE = """\
import json
import os

import boto3

sqs = boto3.client("sqs")


def lambda_handler(event, context):
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=event["body"])
    return {"statusCode": 200, "body": json.dumps({})}
"""
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "POWERTOOLS_SERVICE_NAME": "woohub",
    "POWERTOOLS_METRICS_NAMESPACE": "WooHub",
    "LOG_LEVEL": "INFO",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/deliveries",
    "QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:deliveries",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letters",
    "WEBHOOK_SECRET_ARN": "webhook",
    "HUBSPOT_SECRET_ARN": "hubspot",
    "BREAKER_PARAMETER": "/woohub/breaker",
    "EVENT_SOURCE_MAPPING_ID": "00000000-0000-0000-0000-000000000000",
}


# Processor time of a batch


@dataclass
class Metered:
    """A connection that adds up the processor time spent inside it: that is HubSpot's, not the consumer's."""

    transport: InProcessTransport
    inside: float = 0.0

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        """As of the transport."""
        started = time.process_time()
        try:
            return self.transport.request(method, url, **kwargs)
        finally:
            self.inside += time.process_time() - started


def consumer_cpu() -> dict[str, float]:
    """Milliseconds of processor per batch of 100: reading the messages, parsing, coalescing, planning, HubSpot's JSON.

    Medians of batches of new orders (half of their customers known), of status changes, and of redeliveries.
    """
    clock = Clock()
    portal = account(clock)
    http = Metered(InProcessTransport(create_app(portal), sleep=clock.sleep))
    woohub = WooHub(portal, clock, http=http)
    known = [Person(n + 1) for n in range(BATCHES * BATCH // 2)]
    make_known(portal, clock, known)
    found: dict[str, list[float]] = {"new": [], "changed": [], "unchanged": []}
    for n in range(BATCHES):
        half = known[n * BATCH // 2 : (n + 1) * BATCH // 2]
        wave = work.new_orders(BATCH, clock.now, first=1 + n * BATCH, known=half)
        found["new"].append(_batch_ms(woohub, http, wave))
        wave = work.status_changes(wave.orders, ["completed"] * BATCH, at=clock.now + 1)
        found["changed"].append(_batch_ms(woohub, http, wave))
        found["unchanged"].append(_batch_ms(woohub, http, wave))
    return {kind: statistics.median(milliseconds[1:]) for kind, milliseconds in found.items()}


def _batch_ms(woohub: WooHub, http: Metered, wave: work.Wave) -> float:
    for delivery in wave.deliveries:
        woohub.sqs.arrive(delivery)
    records = woohub.sqs.receive()
    http.inside, started = 0.0, time.process_time()
    woohub.consume(records)
    spent = time.process_time() - started - http.inside
    if woohub.sqs.held:
        raise AssertionError("the batch was not done")
    return spent * 1000


# The functions in processes of their own


@dataclass(frozen=True)
class Footprint:
    """A function in its process: milliseconds of processor to import it and for one event, MiB of memory at most."""

    import_ms: float
    event_ms: float
    peak_mib: float


def imports() -> dict[str, float]:
    """Milliseconds of processor to import each function and a bare handler; in turn, so all meet the same noise."""
    found: dict[str, list[float]] = {}
    with _compiled() as folders:
        for _ in range(IMPORTS + 1):
            for name, folder in folders.items():
                found.setdefault(name, []).append(_probed(folder, "import").import_ms)
    return {name: statistics.median(milliseconds[1:]) for name, milliseconds in found.items()}


def ingest_footprint() -> Footprint:
    """Ingest with one delivery after another."""
    event = json.loads(work.SAMPLE.read_text(encoding="utf-8"))
    with _compiled() as folders:
        return _probed(folders["ingest"], "ingest", [event] * 100)


def consumer_footprint(*, note: int = 0) -> Footprint:
    """The whole consumer function, logs, metrics and HTTP included, with batches of 100 new orders.

    `note`: characters more in each order. Lambda hands over at most 6 MB, so 100 of 60 KB.
    """
    portal = account(Clock())
    portal.clock = time.time
    portal.change_settings({"requests_per_10_s": 10_000, "latency_ms": 0.0})
    batches = [_event(1 + n * BATCH, note) for n in range(2 if note else BATCHES)]
    with _compiled() as folders, running(portal) as url:
        environment = {"HUBSPOT_API_URL": url, "HUBSPOT_REQUESTS_PER_10_SECONDS": "10000"}
        return _probed(folders["consumer"], "consumer", batches, environment)


def _event(first: int, note: int) -> dict[str, Any]:
    """A batch as Lambda hands it over."""
    clock = Clock()
    woohub = WooHub(account(clock), clock)
    for body in work.new_orders(BATCH, clock.now, first=first).orders:
        longer = body | {"customer_note": "n" * note}
        woohub.sqs.arrive(work.delivery("order.created", longer, clock.now))
    return {"Records": woohub.sqs.receive()}


def _probed(
    folder: Path, kind: str, events: Iterable[object] = (), environment: Mapping[str, str] | None = None
) -> Footprint:
    lines, result = folder / "work.jsonl", folder / "result.json"
    lines.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    subprocess.run(  # noqa: S603
        [sys.executable, "-P", str(PROBE), str(lines), str(result), kind],
        stdout=subprocess.DEVNULL,
        cwd=folder,
        env={"PATH": os.environ.get("PATH", "")} | ENVIRONMENT | dict(environment or {}) | {"PYTHONPATH": str(folder)},
        timeout=PATIENCE,
        check=True,
    )
    found = json.loads(result.read_text(encoding="utf-8"))
    return Footprint(found["import"] * 1000, found["work"] * 1000, found["peak_kib"] / 1024)


@contextmanager
def _compiled() -> Iterator[dict[str, Path]]:
    """Each function with the package beside it, as byte code is deployed; and a bare handler."""
    with tempfile.TemporaryDirectory(prefix="woohub-bench-") as place:
        folders = {name: Path(place) / name for name in ("bare", "ingest", "consumer", "governor")}
        for name, folder in folders.items():
            if name == "bare":
                folder.mkdir()
                (folder / "app.py").write_text(BARE, encoding="utf-8")
            else:
                shutil.copytree(PACKAGE, folder / "woohub", ignore=shutil.ignore_patterns("__pycache__"))
                shutil.copy(FUNCTIONS / name / "app.py", folder)
        compileall.compile_dir(place, quiet=2)
        yield folders


# Size


@dataclass(frozen=True)
class Size:
    """MB (a million bytes) of a layer, unzipped, and where the figure comes from."""

    megabytes: float
    source: str


def dependencies() -> Size:
    """Of the layer with the third-party packages: as built, or of the locked packages as they are installed here."""
    if BUILT.is_dir():
        return Size(_bytes(BUILT) / 1e6, "as built, with byte code")
    names = re.findall(r"^([a-z0-9_.-]+)==", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    return Size(sum(_installed(name) for name in names) / 1e6, "the locked packages as installed here, not built")


def package_megabytes() -> float:
    """Of the layer with the woohub package."""
    return sum(path.stat().st_size for path in PACKAGE.glob("*.[pt]*")) / 1e6


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _installed(name: str) -> int:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return 0
    paths = [Path(str(one.locate())) for one in files]
    return sum(path.stat().st_size for path in paths if path.is_file() and path.suffix != ".pyc")
