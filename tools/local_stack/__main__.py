"""python -m local_stack up | demo"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from types import FrameType

from . import environment
from .demo import demo
from .make_watcher import end_with_make
from .running import running
from .settings import InvalidSetting, Settings
from .steps import StepFailed

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # SIGHUP: the terminal was closed


class Stopped(BaseException):
    """A signal asked this process to end."""


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code: 0 after success or a signal that ends `up`, 1 after a failure, with a message."""
    options = _parser().parse_args(arguments)
    for number in SIGNALS:
        signal.signal(number, _stop)
    end_with_make()
    try:
        settings = replace(Settings.from_environment(os.environ), state=options.state.absolute())
        environment.forget_aws()
        return int(options.command(settings))
    except (StepFailed, InvalidSetting) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except Stopped:
        with suppress(OSError):  # the terminal may be gone
            print("\nstopped", flush=True)
        return 0 if options.command is up else 1


def up(settings: Settings) -> int:
    """Run the stack in the foreground until interrupted."""
    with running(settings) as (stack, emulator):
        print(
            f"\nhubspot url: {stack.hubspot_url}"
            + ("" if settings.hubspot_url else " (simulated: open it in a browser)")
        )
        if settings.hubspot_url:
            print("If this HubSpot has no WooCommerce properties yet: woohub setup --stack local")
        print(f"aws url: {stack.aws_endpoint_url} (emulated)")
        print(f"logs: {stack.log}")
        print(f"webhook url: {stack.webhook_url}")
        if not settings.hubspot_url:
            print(
                "try, in another terminal: .venv/bin/woohub send, .venv/bin/woohub status. Ctrl-C here stops everything"
            )
        print("ready", flush=True)
        _wait(emulator, Path(stack.log))
    return 0


def show(settings: Settings) -> int:
    """Run the demo with default settings, whatever .env contains: it never writes to a real HubSpot."""
    return demo(settings.state / "demo")


def _wait(emulator: Popen[bytes], log: Path) -> None:
    emulator.wait()
    raise StepFailed(f"the emulated AWS ended unexpectedly; its log is {log}")


def _stop(_number: int, _frame: FrameType | None) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the cleanup
    raise Stopped


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_stack", description=__doc__)
    parser.add_argument("--state", type=Path, default=Settings.state, help="folder for its files")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("up", help="run until interrupted").set_defaults(command=up)
    commands.add_parser("demo", help="send sample deliveries and show the result").set_defaults(command=show)
    return parser


if __name__ == "__main__":
    sys.exit(main())
