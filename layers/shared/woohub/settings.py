"""Settings from environment variables, and secrets from Secrets Manager.

The settings of the functions that call HubSpot are in hubspot_settings.py: ingest starts faster without them.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, Field, dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from botocore.config import Config

from woohub.aws_errors import AWS_ERRORS, aws_code
from woohub.errors import SecretUnavailable, Unauthorized
from woohub.json_values import object_in

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

# For all calls to AWS but ingest's. A call to a service that does not respond fails within about 15 s. botocore's own
# limit is more than five minutes: the invocation would end first.
AWS_CALLS = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})

_logger = logging.getLogger(__name__)
# AWS's codes for a secret that does not exist or has no value yet, and for one that is marked for deletion.
NO_SECRET = ("ResourceNotFoundException", "InvalidRequestException")
BYTE_ORDER_MARK = "\ufeff"  # editors on Windows may begin a file with it
_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a function; each field is read from the environment variable of its name in capitals."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings. Raises ValueError, which names the variable that is missing or wrong."""
        return cls(**{field.name: _value(field, environ) for field in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class IngestSettings(Settings):
    queue_url: str
    webhook_secret_arn: str  # of the first store; secrets of further stores are found by name: woohub.stores
    detailed_metrics: bool = False  # count more details than alarms and commands need
    # Powertools reads the same variables, so ingest's metrics have the same namespace and service as the consumer's.
    powertools_service_name: str = "woohub"
    powertools_metrics_namespace: str = "WooHub"


def _value(field: Field[Any], environ: Mapping[str, str]) -> str | int | bool:
    name = field.name.upper()
    text = environ.get(name, "").strip()
    if text:
        return _converted(name, text, type(field.default))
    if field.default is MISSING:
        raise ValueError(f"the environment variable {name} is not set")
    default: str | int | bool = field.default
    return default


def _converted(name: str, text: str, to: type) -> str | int | bool:
    if to is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError(f"the environment variable {name} must be true or false")
        return _BOOLEANS[text.lower()]
    if to is int:
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise ValueError(f"the environment variable {name} must be a whole number above 0")
        return int(text)
    return text


class Secret:
    """A secret of Secrets Manager, read when needed and kept in memory.

    While Secrets Manager does not respond, the value in memory stays in use.
    """

    def __init__(
        self,
        client: SecretsManagerClient,
        arn: str,
        *,
        max_age_s: float = 300.0,
        min_refresh_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._arn, self._clock = client, arn, clock
        self._max_age_s, self._min_refresh_s = max_age_s, min_refresh_s
        self._text: str | None = None
        self._read_at = self._refreshed_at = -math.inf

    def text(self) -> str:
        """Return the secret as it was at most `max_age_s` ago; "" if none is stored.

        Raises SecretUnavailable if Secrets Manager does not respond and no value is in memory.
        """
        if self._text is None or self._clock() - self._read_at >= self._max_age_s:
            self._text = self._read()
        return self._text

    def refresh(self) -> str:
        """Read the secret again, because it seems to have changed, but at most once in `min_refresh_s`.

        The limit keeps a flood of forged requests from becoming a flood of calls to Secrets Manager.
        """
        if self._clock() - self._refreshed_at < self._min_refresh_s:
            return self.text()
        self._refreshed_at = self._clock()
        self._text = self._read()
        return self._text

    def _read(self) -> str:
        self._read_at = self._clock()
        try:
            return secret_string(self._client.get_secret_value(SecretId=self._arn))
        except AWS_ERRORS as error:
            if aws_code(error) in NO_SECRET:
                return ""
            if self._text is None:
                raise SecretUnavailable(f"Secrets Manager did not return the secret: {error}") from error
            _logger.warning("Secrets Manager did not return the secret, using the cached one: %s", error)
            return self._text


def secret_string(answer: GetSecretValueResponseTypeDef) -> str:
    """Return the secret's text, without the byte order mark of the file from which somebody stored it."""
    return answer.get("SecretString", "").removeprefix(BYTE_ORDER_MARK)


def webhook_secrets(text: str) -> dict[str, str]:
    """Return the webhook secrets that are not empty, by name ("current", "previous").

    `text` is `{"current": "...", "previous": "..."}`, or a plain string, which is the current secret. Line ends after
    a plain string are dropped: they come from the file it was stored from, and no store can sign with them.
    """
    stored = object_in(text)
    secrets = (
        {"current": text.rstrip("\r\n")}
        if stored is None
        else {name: stored.get(name) for name in ("current", "previous")}
    )
    return {name: secret for name, secret in secrets.items() if isinstance(secret, str) and secret}


def webhook_sources(text: str) -> list[str]:
    """Return the store's addresses, recorded as `"sources"` beside the webhook secrets; [] if none are recorded."""
    sources = (object_in(text) or {}).get("sources")
    return [source for source in sources if isinstance(source, str)] if isinstance(sources, list) else []


def hubspot_token(text: str) -> str:
    """Return HubSpot's access token from `{"token": "..."}` or a plain string; "" if there is none."""
    stored = object_in(text)
    token = text if stored is None else stored.get("token")
    return token.strip() if isinstance(token, str) else ""


def erasure_key(text: str) -> str:
    """Return the key of the list of erasures, kept as `"erasure_key"` beside the token; "" if there is none."""
    key = (object_in(text) or {}).get("erasure_key")
    return key if isinstance(key, str) else ""


class HubSpotToken:
    """HubSpot's access token, from its secret."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._kept: str | None = None  # None: not within kept()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep the same token inside the `with` block, unless HubSpot rejects it.

        Otherwise, if somebody stores another portal's token meanwhile, ids read from the first portal would be used for
        writes to the second one.
        """
        self._kept = ""
        try:
            yield
        finally:
            self._kept = None

    def current(self) -> str:
        """Return the token. If none is stored, read the secret again, since `woohub setup` may just have stored one.

        Raises Unauthorized if there is still none, SecretUnavailable if the secret could never be read.
        """
        return self._kept or self._keep(hubspot_token(self._secret.text())) or self.renew()

    def renew(self) -> str:
        """Read the token again, because HubSpot rejected it. Raises Unauthorized if none is stored."""
        token = hubspot_token(self._secret.refresh())
        if not token:
            raise Unauthorized("no HubSpot token is stored: run `woohub setup`")
        return self._keep(token)

    def _keep(self, token: str) -> str:
        if self._kept is not None:
            self._kept = token
        return token
