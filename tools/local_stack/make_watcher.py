"""End this process when the make that started it is killed or interrupted alone."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path

POLL_S = 0.5


def end_with_make() -> None:
    """Watch make, if it started this process.

    A terminal interrupts all processes in its foreground. `kill` reaches make alone, which then waits for its child.
    """
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(make: int) -> None:
    handled = _handled_signals(make)
    while os.getppid() == make and _handled_signals(make) == handled:
        time.sleep(POLL_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _handled_signals(pid: int) -> str:
    """Return the signals that a process handles, on Linux; "" elsewhere.

    GNU make stops handling a signal when it arrives.
    """
    try:
        line = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return ""
    return line[1] if line else ""
