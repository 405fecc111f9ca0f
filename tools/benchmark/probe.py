"""A function at its work in a process of its own: run by costs.py as a script, with nothing beside the function.

    python probe.py RESULT_FILE ingest|consumer WORK_FILE

The work file holds one event a line. Writes JSON: seconds of processor time for one event (the median, without the
first), and the peak memory in KiB.
"""

from __future__ import annotations

import importlib
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

TOKEN = "pat-na1-simulator"  # noqa: S105  # the simulator's
SECRET = "lab-secret"  # noqa: S105  # of the sample events


def ingest(app: ModuleType) -> None:
    """The secret at hand, and a queue that takes everything."""
    vars(app)["sqs"] = SimpleNamespace(send_message=lambda **_: {"MessageId": "m"})
    vars(app)["secret"] = SimpleNamespace(text=lambda: SECRET, refresh=lambda: SECRET)


def consumer(app: ModuleType) -> None:
    """The token at hand."""
    app.hubspot.token = SimpleNamespace(current=lambda: TOKEN, renew=lambda: TOKEN)


READY: dict[str, Callable[[ModuleType], None]] = {"ingest": ingest, "consumer": consumer}
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, function_name="function")


def main(result: str, kind: str, work: str) -> None:
    """Import the function, have it work, write down what it took."""
    app, seconds = importlib.import_module("app"), []
    READY[kind](app)
    with Path(work).open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            started = time.process_time()
            answer = app.lambda_handler(event, CONTEXT)
            seconds.append(time.process_time() - started)
            check(answer)
    found = {"work": statistics.median(seconds[1:]), "peak_kib": peak_kib()}
    Path(result).write_text(json.dumps(found), encoding="utf-8")


def check(answer: dict[str, Any]) -> None:
    """End with an error when the function did not do its work."""
    if answer.get("statusCode", 200) != 200 or answer.get("batchItemFailures"):
        sys.exit(f"the function did not do its work: {answer}")


def peak_kib() -> int:
    """The most memory this process had; 0 where the system does not say. (getrusage would count the parent's too.)"""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main(*sys.argv[1:])
