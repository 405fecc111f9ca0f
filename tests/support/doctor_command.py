"""`woohub doctor` against the operated stack: its checks, all or one."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.operated_stack import OperatedStack
from woohub_cli.check_result import Step
from woohub_cli.checks.health_context import HealthContext
from woohub_cli.commands import doctor


def healthy(shop: OperatedStack) -> OperatedStack:
    """The stack, in a state in which no check of doctor fails or warns."""
    shop.ready()
    shop.metric("GovernorAlive", minutes_ago=2)
    shop.metric("DeliveryAccepted", minutes_ago=3 * 60)
    return shop


def checks(shop: OperatedStack, **env: str | None) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = shop.json("doctor", **env)["checks"]
    return rows


def named(shop: OperatedStack, name: str, **env: str | None) -> dict[str, str]:
    """The check with this name."""
    (row,) = [check for check in checks(shop, **env) if check["check"] == name]
    return row


def context(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> HealthContext:
    """What the command reads its checks from."""
    for name, value in shop.environment.items():
        monkeypatch.setenv(name, value)
    return replace(doctor.health_context_of(shop.stack.stack, shop.environment, time.time()), **changes)


def step(health: HealthContext, name: str) -> Step:
    (only,) = [found for _, found in doctor.diagnose(health) if found.what == name]
    return only
