"""Put the webhook secret, HubSpot's token and the store's key where the functions read them; none is ever printed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from woohub.delivery.sites import site
from woohub.settings import erasure_key, hubspot_token, webhook_secrets, webhook_sources
from woohub.store.connection import StoreCredentials
from woohub_cli.check_result import Result, Step
from woohub_cli.stacks import Stack

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

WEBHOOK_SECRET, TOKEN, STORE_KEY = "webhook secret", "HubSpot token", "store's key"
ADDRESSES = "store's addresses"


def read(client: SecretsManagerClient, secret_id: str) -> str:
    """The stored text, "" while there is none; raises botocore's errors."""
    try:
        return client.get_secret_value(SecretId=secret_id).get("SecretString", "")
    except (client.exceptions.ResourceNotFoundException, client.exceptions.InvalidRequestException):
        return ""


def store_token(client: SecretsManagerClient, secret_id: str, token: str, *, dry_run: bool) -> Step:
    """Make this the token of the functions."""
    text = read(client, secret_id)
    if hubspot_token(text) == token:
        return Step(f"{TOKEN} in the stack", Result.OK)
    key = erasure_key(text)  # without it the erased would come back
    wanted = {"token": token} | ({"erasure_key": key} if key else {})
    return _store(client, secret_id, wanted, f"{TOKEN} in the stack", "", dry_run=dry_run)


def key_of_erasures(client: SecretsManagerClient, secret_id: str) -> str:
    """The key of the list of erasures, made if there is none yet.

    It is read again after that: where two people make one at once, both use the one that stays.
    """
    text = read(client, secret_id)
    if not erasure_key(text):
        wanted = {"token": hubspot_token(text), "erasure_key": secrets.token_hex(32)}
        client.put_secret_value(SecretId=secret_id, SecretString=json.dumps(wanted))
    return erasure_key(read(client, secret_id))


def store_webhook_secret(client: SecretsManagerClient, secret_id: str, secret: str, *, dry_run: bool) -> Step:
    """Make this the secret deliveries are signed with; what it replaces stays valid as the previous one."""
    text = read(client, secret_id)
    stored = webhook_secrets(text)
    if stored.get("current") == secret:
        return Step(f"{WEBHOOK_SECRET} in the stack", Result.OK)
    replaced = stored.get("current", "")
    wanted = {"current": secret} | ({"previous": replaced} if replaced else {}) | _sources_in(text)
    detail = "the one before stays valid" if replaced else ""
    return _store(client, secret_id, wanted, f"{WEBHOOK_SECRET} in the stack", detail, dry_run=dry_run)


def was_rotated(client: SecretsManagerClient, secret_id: str) -> bool:
    """Whether the webhook secret was replaced by another one, and nothing was stored since but the end of that."""
    stored, before = webhook_secrets(read(client, secret_id)), _before(client, secret_id)
    finished = "previous" in before and before.get("current") == stored.get("current")
    return "previous" in stored or finished


def is_old(client: SecretsManagerClient, secret_id: str, secret: str) -> bool:
    """Whether this webhook secret is known to be one that another has replaced."""
    stored = webhook_secrets(read(client, secret_id))
    known = {stored.get("previous"), *_before(client, secret_id).values()}
    return secret in known and secret != stored.get("current")


def _before(client: SecretsManagerClient, secret_id: str) -> dict[str, str]:
    """The webhook secrets as they were stored before the last change."""
    try:
        text = client.get_secret_value(SecretId=secret_id, VersionStage="AWSPREVIOUS").get("SecretString", "")
    except client.exceptions.ResourceNotFoundException:
        return {}
    return webhook_secrets(text)


def sources(client: SecretsManagerClient, secret_id: str) -> list[str]:
    """The addresses of which the ingest function accepts deliveries; [] while it accepts them of any."""
    return webhook_sources(read(client, secret_id))


def store_sources(client: SecretsManagerClient, secret_id: str, urls: Iterable[str], *, dry_run: bool) -> Step:
    """Make these the only addresses of which deliveries are accepted; they are kept beside the webhook secret."""
    what = f"{ADDRESSES} in the stack"
    text = read(client, secret_id)
    secrets, stored = webhook_secrets(text), webhook_sources(text)
    if not secrets:
        return Step(what, Result.SKIPPED, "the stack has no webhook secret yet")
    wanted = [name for name in dict.fromkeys(map(site, urls)) if name]
    if wanted == stored:
        return Step(what, Result.OK, ", ".join(wanted))
    step = _store(client, secret_id, {**secrets, "sources": wanted}, what, ", ".join(wanted), dry_run=dry_run)
    dropped = [name for name in stored if name not in wanted]
    fix = f"no longer {', '.join(dropped)}: list those that are the store's in WOO_COMMERCE_SOURCES (.env)"
    return replace(step, fix=fix) if dropped else step


def _sources_in(text: str) -> dict[str, list[str]]:
    stored = webhook_sources(text)
    return {"sources": stored} if stored else {}


def store_access(client: SecretsManagerClient, secret_id: str, access: StoreCredentials, *, dry_run: bool) -> Step:
    """Make this the store that is reconciled, and the key to it."""
    what = f"{STORE_KEY} in the stack"
    stored = StoreCredentials.from_secret(read(client, secret_id))
    if stored == access:
        return Step(what, Result.OK)
    detail = f"instead of that of {stored.url}" if stored and stored.url != access.url else ""
    keys = {"consumer_key": access.consumer_key, "consumer_secret": access.consumer_secret}
    return _store(client, secret_id, {"url": access.url, **keys}, what, detail, dry_run=dry_run)


def changed_at(client: SecretsManagerClient, secret_id: str) -> float:
    """When the secret was last changed, epoch seconds."""
    return client.describe_secret(SecretId=secret_id)["LastChangedDate"].timestamp()


def drop_previous(client: SecretsManagerClient, secret_id: str, what: str) -> Step:
    """Leave only the current webhook secret."""
    text = read(client, secret_id)
    wanted = {"current": webhook_secrets(text)["current"]} | _sources_in(text)
    client.put_secret_value(SecretId=secret_id, SecretString=json.dumps(wanted))
    return Step(
        what,
        Result.REMOVED,
        "refused within a minute, when every copy of the ingest function has read the secret again",
    )


def how_to_read(stack: Stack) -> str:
    """Where the webhook secret is, for a person who has to type it into the store."""
    secret = stack.output("WebhookSecretArn")
    endpoint = f" --endpoint-url {stack.aws.endpoint_url}" if stack.aws.endpoint_url else ""
    return (
        f'"current" in {secret}, shown by '
        f"`aws secretsmanager get-secret-value{endpoint} --secret-id {secret} --query SecretString --output text`"
    )


def _store(
    client: SecretsManagerClient, secret_id: str, wanted: Mapping[str, Any], what: str, detail: str, *, dry_run: bool
) -> Step:
    if dry_run:
        return Step(what, Result.WOULD_STORE, detail)
    client.put_secret_value(SecretId=secret_id, SecretString=json.dumps(wanted))
    return Step(what, Result.STORED, detail)
