"""Build the product for this machine, and deploy its template to the emulated AWS."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from woohub.delivery.sites import sites
from woohub_cli.set_up.store_webhooks import is_private

from . import environment
from .processes import run
from .settings import ROOT, Settings
from .stack import OUTPUTS, Stack

SAM = ROOT / ".venv-sam" / "bin" / "sam"
EMULATOR_PYTHON = ROOT / ".venv-emulator" / "bin" / "python"
STACK_NAME = "woohub-local"
_ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"


def build(settings: Settings) -> None:
    """Build what is deployed, for the interpreter that runs the functions here."""
    _sam(
        settings.state / "build.log",
        environment.for_sam(settings.state) | {"LOCAL_PYTHON": str(EMULATOR_PYTHON)},
        "build",
        f"--build-dir={settings.state / 'build'}",
        f"--parameter-overrides=Architecture={_ARCHITECTURE}",
    )


def deploy(settings: Settings, aws: str, hubspot_url: str) -> Stack:
    """Deploy to the emulated AWS at the URL `aws`, and store the secrets."""
    _sam(
        settings.state / "deploy.log",
        environment.for_deployment(settings.state, aws),
        "deploy",
        f"--config-file={ROOT / 'samconfig.toml'}",
        f"--template-file={settings.state / 'build' / 'template.yaml'}",
        "--parameter-overrides",
        f"Architecture={_ARCHITECTURE}",
        f"HubSpotApiUrl={hubspot_url}",
        f"HubSpotApiVersion={settings.hubspot_api_version}",
        f"WebhookUrl={aws}/webhooks/woocommerce",  # emulator.py maps it to the API's long URL
        f"CreateMissingWebhooks={'false' if _is_public(settings.store_url) else 'true'}",
    )
    stack = _deployed(settings, aws)
    _reserve_concurrency(stack)
    _fill_secrets(stack, settings)
    return stack


def webhook_secret(settings: Settings) -> dict[str, Any]:
    """Return what the ingest function reads: the secret, and the store's addresses where these are known."""
    own = sites((settings.store_url, *settings.store_sources))
    known = settings.store_sources or _is_public(settings.store_url)
    return {"current": settings.webhook_secret} | ({"sources": own} if known else {})


def _is_public(store_url: str) -> bool:
    """Whether this is a real shop.

    It must not get webhooks to 127.0.0.1, which would be its own machine. Its deliveries name this address, while a
    test store on this machine may be called by another name than it has.
    """
    return bool(store_url) and not is_private(urlsplit(store_url).hostname or "")


def _sam(log: Path, variables: Mapping[str, str], command: str, *arguments: str) -> None:
    run([str(SAM), command, "--config-env=local", *arguments], environment=variables, folder=ROOT, log=log)


def _deployed(settings: Settings, aws: str) -> Stack:
    response = environment.client("cloudformation", aws).describe_stacks(StackName=STACK_NAME)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in response["Stacks"][0]["Outputs"]}
    return Stack(
        stack_name=STACK_NAME,
        region=environment.REGION,
        account=environment.ACCOUNT,
        aws_endpoint_url=aws,
        aws_access_key_id=environment.KEY,
        aws_secret_access_key=environment.KEY,
        log=str(settings.state / "emulator.log"),
        **{name: outputs[output] for name, output in OUTPUTS.items()},
    )


def _reserve_concurrency(stack: Stack) -> None:
    """Set the consumer's reserved concurrency, which MiniStack does not read from the template."""
    stack.client("lambda").put_function_concurrency(
        FunctionName=stack.consumer_function, ReservedConcurrentExecutions=1
    )


def _fill_secrets(stack: Stack, settings: Settings) -> None:
    secrets = stack.client("secretsmanager")
    key = {"consumer_key": settings.store_key, "consumer_secret": settings.store_secret}
    for arn, value in (
        (stack.webhook_secret_arn, webhook_secret(settings)),
        (stack.hubspot_secret_arn, {"token": settings.hubspot_token}),
        (stack.store_secret_arn, {"url": settings.store_url} | key),
    ):
        secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(value))
