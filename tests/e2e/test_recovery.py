"""A store that loses deliveries and disables a webhook, healed by the deployed template."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_stack import demo_recovery
from local_stack.stack import Stack
from tests.support.deliveries import delivery


@pytest.fixture
def stack_without_store(stack: Stack) -> Iterator[Stack]:
    """That a test may give a store; the tests after it have none again, and every site's deliveries count."""
    secrets = stack.client("secretsmanager")
    names = (stack.store_secret_arn, stack.webhook_secret_arn)
    before = {name: secrets.get_secret_value(SecretId=name)["SecretString"] for name in names}
    yield stack
    for name, text in before.items():
        secrets.put_secret_value(SecretId=name, SecretString=text)


def test_lost_deliveries_and_a_disabled_webhook_are_healed_by_one_run(stack_without_store: Stack) -> None:
    source = delivery(93).headers[
        "X-WC-Webhook-Source"
    ]  # ingest remembers the addresses: the tests after this one use it

    assert list(demo_recovery.problems(demo_recovery.run(stack_without_store, source))) == []
