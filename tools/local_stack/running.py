"""Start the whole stack, and stop it however the block ends."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

import urllib3

from simulators.hubspot.portal import ALL_SCOPES, SimulatedPortal
from simulators.hubspot.provision import provision
from simulators.hubspot.server import running as serving

from . import environment
from .deployment import EMULATOR_PYTHON, SAM, build, deploy
from .processes import child, free_port, tail
from .settings import Settings
from .stack import Stack
from .steps import StepFailed, step, wait_until

EMULATOR = Path(__file__).with_name("emulator.py")


@contextmanager
def running(settings: Settings) -> Iterator[tuple[Stack, Popen[bytes]]]:
    """Run the stack for the length of the block; yields the stack and the emulator's process.

    Raises StepFailed if it does not start.
    """
    for program in (SAM, EMULATOR_PYTHON):
        if not program.exists():
            raise StepFailed(f"{program} is missing: run `make install` first")
    with ExitStack() as started:
        started.enter_context(alone(settings.state))
        port = free_port(settings.host, settings.port, "LOCAL_PORT")
        if settings.simulator_port and not settings.hubspot_url:  # for port 0 the simulator chooses a port itself
            free_port(settings.host, settings.simulator_port, "HUBSPOT_SIMULATOR_PORT")
        with step("Build for this machine"):
            build(settings)
        with step("Start the emulated AWS"):
            emulator = started.enter_context(_emulator(settings, port))
        hubspot_url = settings.hubspot_url or started.enter_context(_simulator(settings))
        with step("Deploy"):
            stack = deploy(settings, f"http://{settings.host}:{port}", hubspot_url)
        started.enter_context(stack.announced(settings.state))
        yield stack, emulator


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Lock the state folder, so that only one stack uses it.

    At the end, files that the emulator unpacked are deleted; its logs stay.
    """
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StepFailed(_already_running(state)) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        with _empty(state / "tmp"):
            yield


@contextmanager
def _empty(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _already_running(state: Path) -> str:
    try:
        where = f" on {Stack.load(state).aws_endpoint_url}"
    except FileNotFoundError:
        where = ""
    process = (state / "lock").read_text()
    return f"the local stack is already running{where}: stop it first (Ctrl-C where it runs, or kill {process})"


@contextmanager
def _emulator(settings: Settings, port: int) -> Iterator[Popen[bytes]]:
    log = settings.state / "emulator.log"
    with child(
        [str(EMULATOR_PYTHON), str(EMULATOR)],
        environment=environment.for_emulator(settings.state, settings.host, port, enforce_iam=settings.enforce_iam),
        folder=settings.state,
        log=log,
    ) as process:
        url = f"http://{settings.host}:{port}/_ministack/health"
        wait_until(
            lambda: _answers(url) or process.poll() is not None,
            f"the emulated AWS does not respond; its log is {log}",
        )
        if process.poll() is not None:
            raise StepFailed(f"the emulated AWS ended at startup:\n\n{tail(log)}\n\nFull log: {log}")
        yield process


@contextmanager
def _simulator(settings: Settings) -> Iterator[str]:
    """Run a simulated HubSpot with woohub's properties, pipeline and a realistic latency; yields its URL."""
    portal = SimulatedPortal(tokens={settings.hubspot_token: ALL_SCOPES}, latency_ms=80)
    with serving(provision(portal), settings.simulator_port, settings.host) as url:
        yield url


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", url, timeout=1.0, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False
