"""Notice that whoever started us is gone or interrupted, when nothing else would tell."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path

INTERVAL = 0.5  # seconds


def end_with_make() -> None:
    """If make started us: when it is killed or interrupted alone, interrupt us too.

    The terminal interrupts all of its foreground. `kill` reaches make alone, which then waits for us without a word.
    """
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(make: int) -> None:
    handled = _handled_signals(make)
    while os.getppid() == make and _handled_signals(make) == handled:
        time.sleep(INTERVAL)
    os.kill(os.getpid(), signal.SIGTERM)


def _handled_signals(pid: int) -> str:
    """Linux says which signals a process handles, and GNU make stops handling one when it arrives. Elsewhere: ""."""
    try:
        found = re.search(r"^SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""
