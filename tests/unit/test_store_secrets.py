from __future__ import annotations

from typing import Any, cast

import pytest

from tests.support.clock import Clock
from woohub.delivery.store_secrets import MINUTE_S, NEW_NAMES_PER_MINUTE, StoreSecrets
from woohub.settings import Secret


class SecretsManager:
    """Has these secrets, and counts what it is asked."""

    def __init__(self, **texts: str) -> None:
        self.texts = texts
        self.calls = 0

    def get_secret_value(self, **arguments: str) -> dict[str, Any]:
        self.calls += 1
        return {"SecretString": self.texts.get(arguments["SecretId"], "")}


def secrets_of(client: SecretsManager, clock: Clock) -> StoreSecrets:
    def make(store: str) -> Secret:
        return Secret(cast("Any", client), store, max_age_s=MINUTE_S, clock=clock)

    return StoreSecrets(make, clock)


def test_a_store_has_its_own_secret() -> None:
    secrets = secrets_of(SecretsManager(second="s2", third="s3"), Clock())

    assert [secret.text() for secret in map(secrets.of, ("second", "third")) if secret] == ["s2", "s3"]


def test_a_store_without_a_secret_costs_one_call_a_minute() -> None:
    client, clock = SecretsManager(), Clock()
    secrets = secrets_of(client, clock)

    assert [secrets.of("second") for _ in range(100)] == [None] * 100
    assert client.calls == 1
    clock.sleep(MINUTE_S)
    client.texts["second"] = "new"
    assert secrets.of("second")


def test_a_flood_of_invented_names_costs_few_calls() -> None:
    client, clock = SecretsManager(), Clock()
    secrets = secrets_of(client, clock)

    for number in range(10_000):
        secrets.of(f"store-a{number}")
        clock.sleep(MINUTE_S / 1000)

    assert client.calls == 10 * NEW_NAMES_PER_MINUTE


def test_a_flood_of_invented_names_does_not_stop_a_store_that_is_known() -> None:
    secrets = secrets_of(SecretsManager(second="s2"), Clock())
    secrets.of("second")

    for number in range(1_000):
        secrets.of(f"store-a{number}")

    assert secrets.of("second")


@pytest.mark.parametrize("name", ["", "../x", "Second", "a/b", "store_2", "%20", "x" * 40])
def test_what_is_no_name_of_a_store_costs_no_call(name: str) -> None:
    client = SecretsManager()

    assert secrets_of(client, Clock()).of(name) is None
    assert client.calls == 0
