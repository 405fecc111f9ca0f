"""`woohub status`, and what all commands do with a stack that cannot be found."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from tests.support.cli_stack import NAME, REFUSED, Deployed
from woohub.consumer.breaker import State
from woohub_cli.main import app
from woohub_cli.stack import stacks

runner = CliRunner()
OPEN = State("open", "auth", "HubSpot refuses the token", since=1_795_473_600, until=1_795_473_660)
COMMANDS = (["setup"], ["status"], ["send"], ["dlq", "list"], ["dlq", "redrive", "--all"], ["dlq", "drop", "--all"])
OTHER_COMMANDS = (["dlq"], ["dlq", "show"], ["reconcile"], ["backfill"], ["verify"], ["why"])


pytestmark = pytest.mark.usefixtures("commands")


def run(*arguments: str, **env: str | None) -> Any:
    return runner.invoke(app, ["status", "--stack", NAME, *arguments], env=env)


def facts(*arguments: str) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(run("--json", *arguments).stdout)
    return status


def test_status_of_an_idle_stack_is_ok(stack: Deployed) -> None:
    assert stack.outputs
    assert run().exit_code == 0
    assert facts() == {
        "stack": NAME,
        "queue": {"visible": 0, "in_flight": 0, "delayed": 0},
        "dlq": 0,
        "breaker": "closed",
        "breaker_reason": None,
        "breaker_policy": None,
        "breaker_since": None,
        "breaker_until": None,
        "consumer": "enabled",
    }


def test_status_counts_waiting_messages_and_ends_with_exit_code_0(stack: Deployed) -> None:
    for _ in range(3):
        stack.sqs.send_message(QueueUrl=stack.outputs["QueueUrl"], MessageBody="m")
    stack.sqs.send_message(QueueUrl=stack.outputs["QueueUrl"], MessageBody="later", DelaySeconds=600)
    stack.sqs.receive_message(QueueUrl=stack.outputs["QueueUrl"])

    assert facts()["queue"] == {"visible": 2, "in_flight": 1, "delayed": 1}
    assert run().exit_code == 0


def test_status_ends_with_exit_code_1_for_dead_letters_that_a_reader_holds(stack: Deployed) -> None:
    stack.reject(1, **REFUSED)
    stack.messages("DeadLetterQueueUrl")

    result = run()

    assert result.exit_code == 1
    assert facts()["dlq"] == 1
    assert "woohub dlq list" in result.stdout


def test_status_of_an_open_breaker_shows_its_reason_and_ends_with_exit_code_1(stack: Deployed) -> None:
    stack.breaker(OPEN)

    result = run()

    assert result.exit_code == 1
    assert "HubSpot refuses the token" in result.stdout
    assert {name: value for name, value in facts().items() if name.startswith("breaker")} == {
        "breaker": "open",
        "breaker_reason": "HubSpot refuses the token",
        "breaker_policy": "auth",
        "breaker_since": "2026-11-23T22:40:00Z",
        "breaker_until": "2026-11-23T22:41:00Z",
    }


def test_status_of_a_closed_breaker_shows_no_reason(stack: Deployed) -> None:
    stack.breaker(State("closed", "auth", "HubSpot refuses the token", since=1_795_473_600))

    assert (facts()["breaker"], facts()["breaker_reason"], run().exit_code) == ("closed", None, 0)


def test_status_treats_an_unreadable_breaker_as_closed(stack: Deployed) -> None:
    name, invalid = stack.outputs["BreakerParameter"], '{"state":"open","until":"soon"}'
    stack.client("ssm").put_parameter(Name=name, Value=invalid, Type="String", Overwrite=True)

    assert (facts()["breaker"], run().exit_code) == ("closed", 0)


def test_status_shows_a_consumer_disabled_by_hand(stack: Deployed) -> None:
    uuid = stack.outputs["EventSourceMappingId"]
    boto3.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)

    assert facts()["consumer"] == "disabled"
    assert "by hand" in run().stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_name_a_stack_that_does_not_exist(stack: Deployed, command: list[str]) -> None:
    assert stack.outputs

    result = runner.invoke(app, [*command, "--stack", "no-such-stack"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("woohub: there is no stack no-such-stack in eu-west-1")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_report_that_the_local_stack_does_not_run(command: list[str]) -> None:
    result = runner.invoke(app, [*command, "--stack", "local", "--json"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert "make local" in result.stderr


@pytest.mark.parametrize("command", [command for command in COMMANDS if command != ["setup"]], ids=" ".join)
def test_commands_without_a_stack_end_with_exit_code_2(command: list[str]) -> None:
    result = runner.invoke(app, command)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--stack" in result.stderr


def test_status_rejects_a_stack_that_is_not_woohub(stack: Deployed) -> None:
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    boto3.client("cloudformation").create_stack(StackName="other", TemplateBody=json.dumps(template))

    result = runner.invoke(app, ["status", "--stack", "other"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert "has no output" in result.stderr
    assert stack.outputs


def test_status_reports_missing_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

    result = runner.invoke(app, ["status", "--stack", NAME])

    assert result.exit_code == 1
    assert "there are no AWS credentials" in result.stderr


def test_a_local_stack_is_described_by_its_file(stack: Deployed, tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    local = {
        "aws_endpoint_url": "https://cloudformation.eu-west-1.amazonaws.com",  # an address that moto mocks
        "stack_name": NAME,
        "region": "eu-west-1",
        "webhook_url": "http://127.0.0.1:4566/hook",
        "hubspot_url": "http://127.0.0.1:8790",
    }
    (tmp_path / ".local" / "stack.json").write_text(json.dumps(local))

    local_stack = stacks.find(None, {}, tmp_path)

    assert local_stack.name == "local"
    assert local_stack.output("WebhookUrl") == "http://127.0.0.1:4566/hook"
    assert local_stack.output("HubSpotApiUrl") == "http://127.0.0.1:8790"
    assert local_stack.output("QueueUrl") == stack.outputs["QueueUrl"]


@pytest.mark.parametrize("command", [[], *COMMANDS, *OTHER_COMMANDS], ids=" ".join)
def test_commands_show_examples_in_their_help(command: list[str]) -> None:
    result = runner.invoke(app, [*(part for part in command if not part.startswith("--")), "--help"])

    assert result.exit_code == 0
    assert "Examples:" in result.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["status", "--nonsense"], ["send", "--repeat", "0"]], ids=" ".join)
def test_invalid_command_lines_end_with_exit_code_2(arguments: list[str]) -> None:
    assert runner.invoke(app, arguments).exit_code == 2


COLOUR = re.compile(r"\x1b\[(\d+;)*[39]\dm")  # escape sequences that set a colour


def help_on_a_terminal(**env: str) -> str:
    """The output of `woohub --help` on a terminal."""
    ours, theirs = pty.openpty()
    woohub = str(Path(sys.executable).with_name("woohub"))
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"} | env
    process = subprocess.Popen([woohub, "--help"], stdout=theirs, stderr=theirs, env=environ)  # noqa: S603  (ours)
    os.close(theirs)
    written = b""
    try:
        while some := os.read(ours, 65536):
            written += some
    except OSError:  # Linux: the other side is closed
        pass
    os.close(ours)
    assert process.wait(timeout=30) == 0
    return written.decode()


def test_help_is_coloured_on_a_terminal_without_no_color() -> None:
    assert COLOUR.search(help_on_a_terminal())
    assert not COLOUR.search(help_on_a_terminal(NO_COLOR="1"))
