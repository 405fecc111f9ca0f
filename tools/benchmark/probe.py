"""Measure a function in a process of its own: functions.py runs this as a script, with the path of Lambda.

    python probe.py RESULT_FILE [ingest|consumer EVENTS_FILE]

Times the import of `app` and lists the modules it brought; then, if there are events (one a line), passes them to the
function. Writes JSON: cpu_s of the start, modules, event_s (median CPU time without the first event), peak_kib.
Nothing is imported first that a bare interpreter does without: it would not count.
"""

import sys
import time

before, started_s = set(sys.modules), time.process_time()
app = __import__("app")
cpu_s, modules = time.process_time() - started_s, sorted(set(sys.modules) - before)

import json  # noqa: E402
import re  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402
from types import SimpleNamespace  # noqa: E402
from typing import Any  # noqa: E402

TOKEN, SECRET = "pat-na1-simulator", "lab-secret"  # of the simulator and the sample events
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, function_name="function")


def prepare(function: str) -> None:
    """Give the function its secret, and ingest a queue."""
    if function == "ingest":
        vars(app)["sqs"] = SimpleNamespace(send_message=lambda **_: {"MessageId": "m"})
        vars(app)["secret"] = SimpleNamespace(text=lambda: SECRET, refresh=lambda: SECRET)
    else:
        app.secret.text = lambda: TOKEN


def timed(event: dict[str, Any]) -> float:
    """Return the CPU seconds for one event. Exits with an error if the function failed."""
    started = time.process_time()
    response = app.lambda_handler(event, CONTEXT)
    spent = time.process_time() - started
    if response.get("statusCode", 200) != 200 or response.get("batchItemFailures"):
        sys.exit(f"the function failed: {response}")
    return spent


def peak_kib() -> int:
    """Return the peak memory of this process; 0 without /proc. (getrusage would include the parent's.)"""
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(peak[1]) if peak else 0


result: dict[str, Any] = {"cpu_s": cpu_s, "modules": modules}
if sys.argv[2:]:
    prepare(sys.argv[2])
    with Path(sys.argv[3]).open(encoding="utf-8") as lines:
        result["event_s"] = median([timed(json.loads(line)) for line in lines][1:])
    result["peak_kib"] = peak_kib()
Path(sys.argv[1]).write_text(json.dumps(result), encoding="utf-8")
