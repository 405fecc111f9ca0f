"""Errors that end a command, each explained in one sentence for the person at the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable

from botocore.exceptions import (
    ClientError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import ConnectionError as NoConnection

from woohub.aws_errors import AWS_ERRORS, aws_code
from woohub.configuration import ConfigurationUnreadable
from woohub.errors import DeadlineExceeded, Forbidden, HubSpotUnavailable, TransientError, Unauthorized, WooHubError
from woohub.store.requests import StoreRefused, StoreUnavailable

PROBLEMS, WRONG_USAGE = 1, 2  # exit codes
INTERRUPTED_EXIT = 130  # as shells have it: 128 and the number of SIGINT
HUBSPOT_FAILS = 500  # status codes from here on


class Trouble(Exception):
    """The command cannot do what was asked. The message says why and, where possible, what to do."""

    exit_code = PROBLEMS


class WrongUsage(Trouble):
    """The options or arguments of the command are not valid."""

    exit_code = WRONG_USAGE


STORE_FAILS = (StoreRefused, StoreUnavailable, DeadlineExceeded)  # what a call to the store raises
EXPECTED = (Trouble, WooHubError, *AWS_ERRORS)
EXPIRED = (
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
)
RENEW_FIX = "put a valid token into .env as HUBSPOT_API_KEY and run `woohub setup`"
MAPPING_OBJECT = re.compile(r"(?:stores/(?P<store>[a-z0-9-]+)/)?mapping\.toml")
LOG_IN = "log in (`aws sso login`, `aws configure`) or set AWS_PROFILE"


def explain(error: Exception) -> str:
    """Return one sentence about an error that is one of EXPECTED."""
    sentence_for = next((sentence for kind, sentence in SENTENCES if isinstance(error, kind)), str)
    return sentence_for(error)


def next_after(error: Exception) -> str:
    """Return what to do after a call to HubSpot that got no answer or a 5xx."""
    if isinstance(error, TransientError) and error.status >= HUBSPOT_FAILS:
        return "HubSpot has trouble (status.hubspot.com): try again later, deliveries wait"
    return "try again; check the network and HUBSPOT_API_URL"


def configuration_repair(mistake: str) -> str:
    """Return the command that repairs the stack's configuration. `mistake` names the object that cannot be read."""
    if mapping := MAPPING_OBJECT.search(mistake):
        store = f" --store {mapping['store']}" if mapping["store"] else ""
        rollback, push = f"`woohub mapping rollback{store}`", f"`woohub mapping push{store}`"
        return f"{rollback} restores the previous mapping; or correct the mapping and {push}"
    return "“Repair a configuration that cannot be read” in docs/operations.md has the commands"


def broken_configuration_fix(mistake: str) -> str:
    """Return the repair command, and when the consumer resumes after it."""
    return f"{configuration_repair(mistake)}; the consumer resumes about a minute later"


def _refused_by_aws(error: Exception) -> str:
    answer = error.response["Error"] if isinstance(error, ClientError) else {}
    code, message = aws_code(error), answer.get("Message", "")
    if code in EXPIRED:
        return f"AWS does not accept these credentials ({code}): {LOG_IN}"
    return f"AWS refused {getattr(error, 'operation_name', 'a call')}: {message or code}"


SENTENCES: tuple[tuple[type[Exception], Callable[[Exception], str]], ...] = (
    (ConfigurationUnreadable, lambda error: f"{error}; {configuration_repair(str(error))}"),
    (NoCredentialsError, lambda _error: f"there are no AWS credentials: {LOG_IN}"),
    (PartialCredentialsError, lambda error: f"the AWS credentials are incomplete ({error}): {LOG_IN}"),
    (NoRegionError, lambda _error: "no AWS region is set: set AWS_REGION, or `region` in the AWS profile"),
    (InvalidRegionError, lambda error: f"{error} Check AWS_REGION, or `region` in the AWS profile"),
    (ProfileNotFound, lambda error: f"{error}: {LOG_IN}"),
    (NoConnection, lambda error: f"AWS does not answer: {error}; check the region and the network"),
    (HTTPClientError, lambda error: f"AWS does not answer: {error}; check the network"),
    (ClientError, _refused_by_aws),
    (Forbidden, lambda error: f"{error}; `woohub doctor` names what is missing"),
    (Unauthorized, lambda error: f"{error}; {RENEW_FIX}"),
    (HubSpotUnavailable, lambda error: f"{error}; {next_after(error)}"),
    (DeadlineExceeded, lambda error: f"timed out: {error}"),
    (StoreUnavailable, lambda error: f"{error}; `woohub doctor` checks the store"),
)
