"""`woohub mapping` against the operated stack, and the mapping in its bucket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
from typer.testing import CliRunner

from tests.support.cli_stack import NAME
from tests.support.operated_stack import OperatedStack
from woohub.configuration import MAPPING_KEY
from woohub_cli.main import app

BUCKET = f"{NAME}-configuration"


def run(shop: OperatedStack, command: str, *arguments: str, code: int = 0, stack: str = NAME) -> str:
    """The command's output."""
    command_line = ["mapping", command, *arguments, "--stack", stack]
    result = CliRunner().invoke(app, command_line, env=shop.environment, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def facts(shop: OperatedStack, command: str, *arguments: str, code: int = 0) -> Any:
    """The command's JSON."""
    command_line = ["mapping", command, *arguments, "--stack", NAME, "--json"]
    result = CliRunner().invoke(app, command_line, env=shop.environment, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def write(text: str, name: str = "mapping.toml") -> str:
    Path(name).write_text(text, "utf-8")
    return name


def stored() -> str | None:
    client = boto3.client("s3")
    if not client.list_objects_v2(Bucket=BUCKET).get("Contents"):
        return None
    return client.get_object(Bucket=BUCKET, Key=MAPPING_KEY)["Body"].read().decode()


def put_mapping(text: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=MAPPING_KEY, Body=text.encode())


def origins(shop: OperatedStack) -> dict[str, str]:
    return {row["place"]: row["from"] for row in facts(shop, "show")["rows"] if row["from"] != "woohub"}
