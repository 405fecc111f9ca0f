"""Which stack a command is about, what it reads from `.env`, and how errors are explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError, ProfileNotFound

from woohub.errors import Forbidden, HubSpotUnavailable, Unauthorized
from woohub.store.requests import StoreUnavailable
from woohub_cli import cli_errors, environment
from woohub_cli.cli_errors import Trouble, WrongUsage
from woohub_cli.stack import stacks


def with_local_stack(folder: Path, **facts: str) -> Path:
    """A folder with the file of a running local stack."""
    (folder / ".local").mkdir()
    known = {"aws_endpoint_url": "http://127.0.0.1:9", "stack_name": "woohub", "region": "eu-west-1"} | facts
    (folder / ".local" / "stack.json").write_text(json.dumps(known))
    return folder


def test_an_explicit_stack_takes_precedence(tmp_path: Path) -> None:
    assert stacks.name_of("shop", {"WOOHUB_STACK": "other"}, with_local_stack(tmp_path)) == "shop"


def test_an_empty_explicit_stack_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage):
        stacks.name_of("", {"WOOHUB_STACK": "other"}, with_local_stack(tmp_path))


def test_a_local_stack_takes_precedence_over_the_environment_with_a_notice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stacks.name_of(None, {"WOOHUB_STACK": "other"}, with_local_stack(tmp_path)) == "local"
    assert "--stack other" in capsys.readouterr().err


def test_a_local_stack_is_found_from_a_subfolder(tmp_path: Path) -> None:
    below = with_local_stack(tmp_path) / "docs"
    below.mkdir()

    assert stacks.name_of(None, {}, below) == "local"


def test_the_environment_names_the_stack_if_there_is_no_local_stack(tmp_path: Path) -> None:
    assert stacks.name_of(None, {"WOOHUB_STACK": "other"}, tmp_path) == "other"


def test_a_command_without_any_stack_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="no stack is named"):
        stacks.find(None, {}, tmp_path)


def test_the_stack_local_is_rejected_with_make_local_if_none_is_running(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="make local"):
        stacks.find("local", {}, tmp_path)


def test_an_unreadable_stack_json_is_reported(tmp_path: Path) -> None:
    (with_local_stack(tmp_path) / ".local" / "stack.json").write_text("{")

    with pytest.raises(Trouble, match=r"stack\.json cannot be read"):
        stacks.find("local", {}, tmp_path)


def test_the_environment_overrides_the_env_file_and_blank_values_are_ignored(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HUBSPOT_API_KEY=from-file\nWOO_COMMERCE_URL=\nHUBSPOT_API_VERSION=v3\n")

    settings = environment.read({"HUBSPOT_API_KEY": "from-environment", "HUBSPOT_API_VERSION": ""}, tmp_path)

    assert settings["HUBSPOT_API_KEY"] == "from-environment"
    assert "WOO_COMMERCE_URL" not in settings
    assert settings["HUBSPOT_API_VERSION"] == "v3"


def test_a_dollar_sign_in_a_secret_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WOO_COMMERCE_WEBHOOK_SECRET='a$HOME#b=c d'\n")

    assert environment.read({}, tmp_path)["WOO_COMMERCE_WEBHOOK_SECRET"] == "a$HOME#b=c d"


def test_a_byte_order_mark_before_the_first_variable_is_ignored(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HUBSPOT_API_KEY=pat-1\n", "utf-8-sig")

    assert environment.read({}, tmp_path) == {"HUBSPOT_API_KEY": "pat-1"}


def test_an_env_file_in_utf_16_is_rejected(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HUBSPOT_API_KEY=pat-1\n", "utf-16")

    with pytest.raises(WrongUsage, match="save it as UTF-8"):
        environment.read({}, tmp_path)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (NoCredentialsError(), "there are no AWS credentials"),
        (NoRegionError(), "no AWS region is set"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "AWS does not answer"),
        (
            ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "GetQueueAttributes"),
            "AWS does not accept these credentials (ExpiredToken)",
        ),
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "not allowed"}}, "SendMessage"),
            "AWS refused SendMessage: not allowed",
        ),
        (Trouble("as it is"), "as it is"),
        (HubSpotUnavailable("no answer"), "no answer; try again; check the network and HUBSPOT_API_URL"),
        (HubSpotUnavailable("the answer is 503", status=503), "the answer is 503; HubSpot has trouble"),
        (Unauthorized("refused"), "refused; put a valid token into .env"),
        (Forbidden("lacks a scope"), "lacks a scope; `woohub doctor` names what is missing"),
        (StoreUnavailable("no answer"), "no answer; `woohub doctor` checks the store"),
        (ProfileNotFound(profile="shop"), "The config profile (shop) could not be found: log in"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_explain_returns_a_sentence_for_each_error(error: Exception, sentence: str) -> None:
    assert cli_errors.explain(error).startswith(sentence)
