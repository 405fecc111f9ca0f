"""Read and store the secrets of a stack: webhook secret, HubSpot token, store's key. None is ever printed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from woohub.aws_errors import aws_code
from woohub.delivery.sites import sites
from woohub.settings import NO_SECRET, erasure_key, hubspot_token, secret_string, webhook_secrets, webhook_sources
from woohub.store.connection import StoreCredentials
from woohub_cli.check_result import Result, Step
from woohub_cli.stack.stacks import Stack

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

WEBHOOK_SECRET, TOKEN, STORE_KEY = "webhook secret", "HubSpot token", "store's key"
ADDRESSES = "store's addresses"
USED_SOON = "used within five minutes; until then the previous one is used, as long as HubSpot accepts it"
WEBHOOK, HUBSPOT, STORE = "WebhookSecretArn", "HubSpotSecretArn", "StoreSecretArn"  # outputs of the template


@dataclass(frozen=True)
class StackSecrets:
    """The secrets that a stack's functions read; for a further store, that store's. Raises botocore's errors."""

    stack: Stack

    def token(self) -> str:
        """Return HubSpot's token; "" if none is stored."""
        return hubspot_token(self._read(HUBSPOT))

    def erasure_key(self) -> str:
        """Return the key of the list of erasures; "" if nobody was ever erased."""
        return erasure_key(self._read(HUBSPOT))

    def webhook(self) -> dict[str, str]:
        """Return the webhook secret as "current" and, during a rotation, the old one as "previous"."""
        return webhook_secrets(self._read(WEBHOOK))

    def sources(self) -> list[str]:
        """Return the addresses whose deliveries the ingest function accepts; [] if it accepts all."""
        return webhook_sources(self._read(WEBHOOK))

    def store(self) -> StoreCredentials | None:
        """Return the store that is reconciled; None if there is none, or the stack is too old to have one."""
        return StoreCredentials.from_secret(self._read(STORE)) if STORE in self.stack.outputs else None

    def store_token(self, token: str, *, dry_run: bool) -> Step:
        """Store the token for the functions."""
        what, key, replaced = f"{TOKEN} in the stack", self.erasure_key(), self.token()
        if replaced == token:
            return Step(what, Result.OK)
        wanted = {"token": token} | ({"erasure_key": key} if key else {})  # without the key, erased people come back
        return self._store(HUBSPOT, wanted, what, USED_SOON if replaced else "", dry_run=dry_run)

    def made_erasure_key(self) -> str:
        """Return the key of the list of erasures, and create it if there is none.

        It is read again after that: if two people create one at once, both use the one that stays.
        """
        if not self.erasure_key():
            self._write(HUBSPOT, {"token": self.token(), "erasure_key": secrets.token_hex(32)})
        return self.erasure_key()

    def store_webhook_secret(self, secret: str, *, dry_run: bool) -> Step:
        """Store the secret that deliveries are signed with. The one it replaces stays valid as the previous one."""
        what, replaced = f"{WEBHOOK_SECRET} in the stack", self.webhook().get("current", "")
        if replaced == secret:
            return Step(what, Result.OK)
        wanted = {"current": secret} | ({"previous": replaced} if replaced else {}) | self._recorded_sources()
        detail = "the previous one stays valid" if replaced else ""
        return self._store(WEBHOOK, wanted, what, detail, dry_run=dry_run)

    def drop_previous(self, what: str) -> Step:
        """Store the webhook secret without the previous one, so that only the current one is valid."""
        self._write(WEBHOOK, {"current": self.webhook()["current"]} | self._recorded_sources())
        soon = "refused within a minute, when every copy of the ingest function has read the secret again"
        return Step(what, Result.REMOVED, soon)

    def was_rotated(self) -> bool:
        """Whether the last change of the secret replaced the webhook secret, or finished its rotation."""
        stored, before = self.webhook(), self._webhook_before()
        finished = "previous" in before and before.get("current") == stored.get("current")
        return "previous" in stored or finished

    def is_old(self, secret: str) -> bool:
        """Whether this webhook secret is known as one that was replaced."""
        stored = self.webhook()
        return secret in {stored.get("previous"), *self._webhook_before().values()} and secret != stored.get("current")

    def webhook_changed_at(self) -> float:
        """Return when the webhook secret was last changed, in epoch seconds."""
        return self._client.describe_secret(SecretId=self.stack.output(WEBHOOK))["LastChangedDate"].timestamp()

    def store_sources(self, urls: Iterable[str], *, dry_run: bool) -> Step:
        """Store the addresses whose deliveries alone are accepted. They are kept in the webhook secret."""
        what, current, stored = f"{ADDRESSES} in the stack", self.webhook(), self.sources()
        if not current:
            return Step(what, Result.SKIPPED, "the stack has no webhook secret yet")
        wanted = sites(urls)
        if wanted == stored:
            return Step(what, Result.OK, ", ".join(wanted))
        step = self._store(WEBHOOK, {**current, "sources": wanted}, what, ", ".join(wanted), dry_run=dry_run)
        dropped = [name for name in stored if name not in wanted]
        fix = f"no longer {', '.join(dropped)}: list those that are the store's in WOO_COMMERCE_SOURCES (.env)"
        return replace(step, fix=fix) if dropped else step

    def store_access(self, access: StoreCredentials, *, dry_run: bool) -> Step:
        """Store the address and key of the store that is reconciled."""
        what, stored = f"{STORE_KEY} in the stack", self.store()
        if stored == access:
            return Step(what, Result.OK)
        detail = f"instead of that of {stored.url}" if stored and stored.url != access.url else ""
        return self._store(STORE, asdict(access), what, detail, dry_run=dry_run)

    def how_to_read(self) -> str:
        """Return where to read the webhook secret, for a person who has to enter it in the store."""
        secret, endpoint = self.stack.output(WEBHOOK), self.stack.aws.endpoint_option
        return (
            f'"current" in {secret}, shown by '
            f"`aws secretsmanager get-secret-value{endpoint} --secret-id {secret} --query SecretString --output text`"
        )

    @property
    def _client(self) -> SecretsManagerClient:
        return self.stack.aws.secrets

    def _read(self, output: str, stage: str = "AWSCURRENT") -> str:
        """Return the stored text; "" if there is none."""
        try:
            answer = self._client.get_secret_value(SecretId=self.stack.output(output), VersionStage=stage)
        except ClientError as error:
            if aws_code(error) not in NO_SECRET:
                raise
            return ""
        return secret_string(answer)

    def _webhook_before(self) -> dict[str, str]:
        """Return the webhook secrets as they were before the last change."""
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
