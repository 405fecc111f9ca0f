"""Child processes that end with this one, and their ports."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import killpg
from pathlib import Path

from .steps import StepFailed

# Free ports are chosen from these: no system uses them for outgoing connections, which could occupy one meanwhile.
FREE_PORTS = range(20_000, 32_000)
GRACE_S = 5.0  # between SIGTERM and SIGKILL


def free_port(host: str, port: int, variable: str) -> int:
    """Return this port, or any free one for 0.

    Raises StepFailed if the port is in use; the message names the variable that changes it.
    """
    if port == 0:
        return next(port for port in random.sample(FREE_PORTS, len(FREE_PORTS)) if _bind_error(host, port) is None)
    if error := _bind_error(host, port):
        raise StepFailed(
            f"port {port} is in use ({error.strerror}): is `make local` already running? "
            f"Stop it, or choose another port: {variable}={port + 1} make local"
        )
    return port


def _bind_error(host: str, port: int) -> OSError | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error
    return None


@contextmanager
def child(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in its own group, writing to `log`. It and its children end with the block.

    Its standard input stays open as long as this process lives: a child that reads it notices the end of this process.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  (fixed commands)
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal interrupts only this process, which ends its children in order
        )
    try:
        yield process
    finally:
        _end(process)


def run(command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path) -> None:
    """Run a command to its end. Raises StepFailed with the last lines of its output if it fails."""
    with child(command, environment=environment, folder=folder, log=log) as process:
        code = process.wait()
    if code:
        raise StepFailed(f"{Path(command[0]).name} failed with exit code {code}:\n\n{tail(log)}\n\nFull log: {log}")


def tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
