"""The settings of the functions that call HubSpot."""

from __future__ import annotations

from dataclasses import dataclass

from woohub.settings import Settings


@dataclass(frozen=True, kw_only=True)
class HubSpotSettings(Settings):
    """The settings that every function that calls HubSpot needs."""

    hubspot_secret_arn: str
    hubspot_api_url: str = "https://api.hubapi.com"
    hubspot_api_version: str = "2026-09"


@dataclass(frozen=True, kw_only=True)
class ConsumerSettings(HubSpotSettings):
    queue_url: str
    queue_arn: str
    dead_letter_queue_url: str
    breaker_parameter: str  # name of the SSM parameter
    configuration_bucket: str = ""  # name of the S3 bucket; empty: the default configuration holds
    hubspot_requests_per_10_seconds: int = 90  # HubSpot allows at least 100 on every plan
    hubspot_one_writer: bool = True  # False: two consumers share this budget
    log_rejected_payloads: bool = False  # payloads hold personal data


@dataclass(frozen=True, kw_only=True)
class GovernorSettings(HubSpotSettings):
    breaker_parameter: str  # name of the SSM parameter
    event_source_mapping_id: str
    configuration_bucket: str = ""


@dataclass(frozen=True, kw_only=True)
class ReconcileSettings(HubSpotSettings):
    queue_url: str
    store_secret_arn: str
    watermark_parameter: str  # name of the SSM parameter
    webhook_secret_arn: str
    configuration_bucket: str = ""
    webhook_url: str = ""  # the URL to which the store's webhooks deliver; empty: webhooks are not checked
    create_missing_webhooks: bool = True
    detailed_metrics: bool = False
    nightly_hour: int = 2  # the hour (UTC) from which the nightly work is due
    powertools_service_name: str = "woohub"  # the stack's name, which is part of the webhooks' names
