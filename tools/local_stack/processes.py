"""Child processes that never outlive us, and the ports they use."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import killpg
from pathlib import Path

from .progress import StepFailed

# To choose from where any port will do. No system gives these to outgoing connections, as it does with those it chooses
# itself: one of them could take the port before the emulator does.
OURS = range(20_000, 32_000)
GRACE = 5.0  # seconds between asking to end and ending


def free_port(host: str, port: int, variable: str) -> int:
    """This port, or for 0 any free one. StepFailed if something listens there; `variable` chooses another."""
    if port == 0:
        return next(one for one in random.sample(OURS, len(OURS)) if _trouble(host, one) is None)
    if trouble := _trouble(host, port):
        raise StepFailed(
            f"port {port} cannot be used ({trouble.strerror}): is `make local` running already? "
            f"Stop what uses it, or choose another port: {variable}={port + 1} make local"
        )
    return port


def _trouble(host: str, port: int) -> OSError | None:
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
    """A process of its own group, writing to `log`; it and all its children end with the block.

    Its standard input stays open as long as we live: a child that reads it learns of our end in any case.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  (our own commands)
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's interrupt is for us; we end the children in order
        )
    try:
        yield process
    finally:
        _end(process)


def run(command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path) -> None:
    """Run to the end. StepFailed with the last lines of its output if it fails."""
    with child(command, environment=environment, folder=folder, log=log) as process:
        code = process.wait()
    if code:
        raise StepFailed(f"{Path(command[0]).name} failed with exit code {code}:\n\n{tail(log)}\n\nAll of it: {log}")


def tail(log: Path, lines: int = 20) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
