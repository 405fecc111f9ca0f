"""One store's address and REST key, webhook secret and watermark."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from woohub import stores
from woohub.hubspot_settings import ReconcileSettings
from woohub.reconcile.watermark import WatermarkParameter
from woohub.reconcile.webhook_repair import WebhookConfig
from woohub.settings import Secret, webhook_secrets
from woohub.store.connection import StoreCredentials
from woohub.stores import FIRST

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_ssm import SSMClient


@dataclass(frozen=True)
class StoreAccess:
    """The secrets and the watermark of one store. Kept from run to run, because Secrets Manager may not respond."""

    store: str
    secret: Secret  # the store's address and key
    webhook_secret: Secret
    parameter: WatermarkParameter

    @classmethod
    def of(
        cls, store: str, settings: ReconcileSettings, secrets_manager: SecretsManagerClient, ssm: SSMClient
    ) -> StoreAccess:
        """Find a store's secrets and watermark by its name.

        The first store's watermark is created by the template, a further store's by its first run.
        """
        # Secrets are read for each run: runs are few, and must not use a store or key that was replaced.
        secret = partial(Secret, secrets_manager, max_age_s=0)
        if store == FIRST:
            parameter = WatermarkParameter(ssm, settings.watermark_parameter)
            return cls(store, secret(settings.store_secret_arn), secret(settings.webhook_secret_arn), parameter)
        stack = settings.powertools_service_name
        parameter = WatermarkParameter(ssm, stores.watermark_parameter(stack, store), make_missing=True)
        own, of_webhooks = secret(stores.access_secret(stack, store)), secret(stores.webhook_secret(stack, store))
        return cls(store, own, of_webhooks, parameter)

    def credentials(self) -> StoreCredentials | None:
        """Read the store's address and key; None if none are stored."""
        return StoreCredentials.from_secret(self.secret.text())

    def webhooks(self, settings: ReconcileSettings) -> WebhookConfig:
        """Return how the store's webhooks should be."""
        return WebhookConfig(
            stack=settings.powertools_service_name,
            url=settings.webhook_url and stores.webhook_url(settings.webhook_url, self.store),
            secret=lambda: webhook_secrets(self.webhook_secret.text()).get("current", ""),
            may_create=settings.create_missing_webhooks,
        )
