"""Which stack a command is about, and what `.env` tells it."""

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


def running_here(folder: Path, **facts: str) -> Path:
    """A folder in which a local stack says that it runs."""
    (folder / ".local").mkdir()
    known = {"aws_endpoint_url": "http://127.0.0.1:9", "stack_name": "woohub", "region": "eu-west-1"} | facts
    (folder / ".local" / "stack.json").write_text(json.dumps(known))
    return folder


def test_the_stack_that_is_asked_for_wins(tmp_path: Path) -> None:
    assert stacks.name_of("shop", {"WOOHUB_STACK": "other"}, running_here(tmp_path)) == "shop"


def test_an_empty_name_means_no_other_stack(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage):
        stacks.name_of("", {"WOOHUB_STACK": "other"}, running_here(tmp_path))


def test_a_local_stack_comes_before_the_environment_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stacks.name_of(None, {"WOOHUB_STACK": "other"}, running_here(tmp_path)) == "local"
    assert "--stack other" in capsys.readouterr().err


def test_a_local_stack_is_found_from_a_folder_below(tmp_path: Path) -> None:
    below = running_here(tmp_path) / "docs"
    below.mkdir()

    assert stacks.name_of(None, {}, below) == "local"


def test_without_a_local_stack_the_environment_names_it(tmp_path: Path) -> None:
    assert stacks.name_of(None, {"WOOHUB_STACK": "other"}, tmp_path) == "other"


def test_no_stack_named_anywhere_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="no stack is named"):
        stacks.find(None, {}, tmp_path)


def test_local_without_a_local_stack_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="make local"):
        stacks.find("local", {}, tmp_path)


def test_a_broken_file_of_the_local_stack_is_named(tmp_path: Path) -> None:
    (running_here(tmp_path) / ".local" / "stack.json").write_text("{")

    with pytest.raises(Trouble, match=r"stack\.json cannot be read"):
        stacks.find("local", {}, tmp_path)


# --- .env


def test_the_environment_wins_over_the_file_and_blanks_count_as_missing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HUBSPOT_API_KEY=from-file\nWOO_COMMERCE_URL=\nHUBSPOT_API_VERSION=v3\n")

    settings = environment.read({"HUBSPOT_API_KEY": "from-environment", "HUBSPOT_API_VERSION": ""}, tmp_path)

    assert settings["HUBSPOT_API_KEY"] == "from-environment"
    assert "WOO_COMMERCE_URL" not in settings
    assert settings["HUBSPOT_API_VERSION"] == "v3"


def test_a_dollar_in_a_secret_stays_one(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WOO_COMMERCE_WEBHOOK_SECRET='a$HOME#b=c d'\n")

    assert environment.read({}, tmp_path)["WOO_COMMERCE_WEBHOOK_SECRET"] == "a$HOME#b=c d"


def test_a_byte_order_mark_is_no_part_of_the_first_variable(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HUBSPOT_API_KEY=pat-1\n", "utf-8-sig")

    assert environment.read({}, tmp_path) == {"HUBSPOT_API_KEY": "pat-1"}


def test_a_file_that_is_not_utf_8_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("HUBSPOT_API_KEY=pat-1\n", "utf-16")

    with pytest.raises(WrongUsage, match="save it as UTF-8"):
        environment.read({}, tmp_path)


# --- One sentence for each trouble


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
def test_trouble_is_explained_in_a_sentence(error: Exception, sentence: str) -> None:
    assert cli_errors.explain(error).startswith(sentence)
