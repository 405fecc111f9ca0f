"""A function in a process of its own, which finds its modules as on Lambda: its folder, the layers, the runtime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 120.0  # seconds for one process
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "POWERTOOLS_SERVICE_NAME": "woohub",
    "POWERTOOLS_METRICS_NAMESPACE": "WooHub",
    "LOG_LEVEL": "INFO",
    "QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/deliveries",
    "QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:deliveries",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead-letters",
    "WEBHOOK_SECRET_ARN": "webhook",
    "HUBSPOT_SECRET_ARN": "hubspot",
    "STORE_SECRET_ARN": "store",
    "BREAKER_PARAMETER": "/woohub/breaker",
    "WATERMARK_PARAMETER": "/woohub/watermark",
    "EVENT_SOURCE_MAPPING_ID": "00000000-0000-0000-0000-000000000000",
}


def measured_by(
    script: str, path: Sequence[Path], *arguments: str, variables: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What a script of this folder writes into the file it is given; `app` is what the path leads to."""
    with tempfile.TemporaryDirectory(prefix="woohub-bench-") as place:
        result = Path(place) / "result.json"
        python("-P", str(Path(__file__).with_name(script)), str(result), *arguments, path=path, variables=variables)
        found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


def python(*arguments: str, path: Sequence[Path], variables: Mapping[str, str] | None = None) -> str:
    """Run this interpreter, told nothing of this machine but where programs are; returns its standard error."""
    place = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(  # noqa: S603
        [sys.executable, *arguments],
        env=VARIABLES | place | dict(variables or {}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stderr
