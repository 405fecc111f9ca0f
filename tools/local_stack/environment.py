"""Environment variables of the local stack's processes: nothing in them leads to a real AWS account."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import boto3

REGION = "eu-west-1"
ACCOUNT = "123456789012"
KEY = "test"  # the emulator's root user
STAGE = "/live"  # the template's default
_PASSED_ON = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "XDG_CACHE_HOME")
_PREFIXES = ("UV_", "PIP_")  # these variables say where this machine gets packages from


def for_emulator(state: Path, host: str, port: int, *, enforce_iam: bool) -> dict[str, str]:
    """Return the emulator's variables. Functions inherit them, so they have only what functions need."""
    return _base_variables() | {
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": host,
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",  # for the functions: MiniStack's default is always 127.0.0.1
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "AUTH": str(enforce_iam).lower(),
        "IOT_MTLS_ENABLED": "0",  # otherwise MiniStack listens on another port, on every interface
        "SFTP_ENABLED": "0",
        "LOCAL_API": f"/_aws/execute-api/woohub{STAGE}",  # the API's id comes from samconfig.toml
        "TMPDIR": str(state / "tmp"),
        "STATE_DIR": str(state / "tmp" / "state"),
        "S3_DATA_DIR": str(state / "tmp" / "s3"),
    }


def for_sam(state: Path) -> dict[str, str]:
    """Return the variables with which the real `sam` calls the emulated AWS."""
    return (
        {name: value for name, value in os.environ.items() if name.startswith(_PREFIXES)}
        | _base_variables()
        | {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",  # seconds; its default of 5 is slow
            "__SAM_CLI_APP_DIR": str(state / "sam"),  # otherwise sam writes to the user's home
        }
    )


def for_deployment(state: Path, aws: str) -> dict[str, str]:
    """Return the variables with which `sam` deploys to the emulated AWS at the URL `aws`.

    A deployment leaves an empty temporary folder for each artifact. A build leaves none, and must not have a long path
    to its temporary folder: Python 3.12 and newer compile with sockets there, whose paths have 107 characters at most.
    """
    return for_sam(state) | {"AWS_ENDPOINT_URL": aws, "TMPDIR": str(state / "tmp")}


@cache
def client(service: str, endpoint_url: str) -> Any:
    """Return a boto3 client of the emulator's root user. It is cached: creating one takes longer than most calls."""
    session = boto3.session.Session(KEY, KEY, region_name=REGION)
    return session.client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload]


def forget_aws() -> None:
    """Remove AWS profile, keys and configuration files from this process's environment."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        del os.environ[name]
    os.environ.update(_NO_FILES)


_NO_FILES = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def _base_variables() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _NO_FILES
