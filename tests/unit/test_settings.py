"""Settings from environment variables, and the secrets in Secrets Manager."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import Clock
from tests.support.secrets_manager import UNREACHABLE, SecretsManager, client_error
from woohub.errors import SecretUnavailable, Unauthorized
from woohub.hubspot_settings import ConsumerSettings, GovernorSettings
from woohub.settings import HubSpotToken, IngestSettings, Secret, hubspot_token, webhook_secrets

CONSUMER = {
    "QUEUE_URL": "https://queue",
    "QUEUE_ARN": "arn:queue",
    "DEAD_LETTER_QUEUE_URL": "https://dead-letters",
    "HUBSPOT_SECRET_ARN": "arn:hubspot",
    "BREAKER_PARAMETER": "/breaker",
}


def a_secret(client: SecretsManager, clock: Clock) -> Secret:
    return Secret(cast("Any", client), "arn", max_age_s=300, min_refresh_s=30, clock=clock)


def test_settings_are_read_from_environment_variables() -> None:
    settings = ConsumerSettings.from_env(CONSUMER)

    assert (settings.queue_url, settings.dead_letter_queue_url) == ("https://queue", "https://dead-letters")
    assert (settings.hubspot_secret_arn, settings.breaker_parameter) == ("arn:hubspot", "/breaker")


@pytest.mark.parametrize("blank", [{}, {"HUBSPOT_API_VERSION": "", "HUBSPOT_REQUESTS_PER_10_SECONDS": " "}])
def test_unset_and_blank_variables_have_the_documented_defaults(blank: dict[str, str]) -> None:
    settings = ConsumerSettings.from_env(CONSUMER | blank)

    assert settings.hubspot_api_url == "https://api.hubapi.com"
    assert settings.hubspot_api_version == "2026-09"
    assert settings.hubspot_requests_per_10_seconds == 90
    assert settings.hubspot_one_writer is True
    assert settings.log_rejected_payloads is False


@pytest.mark.parametrize("value", [{}, {"QUEUE_URL": ""}, {"QUEUE_URL": "  "}])
def test_a_missing_variable_raises_an_error_that_names_the_variable(value: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="QUEUE_URL is not set"):
        IngestSettings.from_env({"WEBHOOK_SECRET_ARN": "arn", **value})


def test_the_governor_requires_the_event_source_mapping_id() -> None:
    with pytest.raises(ValueError, match="EVENT_SOURCE_MAPPING_ID is not set"):
        GovernorSettings.from_env(CONSUMER)


@pytest.mark.parametrize("number", ["ten", "0", "-5", "9.5", "1e2", "²", "٣"])
def test_an_invalid_number_raises_an_error_that_names_the_variable(number: str) -> None:
    with pytest.raises(ValueError, match="HUBSPOT_REQUESTS_PER_10_SECONDS must be a whole number above 0"):
        ConsumerSettings.from_env(CONSUMER | {"HUBSPOT_REQUESTS_PER_10_SECONDS": number})


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("True", True), ("1", True), ("false", False), ("0", False)]
)
def test_a_boolean_is_read_from_true_false_1_and_0(text: str, value: bool) -> None:
    assert ConsumerSettings.from_env(CONSUMER | {"LOG_REJECTED_PAYLOADS": text}).log_rejected_payloads is value


def test_an_invalid_boolean_raises_an_error_that_names_the_variable() -> None:
    with pytest.raises(ValueError, match="LOG_REJECTED_PAYLOADS must be true or false"):
        ConsumerSettings.from_env(CONSUMER | {"LOG_REJECTED_PAYLOADS": "perhaps"})


def test_a_secret_is_read_again_after_five_minutes_and_not_before() -> None:
    client, clock = SecretsManager(arn="one"), Clock()
    secret = a_secret(client, clock)

    assert secret.text() == "one"
    client.secrets["arn"], clock.now = "two", clock.now + 299
    assert (secret.text(), client.calls) == ("one", 1)
    clock.now += 1
    assert secret.text() == "two"


def test_a_refresh_reads_the_new_secret_at_once() -> None:
    client, clock = SecretsManager(arn="one"), Clock()
    secret = a_secret(client, clock)
    secret.text()

    client.secrets["arn"] = "two"

    assert secret.refresh() == "two"
    assert secret.text() == "two"


def test_a_second_refresh_within_30_s_returns_the_cached_secret() -> None:
    client, clock = SecretsManager(arn="one"), Clock()
    secret = a_secret(client, clock)
    secret.refresh()

    client.secrets["arn"], clock.now = "two", clock.now + 29
    assert secret.refresh() == "one"
    clock.now += 1
    assert secret.refresh() == "two"


@pytest.mark.parametrize(
    "error", [UNREACHABLE, client_error("InternalServiceError"), client_error("AccessDeniedException")]
)
def test_the_cached_secret_is_used_while_secrets_manager_fails(error: Exception) -> None:
    client, clock = SecretsManager(arn="one"), Clock()
    secret = a_secret(client, clock)
    secret.text()

    client.secrets["arn"], clock.now = error, clock.now + 1000

    assert secret.text() == "one"
    assert secret.refresh() == "one"


def test_calls_are_limited_while_secrets_manager_fails() -> None:
    client, clock = SecretsManager(arn="one"), Clock()
    secret = a_secret(client, clock)
    secret.text()
    client.secrets["arn"], clock.now = UNREACHABLE, clock.now + 1000

    for _ in range(10):
        secret.text()
        secret.refresh()

    assert client.calls == 3


@pytest.mark.parametrize("error", [UNREACHABLE, client_error("AccessDeniedException")])
def test_a_failure_raises_secret_unavailable_if_no_secret_is_cached(error: Exception) -> None:
    secret = a_secret(SecretsManager(arn=error), Clock())

    with pytest.raises(SecretUnavailable):
        secret.text()
    with pytest.raises(SecretUnavailable):
        secret.refresh()


def test_a_secret_is_read_again_after_a_failed_first_read() -> None:
    client = SecretsManager(arn=UNREACHABLE)
    secret = a_secret(client, Clock())
    with pytest.raises(SecretUnavailable):
        secret.text()

    client.secrets["arn"] = "one"

    assert secret.text() == "one"


def test_a_secret_without_value_is_empty() -> None:
    assert a_secret(SecretsManager(), Clock()).text() == ""


def test_a_removed_secret_is_empty_after_a_refresh() -> None:
    client, clock = SecretsManager(arn="one"), Clock()
    secret = a_secret(client, clock)
    secret.text()

    del client.secrets["arn"]

    assert secret.refresh() == ""


def test_a_byte_order_mark_before_a_secret_is_ignored() -> None:
    assert a_secret(SecretsManager(arn='\ufeff{"token": "pat"}'), Clock()).text() == '{"token": "pat"}'


@pytest.mark.parametrize("code", ["AccessDeniedException", "DecryptionFailure", "ThrottlingException"])
def test_secret_unavailable_names_the_code_of_aws(code: str) -> None:
    with pytest.raises(SecretUnavailable, match=code):
        a_secret(SecretsManager(arn=client_error(code)), Clock()).text()


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("plain", {"current": "plain"}),
        (" padded ", {"current": " padded "}),
        ('"quoted"', {"current": '"quoted"'}),
        ("12345", {"current": "12345"}),
        ("[1]{}", {"current": "[1]{}"}),
        ('{"current": "new", "previous": "old"}', {"current": "new", "previous": "old"}),
        ('{"current": "new"}', {"current": "new"}),
        ('{"current": "new", "previous": ""}', {"current": "new"}),
        ('{"current": "new", "previous": null}', {"current": "new"}),
        ('{"current": 5, "other": "x"}', {}),
        ("plain, from a file\r\n", {"current": "plain, from a file"}),
        ("\n", {}),
        ("{}", {}),
        ("", {}),
    ],
)
def test_webhook_secrets_are_read_from_an_object_or_plain_text(text: str, secrets: dict[str, str]) -> None:
    assert webhook_secrets(text) == secrets


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("pat-na1-1234", "pat-na1-1234"),
        ("pat-na1-1234\n", "pat-na1-1234"),
        ('{"token": "pat-na1-1234"}', "pat-na1-1234"),
        ('{"token": " pat-na1-1234\\n"}', "pat-na1-1234"),
        ('{"token": ""}', ""),
        ('{"token": null}', ""),
        ("{}", ""),
        ("", ""),
    ],
)
def test_a_hubspot_token_is_read_from_an_object_or_plain_text(text: str, token: str) -> None:
    assert hubspot_token(text) == token


def test_a_token_stored_later_is_used_after_30_s() -> None:
    client, clock = SecretsManager(arn='{"token": ""}'), Clock()
    token = HubSpotToken(a_secret(client, clock))
    with pytest.raises(Unauthorized):
        token.current()

    client.secrets["arn"], clock.now = '{"token": "pat-1"}', clock.now + 30

    assert token.current() == "pat-1"


def test_a_batch_keeps_its_token_and_the_next_batch_uses_the_new_one() -> None:
    client, clock = SecretsManager(arn='{"token": "of-one-portal"}'), Clock()
    token = HubSpotToken(a_secret(client, clock))

    with token.kept():
        token.current()
        client.secrets["arn"], clock.now = '{"token": "of-another-portal"}', clock.now + 300
        within = token.current()

    assert (within, token.current()) == ("of-one-portal", "of-another-portal")


def test_a_token_is_replaced_within_a_batch_by_renew() -> None:
    client, clock = SecretsManager(arn='{"token": "revoked"}'), Clock()
    token = HubSpotToken(a_secret(client, clock))

    with token.kept():
        token.current()
        client.secrets["arn"] = '{"token": "new"}'
        token.renew()

        assert token.current() == "new"


@given(st.text() | st.just("[" * 100_000))
def test_any_text_is_read_as_webhook_secrets_and_token(text: str) -> None:
    assert all(webhook_secrets(text).values())
    assert hubspot_token(text) == hubspot_token(text).strip()
