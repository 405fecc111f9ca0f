"""The commands of `make local` and `make demo`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local_stack.demo import demo
from local_stack.settings import ROOT

HUBSPOT = "http://127.0.0.1:9"  # nothing listens there, so any call fails


@contextmanager
def local_stack(state: Path) -> Iterator[subprocess.Popen[str]]:
    variables = {"LOCAL_PORT": "0", "HUBSPOT_API_URL": HUBSPOT, "AWS_PROFILE": "other-profile"}
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "local_stack", "--state", str(state), "up"],
        env=os.environ | variables,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


def until_ready(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip())
        if lines[-1] == "ready":
            return lines
    raise AssertionError("\n".join(lines))


def listens(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((urlsplit(url).hostname, urlsplit(url).port)) == 0


def test_the_local_stack_runs_until_interrupted_and_leaves_no_state(tmp_path: Path) -> None:
    with local_stack(tmp_path) as first:
        printed = until_ready(first)
        stack = json.loads((tmp_path / "stack.json").read_text())
        assert f"webhook url: {stack['webhook_url']}" in printed
        assert listens(stack["aws_endpoint_url"])
        assert stack["hubspot_url"] == HUBSPOT
        assert any("woohub setup --stack local" in line for line in printed)

        with local_stack(tmp_path) as second:
            output, _ = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f"already running on {stack['aws_endpoint_url']}" in output

        first.send_signal(signal.SIGINT)
        assert first.wait(timeout=60) == 0
    assert not listens(stack["aws_endpoint_url"])
    assert not (tmp_path / "stack.json").exists()


def test_the_demo_succeeds_and_prints_its_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In its second part one reconcile run recovers lost deliveries and repairs a disabled webhook."""
    assert demo(tmp_path) == 0

    shown = capsys.readouterr().out
    assert "WooCommerce Order #43 - Guest Checkout" in shown
    assert "3 x Configurable thing at 10.00" in shown
    assert "2026-11-23 completed" in shown
    assert "total: must be a plain decimal number" in shown
    assert "20 of 20" in shown
