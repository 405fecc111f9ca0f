"""The webhook secrets of further stores, and how many calls they cost."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.support.clock import Clock
from tests.support.secrets_manager import UNREACHABLE, SecretsManager
from woohub.delivery.store_secrets import ASK_AGAIN_S, CALLS, PERIOD_S, StoreSecrets
from woohub.errors import SecretUnavailable
from woohub.settings import Secret

MAX_AGE_S = 60.0


def secrets_of(client: SecretsManager, clock: Clock) -> StoreSecrets:
    def make(store: str) -> Secret:
        return Secret(cast("Any", client), store, max_age_s=MAX_AGE_S, clock=clock)

    return StoreSecrets(make, clock)


def test_a_store_has_its_own_secret() -> None:
    secrets = secrets_of(SecretsManager(second="s2", third="s3"), Clock())

    assert [secret.text() for secret in map(secrets.of, ("second", "third")) if secret] == ["s2", "s3"]


def test_a_store_without_secret_costs_one_call_in_some_seconds() -> None:
    client = SecretsManager()
    secrets = secrets_of(client, Clock())

    assert [secrets.of("second") for _ in range(100)] == [None] * 100
    assert client.calls == 1


def test_a_store_requested_before_it_was_added_is_known_seconds_later() -> None:
    client, clock = SecretsManager(), Clock()
    secrets = secrets_of(client, clock)
    secrets.of("second")
    client.secrets["second"] = "new"

    clock.sleep(ASK_AGAIN_S)

    assert secrets.of("second")


def test_a_store_removed_and_added_again_has_its_new_secret_seconds_later() -> None:
    client, clock = SecretsManager(second="old"), Clock()
    secrets = secrets_of(client, clock)
    secrets.of("second")
    del client.secrets["second"]
    clock.sleep(MAX_AGE_S)
    assert secrets.of("second") is None
    client.secrets["second"] = "new"

    clock.sleep(ASK_AGAIN_S)

    assert [secret.text() for secret in [secrets.of("second")] if secret] == ["new"]


def test_a_store_is_not_treated_as_unknown_after_secrets_manager_was_down() -> None:
    client = SecretsManager(second=UNREACHABLE)
    secrets = secrets_of(client, Clock())
    with pytest.raises(SecretUnavailable):
        secrets.of("second")

    client.secrets["second"] = "s2"

    assert secrets.of("second")


def test_calls_are_limited_while_secrets_manager_is_down() -> None:
    client = SecretsManager(second=UNREACHABLE)
    secrets = secrets_of(client, Clock())

    for _ in range(3 * CALLS):
        with pytest.raises(SecretUnavailable):
            secrets.of("second")

    assert client.calls == CALLS


def test_many_unknown_names_cost_a_limited_number_of_calls() -> None:
    client, clock = SecretsManager(), Clock()
    secrets = secrets_of(client, clock)

    for number in range(10_000):
        secrets.of(f"store-a{number}")
        clock.sleep(PERIOD_S / 1000)

    assert client.calls == 10 * CALLS


def test_many_unknown_names_do_not_affect_a_known_store() -> None:
    secrets = secrets_of(SecretsManager(second="s2"), Clock())
    secrets.of("second")

    for number in range(1_000):
        secrets.of(f"store-a{number}")

    assert secrets.of("second")


@pytest.mark.parametrize("name", ["", "../x", "Second", "a/b", "store_2", "%20", "x" * 40])
def test_an_invalid_store_name_costs_no_call(name: str) -> None:
    client = SecretsManager()

    assert secrets_of(client, Clock()).of(name) is None
    assert client.calls == 0
