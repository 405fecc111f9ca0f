"""Starts the function in a process of its own: run by coldstart.py as a script.

    python start.py RESULT_FILE

Writes JSON: seconds on the wall clock and of processor until `app` is imported, and the modules that this brought.
Nothing is imported before that a bare interpreter does without: it would count for nobody.
"""

import sys
import time

before, wall, processor = set(sys.modules), time.perf_counter(), time.process_time()
__import__("app")
found = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}

import json  # noqa: E402
from pathlib import Path  # noqa: E402

modules = sorted(set(sys.modules) - before)
Path(sys.argv[1]).write_text(json.dumps({**found, "modules": modules}), encoding="utf-8")
