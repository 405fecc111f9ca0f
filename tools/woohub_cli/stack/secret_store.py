"""The secrets of a stack: the webhook secret, HubSpot's token and the store's key. None is ever printed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from woohub.aws_errors import aws_code
from woohub.delivery.sites import site
from woohub.settings import NO_SECRET, erasure_key, hubspot_token, secret_string, webhook_secrets, webhook_sources
from woohub.store.connection import StoreCredentials
from woohub_cli.check_result import Result, Step
from woohub_cli.stack.stacks import Stack

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

WEBHOOK_SECRET, TOKEN, STORE_KEY = "webhook secret", "HubSpot token", "store's key"
ADDRESSES = "store's addresses"
USED_SOON = "used within five minutes; until then the one before is, as long as HubSpot accepts it"
WEBHOOK, HUBSPOT, STORE = "WebhookSecretArn", "HubSpotSecretArn", "StoreSecretArn"  # outputs of the template


@dataclass(frozen=True)
class StackSecrets:
    """What the functions of a stack read; of a further store its own. Raises botocore's errors."""

    stack: Stack

    def token(self) -> str:
        """HubSpot's, "" while there is none."""
        return hubspot_token(self._read(HUBSPOT))

    def erasure_key(self) -> str:
        """The key of the list of erasures, "" while nobody was erased."""
        return erasure_key(self._read(HUBSPOT))

    def webhook(self) -> dict[str, str]:
        """The webhook secret as "current", and during a rotation the one before as "previous"."""
        return webhook_secrets(self._read(WEBHOOK))

    def sources(self) -> list[str]:
        """The addresses of which the ingest function accepts deliveries; [] while it accepts them of any."""
        return webhook_sources(self._read(WEBHOOK))

    def store(self) -> StoreCredentials | None:
        """The store that is reconciled; None while there is none, or where the stack is older than that."""
        return StoreCredentials.from_secret(self._read(STORE)) if STORE in self.stack.outputs else None

    def store_token(self, token: str, *, dry_run: bool) -> Step:
        """Make this the token of the functions."""
        what, key, replaced = f"{TOKEN} in the stack", self.erasure_key(), self.token()
        if replaced == token:
            return Step(what, Result.OK)
        wanted = {"token": token} | ({"erasure_key": key} if key else {})  # without it the erased would come back
        return self._store(HUBSPOT, wanted, what, USED_SOON if replaced else "", dry_run=dry_run)

    def made_erasure_key(self) -> str:
        """The key of the list of erasures, made if there is none yet.

        It is read again after that: where two people make one at once, both use the one that stays.
        """
        if not self.erasure_key():
            self._write(HUBSPOT, {"token": self.token(), "erasure_key": secrets.token_hex(32)})
        return self.erasure_key()

    def store_webhook_secret(self, secret: str, *, dry_run: bool) -> Step:
        """Make this the secret deliveries are signed with; what it replaces stays valid as the previous one."""
        what, replaced = f"{WEBHOOK_SECRET} in the stack", self.webhook().get("current", "")
        if replaced == secret:
            return Step(what, Result.OK)
        wanted = {"current": secret} | ({"previous": replaced} if replaced else {}) | self._recorded_sources()
        detail = "the one before stays valid" if replaced else ""
        return self._store(WEBHOOK, wanted, what, detail, dry_run=dry_run)

    def drop_previous(self, what: str) -> Step:
        """Leave only the current webhook secret."""
        self._write(WEBHOOK, {"current": self.webhook()["current"]} | self._recorded_sources())
        soon = "refused within a minute, when every copy of the ingest function has read the secret again"
        return Step(what, Result.REMOVED, soon)

    def was_rotated(self) -> bool:
        """Whether the webhook secret was replaced by another one, and nothing was stored since but the end of that."""
        stored, before = self.webhook(), self._webhook_before()
        finished = "previous" in before and before.get("current") == stored.get("current")
        return "previous" in stored or finished

    def is_old(self, secret: str) -> bool:
        """Whether this webhook secret is known to be one that another has replaced."""
        stored = self.webhook()
        return secret in {stored.get("previous"), *self._webhook_before().values()} and secret != stored.get("current")

    def webhook_changed_at(self) -> float:
        """When the webhook secret was last changed, epoch seconds."""
        return self._client.describe_secret(SecretId=self.stack.output(WEBHOOK))["LastChangedDate"].timestamp()

    def store_sources(self, urls: Iterable[str], *, dry_run: bool) -> Step:
        """Make these the only addresses of which deliveries are accepted; they are kept beside the webhook secret."""
        what, current, stored = f"{ADDRESSES} in the stack", self.webhook(), self.sources()
        if not current:
            return Step(what, Result.SKIPPED, "the stack has no webhook secret yet")
        wanted = [name for name in dict.fromkeys(map(site, urls)) if name]
        if wanted == stored:
            return Step(what, Result.OK, ", ".join(wanted))
        step = self._store(WEBHOOK, {**current, "sources": wanted}, what, ", ".join(wanted), dry_run=dry_run)
        dropped = [name for name in stored if name not in wanted]
        fix = f"no longer {', '.join(dropped)}: list those that are the store's in WOO_COMMERCE_SOURCES (.env)"
        return replace(step, fix=fix) if dropped else step

    def store_access(self, access: StoreCredentials, *, dry_run: bool) -> Step:
        """Make this the store that is reconciled, and the key to it."""
        what, stored = f"{STORE_KEY} in the stack", self.store()
        if stored == access:
            return Step(what, Result.OK)
        detail = f"instead of that of {stored.url}" if stored and stored.url != access.url else ""
        return self._store(STORE, asdict(access), what, detail, dry_run=dry_run)

    def how_to_read(self) -> str:
        """Where the webhook secret is, for a person who has to type it into the store."""
        secret, endpoint_url = self.stack.output(WEBHOOK), self.stack.aws.endpoint_url
        endpoint = f" --endpoint-url {endpoint_url}" if endpoint_url else ""
        return (
            f'"current" in {secret}, shown by '
            f"`aws secretsmanager get-secret-value{endpoint} --secret-id {secret} --query SecretString --output text`"
        )

    @property
    def _client(self) -> SecretsManagerClient:
        return self.stack.aws.secrets

    def _read(self, output: str, stage: str = "AWSCURRENT") -> str:
        """The stored text, "" while there is none."""
        try:
            answer = self._client.get_secret_value(SecretId=self.stack.output(output), VersionStage=stage)
        except ClientError as error:
            if aws_code(error) not in NO_SECRET:
                raise
            return ""
        return secret_string(answer)

    def _webhook_before(self) -> dict[str, str]:
        """The webhook secrets as they were stored before the last change."""
        return webhook_secrets(self._read(WEBHOOK, "AWSPREVIOUS"))

    def _recorded_sources(self) -> dict[str, list[str]]:
        stored = self.sources()
        return {"sources": stored} if stored else {}

    def _write(self, output: str, wanted: Mapping[str, Any]) -> None:
        self._client.put_secret_value(SecretId=self.stack.output(output), SecretString=json.dumps(wanted))

    def _store(self, output: str, wanted: Mapping[str, Any], what: str, detail: str = "", *, dry_run: bool) -> Step:
        if dry_run:
            return Step(what, Result.WOULD_STORE, detail)
        self._write(output, wanted)
        return Step(what, Result.STORED, detail)
