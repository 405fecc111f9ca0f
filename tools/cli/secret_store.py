"""Put the webhook secret and HubSpot's token where the functions read them; nothing here is ever printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tools.cli.steps import Outcome, Step
from woohub.settings import hubspot_token, webhook_secrets

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

WEBHOOK_SECRET, TOKEN = "webhook secret", "HubSpot token"


def read(client: SecretsManagerClient, secret_id: str) -> str:
    """The stored text, "" while there is none; raises botocore's errors."""
    try:
        return client.get_secret_value(SecretId=secret_id).get("SecretString", "")
    except client.exceptions.ResourceNotFoundException:
        return ""


def store_token(client: SecretsManagerClient, secret_id: str, token: str, *, dry_run: bool) -> Step:
    """Make this the token of the functions."""
    if hubspot_token(read(client, secret_id)) == token:
        return Step(f"{TOKEN} in the stack", Outcome.OK)
    return _store(client, secret_id, {"token": token}, f"{TOKEN} in the stack", "", dry_run=dry_run)


def store_webhook_secret(client: SecretsManagerClient, secret_id: str, secret: str, *, dry_run: bool) -> Step:
    """Make this the secret deliveries are signed with; what it replaces stays valid as the previous one."""
    stored = webhook_secrets(read(client, secret_id))
    if stored.get("current") == secret:
        return Step(f"{WEBHOOK_SECRET} in the stack", Outcome.OK)
    replaced = stored.get("current", "")
    wanted = {"current": secret} | ({"previous": replaced} if replaced else {})
    detail = "the one before stays valid" if replaced else ""
    return _store(client, secret_id, wanted, f"{WEBHOOK_SECRET} in the stack", detail, dry_run=dry_run)


def _store(
    client: SecretsManagerClient, secret_id: str, wanted: dict[str, str], what: str, detail: str, *, dry_run: bool
) -> Step:
    if dry_run:
        return Step(what, Outcome.WOULD_STORE, detail)
    client.put_secret_value(SecretId=secret_id, SecretString=json.dumps(wanted))
    return Step(what, Outcome.STORED, detail)
